"""Responses that several nodes run together: what is known of each, each node's log, and who here said yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction


class UnknownResponseError(KatchiError):
    """There is no such response."""

    code = "unknown-response"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """One response. `state` is how far it is here; `playbooks` are those that are run, packed.

    `due_at` is when it is next to be looked after; `said` the number of our last entry, `published` that of the last
    which was told to others.
    """

    id: str
    proposer: str
    origin: str
    name: str
    state: str
    marking: str
    playbooks: bytes
    run: str | None
    notes_told: int
    said: int
    published: int
    made_at: int
    changed_at: int
    due_at: int | None
    trouble: str | None


class EntryRow(NamedTuple):
    """One entry of a node's log, as it was signed. `at` is when it came here."""

    node: str
    number: int
    body: bytes
    signing_key: str
    signature: str
    at: int


class ApprovalRow(NamedTuple):
    """Somebody's yes, and to what."""

    person: str
    at: int
    terms: bytes


def _row(values: Sequence[Any]) -> ResponseRow:
    return ResponseRow(*_plain(values))


def _plain(row: Sequence[Any]) -> list[Any]:
    return [bytes(each) if isinstance(each, memoryview | bytearray) else each for each in row]


def one(transaction: Transaction, response: str) -> ResponseRow | None:
    """The response of this id."""
    found = transaction.run("response", "one", id=response).first()
    return None if found is None else _row(found)


def of_run(transaction: Transaction, run: str) -> ResponseRow | None:
    """The response for which a run is."""
    found = transaction.run("response", "of_run", run=run).first()
    return None if found is None else _row(found)


def put(transaction: Transaction, row: ResponseRow) -> None:
    """A new one, or what it is now."""
    transaction.run("response", "put", **asdict(row))


def touch(transaction: Transaction, response: str, *, at: int) -> None:
    """It is to be looked after by then."""
    transaction.run("response", "touch", id=response, at=at)


def entries(transaction: Transaction, response: str) -> list[EntryRow]:
    """All logs of a response, node by node."""
    return [EntryRow(*_plain(row)) for row in transaction.tuples("response", "entries", response=response)]


def add_entry(transaction: Transaction, response: str, row: EntryRow) -> None:
    """One more entry."""
    transaction.run("response", "add_entry", response=response, **row._asdict())


def note_said(transaction: Transaction, response: str, number: int) -> None:
    """The number of our last entry."""
    transaction.run("response", "note_said", response=response, number=number)


def approve(transaction: Transaction, response: str, row: ApprovalRow) -> None:
    """Somebody's yes; a second one takes the place of the first."""
    transaction.run("response", "approve", response=response, **row._asdict())


def approvals(transaction: Transaction, response: str) -> list[ApprovalRow]:
    """Who said yes, the first first."""
    return [ApprovalRow(*_plain(row)) for row in transaction.tuples("response", "approvals", response=response)]


def forget_approvals(transaction: Transaction, response: str) -> None:
    """Nobody has said yes any more."""
    transaction.run("response", "forget_approvals", response=response)


def said_of(transaction: Transaction, hashes: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Who speaks of things here: the hash of each key -> (origin, TLP label) of the objects."""
    found: dict[int, list[tuple[str, str]]] = {}
    for key_hash, origin, marking in transaction.tuples("response", "said_of", hashes=transaction.among(hashes)):
        found.setdefault(key_hash, []).append((origin, marking))
    return found


def gone_to(transaction: Transaction, partner: str, hashes: Sequence[int]) -> dict[int, list[str]]:
    """Of which things a partner has an object from us: the hash of each key -> TLP labels of the objects."""
    found: dict[int, list[str]] = {}
    listed = transaction.among(hashes)
    for key_hash, marking in transaction.tuples("response", "gone_to", partner=partner, hashes=listed):
        found.setdefault(key_hash, []).append(marking)
    return found


class Responses:
    """Reads responses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[ResponseRow]:
        """The latest first, 500 at most."""
        with self._database.reading() as transaction:
            return [_row(row) for row in transaction.tuples("response", "all")]

    def one(self, response: str) -> ResponseRow:
        """The response of this id, or of the only one that begins so. Raises UnknownResponseError."""
        with self._database.reading() as transaction:
            found = one(transaction, response)
            if found is None and response.isalnum():
                ids = [row.id for row in transaction.run("response", "beginning", start=response)]
                found = one(transaction, ids[0]) if len(ids) == 1 else None
        if found is None:
            raise UnknownResponseError(
                "There is no such response.", what=response[:40], remedy="`katchi respond status`"
            )
        return found

    def entries(self, response: str) -> list[EntryRow]:
        """All logs of a response, node by node."""
        with self._database.reading() as transaction:
            return entries(transaction, response)

    def approvals(self, response: str) -> list[ApprovalRow]:
        """Who here said yes, the first first."""
        with self._database.reading() as transaction:
            return approvals(transaction, response)

    def due(self, now: int) -> list[str]:
        """Those that are to be looked after now."""
        with self._database.reading() as transaction:
            return [row.id for row in transaction.run("response", "due", now=now)]

    def is_anything_due(self, now: int) -> bool:
        """Whether anything of any response, run or lease is to be done now: asked several times a second."""
        with self._database.reading() as transaction:
            return transaction.run("response", "is_anything_due", now=now).first() is not None

    def unpublished(self) -> list[str]:
        """Those of which something of ours was not told yet."""
        with self._database.reading() as transaction:
            return [row.id for row in transaction.run("response", "unpublished")]
