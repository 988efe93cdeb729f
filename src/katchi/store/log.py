"""The object log: every accepted version, byte for byte, in an order that no reader can see broken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from katchi import stix
from katchi.store.database import Database, Transaction
from katchi.store.told import NOTHING_TOLD, Told


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that passed the checks, with what the node derives from it once, outside the transaction."""

    object: stix.Object
    digest: bytes
    name: str
    text: str
    marking: str  # the strictest TLP on it, "" for none
    thing_keys: tuple[str, ...]
    links: tuple[stix.Reference, ...]
    told: Told = NOTHING_TOLD


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in the log."""

    seq: int
    added: int
    object_id: str
    version: int
    version_text: str | None
    type: str
    spec_version: str
    origin: str
    via: str
    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """The version is in the log for good."""

    seq: int
    added: int


@dataclass(frozen=True, slots=True)
class AlreadyHeld:
    """These very bytes were in the log before; nothing changed."""

    seq: int


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The log refused the version; nothing changed."""

    code: Literal["older-than-held", "same-version-other-bytes"]
    held_version: int


Outcome = Stored | AlreadyHeld | NotTaken


@dataclass(slots=True)
class _Held:
    seq: int
    version: int
    digest: bytes
    spec_version: str


Tell = Callable[[stix.Object, tuple[str, ...]], Told]
"""What a node makes of an object and of the keys that it names."""


def filed_by_its_keys(_item: stix.Object, keys: tuple[str, ...]) -> Told:
    """The plainest Tell: each key is a thing."""
    return Told(stands=keys)


@dataclass(slots=True)
class Changes:
    """What an append put in the place of what: the seqs of versions that are not the newest any more."""

    replaced: list[int] = field(default_factory=list)


def arrive(item: stix.Object, tell: Tell = filed_by_its_keys) -> Arrival:
    """Everything the log derives from an object: constant work per object, whatever the store holds."""
    keys = stix.thing_keys(item)
    return Arrival(
        object=item,
        digest=hashlib.sha256(item.raw).digest(),
        name=_storable(stix.display_name(item)),
        text=_storable(stix.search_text(item)),
        marking=_strictest(item.marking_refs),
        thing_keys=keys,
        links=stix.references(item),
        told=tell(item, keys),
    )


@lru_cache(maxsize=32_768)  # a batch asks several times for each of its ids and keys
def hash_of(text: str) -> int:
    """64 bits that stand for an id or a thing key in an index; what is found by them is compared in full."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def hashes_of(transaction: Transaction, texts: Iterable[str]) -> Any:
    """The hashes of several ids, as the database takes a list."""
    return transaction.among([hash_of(text) for text in set(texts)])


_STRICTNESS = ("clear", "green", "amber", "amber+strict", "red")


def _strictest(marking_refs: Sequence[str]) -> str:
    found = [stix.TLP_IDS[ref] for ref in marking_refs if ref in stix.TLP_IDS]
    return max(found, key=_STRICTNESS.index) if found else ""


def _storable(words: str) -> str:
    # PostgreSQL's text holds no NUL; the bytes in the log keep it.
    return words.replace("\x00", "")


class ObjectLog:
    """Appends to and reads from the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, arrivals: Sequence[Arrival], *, origin: str, via: str, now: int) -> list[Outcome]:
        """Stores a batch in one durable transaction; one outcome per arrival, in order.

        When it returns, what it calls stored survives a power cut. Arrivals of one object in one
        batch are taken in the order of the batch.
        """
        with self._database.writing() as transaction:
            return append(transaction, arrivals, origin=origin, via=via, now=now)

    def end(self) -> tuple[int, int]:
        """(seq, added) of the last version, (0, 0) for an empty log."""
        with self._database.reading() as transaction:
            return _end(transaction)

    def after(self, seq: int, limit: int) -> list[Entry]:
        """The next versions in log order."""
        with self._database.reading() as transaction:
            return [Entry(*row) for row in transaction.run("log", "log_after", seq=seq, limit=limit)]

    def after_added(self, added: int, limit: int) -> list[Entry]:
        """The next versions with a later `date_added`; the same order as `after`."""
        with self._database.reading() as transaction:
            return [Entry(*row) for row in transaction.run("log", "log_after_added", added=added, limit=limit)]

    def newest(self, object_ids: Sequence[str]) -> dict[str, Entry]:
        """The newest version of each of these objects that is held."""
        with self._database.reading() as transaction:
            return newest(transaction, object_ids)

    def versions(self, object_id: str) -> list[Entry]:
        """Every version held, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.run("log", "versions", id_hash=hash_of(object_id), object_id=object_id)
            return [Entry(*row) for row in rows]

    def rebuild(
        self, tell: Tell = filed_by_its_keys, settle: Settle | None = None
    ) -> Generator[tuple[int, int], None, None]:
        """Makes the derived tables anew from the log, in one transaction; yields (done, of).

        `settle` is called for each stretch of the log, as it is after an append.
        """
        with self._database.writing() as transaction:
            for table in ("newest", "summary", "mention", "link", "kin", "tag", "attestation", "source", "thing"):
                transaction.run("log", f"clear_{table}")
            last, _ = _end(transaction)
            yield 0, last
            seq = 0
            while rows := [Entry(*row) for row in transaction.run("log", "log_after", seq=seq, limit=1000)]:
                changes = Changes()
                arrivals = _rederive(transaction, rows, tell, changes)
                if settle:
                    settle(transaction, arrivals, changes)
                seq = rows[-1].seq
                yield seq, last
            transaction.run("log", "is_rebuilt")


Settle = Callable[[Transaction, Sequence[Arrival], Changes], None]
"""Brings things up to what was just appended, in the same transaction."""


def at(transaction: Transaction, seqs: Sequence[int]) -> list[Entry]:
    """The versions at these places of the log."""
    return [Entry(*row) for row in transaction.run("log", "at_seqs", seqs=transaction.among(seqs))] if seqs else []


def newest(transaction: Transaction, object_ids: Sequence[str]) -> dict[str, Entry]:
    """The newest version of each of these objects that is held, inside a transaction."""
    wanted = set(object_ids)
    rows = transaction.run("log", "newest_objects", hashes=hashes_of(transaction, wanted))
    return {row.object_id: Entry(*row) for row in rows if row.object_id in wanted}


def append(
    transaction: Transaction,
    arrivals: Sequence[Arrival],
    *,
    origin: str,
    via: str,
    now: int,
    changes: Changes | None = None,
) -> list[Outcome]:
    """`ObjectLog.append` inside a transaction that the caller commits; `changes` is told what was taken away."""
    seq, added = _end(transaction)
    # A clock that went back, or many versions in one microsecond, must not break the order.
    added = max(added, now - 1)
    held = _held(transaction, [arrival.object.id for arrival in arrivals])
    replaced: list[tuple[str, int]] = []
    outcomes: list[Outcome] = []
    rows: list[dict[str, Any]] = []
    derived: dict[str, tuple[Arrival, dict[str, Any]]] = {}
    for arrival in arrivals:
        item = arrival.object
        known = held.get(item.id)
        refusal = _settled(transaction, arrival, known, rows) if known else None
        if refusal is not None:
            outcomes.append(refusal)
            continue
        seq, added = seq + 1, added + 1
        row = _row(arrival, seq, added, origin, via, known)
        rows.append(row)
        if known is not None and item.id not in derived:
            replaced.append((item.id, known.seq))
        held[item.id] = _Held(seq, row["version"], arrival.digest, item.spec_version)
        derived[item.id] = (arrival, row)
        outcomes.append(Stored(seq, added))
    transaction.run_many("log", "append", rows)
    _derive(transaction, list(derived.values()), replaced, changes)
    return outcomes


def _end(transaction: Transaction) -> tuple[int, int]:
    row = transaction.run("log", "end_of_log").first()
    return (row.seq, row.added) if row else (0, 0)


def _held(transaction: Transaction, object_ids: Iterable[str]) -> dict[str, _Held]:
    wanted = set(object_ids)
    found = transaction.run("log", "newest_of", hashes=hashes_of(transaction, wanted))
    return {object_id: _Held(*rest) for object_id, *rest in found if object_id in wanted}


def _settled(
    transaction: Transaction,
    arrival: Arrival,
    known: _Held,
    rows: Sequence[dict[str, Any]],
) -> AlreadyHeld | NotTaken | None:
    """Why this arrival need not, or may not, be stored; None when it is a newer version."""
    item = arrival.object
    if arrival.digest == known.digest:
        return AlreadyHeld(known.seq)
    if item.version is not None and item.version > known.version:
        return None
    for seq, version, spec_version, digest in _versions_of(transaction, item.id, known, rows):
        if digest == arrival.digest:
            return AlreadyHeld(seq)
        if (version, spec_version) == (item.version, item.spec_version):
            return NotTaken("same-version-other-bytes", known.version)
    # STIX gives an SCO no version: other bytes are another statement of it, and TAXII 2.1 §3.5 takes the
    # time it was added for its version. The same version in another spec_version: TAXII keeps both.
    if item.version is None or item.version == known.version:
        return None
    return NotTaken("older-than-held", known.version)


def _versions_of(
    transaction: Transaction,
    object_id: str,
    known: _Held,
    rows: Sequence[dict[str, Any]],
) -> Iterator[tuple[int, int, str, bytes]]:
    for row in rows:
        if row["object_id"] == object_id:
            yield row["seq"], row["version"], row["spec_version"], row["digest"]
    # What came earlier in this batch is not written yet: the chain in the database starts before it.
    first = next((row["previous"] for row in rows if row["object_id"] == object_id), known.seq)
    if first is None:
        return
    for found in transaction.run("log", "version_digests", seq=first):
        yield found.seq, found.version, found.spec_version, bytes(found.digest)


def _row(arrival: Arrival, seq: int, added: int, origin: str, via: str, known: _Held | None) -> dict[str, Any]:
    item = arrival.object
    return {
        "seq": seq,
        "added": added,
        "object_id": item.id,
        "version": added if item.version is None else item.version,
        "version_text": item.version_text,
        "type": item.type,
        "spec_version": item.spec_version,
        "origin": origin,
        "via": via,
        "digest": arrival.digest,
        "previous": known.seq if known else None,
        "raw": item.raw,
    }


def _derive(
    transaction: Transaction,
    items: Sequence[tuple[Arrival, dict[str, Any]]],
    replaced: Sequence[tuple[str, int]],
    changes: Changes | None = None,
) -> None:
    """Brings the derived tables up to these newest versions; `replaced` are the rows of older ones."""
    stale = [{"id_hash": hash_of(object_id), "seq": seq} for object_id, seq in replaced]
    if changes is not None:
        changes.replaced += [seq for _, seq in replaced]
    for table in ("newest", "summary", "mentions", "links", "kin", "tags", "attestations"):
        transaction.run_many("log", f"forget_{table}", stale)
    ids = [{"id_hash": hash_of(row["object_id"]), "seq": row["seq"]} for _, row in items]
    transaction.run_many("log", "put_newest", ids)
    transaction.run_many("log", "put_summary", [_summary(arrival, row) for arrival, row in items])
    _put_mentions(transaction, items)
    links = [
        {"to_hash": hash_of(link.id), "from_seq": row["seq"], "path": link.path}
        for arrival, row in items
        for link in arrival.links
    ]
    transaction.run_many("log", "put_link", links)


def refile(transaction: Transaction, items: Sequence[tuple[Arrival, Entry]]) -> None:
    """Files objects that are held under other keys than before."""
    rows = [{name: getattr(entry, name) for name in Entry.__slots__} for _, entry in items]
    for table in ("mentions", "kin", "tags", "attestations"):
        transaction.run_many("log", f"forget_{table}", [{"seq": row["seq"]} for row in rows])
    _put_mentions(transaction, [(arrival, row) for (arrival, _), row in zip(items, rows, strict=True)])


def _put_mentions(transaction: Transaction, items: Sequence[tuple[Arrival, dict[str, Any]]]) -> None:
    sources = {row["origin"]: hash_of(row["origin"]) for _, row in items}
    transaction.run_many("log", "put_source", [{"hash": each, "name": name} for name, each in sources.items()])
    mentions, kin, tags, attestations = [], [], [], []
    for arrival, row in items:
        told, seq, source = arrival.told, row["seq"], sources[row["origin"]]
        saying = told.saying
        at = row["added"] if saying.at is None else saying.at
        id_hash = hash_of(row["object_id"]) if told.stands else 0
        mentions += [
            {
                "key_hash": hash_of(stand), "seq": seq, "stance": saying.stance, "weight": saying.weight, "at": at,
                "until": saying.until, "author": saying.author, "report": saying.report, "source": source,
                "id_hash": id_hash,
            }
            for stand in told.stands
        ]  # fmt: skip
        kin += [
            {"key_hash": hash_of(key), "seq": seq, "key": key, "other": other}
            for key in told.kin
            for other in told.kin
            if key != other
        ]
        tags += [{"tag": tag, "seq": seq} for tag in told.tags]
        attestations += [
            {
                "seq": seq, "of_hash": hash_of(each.of_id), "opinion": each.opinion, "times": each.times,
                "first": each.first if each.first is not None else at,
                "last": each.last if each.last is not None else at, "author": saying.author, "source": source,
                "is_summary": int(each.is_summary),
            }
            for each in told.attesting
        ]  # fmt: skip
    transaction.run_many("log", "put_mention", mentions)
    transaction.run_many("log", "put_kin", kin)
    transaction.run_many("log", "put_tag", tags)
    transaction.run_many("log", "put_attestation", attestations)


def _summary(arrival: Arrival, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "object_id": row["object_id"],
        "version": row["version"],
        "type": row["type"],
        "origin": row["origin"],
        "marking": arrival.marking,
        "is_revoked": int(arrival.object.revoked),
        "name": arrival.name,
        "text": arrival.text,
    }


def _rederive(transaction: Transaction, entries: Sequence[Entry], tell: Tell, changes: Changes) -> list[Arrival]:
    held = _held(transaction, [entry.object_id for entry in entries])
    replaced: list[tuple[str, int]] = []
    derived: dict[str, tuple[Arrival, dict[str, Any]]] = {}
    for entry in entries:
        # The log's order is the order in which versions were newest, so the later row always wins.
        if entry.object_id in held and entry.object_id not in derived:
            replaced.append((entry.object_id, held[entry.object_id].seq))
        row = {name: getattr(entry, name) for name in Entry.__slots__}
        derived[entry.object_id] = (arrive(stix.read(bytes(entry.raw)), tell), row)
    _derive(transaction, list(derived.values()), replaced, changes)
    return [arrival for arrival, _ in derived.values()]
