"""The ledger's rows: appended in the transaction of what they record, read back to verify and to prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from katchi import policy
from katchi.store.database import Database, Transaction
from katchi.store.log import hash_of


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One entry as kept: its canonical bytes, its RFC 6962 leaf hash, and what it is about."""

    index: int
    at: int
    kind: str
    partner: str
    object_id: str | None
    entry: bytes
    hash: bytes


class Ledger:
    """Reads the ledger; appending happens inside transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def root(self) -> tuple[int, bytes]:
        """(size, root hash) as the kept frontier says."""
        with self._database.reading() as transaction:
            found = frontier(transaction)
        return found.size, found.root()

    def hashes(self, size: int) -> list[bytes]:
        """The first `size` leaf hashes."""
        with self._database.reading() as transaction:
            return [bytes(row.hash) for row in transaction.run("ledger", "hashes", size=size)]

    def rows(self) -> Iterator[LedgerRow]:
        """Every entry, in order, page by page."""
        start = 0
        while True:
            with self._database.reading() as transaction:
                page = [_row(row) for row in transaction.run("ledger", "rows", start=start, limit=5000)]
            yield from page
            if len(page) < 5000:
                return
            start = page[-1].index + 1

    def latest(self, limit: int, partner: str = "", kind: str = "") -> list[LedgerRow]:
        """The latest entries, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.run("ledger", "latest", partner=partner, kind=kind, limit=limit)
            return [_row(row) for row in rows]

    def about(self, partner: str, object_id: str) -> list[LedgerRow]:
        """Every entry about one object and one partner."""
        with self._database.reading() as transaction:
            rows = transaction.run(
                "ledger",
                "about",
                partner=partner,
                id_hash=hash_of(object_id),
                object_id=object_id,
            )
            return [_row(row) for row in rows]

    def last_head(self, partner: str = "") -> bytes | None:
        """The latest signed head of a partner ("" for our own)."""
        with self._database.reading() as transaction:
            row = transaction.run("ledger", "last_head", partner=partner).first()
        return bytes(row.document) if row else None

    def heads(self, partner: str = "") -> list[bytes]:
        """All signed heads kept of a partner ("" for our own), smallest first."""
        with self._database.reading() as transaction:
            return [bytes(row.document) for row in transaction.run("ledger", "heads", partner=partner)]

    def keep_head(self, partner: str, size: int, document: bytes) -> None:
        """Keeps a signed head."""
        with self._database.writing() as transaction:
            transaction.run("ledger", "put_head", partner=partner, size=size, document=document)


def frontier(transaction: Transaction) -> policy.ledger.Frontier:
    """The right edge of the tree, from which the next root follows."""
    row = transaction.run("ledger", "frontier").first()
    return policy.ledger.Frontier.from_bytes(bytes(row.value)) if row else policy.ledger.Frontier()


def append(transaction: Transaction, entries: Sequence[policy.ledger.Entry]) -> int:
    """Adds entries and returns the index of the first one."""
    edge = frontier(transaction)
    if not entries:
        return edge.size
    bodies = [entry.to_bytes() for entry in entries]
    leaves = [policy.ledger.leaf_hash(body) for body in bodies]
    rows = [
        {
            "index": edge.size + offset,
            "at": entry.at,
            "kind": entry.kind,
            "partner": entry.partner,
            "object_id": (object_id := entry.body.get("object_id")),
            "id_hash": None if object_id is None else hash_of(str(object_id)),
            "entry": bodies[offset],
            "hash": leaves[offset],
        }
        for offset, entry in enumerate(entries)
    ]
    transaction.run_many("ledger", "append", rows)
    transaction.run("ledger", "put_setting", name="frontier", value=edge.extend(leaves).to_bytes())
    return edge.size


def _row(row: Sequence[Any]) -> LedgerRow:
    index, at, kind, partner, object_id, entry, leaf = row
    return LedgerRow(index, at, kind, partner, object_id, bytes(entry), bytes(leaf))
