"""Efforts: what somebody works on, here or at a partner, and each thing that was done to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction


class UnknownEffortError(KatchiError):
    """There is no such effort."""

    code = "unknown-effort"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class EffortRow:
    """One effort. `view` is what it is now, as MessagePack; `shared_from` is None while it is nobody's but ours."""

    id: str
    founder: str
    origin: str
    marking: str
    object_id: str
    view: bytes
    shared_from: int | None
    published: int
    made_at: int
    changed_at: int
    trouble: str | None


class ChangeRow(NamedTuple):
    """One change as its node signed it: canonical JSON, the key's id, base64url."""

    node: str
    number: int
    body: bytes
    signing_key: str
    signature: str


def one(transaction: Transaction, effort: str) -> EffortRow | None:
    """The effort of this id."""
    row = transaction.run("effort", "one", id=effort).first()
    return None if row is None else _read(row)


def put(transaction: Transaction, row: EffortRow) -> None:
    """A new one, or what is to be known of it from now on."""
    transaction.run("effort", "put", **asdict(row))


def changes(transaction: Transaction, effort: str) -> list[ChangeRow]:
    """All that was done to it, by every node."""
    return [
        ChangeRow(node, number, bytes(body), key, signature)
        for node, number, body, key, signature in transaction.tuples("effort", "changes", effort=effort)
    ]


def add_change(transaction: Transaction, effort: str, row: ChangeRow) -> None:
    """One more."""
    transaction.run("effort", "add_change", effort=effort, **row._asdict())


class Efforts:
    """Reads efforts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[EffortRow]:
        """The latest changed first, 2,000 at most."""
        with self._database.reading() as transaction:
            return [_read(row) for row in transaction.tuples("effort", "all")]

    def one(self, effort: str) -> EffortRow:
        """The effort of this id, or of the only one that begins so. Raises UnknownEffortError."""
        with self._database.reading() as transaction:
            found = one(transaction, effort)
            if found is None and effort.isalnum():
                ids = [row.id for row in transaction.run("effort", "beginning", start=effort)]
                found = one(transaction, ids[0]) if len(ids) == 1 else None
        if found is None:
            raise UnknownEffortError("There is no such effort.", what=effort[:40], remedy="`katchi effort list`")
        return found

    def changes(self, effort: str) -> list[ChangeRow]:
        """All that was done to it."""
        with self._database.reading() as transaction:
            return changes(transaction, effort)

    def untold(self, node: str) -> list[str]:
        """Those to which something was done here that no grouping tells yet."""
        with self._database.reading() as transaction:
            return [row.id for row in transaction.run("effort", "untold", node=node)]

    def apart(self) -> set[tuple[str, str]]:
        """Pairs (ours, the other) that a person put aside."""
        with self._database.reading() as transaction:
            return {(own, other) for own, other in transaction.tuples("effort", "apart")}

    def put_apart(self, own: str, other: str, *, person: str, at: int) -> None:
        """These two are not one piece of work."""
        with self._database.writing() as transaction:
            transaction.run("effort", "put_apart", own=own, other=other, person=person, at=at)


def _read(row: Sequence[object]) -> EffortRow:
    values: list[Any] = list(row)
    values[5] = bytes(values[5])
    return EffortRow(*values)
