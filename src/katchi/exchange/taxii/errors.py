"""A TAXII request that cannot be served, as the error message of TAXII 2.1 §3.6.1 says it."""

from __future__ import annotations

from katchi.errors import KatchiError


class TaxiiError(KatchiError):
    """The request cannot be served."""

    code = "taxii"
    http_status: int = 400


class BadFilterError(TaxiiError):
    """A filter of the request cannot be understood."""

    code = "taxii-bad-filter"


class NotAcceptableError(TaxiiError):
    """The client accepts no media type that we have."""

    code = "taxii-not-acceptable"
    http_status = 406


class UnsupportedMediaError(TaxiiError):
    """The body is of a media type that we do not read."""

    code = "taxii-unsupported-media"
    http_status = 415


class NotSignedInError(TaxiiError):
    """No credentials, or none that we know."""

    code = "taxii-not-signed-in"
    http_status = 401


class NotAllowedError(TaxiiError):
    """Known, but not allowed to do this."""

    code = "taxii-not-allowed"
    http_status = 403


class NotFoundError(TaxiiError):
    """Not there, or not there for this reader."""

    code = "taxii-not-found"
    http_status = 404


class TooLargeError(TaxiiError):
    """The body is larger than max_content_length."""

    code = "taxii-too-large"
    http_status = 413


class UnprocessableError(TaxiiError):
    """The body is JSON, but no envelope."""

    code = "taxii-unprocessable"
    http_status = 422
