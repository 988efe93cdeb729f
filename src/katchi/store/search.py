"""Finds objects by id, thing, words, type, origin and marking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from katchi.store.database import Database, Transaction
from katchi.store.log import hash_of, hashes_of

_NEWEST = 1 << 62


@dataclass(frozen=True, slots=True)
class Hit:
    """One object in a list."""

    object_id: str
    seq: int
    type: str
    name: str
    origin: str
    marking: str
    is_revoked: bool
    version: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty fields match everything. `before` pages: the seq of the last hit seen."""

    words: str = ""
    type: str = ""
    origin: str = ""
    marking: str = ""
    before: int = _NEWEST


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that refers to another one."""

    from_id: str
    path: str
    type: str
    name: str


class Search:
    """Looks through the newest version of every object."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: Wanted, limit: int) -> list[Hit]:
        """The latest arrivals that match, newest first."""
        values = {
            "before": wanted.before,
            "type": wanted.type,
            "origin": wanted.origin,
            "marking": wanted.marking,
            "limit": limit,
        }
        with self._database.reading() as transaction:
            if not wanted.words:
                rows = transaction.run("search", "newest", **values)
            else:
                rows = transaction.run("search", "containing", like=_like(wanted.words), **values)
            return [hit_of(row) for row in rows]

    def by_id(self, object_id: str) -> Hit | None:
        """The object of this id."""
        return self.by_ids([object_id]).get(object_id)

    def by_ids(self, object_ids: Iterable[str]) -> dict[str, Hit]:
        """Those of these objects that are held."""
        with self._database.reading() as transaction:
            return hits_of(transaction, object_ids)

    def referring_to(self, object_id: str, limit: int) -> list[Reference]:
        """Objects whose newest version refers to this one."""
        with self._database.reading() as transaction:
            rows = transaction.run("log", "linking_here", to_hash=hash_of(object_id), limit=limit)
            return [
                Reference(row.from_id, row.path, row.type, row.name)
                for row in rows
                if object_id.encode() in bytes(row.raw)
            ]

    def counts_by_type(self) -> list[tuple[str, int]]:
        """How many objects of each type are held, most first."""
        with self._database.reading() as transaction:
            return [(row.type, row.n) for row in transaction.run("log", "counts_by_type")]

    def counts_by_origin(self) -> list[tuple[str, int]]:
        """How many objects each source brought, most first."""
        with self._database.reading() as transaction:
            return [(row.origin, row.n) for row in transaction.run("log", "counts_by_origin")]


def hits_of(transaction: Transaction, object_ids: Iterable[str]) -> dict[str, Hit]:
    """Those of these objects that are held, as lists show them."""
    wanted = set(object_ids)
    rows = transaction.run("log", "summaries", hashes=hashes_of(transaction, wanted))
    return {row.object_id: hit_of(row) for row in rows if row.object_id in wanted}


def _like(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def hit_of(row: Sequence[object]) -> Hit:
    """A row of a list of objects, as the queries here select it."""
    object_id, seq, kind, name, origin, marking, is_revoked, version = row
    return Hit(
        str(object_id),
        int(str(seq)),
        str(kind),
        str(name),
        str(origin),
        str(marking),
        bool(is_revoked),
        int(str(version)),
    )
