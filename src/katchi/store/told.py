"""What a node makes of an object for the sake of things: which it names, what it says of them, in numbers."""

from __future__ import annotations

import msgspec

UNSAID = -1


class Saying(msgspec.Struct, frozen=True):
    """What an object says of the things that it names. `author` and `report` are hashes of 64 bits; 0 is none."""

    stance: int = 0  # 1: they are bad; 0: they exist; -1: they are harmless
    weight: int = UNSAID  # confidence, 0 to 100
    at: int | None = None  # µs; None: when it was added
    until: int | None = None
    author: int = 0
    report: int = 0


class Attesting(msgspec.Struct, frozen=True):
    """What a sighting or an opinion says of one other object. `opinion` is -2 to 2; None for a sighting."""

    of_id: str
    opinion: int | None
    times: int
    first: int | None  # µs; None: unsaid
    last: int | None
    is_summary: bool = False  # of sightings that may also be told one by one


class Told(msgspec.Struct, frozen=True):
    """All of it. `warned` has, for each stand, the classes of warning lists that it is on, with commas."""

    stands: tuple[str, ...] = ()  # the keys under which the object is filed
    warned: tuple[str, ...] = ()
    saying: Saying = Saying()
    kin: tuple[str, ...] = ()  # keys that are hashes of one file
    attesting: tuple[Attesting, ...] = ()
    tags: tuple[str, ...] = ()  # folded labels, of what is filed under a key


NOTHING_TOLD = Told()
