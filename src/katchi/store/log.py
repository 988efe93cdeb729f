"""The object log: every accepted version, byte for byte, in an order that no reader can see broken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from katchi import stix
from katchi.store.database import Database, Transaction


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


def arrive(item: stix.Object) -> Arrival:
    """Everything the log derives from an object: constant work per object, whatever the store holds."""
    return Arrival(
        object=item,
        digest=hashlib.sha256(item.raw).digest(),
        name=_storable(stix.display_name(item)),
        text=_storable(stix.search_text(item)),
        marking=_strictest(item.marking_refs),
        thing_keys=stix.thing_keys(item),
        links=stix.references(item),
    )


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
            return [Entry(*row) for row in transaction.run("log", "versions", object_id=object_id)]

    def rebuild(self) -> Iterator[tuple[int, int]]:
        """Makes the derived tables anew from the log, in one transaction; yields (done, of)."""
        with self._database.writing() as transaction:
            for table in ("newest", "mentions", "links"):
                transaction.run("log", f"forget_derived_{table}")
            last, _ = _end(transaction)
            yield 0, last
            seq = 0
            while rows := [Entry(*row) for row in transaction.run("log", "log_after", seq=seq, limit=1000)]:
                _rederive(transaction, rows)
                seq = rows[-1].seq
                yield seq, last


def newest(transaction: Transaction, object_ids: Sequence[str]) -> dict[str, Entry]:
    """The newest version of each of these objects that is held, inside a transaction."""
    rows = transaction.run("log", "newest_objects", ids=transaction.among(object_ids))
    return {row.object_id: Entry(*row) for row in rows}


def append(
    transaction: Transaction, arrivals: Sequence[Arrival], *, origin: str, via: str, now: int
) -> list[Outcome]:
    """`ObjectLog.append` inside a transaction that the caller commits."""
    seq, added = _end(transaction)
    # A clock that went back, or many versions in one microsecond, must not break the order.
    added = max(added, now - 1)
    held = _held(transaction, arrivals)
    replaced = frozenset(held)
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
        row = _row(arrival, seq, added, origin, via)
        rows.append(row)
        if known is None or row["version"] >= known.version:
            held[item.id] = _Held(seq, row["version"], arrival.digest, item.spec_version)
            derived[item.id] = (arrival, row)
        outcomes.append(Stored(seq, added))
    transaction.run_many("log", "append", rows)
    _derive(transaction, list(derived.values()), replaced)
    return outcomes


def _end(transaction: Transaction) -> tuple[int, int]:
    row = transaction.run("log", "end_of_log").first()
    return (row.seq, row.added) if row else (0, 0)


def _held(transaction: Transaction, arrivals: Sequence[Arrival]) -> dict[str, _Held]:
    ids = list({arrival.object.id for arrival in arrivals})
    found = transaction.run("log", "newest_of", ids=transaction.among(ids))
    return {object_id: _Held(*rest) for object_id, *rest in found}


def _settled(
    transaction: Transaction, arrival: Arrival, known: _Held, rows: Sequence[dict[str, Any]]
) -> AlreadyHeld | NotTaken | None:
    """Why this arrival need not, or may not, be stored; None when it is a newer version."""
    item = arrival.object
    if arrival.digest == known.digest:
        return AlreadyHeld(known.seq)
    if item.version is None:
        # STIX gives an SCO no version: other bytes are another statement of it. TAXII 2.1 §3.5 then
        # takes the time it was added for its version.
        return _same_bytes(transaction, arrival, rows)
    if item.version > known.version:
        return None
    same = _same_version(transaction, arrival, rows)
    if same is None:
        if item.version == known.version:
            return None  # the same version in another spec_version: TAXII 2.1 keeps both
        return NotTaken("older-than-held", known.version)
    seq, digest = same
    return AlreadyHeld(seq) if digest == arrival.digest else NotTaken("same-version-other-bytes", known.version)


def _same_bytes(
    transaction: Transaction, arrival: Arrival, rows: Sequence[dict[str, Any]]
) -> AlreadyHeld | None:
    for row in rows:
        if row["object_id"] == arrival.object.id and row["digest"] == arrival.digest:
            return AlreadyHeld(row["seq"])
    found = transaction.run("log", "stored_digest", object_id=arrival.object.id, digest=arrival.digest).first()
    return AlreadyHeld(found.seq) if found else None


def _same_version(
    transaction: Transaction, arrival: Arrival, rows: Sequence[dict[str, Any]]
) -> tuple[int, bytes] | None:
    item = arrival.object
    for row in rows:
        if (row["object_id"], row["version"], row["spec_version"]) == (item.id, item.version, item.spec_version):
            return row["seq"], row["digest"]
    found = transaction.run(
        "log", "stored_version", object_id=item.id, version=item.version, spec_version=item.spec_version
    ).first()
    return (found.seq, bytes(found.digest)) if found else None


def _row(arrival: Arrival, seq: int, added: int, origin: str, via: str) -> dict[str, Any]:
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
        "raw": item.raw,
    }


def _derive(
    transaction: Transaction, items: Sequence[tuple[Arrival, dict[str, Any]]], replaced: frozenset[str]
) -> None:
    """Brings the derived tables up to these newest versions; `replaced` are the ids that had an older one."""
    stale = [{"object_id": row["object_id"]} for _, row in items if row["object_id"] in replaced]
    transaction.run_many("log", "forget_mentions", stale)
    transaction.run_many("log", "forget_links", stale)
    transaction.run_many("log", "put_newest", [_newest_row(arrival, row) for arrival, row in items])
    transaction.run_many(
        "log",
        "put_mention",
        [
            {"thing_key": key, "object_id": arrival.object.id}
            for arrival, _ in items
            for key in arrival.thing_keys
        ],
    )
    transaction.run_many(
        "log",
        "put_link",
        [
            {"to_id": link.id, "from_id": arrival.object.id, "path": link.path}
            for arrival, _ in items
            for link in arrival.links
        ],
    )


def _newest_row(arrival: Arrival, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "object_id": row["object_id"],
        "seq": row["seq"],
        "version": row["version"],
        "digest": row["digest"],
        "spec_version": row["spec_version"],
        "type": row["type"],
        "origin": row["origin"],
        "marking": arrival.marking,
        "is_revoked": int(arrival.object.revoked),
        "name": arrival.name,
        "text": arrival.text,
    }


def _rederive(transaction: Transaction, entries: Sequence[Entry]) -> None:
    ids = [entry.object_id for entry in entries]
    held = {row.object_id: row.version for row in transaction.run("log", "newest_of", ids=transaction.among(ids))}
    replaced = frozenset(held)
    derived: dict[str, tuple[Arrival, dict[str, Any]]] = {}
    for entry in entries:
        if entry.version >= held.get(entry.object_id, entry.version):
            held[entry.object_id] = entry.version
            row = {name: getattr(entry, name) for name in Entry.__slots__}
            derived[entry.object_id] = (arrive(stix.read(bytes(entry.raw))), row)
    _derive(transaction, list(derived.values()), replaced)
