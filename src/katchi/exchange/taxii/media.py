"""Media types as TAXII 2.1 §1.6.8 words them: with and without version, lists, q-values, spaces."""

from __future__ import annotations

from email.message import Message

from katchi.exchange.taxii.errors import NotAcceptableError, UnsupportedMediaError

TAXII = "application/taxii+json;version=2.1"
_KIND = "application/taxii+json"


def require_acceptable(accept: str | None) -> None:
    """Raises NotAcceptableError unless the client takes TAXII 2.1."""
    if not accept or any(_accepts(choice) for choice in accept.split(",")):
        return
    raise NotAcceptableError(
        "None of the media types that the client accepts is served here.",
        what="Accept",
        expected=TAXII,
        found=accept[:200],
    )


def require_taxii_body(content_type: str | None) -> None:
    """Raises UnsupportedMediaError unless the body is TAXII 2.1."""
    if content_type:
        kind, version, _ = _parts(content_type)
        if kind == _KIND and version in (None, "2.1"):
            return
    raise UnsupportedMediaError(
        "The body is of a media type that is not read here.",
        what="Content-Type",
        expected=TAXII,
        found=(content_type or "none")[:200],
    )


def _accepts(choice: str) -> bool:
    kind, version, quality = _parts(choice)
    return kind in (_KIND, "application/*", "*/*") and version in (None, "2.1") and quality > 0


def _parts(text: str) -> tuple[str, str | None, float]:
    # The standard library's own reader of MIME parameters: quotes, spaces and case are its business.
    header = Message()
    header["content-type"] = text.strip()
    version, quality = header.get_param("version"), header.get_param("q")
    try:
        weight = 1.0 if quality is None else float(str(quality))
    except ValueError:
        weight = 0.0
    return header.get_content_type() if "/" in text else "", None if version is None else str(version), weight
