"""The tree is that of RFC 6962: its published examples come out, its proofs hold, and nothing else does."""

from __future__ import annotations

import itertools
import time
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.policy.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    InvalidTreeError,
    ProofError,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The eight entries and roots that Certificate Transparency logs are tested with.
ENTRIES = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]
TREE = Tree(LEAVES)
A, B, C, D = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
)
E, F = (
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)

leaf_lists = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def reference_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(reference_root(leaves[:k]), reference_root(leaves[k:]))


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    root = bytes.fromhex(ROOTS[size])
    assert root_of(LEAVES[:size]) == TREE.root(size) == Frontier().extend(LEAVES[:size]).root() == root


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [A, B, C]),
        (5, 8, [D, E, ROOTS[4]]),
        (2, 3, [ROOTS[2]]),
        (1, 5, [ROOTS[1], B, D]),
    ],
)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, path: list[str]) -> None:
    assert [step.hex() for step in TREE.inclusion_proof(index, size)] == path
    assert inclusion_proof(LEAVES[:size], index) == TREE.inclusion_proof(index, size)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [(1, 1, []), (1, 8, [A, B, C]), (6, 8, [F, E, ROOTS[4]]), (2, 5, [B, D]), (0, 8, [])],
)
def test_consistency_proofs_are_the_published_ones(old: int, new: int, path: list[str]) -> None:
    assert [step.hex() for step in TREE.consistency_proof(old, new)] == path
    assert consistency_proof(LEAVES, old, new) == TREE.consistency_proof(old, new)


@given(leaves=leaf_lists)
def test_root_tree_and_frontier_agree_with_the_definition(leaves: list[bytes]) -> None:
    expected = reference_root(leaves)
    one_by_one = Frontier()
    for leaf in leaves:
        one_by_one = one_by_one.append(leaf)
    assert root_of(leaves) == expected
    assert one_by_one.root() == expected
    assert one_by_one == Frontier().extend(leaves)


@given(leaves=leaf_lists)
def test_a_frontier_survives_being_kept(leaves: list[bytes]) -> None:
    edge = Frontier().extend(leaves)
    assert Frontier.from_bytes(edge.to_bytes()) == edge


def test_every_leaf_of_every_tree_is_proven_and_only_in_its_place() -> None:
    for size in range(1, 34):
        leaves = [leaf_hash(bytes([number])) for number in range(size)]
        tree, root = Tree(leaves), reference_root(leaves)
        for index, place in itertools.product(range(size), repeat=2):
            path = tree.inclusion_proof(index)
            if place == index:
                verify_inclusion(leaves[index], place, size, path, root)
            else:
                with pytest.raises(ProofError):
                    verify_inclusion(leaves[index], place, size, path, root)


def test_every_tree_is_proven_to_grow_into_every_larger_one() -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(33)]
    tree = Tree(leaves)
    roots = [reference_root(leaves[:size]) for size in range(34)]
    for old, new in itertools.combinations_with_replacement(range(34), 2):
        verify_consistency(old, new, roots[old], roots[new], tree.consistency_proof(old, new))


@st.composite
def broken_paths(draw: st.DrawFn, path: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A path with a bit flipped, a step left out, doubled or added, or two steps exchanged."""
    kinds = ["add"] + (["flip", "drop", "double"] if path else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "add":
        place = draw(st.integers(0, len(path)))
        return (*path[:place], draw(st.binary(min_size=32, max_size=32)), *path[place:])
    place = draw(st.integers(0, len(path) - 1))
    if kind == "flip":
        bit = draw(st.integers(0, 255))
        flipped = (int.from_bytes(path[place], "big") ^ 1 << bit).to_bytes(32, "big")
        return (*path[:place], flipped, *path[place + 1 :])
    return (*path[:place], *path[place + 1 :]) if kind == "drop" else (*path[: place + 1], *path[place:])


@given(data=st.data(), size=st.integers(1, 70))
def test_a_changed_inclusion_proof_never_holds(data: st.DataObject, size: int) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    tree, index = Tree(leaves), data.draw(st.integers(0, size - 1))
    path = data.draw(broken_paths(tree.inclusion_proof(index)))
    with pytest.raises(ProofError):
        verify_inclusion(leaves[index], index, size, path, tree.root())


@given(data=st.data(), new=st.integers(1, 70))
def test_a_changed_consistency_proof_never_holds(data: st.DataObject, new: int) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(new)]
    tree, old = Tree(leaves), data.draw(st.integers(0, new))
    path = data.draw(broken_paths(tree.consistency_proof(old)))
    with pytest.raises(ProofError):
        verify_consistency(old, new, tree.root(old), tree.root(), path)


@settings(max_examples=50)
@given(leaves=st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40, unique=True), data=st.data())
def test_a_rewritten_ledger_is_never_consistent(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    place = data.draw(st.integers(0, old - 1))
    rewritten = Tree([*leaves[:place], leaf_hash(b"another"), *leaves[place + 1 :]])
    with pytest.raises(ProofError):
        verify_consistency(old, len(leaves), Tree(leaves).root(old), rewritten.root(), rewritten.consistency_proof(old))


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_a_ledger_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(ProofError):
        verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, ())


def test_an_empty_ledger_has_one_root_only() -> None:
    with pytest.raises(ProofError):
        verify_consistency(0, 3, bytes(32), TREE.root(3), ())


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (3, 3), (0, 9), (0, 0)])
def test_there_is_no_proof_for_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(InvalidTreeError):
        TREE.inclusion_proof(index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 8), (5, 4), (0, 9)])
def test_there_is_no_consistency_with_what_is_not_there(old: int, new: int) -> None:
    with pytest.raises(InvalidTreeError):
        TREE.consistency_proof(old, new)


@pytest.mark.parametrize("kept", [b"", bytes(7), bytes(8) + bytes(32), (3).to_bytes(8, "big") + bytes(33)])
def test_a_damaged_frontier_is_refused(kept: bytes) -> None:
    with pytest.raises(InvalidTreeError):
        Frontier.from_bytes(kept)


def test_leaf_hashes_have_32_bytes() -> None:
    with pytest.raises(InvalidTreeError):
        Tree([b"short"])


def test_a_leaf_never_passes_for_an_inner_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_hundred_thousand_leaves_take_no_time() -> None:
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(100_000)]
    start = time.perf_counter()
    tree = Tree(leaves)
    assert Frontier().extend(leaves).root() == tree.root()
    verify_inclusion(leaves[77], 77, 100_000, tree.inclusion_proof(77), tree.root())
    assert time.perf_counter() - start < 2  # about 0.15 s when nothing else runs
