"""Subscribes to a MISP feed: the events of its manifest that are new or have changed, each converted to STIX."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import msgspec

from katchi.exchange.fetching import AnswerError
from katchi.exchange.intake import Choices, Remark, UnreadableDocumentError
from katchi.exchange.intakes.misp_json import MispJson
from katchi.exchange.misp_events import is_uuid
from katchi.exchange.subscription import Fetch, Piece, Place

AT_ONCE = 20  # events of one piece: the bookmark is kept after each
MARK = 6  # bytes that stand for one version of one event


class _Listed(msgspec.Struct):
    timestamp: str | int = 0


class MispFeed:
    """A folder at an address with `manifest.json` and a document for each event.

    The bookmark holds a few bytes for each version of an event that was read, so that one that is published
    late, with an old timestamp, is read all the same.
    """

    name = "misp-feed"
    title = "A MISP feed"

    def read(self, place: Place, fetch: Fetch, bookmark: Mapping[str, object], choices: Choices) -> Iterator[Piece]:
        """The events that are not known, oldest first. One that cannot be read is remarked and passed over."""
        root = place.url.removesuffix("manifest.json").rstrip("/")
        listed = _manifest(fetch(f"{root}/manifest.json").body)
        known = _seen(bookmark)
        fresh = sorted((moment, name) for name, moment in listed.items() if _mark(name, moment) not in known)
        still = known & {_mark(name, moment) for name, moment in listed.items()}  # what left the feed is forgotten
        for start in range(0, len(fresh), AT_ONCE):
            batch = fresh[start : start + AT_ONCE]
            objects: list[bytes] = []
            remarks: list[Remark] = []
            for moment, name in batch:
                found, said = _event(fetch, root, name, choices)
                objects += found
                remarks += said
                still.add(_mark(name, moment))
            unique = list(dict.fromkeys(objects))  # events share their organisation
            yield Piece(unique, _bookmark(still), tuple(remarks), start + len(batch), len(fresh))
        if not fresh:
            yield Piece([], _bookmark(still))


def _event(fetch: Fetch, root: str, name: str, choices: Choices) -> tuple[list[bytes], Sequence[Remark]]:
    try:
        found = MispJson().read(fetch(f"{root}/{name}.json").body, choices)
    except AnswerError as problem:
        if problem.status != 404:
            raise
        return [], [Remark(0, "event-missing", f"{name}: the manifest names it, and it is not there")]
    except UnreadableDocumentError as problem:
        return [], [Remark(0, "event-broken", f"{name}: {problem.sentence} {problem.found}"[:300])]
    return found.objects, found.remarks


def _manifest(document: bytes) -> dict[str, int]:
    """When each event last changed, in seconds, by its UUID. Raises UnreadableDocumentError."""
    try:
        listed = msgspec.json.decode(document, type=dict[str, _Listed])
        moments = {name.lower(): int(each.timestamp) for name, each in listed.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise UnreadableDocumentError(
            "This is not the manifest of a MISP feed.", what="manifest.json", found=str(problem)[:100]
        ) from problem
    # A name becomes part of an address: only a UUID does.
    return {name: moment for name, moment in moments.items() if is_uuid(name)}


def _mark(name: str, moment: int) -> bytes:
    return blake2b(f"{name} {moment}".encode(), digest_size=MARK).digest()


def _seen(bookmark: Mapping[str, object]) -> set[bytes]:
    try:
        kept = base64.b64decode(str(bookmark.get("seen", "")), validate=True)
    except ValueError:
        return set()  # nobody but us writes it; if it is damaged, everything is read again
    return {kept[start : start + MARK] for start in range(0, len(kept) - MARK + 1, MARK)}


def _bookmark(seen: set[bytes]) -> dict[str, object]:
    return {"seen": base64.b64encode(b"".join(sorted(seen))).decode()}
