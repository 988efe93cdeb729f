"""What happened that people may have to hear of, what is sent to whom about it, and who fetched which list.

What happens is noted in the transaction that makes it happen, so that neither is there without the other; what is said
of it, and to whom, is made of it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from katchi.store.database import Database, Transaction


class HappeningRow(NamedTuple):
    """Something that happened to a subject: a response, a run, an order, a device. `at` is µs."""

    event: str
    subject: str
    at: int


class NoticeRow(NamedTuple):
    """What is sent to one target. `next_at` is when it is tried next; none once it was sent or given up."""

    id: str
    target: str
    event: str
    subject: str
    headline: str
    document: bytes
    made_at: int
    next_at: int | None = None
    tries: int = 0
    sent_at: int | None = None
    given_up_at: int | None = None
    problem: str | None = None


class PollRow(NamedTuple):
    """When a reader last fetched a list of what is blocked."""

    feed: str
    reader: str
    at: int


_MADE = NoticeRow._fields[:7]


def note(transaction: Transaction, event: str, subject: str, *, at: int) -> None:
    """This happened; once more is nothing new."""
    transaction.run("notice", "note", event=event, subject=subject, at=at)


def plan(transaction: Transaction, event: str, subject: str, *, at: int) -> None:
    """This is to be looked at then; another time takes the place of the one before, also after that has come."""
    transaction.run("notice", "plan", event=event, subject=subject, at=at)


def happened(transaction: Transaction, *, now: int) -> list[HappeningRow]:
    """What nobody was told of yet, the oldest first."""
    return [HappeningRow(*row) for row in transaction.tuples("notice", "happened", now=now)]


def note_told(transaction: Transaction, row: HappeningRow, *, now: int) -> None:
    """Notices were made of it, where there are any to make."""
    transaction.run("notice", "told", now=now, **row._asdict())


def put(transaction: Transaction, rows: Iterable[NoticeRow]) -> None:
    """New ones, to be sent at once; those that are there stay as they are."""
    transaction.run_many("notice", "put", [dict(zip(_MADE, row, strict=False)) for row in rows])


def claim(transaction: Transaction, row: NoticeRow, *, until: int) -> bool:
    """Takes one to send it; False where somebody else did. Who is killed meanwhile loses it at that time."""
    return transaction.run("notice", "claim", id=row.id, seen=row.next_at, until=until).rowcount > 0


def note_sent(transaction: Transaction, notice: str, *, now: int, problem: str | None) -> None:
    """It was taken; `problem` says what was not as it should be all the same."""
    transaction.run("notice", "sent", id=notice, now=now, problem=problem)


def try_again(transaction: Transaction, notice: str, *, at: int, problem: str) -> None:
    """It was not taken."""
    transaction.run("notice", "again", id=notice, at=at, problem=problem)


def give_up(transaction: Transaction, notice: str, *, now: int, problem: str) -> None:
    """It was not taken for so long that it is not tried any more."""
    transaction.run("notice", "give_up", id=notice, now=now, problem=problem)


def give_up_target(transaction: Transaction, target: str, *, now: int, problem: str) -> None:
    """Nothing more goes there."""
    transaction.run("notice", "give_up_target", target=target, now=now, problem=problem)


def sweep(transaction: Transaction, *, before: int) -> None:
    """Forgets what is long over."""
    transaction.run("notice", "sweep_notices", before=before)
    transaction.run("notice", "sweep_happenings", before=before)


def note_poll(transaction: Transaction, row: PollRow) -> None:
    """A reader fetched a list."""
    transaction.run("notice", "note_poll", **row._asdict())


def _rows(found: Sequence[Sequence[Any]]) -> list[NoticeRow]:
    return [NoticeRow(*_plain(row)) for row in found]


def _plain(row: Sequence[Any]) -> list[Any]:
    return [bytes(each) if isinstance(each, memoryview | bytearray) else each for each in row]


class Notices:
    """Reads notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_anything_due(self, now: int) -> bool:
        """Whether anything is to be told or sent now: asked every second."""
        with self._database.reading() as transaction:
            return transaction.run("notice", "is_anything_due", now=now).first() is not None

    def due(self, target: str, now: int) -> list[NoticeRow]:
        """What is to be sent to a target now, the oldest first."""
        with self._database.reading() as transaction:
            return _rows(transaction.tuples("notice", "due", target=target, now=now))

    def targets_due(self, now: int) -> list[str]:
        """To whom there is something to send now."""
        with self._database.reading() as transaction:
            return [row.target for row in transaction.run("notice", "targets_due", now=now)]

    def recent(self, at_most: int = 200) -> list[NoticeRow]:
        """The latest first."""
        with self._database.reading() as transaction:
            return _rows(transaction.tuples("notice", "recent", at_most=at_most))

    def troubled(self, since: int) -> list[NoticeRow]:
        """Those made since that were not taken as they should be, the latest first."""
        with self._database.reading() as transaction:
            return _rows(transaction.tuples("notice", "troubled", since=since))

    def polls(self) -> list[PollRow]:
        """Who fetched which list of what is blocked, and when last."""
        with self._database.reading() as transaction:
            return [PollRow(*row) for row in transaction.tuples("notice", "polls")]
