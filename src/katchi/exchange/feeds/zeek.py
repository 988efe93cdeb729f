"""A file for Zeek's intelligence framework."""

from __future__ import annotations

from katchi.exchange.entries import Entry
from katchi.exchange.feed import Heading, comments, one_line

_HASH = "Intel::FILE_HASH"
_TYPES = {
    "ipv4": "Intel::ADDR", "ipv6": "Intel::ADDR", "domain": "Intel::DOMAIN", "url": "Intel::URL",
    "email": "Intel::EMAIL", "md5": _HASH, "sha1": _HASH, "sha256": _HASH,
}  # fmt: skip


class Zeek:
    """Tab-separated, with the fields in the first line that is no comment."""

    name = "zeek"
    title = "Zeek's intelligence framework"
    media_type = "text/plain"
    extension = ".dat"
    kinds = frozenset(_TYPES)
    is_blocking = False

    def row(self, entry: Entry) -> bytes:
        """One line. Zeek compares URLs without their scheme."""
        kind, value = _TYPES[entry.kind], entry.value
        if kind == "Intel::ADDR" and "/" in value:
            kind = "Intel::SUBNET"
        if kind == "Intel::URL":
            value = value.partition("://")[2]
        described = one_line(entry.name).replace("\\", "\\x5c") or "-"
        return f"{value}\t{kind}\tkatchi\t{described}\t{entry.object_id}\n".encode() if value else b""

    def head(self, heading: Heading) -> bytes:
        """Comments and the names of the fields."""
        return comments(heading) + b"#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n"

    def foot(self) -> bytes:
        """Nothing."""
        return b""
