"""What every side of a private overlap does: it hides its items, promises all that it will send, and takes the other's.

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
from typing import ClassVar, Final, Literal

import msgspec

from katchi.errors import KatchiError
from katchi.overlap.psi import hashing
from katchi.overlap.psi.ristretto import ELEMENT, BadElementError, group

VERSION: Final = 1
SUITE: Final = "ristretto255-SHA512"
PART: Final = 262_144  # bytes of a part of a list, at most
CHUNK: Final = PART // ELEMENT  # elements of a part
AT_ONCE: Final = 2048  # between looks at whether to stop

Role = Literal["initiator", "responder"]
Mode = Literal["mutual", "lookup"]
Progress = Callable[[int, int], None]
"""Parts of the long work that are done, and all of them."""
Work = Callable[[bytes, bytes, Sequence[bytes]], bytes]
Run = Callable[[Work, bytes, bytes, Sequence[Sequence[bytes]]], Iterator[bytes]]
"""How the long work is done: a function of parts, called with two values and each part; the results in their order."""


def in_turn(work: Work, one: bytes, other: bytes, parts: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """Here, one part after the other."""
    return (work(one, other, part) for part in parts)


def on_two_cores(work: Work, one: bytes, other: bytes, parts: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
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
    mode: Mode = "mutual"
    version: int = VERSION
    suite: str = SUITE

    def to_bytes(self) -> bytes:
        """As it is kept, and hashed."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def from_bytes(cls, kept: bytes) -> Core:
        """What `to_bytes` made."""
        return msgspec.json.decode(kept, type=cls)

    def digest(self) -> bytes:
        """Of all of it."""
        return hashlib.sha512(b"katchi overlap core" + self.to_bytes()).digest()


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many items a side has, its public key, and a promise of all that it will send."""

    count: int
    public: bytes
    digests: tuple[bytes, ...]  # SHA-256 of each part


class Limits(msgspec.Struct, frozen=True):
    """What a side agrees to at all."""

    least: int = 10  # items of either side: with fewer, a number says who
    most: int = 100_000
    ratio: int = 1000  # how many times as many the other side may have
    held: int = 1_000_000  # items among which the other side may look up its own

    def of(self, mode: Mode, role: Role) -> tuple[int, int]:
        """How many items a side may have, at least and at most. A lookup tells its items, so one is not too few."""
        if mode == "mutual":
            return self.least, self.most
        return 1, self.most if role == "initiator" else self.held

    def require(self, mode: Mode, role: Role, count: int) -> None:
        """Raises RefusedError where a side has too few or too many."""
        least, most = self.of(mode, role)
        if not least <= count <= most:
            raise RefusedError(
                "So many are not compared.", what="count", found=str(count), expected=f"{least} to {most}"
            )


class Phase(IntEnum):
    """How far a side is."""

    MADE = 0
    MET = 1  # it has the other's Hello
    HEARD = 2  # it has all of the other's elements, and has worked through them
    COUNTED = 3  # it knows the number
    REVEALED = 4  # it knows the items


@dataclass
class Side:
    """One side. `items` are canonical keys, each once; `key` is a scalar of its own for this session alone."""

    core: Core
    role: Role
    key: bytes
    items: Sequence[bytes]
    limits: Limits = field(default_factory=Limits)
    run: Run = in_turn
    progress: Progress | None = None
    phase: Phase = Phase.MADE

    mode: ClassVar[Mode]
    own_size: ClassVar[int] = ELEMENT  # bytes of what stands in its list
    their_size: ClassVar[int] = ELEMENT  # and in the other's

    def __post_init__(self) -> None:
        if self.core.mode != self.mode:
            raise RefusedError("The session is of another mode.", what="mode", found=self.core.mode)
        self.items = sorted(set(self.items))
        self.limits.require(self.mode, self.role, len(self.items))
        self._digest = self.core.digest()
        self.public = group().base(self.key)
        self._own, self._order = self._listed()
        self._other: Hello | None = None
        self._theirs: dict[int, bytes] = {}  # parts

    # ---- what it says ------------------------------------------------------------------------

    def hello(self) -> Hello:
        """The first word."""
        digests = tuple(hashlib.sha256(self.chunk(number)).digest() for number in range(self.chunks))
        return Hello(len(self.items), self.public, digests)

    def chunk(self, number: int) -> bytes:
        """A part of its list. Raises RefusedError where there is no such part."""
        return part_of(self._own, number, self.own_size)

    @property
    def chunks(self) -> int:
        """How many parts its list has."""
        return parts_of(len(self.items), self.own_size)

    # ---- what it takes -----------------------------------------------------------------------

    def meet(self, hello: Hello) -> None:
        """The other's first word; the same once more is nothing new. Raises RefusedError."""
        if self._other is not None:
            if hello != self._other:
                raise RefusedError("The first word was another one.", what="hello")
            return
        self.limits.require(self.mode, other_role(self.role), hello.count)
        self._require_ratio(hello.count)
        if not group().is_element(hello.public) or hello.public == self.public:
            raise RefusedError("The public key is none, or our own.", what="public")
        if len(hello.digests) != parts_of(hello.count, self.their_size) or any(
            len(each) != 32 for each in hello.digests
        ):
            raise RefusedError("There are not as many digests as parts.", what="digests")
        self._other, self.phase = hello, Phase.MET

    @property
    def expected_chunks(self) -> int:
        """How many parts the other side's list has."""
        return parts_of(self._other.count, self.their_size) if self._other else 0

    def take_chunk(self, number: int, content: bytes) -> None:
        """A part of the other's list, in any order; the same once more is nothing new. Raises RefusedError."""
        self._require(Phase.MET, "elements")
        assert self._other is not None
        if not 0 <= number < self.expected_chunks:
            raise RefusedError("There is no such part.", what="elements", found=str(number))
        if hashlib.sha256(content).digest() != self._other.digests[number]:
            raise RefusedError("This part is not the one that was promised.", what="elements", found=str(number))
        size, full = self.their_size, PART // self.their_size
        require_list(content, size, min(full, self._other.count - number * full) * size, "elements")
        if size == ELEMENT and any(content[place] & 0x80 for place in range(31, len(content), ELEMENT)):
            raise RefusedError("An element has a second encoding.", what="elements", found=str(number))
        if self.phase is Phase.MET:
            self._theirs.setdefault(number, content)

    @property
    def missing_chunks(self) -> list[int]:
        """The parts of the other's list that it still waits for."""
        if self.phase > Phase.MET:
            return []
        return [number for number in range(self.expected_chunks) if number not in self._theirs]

    def hear(self) -> None:
        """Works through what the other side sent: the long part. Raises RefusedError."""
        if self.phase >= Phase.HEARD:
            return
        self._require(Phase.MET, "elements")
        if self.missing_chunks:
            raise RefusedError("Parts are missing.", what="elements", found=str(self.missing_chunks[0]))
        whole = b"".join(self._theirs[number] for number in range(self.expected_chunks))
        require_list(whole, self.their_size, len(whole), "elements")
        try:
            self.phase = self._hear(whole)
        except BadElementError as problem:
            raise RefusedError("There is something that is no element.", what="elements") from problem

    # ---- inside ------------------------------------------------------------------------------

    def _hear(self, whole: bytes) -> Phase:
        """What this kind of side does with the other's list."""
        raise NotImplementedError

    def _require_ratio(self, count: int) -> None:
        """What else must hold of the other's number. Raises RefusedError."""

    def _listed(self) -> tuple[bytes, list[int]]:
        """Its elements in the order of their bytes, which says nothing of the items; and which item each is."""
        made = self._worked(blind_part, self.items)
        order = sorted(range(len(made)), key=made.__getitem__)
        return b"".join(made[place] for place in order), order

    def _worked(self, work: Work, whole: Sequence[bytes]) -> list[bytes]:
        parts = [whole[start : start + AT_ONCE] for start in range(0, len(whole), AT_ONCE)]
        return split(b"".join(self._each(work, parts)), ELEMENT)

    def _each(self, work: Work, parts: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
        """The result for each part, telling those who wait."""
        for done, made in enumerate(self.run(work, self.key, self._digest, parts), start=1):
            if self.progress:
                self.progress(done, len(parts))
            yield made

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


def tag_of(person: str, digest: bytes, element: bytes, size: int) -> bytes:
    """A short name of an element: another one in each session, and for each that says it."""
    return hashlib.blake2b(element, digest_size=size, key=digest[:64], person=person.encode()).digest()


def other_role(role: Role) -> Role:
    """The other one."""
    return "responder" if role == "initiator" else "initiator"


def parts_of(count: int, size: int) -> int:
    """In how many parts a list goes whose entries have this many bytes."""
    return -(-count // (PART // size))


def part_of(whole: bytes, number: int, size: int) -> bytes:
    """A part of a list. Raises RefusedError where there is no such part."""
    step = PART // size * size
    if not 0 <= number * step < len(whole):
        raise RefusedError("There is no such part.", found=str(number))
    return whole[number * step : (number + 1) * step]


def split(whole: bytes, size: int) -> list[bytes]:
    """A list's entries."""
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def require_list(content: bytes, size: int, expected: int, what: str) -> None:
    """Strictly increasing: nothing twice, and no order that could tell anything. Raises RefusedError."""
    if len(content) != expected:
        raise RefusedError("It is shorter or longer.", what=what, expected=f"{expected} bytes", found=str(len(content)))
    each = split(content, size)
    if any(one >= other for one, other in pairwise(each)):
        raise RefusedError("They are not in order, or one stands twice.", what=what)
