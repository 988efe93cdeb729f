"""A lookup as a conversation: one side learns which of its few the other holds; the other learns only how many."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.overlap.psi.lookup import TAG, Holder, Seeker
from katchi.overlap.psi.party import Party
from katchi.overlap.psi.ristretto import group
from katchi.overlap.psi.side import CHUNK, Core, Hello, Limits, Phase, RefusedError, tag_of
from tests.overlap.psi.test_party import BAD_ELEMENTS, GOOD, flipped, items

CORE = Core("0" * 32, "identity--a", "identity--b", "katchi-keys-1", "file", "lookup")


def seeker(*numbers: int, core: Core = CORE, key: bytes | None = None, limits: Limits | None = None) -> Seeker:
    return Seeker(core, "initiator", key or group().random_scalar(), items(*numbers), limits or Limits())


def holder(*numbers: int, core: Core = CORE, key: bytes | None = None) -> Holder:
    return Holder(core, "responder", key or group().random_scalar(), items(*numbers))


def answered(one: Seeker, other: Holder) -> None:
    other.meet(one.hello())
    one.meet(other.hello())
    for number in range(one.chunks):
        other.take_chunk(number, one.chunk(number))
    other.hear()
    for number in reversed(range(one.chunks)):
        one.take_answer(number, other.answer(number))
    for number in range(other.chunks):
        one.take_chunk(number, other.chunk(number))
        one.take_chunk(number, other.chunk(number))


numbers = st.sets(st.integers(0, 60), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(numbers, numbers)
def test_the_seeker_knows_what_plain_intersection_says(mine: set[int], theirs: set[int]) -> None:
    one, other = seeker(*mine), holder(*theirs)
    answered(one, other)
    one.hear()
    one.hear()
    assert one.found == sorted(items(*(mine & theirs)))


def test_more_than_one_part_of_either_and_progress() -> None:
    told: list[tuple[int, int]] = []
    one = seeker(*range(CHUNK + 10))
    other = Holder(
        CORE, "responder", group().random_scalar(), items(*range(CHUNK - 5, CHUNK + 30_000)),
        progress=lambda done, whole: told.append((done, whole)),
    )  # fmt: skip
    assert told == [(done, 15) for done in range(1, 16)]
    answered(one, other)
    assert (one.chunks, other.chunks) == (2, 2)
    one.hear()
    assert one.found == sorted(items(*range(CHUNK - 5, CHUNK + 10)))


def test_either_side_that_crashed_says_the_same_again() -> None:
    keys = group().random_scalar(), group().random_scalar()
    one, other = seeker(*range(10), key=keys[0]), holder(*range(5, 50), key=keys[1])
    answered(one, other)
    again, other_again = seeker(*range(10), key=keys[0]), holder(*range(5, 50), key=keys[1])
    assert (again.hello(), other_again.hello()) == (one.hello(), other.hello())
    other_again.meet(one.hello())
    other_again.take_chunk(0, one.chunk(0))
    other_again.hear()
    again.meet(other.hello())
    again.take_answer(0, other_again.answer(0))  # another proof of the same
    again.take_chunk(0, other.chunk(0))
    again.hear()
    assert again.found == sorted(items(*range(5, 10)))


def test_it_is_a_verifiable_oblivious_function_of_each_item() -> None:
    """What the seeker computes of an item is what the holder computes of it alone."""
    key = group().random_scalar()
    one, other = seeker(1, 2, 3), holder(3, key=key)
    answered(one, other)
    assert other.chunk(0) in {
        tag_of("lookup", CORE.digest(), group().multiply(group().inverse(one.key), each), TAG)
        for each in [other.answer(0)[n : n + 32] for n in range(0, 96, 32)]
    }


# ---- what is refused ---------------------------------------------------------------------------------


@pytest.fixture
def pair() -> tuple[Seeker, Holder]:
    one, other = seeker(*range(30)), holder(*range(20, 60))
    other.meet(one.hello())
    one.meet(other.hello())
    other.take_chunk(0, one.chunk(0))
    other.hear()
    return one, other


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(RefusedError):
        act()


def spoiled_answers(good: bytes) -> dict[str, bytes]:
    return {
        "empty": b"", "without its proof": good[:-64], "long": good + b"\0", "half an element": good[:-65] + good[-64:],
        "turned": good[32:64] + good[:32] + good[64:], "twice": good[:32] * 2 + good[64:],
        "a zero proof": good[:-64] + bytes(64), "bit 255": flipped(good, 0)[:31] + bytes([good[31] | 0x80]) + good[32:],
        **{f"proof bit {place}": flipped(good, len(good) - 64 + place) for place in range(64)},
        **{f"bad element {place}": bad + good[32:] for place, bad in enumerate(BAD_ELEMENTS)},
    }  # fmt: skip


@pytest.mark.parametrize("kind", spoiled_answers(bytes(1024)))
def test_a_spoiled_answer_is_refused(pair: tuple[Seeker, Holder], kind: str) -> None:
    one, other = pair
    one.take_chunk(0, other.chunk(0))

    def act() -> None:
        one.take_answer(0, spoiled_answers(other.answer(0))[kind])
        one.hear()

    refused(act)
    assert one.phase is Phase.MET


def test_an_answer_of_another_length_is_refused_when_it_comes(pair: tuple[Seeker, Holder]) -> None:
    one, other = pair
    for bad in (b"", other.answer(0)[:-1], other.answer(0) + b"x"):
        refused(lambda bad=bad: one.take_answer(0, bad))  # type: ignore[misc]
    assert one.missing_answers == [0]


def test_an_answer_by_another_key_is_refused(pair: tuple[Seeker, Holder]) -> None:
    """A holder with one key for each element could say of each what it likes."""
    one, other = pair
    another = holder(*range(20, 60))
    another.meet(one.hello())
    another.take_chunk(0, one.chunk(0))
    another.hear()
    one.take_chunk(0, other.chunk(0))
    one.take_answer(0, another.answer(0))
    refused(one.hear)


def test_who_holds_nothing_cannot_answer_with_what_it_promised(pair: tuple[Seeker, Holder]) -> None:
    """Elements that a cheat knows beforehand, multiplied by the seeker's public key, would match: without the proof."""
    one, _ = pair
    made, cheat = group(), group().random_scalar()
    known = [group().random_scalar() for _ in range(30)]
    tags = b"".join(sorted(tag_of("lookup", CORE.digest(), made.base(each), TAG) for each in known))
    fresh = seeker(*range(30), key=one.key)
    fresh.meet(Hello(30, made.base(cheat), (hashlib.sha256(tags).digest(),)))
    fresh.take_chunk(0, tags)
    fresh.take_answer(0, b"".join(made.multiply(each, fresh.public) for each in known) + bytes(64))
    refused(fresh.hear)


def test_tags_other_than_promised_or_not_in_order_are_refused(pair: tuple[Seeker, Holder]) -> None:
    one, other = pair
    refused(lambda: one.take_chunk(0, holder(*range(20, 60)).chunk(0)))
    tags = other.chunk(0)
    for bad in (tags[TAG:] + tags[:TAG], tags[:TAG] * 2 + tags[2 * TAG :], tags[:-1], tags + bytes(TAG)):
        fresh = seeker(1, 2)
        fresh.meet(msgspec.structs.replace(other.hello(), digests=(hashlib.sha256(bad).digest(),)))
        refused(lambda fresh=fresh, bad=bad: fresh.take_chunk(0, bad))  # type: ignore[misc]


HELLOS: dict[str, dict[str, Any]] = {
    "none": {"count": 0, "digests": ()}, "too many": {"count": 1_000_001, "digests": (b"d" * 32,) * 39},
    "no digests": {"digests": ()}, "as many as of elements": {"count": 20_000, "digests": (b"d" * 32,) * 3},
    "a short digest": {"digests": (b"d" * 31,)}, "no key": {"public": b""}, "the identity": {"public": bytes(32)},
    "bit 255": {"public": bytes([*GOOD[:31], GOOD[31] | 0x80])},
}  # fmt: skip


@pytest.mark.parametrize("changes", HELLOS.values(), ids=HELLOS)
def test_a_first_word_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    one, other = seeker(*range(30)), holder(*range(20, 60))
    refused(lambda: one.meet(msgspec.structs.replace(other.hello(), **changes)))
    assert one.phase is Phase.MADE


def test_sizes_are_those_of_a_lookup() -> None:
    one = holder(1, 2)
    one.meet(msgspec.structs.replace(seeker(1).hello()))
    refused(lambda: holder(1).meet(msgspec.structs.replace(one.hello(), count=100_001, digests=(b"d" * 32,) * 13)))
    refused(lambda: seeker(1, 2, limits=Limits(most=1)))
    refused(lambda: seeker())


def test_nothing_is_said_or_taken_before_its_time() -> None:
    one, other = seeker(*range(30)), holder(*range(20, 60))
    for early in (
        lambda: one.take_answer(0, b""), lambda: one.found, one.hear, lambda: other.answer(0), other.hear,
        lambda: other.take_chunk(0, one.chunk(0)),
    ):  # fmt: skip
        refused(early)
    other.meet(one.hello())
    one.meet(other.hello())
    refused(other.hear)
    other.take_chunk(0, one.chunk(0))
    other.hear()
    one.take_chunk(0, other.chunk(0))
    refused(one.hear)  # without the answers
    for number in (-1, 1):
        refused(lambda number=number: other.answer(number))  # type: ignore[misc]
        refused(lambda number=number: one.take_answer(number, other.answer(0)))  # type: ignore[misc]


def test_a_side_is_of_one_mode() -> None:
    mutual = msgspec.structs.replace(CORE, mode="mutual")
    refused(lambda: seeker(1, core=mutual))
    refused(lambda: holder(1, core=mutual))
    refused(lambda: Party(CORE, "initiator", group().random_scalar(), items(*range(20))))


def test_sessions_share_no_tags_even_under_one_key() -> None:
    key = group().random_scalar()
    other = msgspec.structs.replace(CORE, session="1" * 32)
    first, second = holder(*range(20), key=key).chunk(0), holder(*range(20), core=other, key=key).chunk(0)
    assert not {first[n : n + TAG] for n in range(0, 200, TAG)} & {second[n : n + TAG] for n in range(0, 200, TAG)}
