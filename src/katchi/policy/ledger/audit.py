"""Reads a whole ledger again and names every entry that is not as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from katchi.policy.ledger.head import SignedHead
from katchi.policy.ledger.merkle import Frontier, leaf_hash


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. `index` is the entry's; for a root, that of the last entry under it."""

    code: Literal["entry-changed", "entry-missing", "root-differs", "shorter-than-head"]
    index: int
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """What a ledger's rows amount to."""

    size: int
    root: bytes
    faults: tuple[Fault, ...]


def audit(rows: Iterable[tuple[int, bytes, bytes]], heads: Sequence[SignedHead] = ()) -> Audit:
    """Holds rows (index, entry bytes, kept leaf hash), in order, against themselves and the heads signed.

    An entry that was changed is named. When its hash was changed with it, the first head after it
    differs: the entry is between that head and the last one that fits. The heads' signatures must
    have been verified.
    """
    faults: list[Fault] = []
    leaves = _leaves(rows, faults)
    frontier = Frontier()
    for head in sorted(heads, key=lambda head: head.size):
        frontier = frontier.extend(_take(leaves, head.size - frontier.size))
        faults.extend(_against(head, frontier))
    frontier = frontier.extend(leaves)
    return Audit(frontier.size, frontier.root(), tuple(sorted(faults, key=lambda fault: fault.index)))


def _leaves(rows: Iterable[tuple[int, bytes, bytes]], faults: list[Fault]) -> Iterator[bytes]:
    expected = 0
    for index, entry, kept in rows:
        if index != expected:
            faults.append(Fault("entry-missing", expected, str(expected), str(index)))
            expected = index
        found = leaf_hash(entry)
        if found != kept:
            faults.append(Fault("entry-changed", index, kept.hex(), found.hex()))
        expected += 1
        yield kept


def _take(leaves: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        leaf = next(leaves, None)
        if leaf is None:
            return
        yield leaf


def _against(head: SignedHead, frontier: Frontier) -> Iterator[Fault]:
    if frontier.size < head.size:
        yield Fault("shorter-than-head", frontier.size, str(head.size), str(frontier.size))
    elif frontier.root() != head.root:
        yield Fault("root-differs", head.size - 1, head.root.hex(), frontier.root().hex())
