"""Subscribes to one document at an address: a bundle, a list, a table or a report that somebody keeps up to date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from katchi import stix
from katchi.exchange import intakes, unpacking
from katchi.exchange.intake import Choices, Remark
from katchi.exchange.subscription import Fetch, Fetched, Piece, Place

_STIX = "stix-json"
OBJECTS = 5000  # of one piece


class Document:
    """A document at an address, read anew when it changed. Options: `as`, an intake's name."""

    name = "document"
    title = "A document at an address"

    def read(self, place: Place, fetch: Fetch, bookmark: Mapping[str, object], choices: Choices) -> Iterator[Piece]:
        """The document's objects, if it is not the one that was read last."""
        fetched = fetch(place.url, headers=_conditions(bookmark))
        if fetched.status == 304:
            return
        digest = hashlib.sha256(fetched.body).hexdigest()
        following = _bookmark(fetched, digest)
        if digest == bookmark.get("sha256"):
            yield Piece([], following)
            return
        name = urlsplit(fetched.url).path.rpartition("/")[2] or "document"
        pieces = [piece for found in _pieces(place, fetched.body, name, choices) for piece in found]
        done, total = 0, sum(len(piece.objects) for piece in pieces)
        for number, piece in enumerate(pieces, 1):
            done += len(piece.objects)
            # The document is read when all of it is: until then the next reading begins at its start.
            mark = following if number == len(pieces) else bookmark
            yield Piece(piece.objects, mark, piece.remarks, done, total, piece.is_made)
        if not pieces:
            yield Piece([], following)


def _conditions(bookmark: Mapping[str, object]) -> dict[str, str]:
    asked = {"if-none-match": bookmark.get("etag"), "if-modified-since": bookmark.get("last_modified")}
    return {name: str(value) for name, value in asked.items() if value}


def _bookmark(fetched: Fetched, digest: str) -> dict[str, object]:
    mark: dict[str, object] = {"sha256": digest}
    for name, header in (("etag", "etag"), ("last_modified", "last-modified")):
        value = fetched.headers.get(header, "")
        if value and len(value) <= 300 and value.isascii() and value.isprintable():
            mark[name] = value
    return mark


def _pieces(place: Place, document: bytes, name: str, choices: Choices) -> Iterator[list[Piece]]:
    wanted = place.options.get("as", "")
    for member in unpacking.unpack(document, limit=place.limit, name=name):
        intake = intakes.named(wanted) if wanted else intakes.recognised(member.document, member.name)
        if intake.name == _STIX:
            objects = stix.split(member.document, stix.Limits(document_bytes=place.limit))
            remarks: tuple[Remark, ...] = ()
            is_made = False
        else:
            found = intake.read(member.document, choices)
            objects, remarks, is_made = found.objects, tuple(found.remarks), found.is_made
        yield _cut(objects, remarks, is_made=is_made)


def _cut(objects: list[bytes], remarks: tuple[Remark, ...], *, is_made: bool) -> list[Piece]:
    starts = range(0, len(objects), OBJECTS) if objects else range(1)
    return [
        Piece(objects[start : start + OBJECTS], {}, remarks if start == 0 else (), is_made=is_made) for start in starts
    ]
