"""TAXII 2.1's resources as values, encoded by msgspec."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from katchi import stix
from katchi.exchange.taxii.media import TAXII
from katchi.store.releases import ReleaseRow


class Discovery(msgspec.Struct, frozen=True, omit_defaults=True):
    """TAXII 2.1 §4.1.1."""

    title: str
    api_roots: list[str]
    default: str
    description: str = ""
    contact: str = ""


class ApiRoot(msgspec.Struct, frozen=True):
    """TAXII 2.1 §4.2.1."""

    title: str
    versions: list[str]
    max_content_length: int


class Collection(msgspec.Struct, frozen=True):
    """TAXII 2.1 §5.2.1."""

    id: str
    title: str
    description: str
    alias: str
    can_read: bool
    can_write: bool
    media_types: list[str]


class StatusDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of a status resource (TAXII 2.1 §4.3.1)."""

    id: str
    version: str
    message: str = ""


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """TAXII 2.1 §4.3.1. `x_katchi_receipt` is our signed word on what came, for partners with a node."""

    id: str
    status: str
    request_timestamp: str
    total_count: int
    success_count: int | msgspec.UnsetType = msgspec.UNSET
    failure_count: int | msgspec.UnsetType = msgspec.UNSET
    pending_count: int | msgspec.UnsetType = msgspec.UNSET
    failures: list[StatusDetail] = []
    x_katchi_receipt: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ManifestRecord(msgspec.Struct, frozen=True):
    """TAXII 2.1 §5.3.1."""

    id: str
    date_added: str
    version: str
    media_type: str


class Error(msgspec.Struct, frozen=True, omit_defaults=True):
    """TAXII 2.1 §3.6.1."""

    title: str
    description: str = ""
    error_code: str = ""
    http_status: str = ""
    details: dict[str, str] = {}


def manifest_record(row: ReleaseRow) -> ManifestRecord:
    """What a manifest says of one release."""
    return ManifestRecord(
        id=row.object_id,
        date_added=stix.format_timestamp(row.added),
        version=version_of(row),
        media_type=f"application/stix+json;version={row.spec_version}",
    )


def version_of(row: ReleaseRow) -> str:
    """The version as its producer wrote it; an object without one has the time it was added (§3.5)."""
    return row.version_text or stix.format_timestamp(row.version)


def page(key: str, items: Sequence[bytes], following: str | None) -> list[bytes]:
    """A page as pieces that follow each other: bytes go out as they were kept, nothing is parsed.

    Empty lists are left out, as §3.7 and §5.3.1 ask.
    """
    more = b'{"more":true,"next":' + msgspec.json.encode(following) if following else b'{"more":false'
    if not items:
        return [more + b"}"]
    return [more + b',"' + key.encode() + b'":[' + items[0], *(b"," + item for item in items[1:]), b"]}"]


STIX_MEDIA = ["application/stix+json;version=2.1", "application/stix+json;version=2.0"]
__all__ = [
    "STIX_MEDIA",
    "TAXII",
    "ApiRoot",
    "Collection",
    "Discovery",
    "Error",
    "ManifestRecord",
    "Status",
    "StatusDetail",
    "manifest_record",
    "page",
    "version_of",
]
