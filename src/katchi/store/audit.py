"""Reads everything that the ledger vouches for once more, as one moment has it, so that a change can be named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from katchi.store.database import Transaction

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Ends:
    """How many rows there are to read."""

    objects: int
    entries: int
    releases: int


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One version in the log, with what the log says about it."""

    seq: int
    object_id: str
    version: int
    version_text: str | None
    type: str
    spec_version: str
    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One ledger entry, with what its row says about it."""

    index: int
    at: int
    kind: str
    partner: str
    object_id: str | None
    entry: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release, the bytes that went, and the ledger entry that it names; None where there is none."""

    position: int
    partner: str
    object_id: str
    version_text: str | None
    digest: bytes
    rule: str
    withdrawn_at: int | None
    ledger_index: int
    raw: bytes | None
    kind: str | None
    entry: bytes | None


@dataclass(frozen=True, slots=True)
class TermsRow:
    """Terms that were put in force once, and which ones the partner's row says are in force."""

    partner: str
    epoch: int
    digest: str
    text: str
    epoch_in_force: int | None
    digest_in_force: str | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A signed head as kept; `partner` is "" for our own."""

    partner: str
    size: int
    document: bytes


@dataclass(frozen=True, slots=True)
class PartnerState:
    """A partner's state as its row has it, and its document."""

    name: str
    state: str
    document: bytes


def ends(transaction: Transaction) -> Ends:
    """How many rows there are to read."""
    return Ends(*transaction.run("audit", "ends").one())


def objects(transaction: Transaction) -> Iterator[ObjectRow]:
    """Every version, in the order of the log."""
    for row in _pages(transaction, "audit", "objects"):
        values = list(row)
        values[-2:] = _bytes(values[-2]), _bytes(values[-1])
        yield ObjectRow(*values)


def entries(transaction: Transaction) -> Iterator[EntryRow]:
    """Every ledger entry, in order."""
    start = 0
    while page := transaction.run("ledger", "rows", start=start, limit=_PAGE).all():
        for row in page:
            values = list(row)
            values[-2:] = _bytes(values[-2]), _bytes(values[-1])
            yield EntryRow(*values)
        start = page[-1][0] + 1


def releases(transaction: Transaction) -> Iterator[ReleaseRow]:
    """Every release, in order."""
    for row in _pages(transaction, "audit", "releases"):
        values = list(row)
        values[4] = _bytes(values[4])
        # The bytes that went, and the entry: either may be missing.
        values[-3] = None if values[-3] is None else _bytes(values[-3])
        values[-1] = None if values[-1] is None else _bytes(values[-1])
        yield ReleaseRow(*values)


def entry_at(transaction: Transaction, index: int) -> bytes:
    """One ledger entry; nothing where there is none."""
    row = transaction.run("ledger", "rows", start=index, limit=1).first()
    return _bytes(row.entry) if row is not None and row[0] == index else b""


def digests_released(transaction: Transaction, partner: str, object_id: str) -> set[bytes]:
    """The digests of what went to a partner under one id."""
    rows = transaction.run("audit", "digests_released", partner=partner, object_id=object_id)
    return {_bytes(row.digest) for row in rows}


def terms(transaction: Transaction) -> list[TermsRow]:
    """All terms ever put in force."""
    return [TermsRow(*row) for row in transaction.run("audit", "terms")]


def heads(transaction: Transaction) -> list[HeadRow]:
    """All signed heads, ours first."""
    return [HeadRow(partner, size, _bytes(raw)) for partner, size, raw in transaction.run("audit", "heads")]


def partners(transaction: Transaction) -> list[PartnerState]:
    """Every partner's state."""
    return [PartnerState(row.name, row.state, _bytes(row.document)) for row in transaction.run("audit", "partners")]


def _pages(transaction: Transaction, subject: str, name: str) -> Iterator[Any]:
    after = -1
    while page := transaction.run(subject, name, after=after, limit=_PAGE).all():
        yield from page
        after = page[-1][0]


def _bytes(value: Any) -> bytes:
    """A value as bytes, even where somebody's tool left text or a number in a column of bytes."""
    return bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode("utf-8", "surrogateescape")
