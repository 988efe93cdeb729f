"""Reads MISP JSON: an event, a list of them, an answer of its search; and knows a feed's index for what it is."""

from __future__ import annotations

from typing import Any

import msgspec

from katchi.exchange.intake import Choices, Found, Remark, UnreadableDocumentError
from katchi.exchange.misp_events import Members, convert, is_uuid

_START = 1 << 16
INDEX = "misp-index"


class MispJson:
    """MISP events. Who made them stays their creator; the TLP is the strictest of theirs and the one chosen."""

    name = "misp-json"
    title = "MISP"

    def recognise(self, document: bytes, name: str) -> int:
        """High where an event begins, or an answer with events."""
        start = document[:_START].removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:1] not in (b"{", b"[") or b'"Event"' not in start:
            return 0
        return 97 if b'"uuid"' in document or b'"response"' in start or b'"Attribute"' in document else 30

    def read(self, document: bytes, choices: Choices) -> Found:
        """The objects of all events that can be read. Raises UnreadableDocumentError where none can."""
        objects: list[bytes] = []
        remarks: list[Remark] = []
        sources: dict[str, str] = {}
        events = _events(document)
        for event in events:
            converted = convert(event, choices.marking)
            objects += converted.objects
            remarks += converted.remarks
            sources |= converted.sources
        if not objects:
            raise UnreadableDocumentError(
                "No event in this document can be read.", expected="MISP events",
                found=remarks[-1].text if remarks else f"{len(events)} events",
            )  # fmt: skip
        return Found(_once(objects), remarks, sources, needs_confirmation=False, is_made=False)


class MispIndex:
    """`manifest.json` and `hashes.csv` of a feed: they tell of events, and hold none."""

    name = INDEX
    title = "the index of a MISP feed"

    def recognise(self, document: bytes, name: str) -> int:
        """By the name and the form together: alone, a table of hashes is a table of hashes."""
        last = name.rpartition("/")[2].lower()
        if last == "hashes.csv":
            fields = document[:200].split(b"\n")[0].strip().split(b",")
            return (
                99 if len(fields) == 2 and len(fields[0]) == 32 and is_uuid(fields[1].decode("ascii", "replace")) else 0
            )
        start = document[:_START]
        is_manifest = last == "manifest.json" and b'"Orgc"' in start and b'"timestamp"' in start
        return 99 if is_manifest and b'"Event"' not in start else 0

    def read(self, document: bytes, choices: Choices) -> Found:
        """Nothing, and says so."""
        return Found(
            [], [Remark(0, "index", "the index of a feed, which holds no events")], {}, needs_confirmation=False
        )


def _events(document: bytes) -> list[Members]:
    try:
        whole: Any = msgspec.json.decode(document.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnreadableDocumentError("This is not JSON.", found=str(problem)[:100]) from problem
    if isinstance(whole, dict) and "response" in whole:
        whole = whole["response"]
    found = [each.get("Event") for each in (whole if isinstance(whole, list) else [whole]) if isinstance(each, dict)]
    events = [event for event in found if isinstance(event, dict)]
    if not events:
        raise UnreadableDocumentError("There is no MISP event in this document.", expected="an object with `Event`")
    return events


def _once(objects: list[bytes]) -> list[bytes]:
    """Each object once: events share their organisation."""
    return list(dict.fromkeys(objects))
