"""Saved searches that notify, and what has come to match each since somebody last looked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction


class UnknownWatchError(KatchiError):
    """No watch goes by this name."""

    code = "unknown-watch"
    exit_status = 3


class WatchExistsError(KatchiError):
    """There is a watch of this name already."""

    code = "watch-exists"
    exit_status = 4


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A saved search: `text` is what one would type. `news` counts the things since `looked_at`. Times are µs."""

    number: int
    name: str
    text: str
    person: str
    made_at: int
    looked_at: int
    news: int


class WatchHit(NamedTuple):
    """A thing that came to match. `sources` has commas before, between and behind."""

    key: str
    name: str
    sources: str
    at: int


class Note(NamedTuple):
    """What is to be kept: a thing that matches a watch."""

    watch: int
    key: str
    name: str
    sources: str


def saved(transaction: Transaction) -> list[tuple[int, str]]:
    """Number and text of every watch."""
    return [(row[0], row[1]) for row in transaction.tuples("watch", "saved")]


def all_watches(transaction: Transaction) -> list[WatchRow]:
    """Every watch, by name."""
    return [WatchRow(*row) for row in transaction.tuples("watch", "all")]


def note(transaction: Transaction, found: Iterable[Note], at: int) -> None:
    """Keeps what matches: a thing that a watch has already is news only when another source tells of it."""
    transaction.run_many("watch", "note", [{**each._asdict(), "at": at} for each in found])


class Watches:
    """Keeps watches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[WatchRow]:
        """Every watch, by name."""
        with self._database.reading() as transaction:
            return all_watches(transaction)

    def one(self, name: str) -> WatchRow:
        """The watch of this name. Raises UnknownWatchError."""
        return _one(self.all(), name)

    def add(self, name: str, text: str, *, person: str, at: int) -> None:
        """A new watch, from now on. Raises WatchExistsError."""
        with self._database.writing() as transaction:
            if any(each.name == name for each in all_watches(transaction)):
                raise WatchExistsError("There is a watch of this name.", what=name, remedy="give it another one")
            transaction.run("watch", "add", name=name, text=text, person=person, at=at)

    def drop(self, name: str) -> None:
        """No longer watches. Raises UnknownWatchError."""
        with self._database.writing() as transaction:
            number = _one(all_watches(transaction), name).number
            transaction.run("watch", "drop_hits", number=number)
            transaction.run("watch", "drop", number=number)

    def looked(self, name: str, *, at: int) -> None:
        """Somebody has looked: what came before is no longer news. Raises UnknownWatchError."""
        with self._database.writing() as transaction:
            transaction.run("watch", "looked", number=_one(all_watches(transaction), name).number, at=at)

    def news(self, watch: WatchRow, limit: int) -> list[WatchHit]:
        """What came to match since somebody looked, the latest first."""
        with self._database.reading() as transaction:
            found = transaction.tuples("watch", "hits", number=watch.number, since=watch.looked_at, limit=limit)
            return [WatchHit(*row) for row in found]


def _one(watches: Iterable[WatchRow], name: str) -> WatchRow:
    for each in watches:
        if each.name == name:
            return each
    raise UnknownWatchError("There is no such watch.", what=name[:80], remedy="`katchi watch list` shows them")
