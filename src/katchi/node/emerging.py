"""Alarms when sightings of a thing, of what it indicates, or of a sector rise faster than their own past explains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.node.sighted import by_place
from katchi.node.telling import teller
from katchi.node.things import Decisions, Neighbourhood, telling_of, title_of
from katchi.node.wiring import Node
from katchi.prepare import emerging
from katchi.prepare.emerging import LAG, WEEKS, Verdict
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import Tell, hash_of
from katchi.store.things import Alarm, AttestationRow

DAY: Final = 86_400_000_000
PAST: Final = (WEEKS * 7 + LAG + 3) * DAY
QUIET: Final = 7 * DAY  # an alarm that goes on is the same alarm
_MOST: Final = 5000  # objects sighted within the last days that are looked at
_INDICATING: Final = frozenset({"indicates", "uses", "attributed-to", "based-on", "variant-of"})
_THURSDAY: Final = 3  # 1970-01-01, with Monday as 0
Progress = Callable[[int, int], None]


class UnknownAlarmError(KatchiError):
    """There is no such alarm."""

    code = "unknown-alarm"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class Series:
    """What an alarm rests on: counts by day and by source, the last day last."""

    counts: Sequence[int]
    first_day: int  # since 1970
    sources: dict[str, int]  # sightings of the last days, by who told


def look(node: Node, progress: Progress | None = None) -> list[Alarm]:
    """Judges what was sighted within the last days, and where; keeps and returns the alarms that are new or go on."""
    now = node.clock.now()
    with node.store.database.reading() as transaction:
        tell = teller(telling_of(node, rows.rulings(transaction)))
        sighted = _sighted(transaction, tell, now)
        shares = emerging.delays(rows.lags(transaction, since=now - 60 * DAY, until=now - 14 * DAY))
        names = rows.sources(transaction)
        regions = by_place(transaction, since=now - PAST)
        found = []
        for done, root in enumerate((*sighted, *regions), 1):
            counted = regions[root] if root in regions else rows.attestations(transaction, sighted[root])
            series = _series(counted, names, now)
            verdict = emerging.judge(
                series.counts, first_weekday=(series.first_day + _THURSDAY) % 7, reported=shares
            )  # fmt: skip
            if verdict.is_alarm:
                found.append((root, series, verdict))
            if progress:
                progress(done, len(sighted) + len(regions))
    return _keep(node, found, now)


def _sighted(transaction: Transaction, tell: Tell, now: int) -> dict[str, set[int]]:
    """The things whose objects, or whose indicators, were sighted within the last days: hashes of all of those."""
    recent = rows.sighted_since(transaction, now - 3 * DAY, _MOST)
    objects = rows.objects_of_hashes(transaction, recent)
    roots: dict[str, set[int]] = {}
    for object_id, raw in objects:
        for stand in _stands(tell, raw):
            roots.setdefault(stand, set()).add(hash_of(object_id))
    targets = _indicated(transaction, [object_id for object_id, _ in objects])
    held = log.newest(transaction, sorted(targets))
    for target, entry in held.items():
        for stand in _stands(tell, bytes(entry.raw)):
            roots.setdefault(stand, set()).add(hash_of(target))
    near = Neighbourhood.around(transaction, roots, Decisions.of(rows.rulings(transaction)))
    found: dict[str, set[int]] = {}
    for stand in roots:
        found.setdefault(near.root(stand), set())
    for root, hashes in found.items():
        keys = [key for key in near.keys if near.root(key) == root]
        said = rows.statements(transaction, [hash_of(key) for key in keys])
        hashes.update(each.id_hash for each in said[:_MOST])
        hashes |= _indicators(transaction, hashes)
    return found


def _stands(tell: Tell, raw: bytes) -> tuple[str, ...]:
    item = stix.read(bytes(raw))
    return tell(item, stix.thing_keys(item)).stands


def _indicated(transaction: Transaction, object_ids: Sequence[str]) -> set[str]:
    """What these objects point to by relationships that say so."""
    return {str(members.get("target_ref")) for members in _relationships(transaction, object_ids, "source_ref")}


def _indicators(transaction: Transaction, hashes: Iterable[int]) -> set[int]:
    """The objects that indicate any object of these: a sighting of an indicator is one of what it indicates."""
    pointing = rows.pointing(transaction, sorted(hashes), _MOST)
    found = set()
    for row in pointing:
        members = stix.read(bytes(row.raw)).properties if row.type == "relationship" else {}
        if members.get("relationship_type") in _INDICATING and row.path == "target_ref":
            found.add(hash_of(str(members.get("source_ref"))))
    return found


def _relationships(transaction: Transaction, object_ids: Sequence[str], end: str) -> list[dict[str, Any]]:
    pointing = rows.pointing(transaction, [hash_of(each) for each in object_ids], _MOST)
    read = [stix.read(bytes(row.raw)).properties for row in pointing if row.type == "relationship" and row.path == end]
    return [members for members in read if members.get("relationship_type") in _INDICATING]


def _series(attestations: Sequence[AttestationRow], names: dict[int, str], now: int) -> Series:
    today = now // DAY
    first = today - PAST // DAY
    counts = [0] * (today - first + 1)
    sources: dict[str, int] = {}
    for each in attestations:
        day = each.last // DAY
        if each.opinion is not None or not first <= day <= today:
            continue
        counts[day - first] += each.times
        if day > today - 3:
            name = names.get(each.source, "?")
            sources[name] = sources.get(name, 0) + each.times
    return Series(counts, first, sources)


def _keep(node: Node, found: Sequence[tuple[str, Series, Verdict]], now: int) -> list[Alarm]:
    with node.store.database.writing() as transaction:
        known = rows.rows(transaction, [root for root, _, _ in found])
        before = {alarm.key: alarm for alarm in rows.alarms(transaction, since=now - QUIET)}
        for root, series, verdict in found:
            name = known[root].name if root in known else title_of(root)
            evidence = msgspec.json.encode({"counts": series.counts[-28:], "sources": series.sources})
            values = {
                "key": root, "name": name, "at": now, "observed": verdict.observed, "expected": verdict.expected,
                "days": verdict.days, "probability": verdict.probability, "evidence": evidence,
            }  # fmt: skip
            alarm = before.get(root)
            if alarm is None:
                transaction.run("thing", "raise_alarm", begun_at=now, **values)
            else:
                transaction.run("thing", "continue_alarm", number=alarm.number, **values)
        raised = {root for root, _, _ in found}
        return [alarm for alarm in rows.alarms(transaction, since=now - QUIET) if alarm.key in raised]


def alarms(node: Node, *, days: int = 30) -> list[Alarm]:
    """Those of so many days, the latest first."""
    with node.store.database.reading() as transaction:
        return rows.alarms(transaction, since=node.clock.now() - days * DAY)


def close(node: Node, number: int, *, person: str, why: str) -> None:
    """A person has looked at an alarm. Raises UnknownAlarmError."""
    with node.store.database.writing() as transaction:
        if transaction.run("thing", "alarm", number=number).first() is None:
            raise UnknownAlarmError("There is no such alarm.", what=str(number))
        transaction.run(
            "thing", "close_alarm", number=number, person=person, why=why.strip()[:1000], at=node.clock.now()
        )
