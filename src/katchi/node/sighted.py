"""Sightings counted: by who tells, by sector and country, by day. Who saw it is never among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from katchi import stix
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import hash_of
from katchi.store.things import AttestationRow

DAYS: Final = 30
_DAY: Final = 86_400_000_000
_MOST: Final = 5000  # sightings whose places are looked up, the latest


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something was seen. `by_place` has `sector:energy` and `country:KR`; `by_day` ends with today."""

    total: int
    by_source: Sequence[tuple[str, int]]
    by_place: Sequence[tuple[str, int]]
    by_day: Sequence[int]


def tally(transaction: Transaction, attested: Sequence[AttestationRow], names: Mapping[int, str], *, now: int) -> Tally:
    """Counts the sightings among these."""
    seen = sorted((each for each in attested if each.opinion is None), key=lambda each: -each.last)
    sources: Counter[str] = Counter()
    by_place: Counter[str] = Counter()
    days = [0] * DAYS
    found = places(transaction, [each.seq for each in seen[:_MOST]])
    for each in seen:
        sources[names.get(each.source, "?")] += each.times
        for place in found.get(each.seq, ()):
            by_place[place] += each.times
        back = now // _DAY - each.last // _DAY
        if 0 <= back < DAYS:
            days[DAYS - 1 - back] += each.times
    return Tally(sum(sources.values()), sources.most_common(), by_place.most_common(), days)


def places(transaction: Transaction, seqs: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Of sightings, by the seq of each: the sectors of who saw it, and the countries (STIX 2.1 §5.2).

    `where_sighted_refs` are identities and locations, which a partner's terms may have made general.
    """
    refs: dict[int, list[str]] = {}
    for entry in log.at(transaction, list(seqs)):
        where = stix.read(bytes(entry.raw)).properties.get("where_sighted_refs")
        if isinstance(where, list):
            refs[entry.seq] = [each for each in where if isinstance(each, str)]
    held = log.newest(transaction, sorted({each for found in refs.values() for each in found}))
    tags = {ref: _tags(stix.read(bytes(entry.raw))) for ref, entry in held.items()}
    return {seq: tuple(dict.fromkeys(tag for ref in found for tag in tags.get(ref, ()))) for seq, found in refs.items()}


def by_place(transaction: Transaction, *, since: int) -> dict[str, list[AttestationRow]]:
    """The sightings since then under each sector and each country that is named as where."""
    hashes: dict[str, list[int]] = {}
    for object_id, raw in rows.whereabouts(transaction):
        for tag in _tags(stix.read(raw)):
            hashes.setdefault(tag, []).append(hash_of(object_id))
    return {tag: rows.sighted_at(transaction, found, since=since) for tag, found in hashes.items()}


def _tags(obj: stix.Object) -> list[str]:
    members = obj.properties
    if obj.type == "identity":
        sectors = members.get("sectors")
        return (
            [f"sector:{each.lower()}" for each in sectors if isinstance(each, str)] if isinstance(sectors, list) else []
        )
    country = members.get("country")
    return [f"country:{country.upper()}"] if obj.type == "location" and isinstance(country, str) else []
