"""A private overlap, of which both sides learn the same: first the number, then, with a person's word on each, which.

initiator                                   responder
  Hello (count, public key, digests)  ──▶
                                      ◀──  Hello
  parts of a·H(x), sorted             ──▶
                                      ◀──  parts of b·H(y), sorted
  tags of a·b·H(y), sorted            ──▶  knows the number
  knows the number                    ◀──  tags of b·a·H(x), sorted
                  a person on each side agrees
  Reveal (places, elements, proof)    ──▶  knows the items
  knows the items                     ◀──  Reveal
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import ClassVar, Final

import msgspec

from katchi.overlap.psi import proof
from katchi.overlap.psi.ristretto import ELEMENT, group
from katchi.overlap.psi.side import (
    CHUNK,
    PART,
    Mode,
    Phase,
    RefusedError,
    Role,
    Side,
    multiply_part,
    other_role,
    part_of,
    parts_of,
    require_list,
    split,
    tag_of,
)

TAG: Final = 16  # bytes
BATCH: Final = 10_000  # matches that one proof is of


class Reveal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The matches: where they stand in the receiver's own list, the element of each, and that it is no lie."""

    places: tuple[int, ...]
    elements: bytes
    proofs: tuple[bytes, ...]  # one for each `BATCH` of them


class Party(Side):
    """One of the two."""

    mode: ClassVar[Mode] = "mutual"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._tags: dict[int, bytes] = {}
        self._shared: list[bytes] = []  # their elements times our key, in their order
        self._said = b""  # its tags, once they were asked for
        self._matches: list[int] = []  # places in their list

    # ---- what it says ------------------------------------------------------------------------

    def tags(self, number: int) -> bytes:
        """A part of its tags, once it has heard the other's elements; the initiator's go first.

        Raises RefusedError.
        """
        self._require(Phase.HEARD, "tags")
        if self.role == "responder":
            self._require(Phase.COUNTED, "the responder's tags")
        if not self._said:
            self._said = b"".join(sorted(tag_of(self.role, self._digest, each, TAG) for each in self._shared))
        return part_of(self._said, number, TAG)

    @property
    def tag_chunks(self) -> int:
        """How many parts of tags there are, either way it is of the other side's count."""
        return parts_of(len(self._shared), TAG)

    @property
    def expected_tag_chunks(self) -> int:
        """How many parts of tags the other side will say."""
        return parts_of(len(self.items), TAG)

    @property
    def count(self) -> int:
        """How many items both have. Raises RefusedError before it is known."""
        self._require(Phase.COUNTED, "the number")
        return len(self._matches)

    def reveal(self) -> Reveal:
        """Which ones, for the other side; the initiator's goes first. Raises RefusedError."""
        self._require(Phase.COUNTED, "a reveal")
        if self.role == "responder":
            self._require(Phase.REVEALED, "the responder's reveal")
        before = [self._element(place) for place in self._matches]
        after = [self._shared[place] for place in self._matches]
        proofs = tuple(
            proof.prove(
                group(), self.key, self.public, before[start : start + BATCH], after[start : start + BATCH],
                self._context(self.role),
            )
            for start in range(0, len(before), BATCH)
        )  # fmt: skip
        return Reveal(tuple(self._matches), b"".join(after), proofs)

    # ---- what it takes -----------------------------------------------------------------------

    def take_tags(self, number: int, content: bytes) -> None:
        """A part of the other's tags; with the last of them the number is known. Raises RefusedError."""
        self._require(Phase.HEARD, "tags")
        if not 0 <= number < self.expected_tag_chunks:
            raise RefusedError("There is no such part.", what="tags", found=str(number))
        full = PART // TAG
        expected = min(full, len(self.items) - number * full) * TAG
        require_list(content, TAG, expected, "tags")
        if self._tags.setdefault(number, content) != content:
            raise RefusedError("This part was another one.", what="tags", found=str(number))
        if len(self._tags) < self.expected_tag_chunks or self.phase >= Phase.COUNTED:
            return
        whole = b"".join(self._tags[each] for each in range(self.expected_tag_chunks))
        try:
            require_list(whole, TAG, len(whole), "tags")
        except RefusedError:
            self._tags.clear()
            raise
        told = set(split(whole, TAG))
        other = other_role(self.role)
        self._matches = [
            place for place, each in enumerate(self._shared) if tag_of(other, self._digest, each, TAG) in told
        ]
        self.phase = Phase.COUNTED

    def take_reveal(self, reveal: Reveal) -> list[bytes]:
        """The other's reveal; returns the items that both have. Raises RefusedError."""
        self._require(Phase.COUNTED, "a reveal")
        assert self._other is not None
        places, elements = reveal.places, split(reveal.elements, ELEMENT)
        if len(reveal.elements) != len(places) * ELEMENT:
            raise RefusedError("It reveals another number than it told.", what="reveal", found=str(len(places)))
        if any(not 0 <= each < len(self.items) for each in places) or any(
            one >= other for one, other in pairwise(places)
        ):
            raise RefusedError("Its places are not in order, or there are none such.", what="reveal")
        if sorted(elements) != sorted(self._shared[place] for place in self._matches):
            raise RefusedError("It reveals what was not counted.", what="reveal")
        before = [self._own[place * ELEMENT : (place + 1) * ELEMENT] for place in places]
        starts = range(0, len(places), BATCH)
        if len(reveal.proofs) != len(starts) or not all(
            proof.verify(
                group(), self._other.public, before[start : start + BATCH], elements[start : start + BATCH],
                given, self._context(other_role(self.role)),
            )
            for start, given in zip(starts, reveal.proofs, strict=True)
        ):  # fmt: skip
            raise RefusedError("Its proof does not hold.", what="reveal")
        self.phase = Phase.REVEALED
        return sorted(self.items[self._order[place]] for place in places)

    # ---- inside ------------------------------------------------------------------------------

    def _hear(self, whole: bytes) -> Phase:
        self._shared = self._worked(multiply_part, split(whole, ELEMENT))
        return Phase.HEARD

    def _require_ratio(self, count: int) -> None:
        if max(count, len(self.items)) > self.limits.ratio * min(count, len(self.items)):
            raise RefusedError(
                "One side has too many more than the other.", what="count", found=str(count),
                expected=f"at most {self.limits.ratio} times as many",
            )  # fmt: skip

    def _element(self, place: int) -> bytes:
        number, rest = divmod(place, CHUNK)
        return self._theirs[number][rest * ELEMENT : (rest + 1) * ELEMENT]

    def _context(self, role: Role) -> bytes:
        return b"katchi overlap reveal " + role.encode() + b" " + hashlib.sha256(self._digest).digest()
