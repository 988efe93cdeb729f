"""One side of a private overlap, without any I/O: what it may say, what it takes, and what it then knows.

    initiator                                   responder
      Hello (count, public key, digests)  ──▶
                                          ◀──  Hello
      chunks of a·H(x), sorted            ──▶
                                          ◀──  chunks of b·H(y), sorted
      tags of a·b·H(y), sorted            ──▶  knows the number
      knows the number                    ◀──  tags of b·a·H(x), sorted
                      a person on each side agrees
      Reveal (places, elements, proof)    ──▶  knows the items
      knows the items                     ◀──  Reveal

Everything that a side says, its proofs aside, follows from its key and its items: after a crash the same is said again.
Whatever comes is checked before it is used; what is wrong raises RefusedError and changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Final, Literal

import msgspec

from katchi.errors import KatchiError
from katchi.overlap.psi import hashing, proof
from katchi.overlap.psi.ristretto import ELEMENT, BadElementError, group

VERSION: Final = 1
SUITE: Final = "ristretto255-SHA512"
CHUNK: Final = 8192  # elements, 256 KiB
TAG: Final = 16  # bytes
TAG_CHUNK: Final = 16_384  # tags, 256 KiB
BATCH: Final = 10_000  # matches that one proof is of
_ITEMS_AT_ONCE: Final = 2048  # between looks at whether to stop

Role = Literal["initiator", "responder"]
Progress = Callable[[int, int], None]
Part = Callable[[bytes, bytes, Sequence[bytes]], bytes]
Run = Callable[[Part, bytes, bytes, Sequence[Sequence[bytes]]], Iterator[bytes]]
"""How the long work is done: a function of parts, called with two values and each part; the results in their order."""


def in_turn(work: Part, one: bytes, other: bytes, parts: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """Here, one part after the other."""
    return (work(one, other, part) for part in parts)


def on_two_cores(work: Part, one: bytes, other: bytes, parts: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """In two threads: the library lets go of the interpreter while it multiplies."""
    with ThreadPoolExecutor(2, thread_name_prefix="katchi-overlap") as pool:
        try:
            yield from pool.map(lambda part: work(one, other, part), parts)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class RefusedError(KatchiError):
    """The other side said something that it must not say."""

    code = "overlap-refused"


class Core(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both sides agree on before anything else; all that is hashed is bound to it."""

    session: str
    initiator: str  # the id of its node
    responder: str
    profile: str  # of canonical keys: both must mean the same bytes
    kind: str  # of things
    version: int = VERSION
    suite: str = SUITE

    def digest(self) -> bytes:
        """Of all of it."""
        return hashlib.sha512(b"katchi overlap core" + msgspec.json.encode(self, order="sorted")).digest()


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many items a side has, its public key, and a promise of all that it will send."""

    count: int
    public: bytes
    digests: tuple[bytes, ...]  # SHA-256 of each chunk


class Reveal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The matches: where they stand in the receiver's own list, the element of each, and that it is no lie."""

    places: tuple[int, ...]
    elements: bytes
    proofs: tuple[bytes, ...]  # one for each `BATCH` of them


class Limits(msgspec.Struct, frozen=True):
    """What a side agrees to at all."""

    least: int = 10  # items of either side: with fewer, a number says who
    most: int = 100_000
    ratio: int = 1000  # how many times as many the other side may have


class Phase(IntEnum):
    """How far a side is."""

    MADE = 0
    MET = 1  # it has the other's Hello
    HEARD = 2  # it has all of the other's elements
    COUNTED = 3  # it knows the number
    REVEALED = 4  # it knows the items


@dataclass
class Party:
    """One side. `items` are canonical keys, each once; `key` is a scalar of its own for this session alone."""

    core: Core
    role: Role
    key: bytes
    items: Sequence[bytes]
    limits: Limits = field(default_factory=Limits)
    run: Run = in_turn
    progress: Progress | None = None
    phase: Phase = Phase.MADE

    def __post_init__(self) -> None:
        self.items = sorted(set(self.items))
        _within(len(self.items), self.limits)
        self._digest = self.core.digest()
        self.public = group().base(self.key)
        self._own, self._order = self._blinded()
        self._other: Hello | None = None
        self._theirs: dict[int, bytes] = {}  # chunks
        self._tags: dict[int, bytes] = {}
        self._shared: list[bytes] = []  # their elements times our key, in their order
        self._said = b""  # its tags, once they were asked for
        self._matches: list[int] = []  # places in their list

    # ---- what it says ------------------------------------------------------------------------

    def hello(self) -> Hello:
        """The first word."""
        digests = tuple(hashlib.sha256(self.chunk(number)).digest() for number in range(_chunks(len(self.items))))
        return Hello(len(self.items), self.public, digests)

    def chunk(self, number: int) -> bytes:
        """A part of its elements. Raises RefusedError where there is no such part."""
        return _part(self._own, number, CHUNK * ELEMENT)

    def tags(self, number: int) -> bytes:
        """A part of its tags, once it has heard the other's elements; the initiator's go first.

        Raises RefusedError.
        """
        self._require(Phase.HEARD, "tags")
        if self.role == "responder":
            self._require(Phase.COUNTED, "the responder's tags")
        if not self._said:
            self._said = b"".join(sorted(_tag(self.role, self._digest, each) for each in self._shared))
        return _part(self._said, number, TAG_CHUNK * TAG)

    @property
    def tag_chunks(self) -> int:
        """How many parts of tags there are, either way it is of the other side's count."""
        return -(-len(self._shared) // TAG_CHUNK)

    @property
    def expected_tag_chunks(self) -> int:
        """How many parts of tags the other side will say."""
        return -(-len(self.items) // TAG_CHUNK)

    @property
    def chunks(self) -> int:
        """How many parts of elements it has."""
        return _chunks(len(self.items))

    @property
    def expected_chunks(self) -> int:
        """How many parts of elements the other side has."""
        return _chunks(self._other.count) if self._other else 0

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

    def meet(self, hello: Hello) -> None:
        """The other's first word; the same once more is nothing new. Raises RefusedError."""
        if self._other is not None:
            if hello != self._other:
                raise RefusedError("The first word was another one.", what="hello")
            return
        _within(hello.count, self.limits)
        if max(hello.count, len(self.items)) > self.limits.ratio * min(hello.count, len(self.items)):
            raise RefusedError(
                "One side has too many more than the other.", what="count", found=str(hello.count),
                expected=f"at most {self.limits.ratio} times as many",
            )  # fmt: skip
        if not group().is_element(hello.public) or hello.public == self.public:
            raise RefusedError("The public key is none, or our own.", what="public")
        if len(hello.digests) != _chunks(hello.count) or any(len(each) != 32 for each in hello.digests):
            raise RefusedError("There are not as many digests as parts.", what="digests")
        self._other, self.phase = hello, Phase.MET

    def take_chunk(self, number: int, content: bytes) -> None:
        """A part of the other's elements, in any order; the same once more is nothing new. Raises RefusedError."""
        self._require(Phase.MET, "elements")
        assert self._other is not None
        if not 0 <= number < self.expected_chunks:
            raise RefusedError("There is no such part.", what="elements", found=str(number))
        if hashlib.sha256(content).digest() != self._other.digests[number]:
            raise RefusedError("This part is not the one that was promised.", what="elements", found=str(number))
        expected = min(CHUNK, self._other.count - number * CHUNK) * ELEMENT
        _require_list(content, ELEMENT, expected, "elements")
        if any(content[place] & 0x80 for place in range(31, len(content), ELEMENT)):
            raise RefusedError("An element has a second encoding.", what="elements", found=str(number))
        if self.phase is Phase.MET:
            self._theirs.setdefault(number, content)

    @property
    def missing_chunks(self) -> list[int]:
        """The parts of the other's elements that it still waits for."""
        if self.phase > Phase.MET:
            return []
        return [number for number in range(self.expected_chunks) if number not in self._theirs]

    def hear(self) -> None:
        """Works through all of the other's elements: the long part. Raises RefusedError."""
        if self.phase >= Phase.HEARD:
            return
        self._require(Phase.MET, "elements")
        if self.missing_chunks:
            raise RefusedError("Parts are missing.", what="elements", found=str(self.missing_chunks[0]))
        whole = b"".join(self._theirs[number] for number in range(self.expected_chunks))
        _require_list(whole, ELEMENT, len(whole), "elements")
        try:
            shared = self._worked(multiply_part, _split(whole, ELEMENT))
        except BadElementError as problem:
            raise RefusedError("There is something that is no element.", what="elements") from problem
        self._shared, self.phase = shared, Phase.HEARD

    def take_tags(self, number: int, content: bytes) -> None:
        """A part of the other's tags; with the last of them the number is known. Raises RefusedError."""
        self._require(Phase.HEARD, "tags")
        if not 0 <= number < self.expected_tag_chunks:
            raise RefusedError("There is no such part.", what="tags", found=str(number))
        expected = min(TAG_CHUNK, len(self.items) - number * TAG_CHUNK) * TAG
        _require_list(content, TAG, expected, "tags")
        if self._tags.setdefault(number, content) != content:
            raise RefusedError("This part was another one.", what="tags", found=str(number))
        if len(self._tags) < self.expected_tag_chunks or self.phase >= Phase.COUNTED:
            return
        whole = b"".join(self._tags[each] for each in range(self.expected_tag_chunks))
        try:
            _require_list(whole, TAG, len(whole), "tags")
        except RefusedError:
            self._tags.clear()
            raise
        told = set(_split(whole, TAG))
        other = _other_role(self.role)
        self._matches = [place for place, each in enumerate(self._shared) if _tag(other, self._digest, each) in told]
        self.phase = Phase.COUNTED

    def take_reveal(self, reveal: Reveal) -> list[bytes]:
        """The other's reveal; returns the items that both have. Raises RefusedError."""
        self._require(Phase.COUNTED, "a reveal")
        assert self._other is not None
        places, elements = reveal.places, _split(reveal.elements, ELEMENT)
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
                given, self._context(_other_role(self.role)),
            )
            for start, given in zip(starts, reveal.proofs, strict=True)
        ):  # fmt: skip
            raise RefusedError("Its proof does not hold.", what="reveal")
        self.phase = Phase.REVEALED
        return sorted(self.items[self._order[place]] for place in places)

    # ---- inside ------------------------------------------------------------------------------

    def _blinded(self) -> tuple[bytes, list[int]]:
        """Its elements in the order of their bytes, which says nothing of the items; and which item each is."""
        made = self._worked(blind_part, self.items)
        order = sorted(range(len(made)), key=made.__getitem__)
        return b"".join(made[place] for place in order), order

    def _worked(self, work: Part, whole: Sequence[bytes]) -> list[bytes]:
        parts = [whole[start : start + _ITEMS_AT_ONCE] for start in range(0, len(whole), _ITEMS_AT_ONCE)]
        made: list[bytes] = []
        for done in self.run(work, self.key, self._digest, parts):
            made += _split(done, ELEMENT)
            if self.progress:
                self.progress(len(made), len(whole))
        return made

    def _element(self, place: int) -> bytes:
        number, rest = divmod(place, CHUNK)
        return self._theirs[number][rest * ELEMENT : (rest + 1) * ELEMENT]

    def _context(self, role: Role) -> bytes:
        return b"katchi overlap reveal " + role.encode() + b" " + hashlib.sha256(self._digest).digest()

    def _require(self, phase: Phase, what: str) -> None:
        if self.phase < phase:
            raise RefusedError("It is too early for this.", what=what, expected=phase.name.lower())


def blind_part(key: bytes, digest: bytes, items: Sequence[bytes]) -> bytes:
    """Items as elements that nobody knows without the key, one after the other."""
    made, tag = group(), b"katchi overlap " + SUITE.encode()
    return made.multiply_all(
        key,
        b"".join(
            hashing.to_element(made, b"".join((len(each).to_bytes(4, "big"), digest, each)), tag) for each in items
        ),
    )


def multiply_part(key: bytes, _digest: bytes, elements: Sequence[bytes]) -> bytes:
    """Elements times the key, one after the other. Raises BadElementError."""
    return group().multiply_all(key, b"".join(elements))


def _other_role(role: Role) -> Role:
    return "responder" if role == "initiator" else "initiator"


def _within(count: int, limits: Limits) -> None:
    if not limits.least <= count <= limits.most:
        raise RefusedError(
            "So many are not compared.", what="count", found=str(count), expected=f"{limits.least} to {limits.most}"
        )


def _chunks(count: int) -> int:
    return -(-count // CHUNK)


def _part(whole: bytes, number: int, size: int) -> bytes:
    if not 0 <= number * size < len(whole):
        raise RefusedError("There is no such part.", found=str(number))
    return whole[number * size : (number + 1) * size]


def _split(whole: bytes, size: int) -> list[bytes]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _require_list(content: bytes, size: int, expected: int, what: str) -> None:
    """Strictly increasing: nothing twice, and no order that could tell anything."""
    if len(content) != expected:
        raise RefusedError("It is shorter or longer.", what=what, expected=f"{expected} bytes", found=str(len(content)))
    each = _split(content, size)
    if any(one >= other for one, other in pairwise(each)):
        raise RefusedError("They are not in order, or one stands twice.", what=what)


def _tag(role: Role, digest: bytes, element: bytes) -> bytes:
    return hashlib.blake2b(element, digest_size=TAG, key=digest[:64], person=role.encode()).digest()
