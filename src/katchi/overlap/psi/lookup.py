"""A lookup: one side learns which of its few items the other holds among its many; the other, how many were asked for.

      initiator (seeks)                           responder (holds)
        Hello (count, public key, digests)  ──▶
                                            ◀──  Hello (digests of its tags: they are chosen before it sees anything)
        parts of a·H(x), sorted             ──▶
                                            ◀──  parts of b·a·H(x), in that order, each with a proof
                                            ◀──  parts of the tags of b·H(y), sorted
        knows the items

An oblivious pseudorandom function, verifiable (RFC 9497 §3.3.2 is the same exchange), and the holder's values of it. It
costs the seeker what its own few items cost, and ten bytes for each that the other holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar, Final

from katchi.overlap.psi import proof
from katchi.overlap.psi.ristretto import ELEMENT, group
from katchi.overlap.psi.side import (
    AT_ONCE,
    CHUNK,
    Mode,
    Phase,
    RefusedError,
    Side,
    blind_part,
    multiply_part,
    split,
    tag_of,
)

TAG: Final = 10  # bytes: of a million held and 100,000 sought, one in 10^13 lookups names one wrongly
_PERSON: Final = "lookup"


class Seeker(Side):
    """The side that learns."""

    mode: ClassVar[Mode] = "lookup"
    their_size: ClassVar[int] = TAG

    def __post_init__(self) -> None:
        super().__post_init__()
        self._answers: dict[int, bytes] = {}
        self._found: list[bytes] = []

    def take_answer(self, number: int, content: bytes) -> None:
        """What a part of its elements became, and the proof; the same once more is nothing new. Raises RefusedError."""
        self._require(Phase.MET, "answers")
        expected = len(self.chunk(number)) + proof.SIZE
        if len(content) != expected:
            raise RefusedError(
                "It is shorter or longer.", what="answers", expected=f"{expected} bytes", found=str(len(content))
            )
        if self.phase is Phase.MET:
            self._answers[number] = content

    @property
    def missing_answers(self) -> list[int]:
        """The parts that it still waits for."""
        return [] if self.phase > Phase.MET else [each for each in range(self.chunks) if each not in self._answers]

    @property
    def found(self) -> list[bytes]:
        """The items that the other side holds too. Raises RefusedError before they are known."""
        self._require(Phase.REVEALED, "the items")
        return self._found

    def _hear(self, whole: bytes) -> Phase:
        if self.missing_answers:
            raise RefusedError("Parts are missing.", what="answers", found=str(self.missing_answers[0]))
        assert self._other is not None
        public = self._other.public
        parts = [(self.chunk(number), self._answers[number], public) for number in range(self.chunks)]
        bare = split(b"".join(self._each(uncover_part, parts)), ELEMENT)
        tags = {tag_of(_PERSON, self._digest, each, TAG): place for place, each in enumerate(bare)}
        common = tags.keys() & set(split(whole, TAG))
        self._found = sorted(self.items[self._order[tags[each]]] for each in common)
        return Phase.REVEALED


class Holder(Side):
    """The side that is asked."""

    mode: ClassVar[Mode] = "lookup"
    own_size: ClassVar[int] = TAG

    def __post_init__(self) -> None:
        super().__post_init__()
        self._answers: list[bytes] = []

    def answer(self, number: int) -> bytes:
        """What a part of the other's elements became, and the proof. Raises RefusedError."""
        self._require(Phase.HEARD, "answers")
        if not 0 <= number < len(self._answers):
            raise RefusedError("There is no such part.", what="answers", found=str(number))
        return self._answers[number]

    def _listed(self) -> tuple[bytes, list[int]]:
        parts = [self.items[start : start + AT_ONCE] for start in range(0, len(self.items), AT_ONCE)]
        tags = {
            tag_of(_PERSON, self._digest, each, TAG)
            for made in self._each(blind_part, parts)
            for each in split(made, ELEMENT)
        }
        return b"".join(sorted(tags)), []

    def _hear(self, whole: bytes) -> Phase:
        given = split(whole, ELEMENT)
        self._answers = list(
            self._each(answer_part, [given[start : start + CHUNK] for start in range(0, len(given), CHUNK)])
        )
        return Phase.HEARD


def answer_part(key: bytes, digest: bytes, elements: Sequence[bytes]) -> bytes:
    """Elements times the key, one after the other, and the proof that it is this key. Raises BadElementError."""
    made = multiply_part(key, digest, elements)
    return made + proof.prove(
        group(), key, group().base(key), elements, split(made, ELEMENT), _context(digest)
    )  # fmt: skip


def uncover_part(key: bytes, digest: bytes, part: Sequence[bytes]) -> bytes:
    """Of (elements sent, answer, the other's public key): the answers without our own key. Raises RefusedError."""
    sent, answer, public = part
    after, given = answer[: -proof.SIZE], answer[-proof.SIZE :]
    if not proof.verify(group(), public, split(sent, ELEMENT), split(after, ELEMENT), given, _context(digest)):
        raise RefusedError("Its proof does not hold.", what="answers")
    return group().multiply_all(group().inverse(key), after)


def _context(digest: bytes) -> bytes:
    return b"katchi overlap lookup " + hashlib.sha256(digest).digest()
