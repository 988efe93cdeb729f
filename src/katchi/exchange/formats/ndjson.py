"""One STIX object per line: for tools that read line by line, and for files that grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from katchi import stix
from katchi.exchange.format import UnsafeBackup
from katchi.policy import Released

# In JSON a line break stands only between tokens (RFC 8259 §7: inside a text it is escaped), so a space
# in its place says the same. These bytes then differ from those in the ledger; a bundle keeps them.
_ON_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class Ndjson:
    """Writes and reads newline-delimited JSON."""

    name = "ndjson"
    media_type = "application/x-ndjson"
    extension = ".ndjson"

    def write(self, objects: Iterable[Released | UnsafeBackup], *, document_id: str) -> Iterator[bytes]:
        """One object per line; nothing at all for no objects."""
        for item in objects:
            yield item.raw.translate(_ON_ONE_LINE) + b"\n"

    def read(self, document: bytes) -> list[bytes]:
        """The objects in it. Raises stix.UnreadableError."""
        return stix.split(document)
