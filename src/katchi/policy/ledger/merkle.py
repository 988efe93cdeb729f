"""A hash tree over a growing list, so that one short hash stands for all of it (RFC 6962 §2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from katchi.errors import KatchiError

EMPTY_ROOT = sha256(b"").digest()
_HASH = 32


class ProofError(KatchiError):
    """A proof does not show what it is said to show."""

    code = "proof"


class InvalidTreeError(KatchiError):
    """Hashes of the wrong length, or a place outside the tree."""

    code = "invalid-tree"


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry. The first byte keeps a leaf from passing for an inner node (RFC 6962 §2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees joined."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that is needed to append and to tell the root.

    `peaks` are the roots of the complete subtrees, largest first: one for each bit set in `size`.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count() or any(len(p) != _HASH for p in self.peaks):
            raise InvalidTreeError(
                "This is not the edge of a tree.", found=f"size {self.size} with {len(self.peaks)} hashes"
            )

    def append(self, leaf: bytes) -> Frontier:
        """The edge with one leaf more."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """The edge with these leaves more; much faster than one by one."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                carry >>= 1
            peaks.append(node)
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """The hash of the whole tree."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """The edge for keeping."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """Reads `to_bytes`. Raises InvalidTreeError."""
        if len(data) < 8:
            raise InvalidTreeError("This is not the edge of a tree.", found=f"{len(data)} bytes")
        peaks = tuple(data[start : start + _HASH] for start in range(8, len(data), _HASH))
        return cls(int.from_bytes(data[:8], "big"), peaks)


class Tree:
    """All complete subtrees of a list of leaf hashes, kept level by level so that proofs are cheap.

    Takes 64 bytes a leaf. `size` in the methods means: the tree as it was with so many leaves.
    """

    __slots__ = ("_levels", "size")

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        level = b"".join(leaf_hashes)
        if len(level) % _HASH:
            raise InvalidTreeError("A leaf hash has 32 bytes.", found=f"{len(level)} bytes in all")
        self.size = len(level) // _HASH
        self._levels = [level]
        while len(level) >= 2 * _HASH:
            level = _level_above(level)
            self._levels.append(level)

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves. Raises InvalidTreeError."""
        size = self._within(size)
        return self._root_over(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes beside the way from a leaf up to the root, lowest first (RFC 6962 §2.1.1).

        Raises InvalidTreeError.
        """
        size = self._within(size)
        if not 0 <= index < size:
            raise InvalidTreeError("There is no such leaf in this tree.", expected=f"0 to {size - 1}", found=str(index))
        start, stop, path = 0, size, []
        while stop - start > 1:
            middle = start + _split(stop - start)
            if index < middle:
                path.append(self._root_over(middle, stop))
                stop = middle
            else:
                path.append(self._root_over(start, middle))
                start = middle
        return tuple(reversed(path))

    def consistency_proof(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The hashes that show the first `old` leaves of the new tree to be the old tree (RFC 6962 §2.1.2).

        Raises InvalidTreeError.
        """
        new = self._within(new)
        if not 0 <= old <= new:
            raise InvalidTreeError("The old tree is larger than the new one.", expected=f"0 to {new}", found=str(old))
        if old in (0, new):
            return ()
        start, stop, path = 0, new, []
        while stop != old:
            middle = start + _split(stop - start)
            if old <= middle:
                path.append(self._root_over(middle, stop))
                stop = middle
            else:
                path.append(self._root_over(start, middle))
                start = middle
        if start:  # else it is the old root itself, which the verifier has
            path.append(self._root_over(start, stop))
        return tuple(reversed(path))

    def _within(self, size: int | None) -> int:
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise InvalidTreeError("The tree has fewer leaves.", expected=f"0 to {self.size}", found=str(size))
        return size

    def _root_over(self, start: int, stop: int) -> bytes:
        """The root over leaves start..stop, where a complete subtree of the levels begins at `start`."""
        width = stop - start
        if width.bit_count() == 1:
            place = start // width * _HASH
            return self._levels[width.bit_length() - 1][place : place + _HASH]
        middle = start + _split(width)
        return node_hash(self._root_over(start, middle), self._root_over(middle, stop))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of a list of leaf hashes."""
    return Tree(leaf_hashes).root()


def inclusion_proof(leaf_hashes: Iterable[bytes], index: int) -> tuple[bytes, ...]:
    """One proof; for several over one list, keep a Tree. Raises InvalidTreeError."""
    return Tree(leaf_hashes).inclusion_proof(index)


def consistency_proof(leaf_hashes: Iterable[bytes], old: int, new: int | None = None) -> tuple[bytes, ...]:
    """One proof; for several over one list, keep a Tree. Raises InvalidTreeError."""
    return Tree(leaf_hashes).consistency_proof(old, new)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Returns if the leaf has this place in the tree (RFC 9162 §2.1.3.2). Raises ProofError."""
    if not 0 <= index < size:
        raise ProofError("The leaf is outside the tree.", what="index", expected=f"0 to {size - 1}", found=str(index))
    place, last, node = index, size - 1, leaf
    for beside in path:
        if last == 0:
            raise ProofError("The proof is too long for this tree.", what="path", found=f"{len(path)} hashes")
        if place & 1 or place == last:
            node = node_hash(beside, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("The proof is too short for this tree.", what="path", found=f"{len(path)} hashes")
    _must_be(node, root, "The entry is not in the tree with this root.")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Returns if the new tree only adds to the old one (RFC 9162 §2.1.4.2). Raises ProofError."""
    if not 0 <= old_size <= new_size:
        raise ProofError("A ledger does not shrink.", what="size", expected=f"at least {old_size}", found=str(new_size))
    if old_size in (0, new_size):
        if path:
            raise ProofError("There is nothing to prove here.", what="path", found=f"{len(path)} hashes")
        _must_be(old_root, EMPTY_ROOT if old_size == 0 else new_root, "Two trees of one size differ.")
        return
    before, after = _climb(old_size, new_size, old_root, path)
    _must_be(before, old_root, "The proof does not lead to the old root.")
    _must_be(after, new_root, "The proof does not lead to the new root.")


def _climb(old_size: int, new_size: int, old_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to."""
    # When the old tree is complete, its root is the first step and the prover leaves it out.
    steps = (old_root, *path) if old_size.bit_count() == 1 else tuple(path)
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if not steps or not path:
        raise ProofError("The proof is too short for these trees.", what="path", found=f"{len(path)} hashes")
    before = after = steps[0]
    for beside in steps[1:]:
        if last == 0:
            raise ProofError("The proof is too long for these trees.", what="path", found=f"{len(path)} hashes")
        if place & 1 or place == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("The proof is too short for these trees.", what="path", found=f"{len(path)} hashes")
    return before, after


def _must_be(found: bytes, expected: bytes, sentence: str) -> None:
    if found != expected:
        raise ProofError(sentence, what="root", expected=expected.hex(), found=found.hex())


def _split(width: int) -> int:
    """The largest power of two below the width."""
    return 1 << ((width - 1).bit_length() - 1)


def _level_above(level: bytes) -> bytes:
    pairs = range(0, len(level) // (2 * _HASH) * 2 * _HASH, 2 * _HASH)
    return b"".join([sha256(b"\x01" + level[place : place + 2 * _HASH]).digest() for place in pairs])
