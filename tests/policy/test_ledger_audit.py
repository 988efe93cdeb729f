"""A ledger that was tampered with says so, and where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from katchi.policy.ledger import Frontier, SignedHead, audit, leaf_hash, sign_head
from tests.policy.two_nodes import KIM, NOW

Row = tuple[int, bytes, bytes]
ENTRIES = [f"entry {number}".encode() for number in range(20)]
ROWS: list[Row] = [(index, entry, leaf_hash(entry)) for index, entry in enumerate(ENTRIES)]


def head(size: int) -> SignedHead:
    root = Frontier().extend(leaf for _, _, leaf in ROWS[:size]).root()
    return sign_head(KIM.key, node=KIM.introduction.node_id, size=size, root=root, at=NOW)


HEADS = [head(16), head(5), head(0), head(11)]


def found(rows: list[Row]) -> list[tuple[str, int]]:
    return [(fault.code, fault.index) for fault in audit(rows, HEADS).faults]


def test_a_ledger_as_it_was_written_has_no_faults() -> None:
    result = audit(iter(ROWS), HEADS)
    assert (result.size, result.root, result.faults) == (20, head(20).root, ())


def test_an_empty_ledger_has_no_faults() -> None:
    assert audit([]).size == 0


@given(index=st.integers(0, 19), bit=st.integers(0, 8 * 7 - 1))
def test_a_flipped_bit_in_an_entry_is_found_and_named(index: int, bit: int) -> None:
    entry = bytearray(ENTRIES[index])
    entry[bit // 8] ^= 1 << bit % 8
    rows = [*ROWS[:index], (index, bytes(entry), ROWS[index][2]), *ROWS[index + 1 :]]
    assert found(rows) == [("entry-changed", index)]


@given(index=st.integers(0, 19), bit=st.integers(0, 255))
def test_a_flipped_bit_in_a_hash_is_found_and_named(index: int, bit: int) -> None:
    kept = (int.from_bytes(ROWS[index][2], "big") ^ 1 << bit).to_bytes(32, "big")
    rows = [*ROWS[:index], (index, ENTRIES[index], kept), *ROWS[index + 1 :]]
    assert ("entry-changed", index) in found(rows)


def test_an_entry_rewritten_with_its_hash_is_caught_by_the_next_signed_head() -> None:
    lie = b"nothing happened"
    rows = [*ROWS[:7], (7, lie, leaf_hash(lie)), *ROWS[8:]]
    assert found(rows) == [("root-differs", 10), ("root-differs", 15)]


def test_a_removed_entry_is_named() -> None:
    assert ("entry-missing", 7) in found([*ROWS[:7], *ROWS[8:]])


def test_removed_last_entries_are_missed_by_the_head() -> None:
    assert found(ROWS[:13]) == [("shorter-than-head", 13)]


def test_entries_put_in_another_order_are_named() -> None:
    assert ("entry-missing", 3) in found([*ROWS[:3], ROWS[4], ROWS[3], *ROWS[5:]])
