"""What a TAXII request asks for: `added_after`, `limit`, `next` and the match filters of TAXII 2.1 §3.4."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange.taxii.errors import BadFilterError
from katchi.store.releases import Matching

_KNOWN = ("added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]")

_number = re.compile(r"0*[1-9][0-9]*").fullmatch
MOST_TYPES = 60  # each has an index of its own to be looked at; STIX 2.1 has 43


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page starts, and of which question: all of `next`, so that any retry gives the same page."""

    position: int
    added: int
    match: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asking:
    """One page asked for: releases after `position` and `added`, at most `limit`."""

    position: int
    added: int
    limit: int
    matching: Matching
    match: dict[str, str]

    def after(self, position: int) -> str:
        """The `next` value of the page that follows `position`."""
        cursor = msgspec.json.encode(Cursor(position, self.added, self.match))
        return base64.urlsafe_b64encode(cursor).rstrip(b"=").decode()


def read_asking(query: Iterable[tuple[str, str]], *, page_size: int, topic: int = 0) -> Asking:
    """Reads a query string's pairs, asked of the collection of a topic. Raises BadFilterError."""
    values = _once(query)
    limit = min(_limit(values), page_size)
    match = {name: value for name, value in values.items() if name.startswith("match")}
    if "next" not in values:
        added = _moment("added_after", values["added_after"]) if "added_after" in values else 0
        return Asking(0, added, limit, _matching(match, topic), match)
    cursor = _cursor(values["next"])
    # A client may leave out the filters of its first request (OpenCTI does), but not change them.
    if match and match != cursor.match:
        raise BadFilterError("The filters are not those of the page before.", what="next", remedy="start again")
    if "added_after" in values and _moment("added_after", values["added_after"]) != cursor.added:
        raise BadFilterError("`added_after` is not that of the page before.", what="next", remedy="start again")
    return Asking(cursor.position, cursor.added, limit, _matching(cursor.match, topic), cursor.match)


def _once(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in query:
        if name not in _KNOWN:
            continue
        if name in values:
            raise BadFilterError("A filter stands more than once.", what=name, expected="one, with commas")
        values[name] = value
    return values


def _matching(values: dict[str, str], topic: int) -> Matching:
    versions = _list(values.get("match[version]"))
    words = {version for version in versions or () if version in ("last", "first", "all")}
    if "all" in words and len(versions or ()) > 1:
        raise BadFilterError("`all` stands alone.", what="match[version]", expected="all, or a list without it")
    exact = tuple(_moment("match[version]", version) for version in versions or () if version not in words)
    return Matching(
        ids=_list(values.get("match[id]")),
        types=_types(values),
        specs=_list(values.get("match[spec_version]")),
        last=versions is None or "last" in words,
        first="first" in words,
        every="all" in words,
        versions=exact,
        topic=topic,
    )


def _types(values: dict[str, str]) -> tuple[str, ...] | None:
    types = _list(values.get("match[type]"))
    if types is not None and len(types) > MOST_TYPES:
        raise BadFilterError(
            "That is more types than one question may name.", what="match[type]",
            expected=f"at most {MOST_TYPES}", found=str(len(types)), remedy="ask twice",
        )  # fmt: skip
    return types


def _list(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def _limit(values: dict[str, str]) -> int:
    text = values.get("limit")
    if text is None:
        return 1 << 31
    if not _number(text):
        raise BadFilterError("The limit is not a number above 0.", what="limit", expected="1 or more", found=text[:40])
    text = text.lstrip("0")
    return int(text) if len(text) < 10 else 1 << 31  # however many digits: it is more than a page holds


def _moment(name: str, text: str) -> int:
    try:
        return stix.parse_timestamp(text)
    except (KatchiError, ValueError) as problem:
        raise BadFilterError(
            "This is not a timestamp.", what=name, expected="2016-02-15T01:02:03.123456Z", found=text[:40]
        ) from problem


def _cursor(text: str) -> Cursor:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (ValueError, msgspec.DecodeError) as problem:
        raise BadFilterError(
            "This `next` was not given out here.", what="next", expected="the value of the page before", found=text[:40]
        ) from problem
