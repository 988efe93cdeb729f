"""Playbooks that were accepted, their runs, and what is to be done for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction


class UnknownRunError(KatchiError):
    """There is no such run, order or playbook."""

    code = "unknown-run"
    exit_status = 3


class PlaybookRow(NamedTuple):
    """A playbook as it was accepted."""

    id: str
    version: str
    name: str
    document: bytes
    digest: bytes
    person: str
    at: int


class RunRow(NamedTuple):
    """One run; `state` is the machine's."""

    id: str
    playbook_id: str
    version: str
    status: str
    reason: str
    state: bytes
    person: str
    made_at: int
    changed_at: int


class OrderRow(NamedTuple):
    """What is to be done for a run, or was."""

    key: str
    run: str
    number: int
    phase: str
    document: bytes
    person: str | None
    reason: str | None
    at: int


class NoteRow(NamedTuple):
    """One line of a run's timeline."""

    number: int
    at: int
    what: str
    step: str
    reason: str


def playbook(transaction: Transaction, playbook_id: str, version: str = "") -> PlaybookRow | None:
    """The playbook of this id and version, or the newest."""
    row = transaction.run("run", "playbook", id=playbook_id, version=version).first()
    return None if row is None else PlaybookRow(*_plain(row))


def put_playbook(transaction: Transaction, row: PlaybookRow) -> None:
    """A new one."""
    transaction.run("run", "put_playbook", **row._asdict())


def one(transaction: Transaction, run: str) -> RunRow | None:
    """The run of this id."""
    row = transaction.run("run", "run", id=run).first()
    return None if row is None else RunRow(*_plain(row))


def put(transaction: Transaction, row: RunRow) -> None:
    """A new one, or where it is now."""
    transaction.run("run", "put_run", **row._asdict())
    transaction.run("run", "touch_response", run=row.id)


def order(transaction: Transaction, key: str) -> OrderRow | None:
    """The order of this key."""
    row = transaction.run("run", "order", key=key).first()
    return None if row is None else OrderRow(*_plain(row))


def put_order(transaction: Transaction, key: str, run: str, phase: str, document: bytes, *, at: int) -> None:
    """Something is to be done."""
    transaction.run("run", "put_order", key=key, run=run, phase=phase, document=document, at=at)


def move_order(
    transaction: Transaction, key: str, phase: str, *, at: int, person: str | None = None, reason: str | None = None
) -> bool:
    """How far it is now; False where it is over already."""
    result = transaction.run("run", "move_order", key=key, phase=phase, person=person, reason=reason, at=at)
    return result.rowcount > 0


def put_alarm(transaction: Transaction, run: str, alarm: int, at: int) -> None:
    """The run is to be told when this time has come."""
    transaction.run("run", "put_alarm", run=run, alarm=alarm, at=at)


def drop_alarm(transaction: Transaction, run: str, alarm: int | None = None) -> None:
    """It was told; or, for all of them, it is over."""
    if alarm is None:
        transaction.run("run", "drop_alarms", run=run)
    else:
        transaction.run("run", "drop_alarm", run=run, alarm=alarm)


def put_notes(transaction: Transaction, run: str, notes: Sequence[tuple[str, str, str]], *, at: int) -> None:
    """More lines of the timeline: what, at which step, why."""
    if not notes:
        return
    first = transaction.run("run", "next_note", run=run).scalar_one()
    rows = [
        {"run": run, "number": number, "at": at, "what": what, "step": step, "reason": reason}
        for number, (what, step, reason) in enumerate(notes, first)
    ]
    transaction.run_many("run", "put_note", rows)


def notes(transaction: Transaction, run: str) -> list[NoteRow]:
    """The timeline of a run."""
    return [NoteRow(*row) for row in transaction.tuples("run", "notes", run=run)]


class Runs:
    """Reads runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def playbooks(self) -> list[PlaybookRow]:
        """All versions, by name, the newest first."""
        with self._database.reading() as transaction:
            return [PlaybookRow(*_plain(row)) for row in transaction.tuples("run", "playbooks")]

    def all(self) -> list[RunRow]:
        """The latest first, 500 at most."""
        with self._database.reading() as transaction:
            return [RunRow(*_plain(row)) for row in transaction.tuples("run", "runs")]

    def one(self, run: str) -> RunRow:
        """The run of this id, or of the only one that begins so. Raises UnknownRunError."""
        with self._database.reading() as transaction:
            found = one(transaction, run)
            if found is None and run.isalnum():
                ids = [row.id for row in transaction.run("run", "beginning", start=run)]
                found = one(transaction, ids[0]) if len(ids) == 1 else None
        if found is None:
            raise UnknownRunError("There is no such run.", what=run[:40], remedy="`katchi respond list`")
        return found

    def order(self, key: str) -> OrderRow:
        """The order of this key, or of the only one that begins so. Raises UnknownRunError."""
        with self._database.reading() as transaction:
            found = order(transaction, key)
            if found is None and key.isalnum():
                keys = [row.key for row in transaction.run("run", "order_beginning", start=key)]
                found = order(transaction, keys[0]) if len(keys) == 1 else None
        if found is None:
            raise UnknownRunError("There is no such order.", what=key[:40], remedy="`katchi respond waiting`")
        return found

    def orders(self, run: str) -> list[OrderRow]:
        """All orders of a run, in the order in which they were given."""
        return self._orders("orders", run=run)

    def waiting(self) -> list[OrderRow]:
        """Those that a person is to answer, the oldest first."""
        return self._orders("waiting")

    def to_do(self) -> list[OrderRow]:
        """Those that are to be done by themselves, or may have been done before a crash."""
        return self._orders("to_do")

    def _orders(self, query: str, **values: str) -> list[OrderRow]:
        with self._database.reading() as transaction:
            return [OrderRow(*_plain(row)) for row in transaction.tuples("run", query, **values)]

    def due(self, now: int) -> list[tuple[str, int]]:
        """(run, alarm) whose time has come."""
        with self._database.reading() as transaction:
            return [(run, alarm) for run, alarm in transaction.tuples("run", "due", now=now)]

    def is_anything_due(self, now: int) -> bool:
        """Whether there is anything to be done without a person."""
        with self._database.reading() as transaction:
            return transaction.run("run", "is_due", now=now).first() is not None

    def notes(self, run: str) -> list[NoteRow]:
        """The timeline of a run."""
        with self._database.reading() as transaction:
            return notes(transaction, run)


def _plain(row: Sequence[Any]) -> list[Any]:
    return [bytes(each) if isinstance(each, memoryview | bytearray) else each for each in row]
