"""Rows of things, the statements that they are weighed from, and what people decided about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from katchi.store.database import Database, Transaction
from katchi.store.log import hash_of
from katchi.store.search import Hit, hit_of

_MOST_KIN = 10_000
_OWN = hash_of("own")


class ThingRow(NamedTuple):
    """One thing. `key` is its root; `sources` and `warned` have commas before, between and behind. Times are µs."""

    number: int
    key_hash: int
    key: str
    kind: str
    name: str
    base: int
    fresh_at: int
    rank: int
    first_at: int
    last_at: int
    statements: int
    sightings: int
    sources: str
    warned: str


class StatementRow(NamedTuple):
    """What one object says of what it names under one key: see `told.Saying`."""

    key_hash: int
    stance: int
    weight: int
    at: int
    until: int | None
    author: int
    report: int
    source: int
    id_hash: int
    seq: int


class AttestationRow(NamedTuple):
    """A sighting or an opinion of the object whose id has this hash."""

    of_hash: int
    opinion: int | None
    times: int
    first: int
    last: int
    author: int
    source: int
    seq: int
    is_summary: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decided: `key` is `other` (`is_same`), is not, or (None) that an earlier word no longer counts."""

    number: int
    key: str
    other: str
    is_same: bool | None
    person: str
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class Grade:
    """How reliable a person says that a source is; `name` is an origin or an identity's id."""

    name: str
    letter: str
    person: str
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something rose: `observed` sightings in the last `days`, `expected` of them. `evidence` is JSON. Times are µs."""

    number: int
    key: str
    name: str
    begun_at: int
    at: int
    observed: int
    expected: float
    days: int
    probability: float
    evidence: bytes
    closed_at: int | None
    person: str | None
    why: str | None

    @property
    def is_of_a_place(self) -> bool:
        """Whether it is of a sector or a country, not of a thing."""
        return self.key.startswith(("sector:", "country:"))

    @property
    def counts(self) -> list[int]:
        """Sightings by day, the last day last."""
        return [int(each) for each in msgspec.json.decode(self.evidence)["counts"]]

    @property
    def sources(self) -> dict[str, int]:
        """Sightings of the last days, by who told."""
        found: dict[str, int] = msgspec.json.decode(self.evidence)["sources"]
        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which things: empty fields match everything. `least` is a rank; `since` is µs."""

    kind: str = ""
    source: str = ""
    since: int = 0
    least: int = -(1 << 62)
    before: int = 1 << 62


def rows(transaction: Transaction, keys: Iterable[str]) -> dict[str, ThingRow]:
    """The rows of these roots that are there."""
    wanted = set(keys)
    hashes = transaction.among([hash_of(key) for key in wanted])
    found = (ThingRow(*row) for row in transaction.tuples("thing", "rows", hashes=hashes))
    return {row.key: row for row in found if row.key in wanted}


def rows_of_hashes(transaction: Transaction, hashes: Iterable[int]) -> list[ThingRow]:
    """The rows whose roots have these hashes."""
    return [
        ThingRow(*row) for row in transaction.tuples("thing", "rows", hashes=transaction.among(sorted(set(hashes))))
    ]


def after(transaction: Transaction, number: int, limit: int) -> list[ThingRow]:
    """The things with the next numbers."""
    return [ThingRow(*row) for row in transaction.tuples("thing", "after", number=number, limit=limit)]


def statements(transaction: Transaction, hashes: Sequence[int]) -> list[StatementRow]:
    """All that is said under keys of these hashes."""
    found = transaction.tuples("thing", "statements", hashes=transaction.among(hashes))
    return [StatementRow(*row) for row in found]


def latest_statements(transaction: Transaction, key_hash: int, limit: int) -> tuple[list[StatementRow], int]:
    """The latest of what is said under one key, and how much there is in all."""
    found = transaction.tuples("thing", "latest_statements", hash=key_hash, limit=limit)
    count = transaction.run("thing", "count_statements", hash=key_hash).one().n
    return [StatementRow(*row) for row in found], count


def attestations(transaction: Transaction, id_hashes: Iterable[int]) -> list[AttestationRow]:
    """Sightings and opinions of objects whose ids have these hashes, each counted once."""
    found = transaction.tuples("thing", "attestations", hashes=transaction.among(sorted(set(id_hashes))))
    return _once(transaction, [AttestationRow(*row) for row in found])


def _once(transaction: Transaction, found: list[AttestationRow]) -> list[AttestationRow]:
    """Without what is told twice: a source's sightings of a day one by one, or their sum, whichever says more.

    What the node's own tools tell is summed up by the node: they and the node are one source.
    """
    if not any(row.is_summary for row in found):
        return found
    tools = {hash_of(row.name) for row in transaction.run("thing", "tools")}

    def day(row: AttestationRow) -> tuple[int, int, int]:
        return row.of_hash, _OWN if row.source in tools else row.source, row.last // 86_400_000_000

    days: dict[tuple[int, int, int], list[int]] = {}
    for row in found:
        if row.opinion is None:
            days.setdefault(day(row), [0, 0])[row.is_summary] += row.times

    def counts(row: AttestationRow) -> bool:
        parts, whole = days[day(row)]
        return (whole > parts) == bool(row.is_summary)

    return [row for row in found if row.opinion is not None or counts(row)]


class Seen(NamedTuple):
    """A sighting of an object whose id has this hash; not a sum of others."""

    of_hash: int
    last: int
    times: int


def own_sightings(transaction: Transaction, *, since: int) -> list[Seen]:
    """What the node and its tools themselves saw since then."""
    tools = [hash_of(row.name) for row in transaction.run("thing", "tools")]
    return [
        Seen(*row)
        for row in transaction.tuples("thing", "sightings_of", sources=transaction.among([_OWN, *tools]), since=since)
    ]


def kin_of(transaction: Transaction, keys: Iterable[str]) -> dict[str, list[str]]:
    """With which hashes of the same file these hashes were seen."""
    wanted = set(keys)
    found: dict[str, list[str]] = {}
    if wanted:
        hashes = transaction.among([hash_of(key) for key in wanted])
        for key, other in transaction.tuples("thing", "kin", hashes=hashes, limit=_MOST_KIN):
            if key in wanted:
                found.setdefault(key, []).append(other)
    return found


class PointingRow(NamedTuple):
    """An object that points to another one, whose id has this hash."""

    to_hash: int
    path: str
    object_id: str
    type: str
    name: str
    origin: str
    raw: bytes


def pointing(transaction: Transaction, id_hashes: Sequence[int], limit: int) -> list[PointingRow]:
    """The objects that point to any of these."""
    found = transaction.tuples("thing", "pointing", hashes=transaction.among(id_hashes), limit=limit)
    return [PointingRow(*row) for row in found]


def sources(transaction: Transaction) -> dict[int, str]:
    """The names of all origins by their hashes."""
    return {row[0]: row[1] for row in transaction.tuples("thing", "sources")}


def rulings(transaction: Transaction) -> list[Ruling]:
    """Everything that people decided, in order."""
    return [
        Ruling(number, key, other, None if same is None else bool(same), person, at, why)
        for number, key, other, same, person, at, why in transaction.tuples("thing", "rulings")
    ]


def grades(transaction: Transaction) -> list[Grade]:
    """How reliable sources are, as people said."""
    return [Grade(*row) for row in transaction.tuples("thing", "grades")]


def names_under(transaction: Transaction, key_hash: int) -> list[str]:
    """How the first objects that are filed under a key call themselves."""
    return [row[0] for row in transaction.tuples("thing", "names_under", hash=key_hash)]


def sighted_since(transaction: Transaction, since: int, limit: int) -> list[int]:
    """Hashes of the objects that were sighted since then."""
    return [row[0] for row in transaction.tuples("thing", "sighted_since", since=since, limit=limit)]


def objects_of_hashes(transaction: Transaction, id_hashes: Sequence[int]) -> list[tuple[str, bytes]]:
    """(id, bytes) of the newest versions of the objects whose ids have these hashes."""
    found = transaction.tuples("thing", "objects_of_hashes", hashes=transaction.among(id_hashes))
    return [(row[0], bytes(row[1])) for row in found]


def whereabouts(transaction: Transaction) -> list[tuple[str, bytes]]:
    """(id, bytes) of all identities and locations: where something may have been seen."""
    return [(row[0], bytes(row[1])) for row in transaction.tuples("thing", "whereabouts")]


def sighted_at(transaction: Transaction, id_hashes: Sequence[int], *, since: int) -> list[AttestationRow]:
    """Sightings since then whose `where_sighted_refs` name any object whose id has one of these hashes."""
    found = transaction.tuples("thing", "sighted_at", hashes=transaction.among(id_hashes), since=since)
    return _once(transaction, [AttestationRow(*row) for row in found])


def tagged(transaction: Transaction, tag: str, limit: int) -> list[int]:
    """The seqs of the latest objects that bear a label."""
    return [row[0] for row in transaction.tuples("thing", "tagged", tag=tag, limit=limit)]


def lags(transaction: Transaction, *, since: int, until: int) -> list[int]:
    """After how many days sightings of that time came."""
    found = transaction.tuples("thing", "lags", since=since, until=until)
    return [max(0, (added - last) // 86_400_000_000) for added, last in found]


def alarms(transaction: Transaction, *, since: int) -> list[Alarm]:
    """The alarms that were found since then, the latest first."""
    return [Alarm(*row) for row in transaction.tuples("thing", "alarms", since=since)]


def lists_mark(transaction: Transaction) -> bytes | None:
    """Against which warning lists all things were held."""
    row = transaction.run("ledger", "setting", name="warning-lists").first()
    return None if row is None else bytes(row.value)


def put_lists_mark(transaction: Transaction, mark: bytes) -> None:
    """All things were held against these warning lists."""
    transaction.run("ledger", "put_setting", name="warning-lists", value=mark)


def put(transaction: Transaction, fresh: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]]) -> None:
    """Adds things, which get the next numbers in their order, and changes others by theirs."""
    number = transaction.run("thing", "last_number").one().number
    transaction.run_many("thing", "add", [{**row, "number": number + place} for place, row in enumerate(fresh, 1)])
    transaction.run_many("thing", "change", list(changed))


class Things:
    """Reads of things, each of one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, wanted: Wanted, limit: int) -> list[ThingRow]:
        """Those that were first named last."""
        with self._database.reading() as transaction:
            found = transaction.tuples(
                "thing", "newest", before=wanted.before, kind=wanted.kind, source=_held(wanted.source),
                since=wanted.since, limit=limit,
            )  # fmt: skip
            return [ThingRow(*row) for row in found]

    def best(self, wanted: Wanted, limit: int) -> list[ThingRow]:
        """Those of one kind with the highest score."""
        with self._database.reading() as transaction:
            found = transaction.tuples(
                "thing", "best", kind=wanted.kind, least=wanted.least, source=_held(wanted.source),
                since=wanted.since, limit=limit,
            )  # fmt: skip
            return [ThingRow(*row) for row in found]

    def named(self, words: str, kind: str, limit: int) -> list[ThingRow]:
        """Those whose name holds these words."""
        escaped = words.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        with self._database.reading() as transaction:
            found = transaction.tuples("thing", "named", kind=kind, like=f"%{escaped}%", limit=limit)
            return [ThingRow(*row) for row in found]

    def counts(self) -> list[tuple[str, int]]:
        """How many there are of each kind, most first."""
        with self._database.reading() as transaction:
            return [(row.kind, row.n) for row in transaction.run("thing", "counts")]

    def speaking(self, keys: Sequence[str], limit: int) -> list[tuple[Hit, StatementRow]]:
        """The objects that speak of something under these keys, the latest first, with what they say."""
        hashes = [hash_of(key) for key in keys]
        with self._database.reading() as transaction:
            found = transaction.tuples("thing", "speaking", hashes=transaction.among(hashes), limit=limit)
        return [(hit_of(row[:8]), StatementRow._make((*row[8:], row[1]))) for row in found]


def _held(source: str) -> str:
    escaped = source.replace("%", "").replace("_", "")
    return f"%,{escaped},%" if escaped else ""
