"""What we took back from partners and must tell them, and what partners took back from us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from katchi import policy
from katchi.store.database import Database, Transaction
from katchi.store.log import hash_of, hashes_of

LATEST = 2**62  # later than any clock


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A version that a partner released to us and took back."""

    partner: str
    digest: bytes
    at: int  # by its clock
    noted_at: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A withdrawal as whoever has the object may read it; (`at`, `index`) is where it stands in the list."""

    object_id: str
    version: str
    digest: str
    at: int
    index: int


class Withdrawals:
    """Reads withdrawals; making and noting them happens inside transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def untold(self, partner: str, limit: int) -> list[policy.ledger.Withdrawn]:
        """What was withdrawn from a partner that has not said so far that it knows, in the order of its view."""
        with self._database.reading() as transaction:
            rows = transaction.run("withdrawal", "untold", partner=partner, limit=limit)
            return [
                policy.ledger.Withdrawn(r.object_id, r.version_text or "", bytes(r.digest).hex(), r.withdrawn_at)
                for r in rows
            ]

    def has_untold(self, partner: str) -> bool:
        """Whether there is something to tell."""
        with self._database.reading() as transaction:
            return transaction.run("withdrawal", "is_untold", partner=partner).first() is not None

    def listed(self, partner: str, after: int, index: int, limit: int) -> list[Listed]:
        """What is withdrawn from a partner, oldest first, after a place in the list."""
        with self._database.reading() as transaction:
            rows = transaction.run("withdrawal", "listed", partner=partner, after=after, index=index, limit=limit)
            return [
                Listed(r.object_id, r.version_text or "", bytes(r.digest).hex(), r.withdrawn_at, r.ledger_index)
                for r in rows
            ]

    def of_object(self, object_id: str) -> list[TakenBack]:
        """Who took back which version of an object."""
        with self._database.reading() as transaction:
            rows = transaction.run("withdrawal", "of_object", id_hash=hash_of(object_id), object_id=object_id)
            return [TakenBack(r.partner, bytes(r.digest), r.at, r.noted_at) for r in rows]


def note_told(transaction: Transaction, partner: str, entries: Sequence[policy.ledger.Received], *, at: int) -> None:
    """Notes a partner's word that it knows of withdrawals."""
    transaction.run_many(
        "withdrawal",
        "told",
        [
            {
                "partner": partner, "object_id": entry.object_id, "id_hash": hash_of(entry.object_id),
                "digest": bytes.fromhex(entry.digest), "told": entry.outcome, "at": at,
            }
            for entry in entries
        ],
    )  # fmt: skip


def note(transaction: Transaction, partner: str, entries: Sequence[policy.ledger.Withdrawn], *, noted_at: int) -> None:
    """Remembers what a partner took back, and has all that went on from here decided again."""
    rows = [
        {
            "digest": bytes.fromhex(entry.digest), "partner": partner, "object_id": entry.object_id,
            "id_hash": hash_of(entry.object_id), "at": entry.at, "noted_at": noted_at,
        }
        for entry in entries
    ]  # fmt: skip
    transaction.run_many("withdrawal", "note", rows)
    _decide_again(transaction, {entry.object_id for entry in entries}, noted_at)


def give_again(
    transaction: Transaction, partner: str, taken: Sequence[tuple[str, bytes]], *, as_of: int, now: int
) -> None:
    """What a partner released anew is not taken back any more.

    `taken` are (id, SHA-256) of what came; `as_of` (µs, the partner's clock) is when it was still released:
    what came late from before a withdrawal undoes nothing.
    """
    if transaction.run("withdrawal", "any").first() is None:
        return
    hashes = hashes_of(transaction, [object_id for object_id, _ in taken])
    rows = transaction.run("withdrawal", "given_again", partner=partner, as_of=as_of, hashes=hashes)
    came = set(taken)
    again = [(row.object_id, bytes(row.digest)) for row in rows if (row.object_id, bytes(row.digest)) in came]
    transaction.run_many("withdrawal", "forget", [{"digest": digest, "partner": partner} for _, digest in again])
    _decide_again(transaction, {object_id for object_id, _ in again}, now)


def is_any(transaction: Transaction) -> bool:
    """Whether anything was ever taken back: nothing has, on most nodes."""
    return transaction.run("withdrawal", "any").first() is not None


def is_taken_back(transaction: Transaction, partner: str, object_id: str, digest: bytes) -> bool:
    """Whether this partner took this version back."""
    found = transaction.run("withdrawal", "is_taken_back", partner=partner, id_hash=hash_of(object_id), digest=digest)
    return found.first() is not None


def in_force_of(transaction: Transaction, partner: str, epoch: int, object_id: str) -> Sequence[Any]:
    """The releases of an object that a partner's view shows now."""
    return transaction.run(
        "withdrawal", "in_force_of",
        of_hash=hash_of(object_id), of_id=object_id, partner=partner, epoch=epoch,
    ).all()  # fmt: skip


def pointing_to(transaction: Transaction, object_id: str) -> list[str]:
    """The objects held whose newest version refers to this one, or to one whose id has the same hash."""
    return [row.object_id for row in transaction.run("withdrawal", "pointing_to", to_hash=hash_of(object_id))]


def _decide_again(transaction: Transaction, object_ids: set[str], now: int) -> None:
    transaction.run_many(
        "withdrawal",
        "decide_again",
        [{"object_id": object_id, "id_hash": hash_of(object_id), "at": now} for object_id in sorted(object_ids)],
    )
