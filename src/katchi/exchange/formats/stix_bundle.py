"""A STIX 2.1 bundle: one JSON document with the objects in it, each byte for byte (STIX 2.1 §8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from katchi import stix
from katchi.exchange.format import UnsafeBackup
from katchi.policy import Released


class StixBundle:
    """Writes bundles; reads bundles, envelopes, arrays and single objects."""

    name = "stix-bundle"
    media_type = "application/stix+json;version=2.1"
    extension = ".json"

    def write(self, objects: Iterable[Released | UnsafeBackup], *, document_id: str) -> Iterator[bytes]:
        """One bundle; one without objects has no `objects` at all, as the standard wants it."""
        opening = b'{"type":"bundle","id":"bundle--%s"' % document_id.encode()
        between = b',"objects":[\n'
        for item in objects:
            yield opening + between + item.raw
            opening, between = b"", b",\n"
        yield opening + b"}\n" if opening else b"\n]}\n"

    def read(self, document: bytes) -> list[bytes]:
        """The objects in it. Raises stix.UnreadableError."""
        return stix.split(document)
