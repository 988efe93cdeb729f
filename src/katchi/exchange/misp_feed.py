"""Writes what is released as a feed that MISP subscribes to: a manifest, hashes and one document per event."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from katchi.exchange.entries import Entry, entries_of, stricter
from katchi.exchange.feed import one_line

SECOND = 1_000_000

# (type, category, whether a sensor may act on it) by kind of entry; MISP core format, attribute types.
_TYPES: Final = {
    "ipv4": ("ip-dst", "Network activity", True),
    "ipv6": ("ip-dst", "Network activity", True),
    "domain": ("domain", "Network activity", True),
    "url": ("url", "Network activity", True),
    "email": ("email", "Payload delivery", True),
    "md5": ("md5", "Payload delivery", True),
    "sha1": ("sha1", "Payload delivery", True),
    "sha256": ("sha256", "Payload delivery", True),
    "sha512": ("sha512", "Payload delivery", True),
    "yara": ("yara", "Payload delivery", True),
    "sigma": ("sigma", "Payload delivery", True),
    "snort": ("snort", "Network activity", True),
    "technique": ("text", "External analysis", False),
    "news": ("comment", "External analysis", False),
}
KINDS: Final = frozenset(_TYPES)

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """One release for a feed: where it stands, its bytes; None for one that was withdrawn. Times are µs."""

    added: int
    object_id: str
    raw: bytes | None
    withdrawn_at: int | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """One event of a feed: the `number`th stretch of a view, and what is known of it without reading it.

    `changed` (µs) is when something last came into it or left it: MISP fetches it again when that grows.
    """

    number: int
    first: int
    last: int
    changed: int
    count: int


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes the feed, for whom. `node_id` is the STIX identity of the node."""

    node_id: str
    title: str
    reader: str
    topic: int = 0  # of the part that this feed has; 0: all that goes

    @property
    def organisation(self) -> Members:
        """The Orgc of every event."""
        return {"name": self.title, "uuid": self.node_id.removeprefix("identity--")}


def event_uuid(publisher: Publisher, number: int) -> str:
    """The event's UUID: the same in every reading."""
    namespace = uuid.UUID(publisher.node_id.removeprefix("identity--"))
    return str(uuid.uuid5(namespace, f"misp/{publisher.reader}/{publisher.topic}/{number}"))


def manifest(publisher: Publisher, chapters: Iterable[Chapter], marking: str) -> bytes:
    """`manifest.json`: what MISP compares with what it has."""
    return msgspec.json.encode(
        {
            event_uuid(publisher, chapter.number): {
                "Orgc": publisher.organisation,
                "Tag": _tags(marking),
                "info": _info(publisher, chapter),
                "date": _date(chapter.first),
                "analysis": "2",
                "threat_level_id": "4",
                "timestamp": _seconds(chapter.changed),
            }
            for chapter in chapters
        }
    )


def event(publisher: Publisher, chapter: Chapter, shares: Iterable[Share], *, now: int) -> bytes:
    """One event. What was withdrawn stands in it as deleted, by its UUID alone, so that MISP drops it."""
    attributes: list[Members] = []
    marking, left_out = "", 0
    for share in shares:
        if share.raw is None:
            attributes.append(_deleted(share))
            continue
        reading = entries_of(share.raw, now=now)
        made = [_attribute(share, entry, place) for place, entry in enumerate(_carried(reading.entries))]
        for each in made:
            each["Tag"] = _tags(reading.marking)
        attributes += made
        left_out += not made
        marking = stricter(marking, reading.marking)
    if left_out:
        attributes.append(_note(publisher, chapter, left_out))
    return msgspec.json.encode(
        {"Event": {**headline(publisher, chapter), "Tag": _tags(marking), "Attribute": attributes}}
    )


def headline(publisher: Publisher, chapter: Chapter) -> Members:
    """What an event says of itself, without what is in it."""
    return {
        "uuid": event_uuid(publisher, chapter.number),
        "info": _info(publisher, chapter),
        "date": _date(chapter.first),
        "timestamp": _seconds(chapter.changed),
        "publish_timestamp": _seconds(chapter.changed),
        "published": True,
        "analysis": "2",
        "threat_level_id": "4",
        "distribution": "0",  # whoever subscribes widens it by a decision of their own
        "Orgc": publisher.organisation,
    }


def hashes(publisher: Publisher, chapter: Chapter, shares: Iterable[Share], *, now: int) -> Iterator[bytes]:
    """The lines of `hashes.csv` for one event: MD5 of each value, and the event's UUID."""
    name = event_uuid(publisher, chapter.number)
    for share in shares:
        for entry in _carried(entries_of(share.raw, now=now).entries) if share.raw is not None else ():
            yield f"{hashlib.md5(entry.value.encode(), usedforsecurity=False).hexdigest()},{name}\n".encode()


def _carried(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind in KINDS and entry.value.strip()]


def _attribute(share: Share, entry: Entry, place: int) -> Members:
    kind, category, is_for_sensors = _TYPES[entry.kind]
    return {
        "uuid": _uuid_of(share.object_id, place),
        "type": kind,
        "category": category,
        "value": entry.value,
        "to_ids": is_for_sensors,
        "disable_correlation": False,
        "timestamp": _seconds(share.added),
        "comment": one_line(entry.name),
        "distribution": "5",
    }


def _uuid_of(object_id: str, place: int) -> str:
    """The object's own UUID for its first value, so that MISP and STIX speak of one thing."""
    own = object_id.partition("--")[2]
    return own if place == 0 else str(uuid.uuid5(uuid.UUID(own), str(place)))


def _deleted(share: Share) -> Members:
    return {
        "uuid": _uuid_of(share.object_id, 0), "type": "comment", "category": "Other", "value": "withdrawn",
        "to_ids": False, "deleted": True, "timestamp": _seconds(share.withdrawn_at or share.added), "distribution": "5",
    }  # fmt: skip


def _note(publisher: Publisher, chapter: Chapter, left_out: int) -> Members:
    note = uuid.uuid5(uuid.UUID(event_uuid(publisher, chapter.number)), "left-out")
    return {
        "uuid": str(note), "type": "comment", "category": "Other", "to_ids": False, "distribution": "5",
        "value": f"{left_out} objects of this stretch are no attributes of MISP; the TAXII collection has them",
        "timestamp": _seconds(chapter.changed),
    }  # fmt: skip


def _tags(marking: str) -> list[Members]:
    return [{"name": f"tlp:{marking}", "colour": _COLOURS[marking]}] if marking else []


_COLOURS = {"clear": "#ffffff", "green": "#33ff00", "amber": "#ffc000", "amber+strict": "#ffc000", "red": "#ff2b2b"}


def _info(publisher: Publisher, chapter: Chapter) -> str:
    return one_line(f"{publisher.title} to {publisher.reader}, no. {chapter.number + 1}, from {_date(chapter.first)}")


def _date(micros: int) -> str:
    return datetime.fromtimestamp(micros / SECOND, UTC).strftime("%Y-%m-%d")


def _seconds(micros: int) -> str:
    return str(micros // SECOND)
