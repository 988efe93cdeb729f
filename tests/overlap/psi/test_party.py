"""Two sides of a private overlap as a conversation: what both know at the end, whatever happens on the way."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.overlap.psi.party import TAG, Party, Reveal
from katchi.overlap.psi.ristretto import group
from katchi.overlap.psi.side import CHUNK, Core, Limits, Phase, RefusedError, Role, tag_of

CORE = Core("0" * 32, "identity--a", "identity--b", "katchi-keys-1", "file")
ROLES: tuple[Role, ...] = ("initiator", "responder")
FREE = Limits(1, 100_000, 100_000)


def items(*numbers: int) -> list[bytes]:
    return [f"file:md5:{number:032x}".encode() for number in numbers]


def side(role: Any, held: Iterable[bytes], core: Core = CORE, key: bytes | None = None, limits: Limits = FREE) -> Party:
    return Party(core, role, key or group().random_scalar(), list(held), limits)


def met(one: Party, other: Party) -> None:
    other.meet(one.hello())
    one.meet(other.hello())


def heard(one: Party, other: Party, order: Callable[[list[int]], list[int]] = list) -> None:
    met(one, other)
    for sender, taker in ((one, other), (other, one)):
        for number in order(list(range(sender.chunks))):
            taker.take_chunk(number, sender.chunk(number))
    one.hear()
    other.hear()


def counted(one: Party, other: Party, order: Callable[[list[int]], list[int]] = list) -> None:
    heard(one, other, order)
    for sender, taker in ((one, other), (other, one)):
        for number in order(list(range(sender.tag_chunks))):
            taker.take_tags(number, sender.tags(number))


def revealed(one: Party, other: Party) -> tuple[list[bytes], list[bytes]]:
    theirs = other.take_reveal(one.reveal())
    return one.take_reveal(other.reveal()), theirs


numbers = st.sets(st.integers(0, 60), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(numbers, numbers, st.randoms())
def test_both_know_what_plain_intersection_says(mine: set[int], theirs: set[int], chance: random.Random) -> None:
    one, other = side("initiator", items(*mine)), side("responder", items(*theirs))

    def doubled(parts: list[int]) -> list[int]:
        twice = parts * 2
        chance.shuffle(twice)
        return twice

    counted(one, other, doubled)
    expected = sorted(items(*(mine & theirs)))
    assert one.count == other.count == len(expected)
    assert revealed(one, other) == (expected, expected)


def test_more_than_one_part_and_any_order() -> None:
    one = side("initiator", items(*range(CHUNK + 10)))
    other = side("responder", items(*range(CHUNK - 5, 2 * CHUNK + 3)))
    counted(one, other, lambda parts: parts[::-1])
    assert (one.count, one.chunks, other.chunks) == (15, 2, 2)
    assert revealed(one, other)[0] == sorted(items(*range(CHUNK - 5, CHUNK + 10)))


STEPS = ("hello", "chunks", "hear", "tags", "reveal")


@pytest.mark.parametrize("crashed", ["initiator", "responder"])
@pytest.mark.parametrize("step", STEPS)
def test_a_side_that_crashed_says_the_same_again(crashed: str, step: str) -> None:
    mine, theirs = items(*range(30)), items(*range(20, 60))
    keys = group().random_scalar(), group().random_scalar()
    one, other = side("initiator", mine, key=keys[0]), side("responder", theirs, key=keys[1])

    def again(at: str) -> None:
        nonlocal one, other
        if at != step:
            return
        fresh = side(*(("initiator", mine) if crashed == "initiator" else ("responder", theirs)),
                     key=keys[0 if crashed == "initiator" else 1])  # fmt: skip
        if crashed == "initiator":
            _replay(fresh, other, one.phase)
            one = fresh
        else:
            _replay(fresh, one, other.phase)
            other = fresh

    met(one, other)
    again("hello")
    for sender, taker in ((one, other), (other, one)):
        taker.take_chunk(0, sender.chunk(0))
    again("chunks")
    one.hear()
    other.hear()
    again("hear")
    other.take_tags(0, one.tags(0))
    one.take_tags(0, other.tags(0))
    again("tags")
    assert other.take_reveal(one.reveal()) == sorted(items(*range(20, 30)))
    again("reveal")
    assert one.take_reveal(other.reveal()) == sorted(items(*range(20, 30)))


def _replay(fresh: Party, other: Party, phase: Phase) -> None:
    """What a node keeps: the other's words so far."""
    fresh.meet(other.hello())
    if other.phase >= Phase.MET:
        fresh.take_chunk(0, other.chunk(0))
    if phase >= Phase.HEARD:
        fresh.hear()
    if phase >= Phase.COUNTED:
        fresh.take_tags(0, other.tags(0))
    if phase >= Phase.REVEALED:
        fresh.take_reveal(other.reveal())


# ---- what is refused ---------------------------------------------------------------------------------


@pytest.fixture
def pair() -> tuple[Party, Party]:
    return side("initiator", items(*range(30))), side("responder", items(*range(20, 60)))


def refused(act: Callable[[], object], party: Party) -> None:
    before = party.phase
    with pytest.raises(RefusedError):
        act()
    assert party.phase is before


GOOD = group().base(group().random_scalar())
HELLOS: dict[str, dict[str, Any]] = {
    "none": {"count": 0, "digests": ()}, "less than none": {"count": -1, "digests": ()},
    "too many": {"count": 10**7, "digests": (b"d" * 32,) * 1221}, "no digests": {"digests": ()},
    "more digests": {"digests": (b"d" * 32,) * 2}, "a short digest": {"digests": (b"d" * 31,)},
    "no key": {"public": b""}, "a short key": {"public": GOOD[:31]}, "a long key": {"public": GOOD + b"x"},
    "the identity": {"public": bytes(32)}, "bit 255": {"public": bytes([*GOOD[:31], GOOD[31] | 0x80])},
    "no element": {"public": b"\xff" * 32}, "negative": {"public": b"\x01" + bytes(31)},
}  # fmt: skip


@pytest.mark.parametrize("changes", HELLOS.values(), ids=HELLOS)
def test_a_first_word_that_cannot_be_is_refused(pair: tuple[Party, Party], changes: dict[str, Any]) -> None:
    one, other = pair
    refused(lambda: other.meet(msgspec.structs.replace(one.hello(), **changes)), other)


def test_a_reflected_key_another_first_word_and_a_wrong_ratio_are_refused(pair: tuple[Party, Party]) -> None:
    one, other = pair
    refused(lambda: other.meet(msgspec.structs.replace(one.hello(), public=other.public)), other)
    other.meet(one.hello())
    other.meet(one.hello())
    refused(lambda: other.meet(msgspec.structs.replace(one.hello(), public=GOOD)), other)
    few = side("responder", items(1, 2), limits=Limits(1, 100, 10))
    refused(lambda: few.meet(one.hello()), few)
    for limits in (Limits(31, 100, 10), Limits(1, 29, 10)):
        with pytest.raises(RefusedError):
            side("initiator", items(*range(30)), limits=limits)


def spoiled(chunk: bytes) -> dict[str, bytes]:
    first, second = chunk[:32], chunk[32:64]
    return {
        "empty": b"", "short": chunk[:-1], "without one": chunk[:-32], "long": chunk + b"\0" * 32,
        "turned": second + first + chunk[64:], "twice": first + first + chunk[64:],
        "descending": b"".join(sorted((chunk[n : n + 32] for n in range(0, len(chunk), 32)), reverse=True)),
        "one bit": bytes([chunk[0] ^ 1]) + chunk[1:],
        "bit 255": chunk[:-1] + bytes([chunk[-1] | 0x80]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", spoiled(bytes(range(96))))
@pytest.mark.parametrize("is_promised", [False, True])
def test_spoiled_elements_are_refused(pair: tuple[Party, Party], kind: str, is_promised: bool) -> None:
    one, other = pair
    chunk = spoiled(one.chunk(0))[kind]
    hello = one.hello()
    if is_promised:
        hello = msgspec.structs.replace(hello, digests=(hashlib.sha256(chunk).digest(),))
    other.meet(hello)

    def act() -> None:
        other.take_chunk(0, chunk)
        other.hear()

    refused(act, other)


BAD_ELEMENTS = [bytes(32), b"\x01" + bytes(31), b"\xed" + b"\xff" * 30 + b"\x7f", b"\xff" * 31 + b"\x7f"]


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_what_is_no_element_is_refused_among_good_ones(pair: tuple[Party, Party], bad: bytes) -> None:
    one, other = pair
    parts = [one.chunk(0)[n : n + 32] for n in range(0, 30 * 32, 32)]
    chunk = b"".join(sorted([*parts[1:], bad]))
    other.meet(msgspec.structs.replace(one.hello(), digests=(hashlib.sha256(chunk).digest(),)))
    other.take_chunk(0, chunk)
    refused(other.hear, other)


@pytest.mark.parametrize("number", [-1, 1, 10**9])
def test_parts_that_there_are_not_are_refused(pair: tuple[Party, Party], number: int) -> None:
    one, other = pair
    met(one, other)
    refused(lambda: other.take_chunk(number, one.chunk(0)), other)
    refused(lambda: one.chunk(number), one)
    refused(other.hear, other)
    other.take_chunk(0, one.chunk(0))
    other.hear()
    refused(lambda: other.take_tags(number, bytes(40 * TAG)), other)


def test_nothing_is_said_or_taken_before_its_time(pair: tuple[Party, Party]) -> None:
    one, other = pair
    early: list[Callable[[], object]] = [
        lambda: other.take_chunk(0, one.chunk(0)), other.hear, lambda: other.tags(0), lambda: other.take_tags(0, b""),
        lambda: other.count, other.reveal, lambda: other.take_reveal(Reveal((), b"", ())),
    ]  # fmt: skip
    for act in early:
        refused(act, other)
    heard(one, other)
    for act in (lambda: other.tags(0), lambda: other.count, other.reveal, one.reveal, lambda: one.count):
        refused(act, other)
    other.take_tags(0, one.tags(0))
    one.take_tags(0, other.tags(0))
    refused(other.reveal, other)  # the initiator's goes first


def test_spoiled_tags_are_refused(pair: tuple[Party, Party]) -> None:
    one, other = pair
    heard(one, other)
    tags = one.tags(0)
    for bad in (
        b"", tags[:-1], tags[:-TAG], tags + bytes(TAG), tags[TAG : 2 * TAG] + tags[:TAG] + tags[2 * TAG :],
        tags[:TAG] + tags[:TAG] + tags[2 * TAG :],
    ):  # fmt: skip
        refused(lambda bad=bad: other.take_tags(0, bad), other)  # type: ignore[misc]
    other.take_tags(0, tags)
    refused(lambda: other.take_tags(0, bytes([tags[0] ^ 1]) + tags[1:]), other)


def test_our_own_tags_sent_back_count_nothing() -> None:
    held = items(*range(30))
    one, other = side("initiator", held), side("responder", held)
    heard(one, other)
    one.take_tags(0, one.tags(0))
    assert one.count == 0


def flipped(text: bytes, place: int) -> bytes:
    return bytes([*text[:place], text[place] ^ 1, *text[place + 1 :]])


REVEALS: dict[str, Callable[[Reveal], Reveal]] = {
    "nothing": lambda good: Reveal((), b"", ()),
    "half of it": lambda good: Reveal(good.places[:5], good.elements[: 5 * 32], good.proofs),
    "places turned": lambda good: msgspec.structs.replace(good, places=good.places[::-1]),
    "places twice": lambda good: msgspec.structs.replace(good, places=(good.places[0], *good.places[:-1])),
    "negative places": lambda good: msgspec.structs.replace(good, places=(-1, *good.places[1:])),
    "places beyond": lambda good: msgspec.structs.replace(good, places=(*good.places[:-1], 40)),
    "places shifted": lambda good: msgspec.structs.replace(good, places=tuple((p + 1) % 40 for p in good.places)),
    "elements turned": lambda good: msgspec.structs.replace(
        good, elements=good.elements[32:64] + good.elements[:32] + good.elements[64:]
    ),
    "an element twice": lambda good: msgspec.structs.replace(
        good, elements=good.elements[:32] + good.elements[:32] + good.elements[64:]
    ),
    "an element flipped": lambda good: msgspec.structs.replace(good, elements=flipped(good.elements, 40)),
    "half an element": lambda good: msgspec.structs.replace(good, elements=good.elements[:-1]),
    "no proof": lambda good: msgspec.structs.replace(good, proofs=()),
    "an empty proof": lambda good: msgspec.structs.replace(good, proofs=(b"",)),
    "zero": lambda good: msgspec.structs.replace(good, proofs=(bytes(64),)),
    "two proofs": lambda good: msgspec.structs.replace(good, proofs=good.proofs * 2),
    **{
        f"proof bit {place}": lambda good, place=place: msgspec.structs.replace(  # type: ignore[misc]
            good, proofs=(flipped(good.proofs[0], place),)
        )
        for place in range(64)
    },
}


@pytest.fixture(scope="module")
def ready() -> tuple[Party, Party, Reveal]:
    one, other = side("initiator", items(*range(30))), side("responder", items(*range(20, 60)))
    counted(one, other)
    return one, other, one.reveal()


@pytest.mark.parametrize("change", REVEALS.values(), ids=REVEALS)
def test_a_spoiled_reveal_is_refused(ready: tuple[Party, Party, Reveal], change: Callable[[Reveal], Reveal]) -> None:
    _, other, good = ready
    refused(lambda: other.take_reveal(change(good)), other)


def test_a_reveal_of_another_session_or_of_the_other_side_is_refused() -> None:
    mine, theirs = items(*range(30)), items(*range(20, 60))
    keys = group().random_scalar(), group().random_scalar()
    reveals = []
    for session in ("1" * 32, "2" * 32):
        core = msgspec.structs.replace(CORE, session=session)
        one, other = side("initiator", mine, core, keys[0]), side("responder", theirs, core, keys[1])
        counted(one, other)
        reveals.append(one.reveal())
    refused(lambda: other.take_reveal(reveals[0]), other)
    refused(lambda: one.take_reveal(reveals[1]), one)
    assert other.take_reveal(reveals[1]) == sorted(items(*range(20, 30)))


def test_who_lies_about_the_number_cannot_prove_it() -> None:
    """A side that holds nothing in common makes the other count what it likes, and then has no reveal."""
    one, other = side("initiator", items(*range(30))), side("responder", items(*range(100, 140)))
    heard(one, other)
    other.take_tags(0, one.tags(0))
    knows = sorted(tag_of("responder", CORE.digest(), each, TAG)
                   for each in one._shared[:30])  # fmt: skip
    one.take_tags(0, b"".join(knows))  # as if it had guessed
    assert one.count == 30
    refused(lambda: one.take_reveal(Reveal((), b"", ())), one)
    forged = Reveal(tuple(range(30)), b"".join(one._shared[:30]), (bytes(64),))
    refused(lambda: one.take_reveal(forged), one)


def test_sessions_share_no_bytes_even_under_one_key() -> None:
    key = group().random_scalar()
    cores = [
        CORE, msgspec.structs.replace(CORE, session="1" * 32), msgspec.structs.replace(CORE, responder="identity--c"),
        msgspec.structs.replace(CORE, profile="katchi-keys-2"), msgspec.structs.replace(CORE, kind="url"),
    ]  # fmt: skip
    seen: set[bytes] = set()
    for core in cores:
        whole = side("initiator", items(*range(20)), core, key).chunk(0)
        elements = {whole[n : n + 32] for n in range(0, len(whole), 32)}
        assert not seen & elements
        seen |= elements


def test_known_and_unpreventable_a_side_finds_its_guesses_within_the_limit() -> None:
    """Whoever puts guesses into its set learns which of them the other holds; only their number is limited."""
    one, other = side("initiator", items(*range(2000))), side("responder", items(7, 1500, 9999))
    counted(one, other)
    assert one.count == 2


# ---- each check by itself: what a second one would catch later ----------------------------------------


def test_sizes_are_limited_whatever_else_fits() -> None:
    one = side("initiator", items(*range(30)))
    for count, limits in ((30, Limits(31, 100, 10)), (30, Limits(1, 29, 10))):
        other = Party(CORE, "responder", group().random_scalar(), items(*range(limits.least, limits.least + 29)),
                      Limits(1, 1000, 10))  # fmt: skip
        other.limits = limits
        assert one.hello().count == count
        refused(lambda other=other: other.meet(one.hello()), other)  # type: ignore[misc]


def test_the_largest_set_and_whole_parts_are_as_good_as_others() -> None:
    one = side("initiator", items(*range(CHUNK)), limits=Limits(1, CHUNK, 100))
    assert (one.chunks, len(one.chunk(0))) == (1, CHUNK * 32)
    refused(lambda: one.chunk(1), one)


def test_a_good_list_that_was_not_promised_is_refused(pair: tuple[Party, Party]) -> None:
    one, other = pair
    other.meet(one.hello())
    another = side("initiator", items(*range(30)))
    refused(lambda: other.take_chunk(0, another.chunk(0)), other)


def test_a_second_encoding_is_refused_when_it_comes(pair: tuple[Party, Party]) -> None:
    one, other = pair
    chunk = one.chunk(0)
    chunk = chunk[:-1] + bytes([chunk[-1] | 0x80])
    other.meet(msgspec.structs.replace(one.hello(), digests=(hashlib.sha256(chunk).digest(),)))
    refused(lambda: other.take_chunk(0, chunk), other)


def test_parts_in_another_order_are_refused() -> None:
    one, other = side("initiator", items(*range(CHUNK * 2))), side("responder", items(1))
    parts = one.chunk(1), one.chunk(0)
    other.meet(msgspec.structs.replace(one.hello(), digests=tuple(hashlib.sha256(each).digest() for each in parts)))
    for number, part in enumerate(parts):
        other.take_chunk(number, part)
    refused(other.hear, other)


def test_a_proven_reveal_of_what_was_not_counted_is_refused() -> None:
    """The proof holds, and the place is another one: whoever revealed it holds nothing in common there."""
    one, other = side("initiator", items(*range(30))), side("responder", items(*range(20, 60)))
    counted(one, other)
    matched = list(one._matches)
    elsewhere = next(place for place in range(40) if place not in matched)
    one._matches = sorted([*matched[:-1], elsewhere])
    refused(lambda: other.take_reveal(one.reveal()), other)
    one._matches = matched[::-1]
    refused(lambda: other.take_reveal(one.reveal()), other)
    one._matches = matched[:-1]
    refused(lambda: other.take_reveal(one.reveal()), other)
    one._matches = matched
    assert len(other.take_reveal(one.reveal())) == 10


def test_tags_are_of_one_session_and_one_side() -> None:
    element = group().base(group().random_scalar())
    made = {tag_of(role, digest, element, TAG) for role in ROLES for digest in (b"a", b"b")}
    assert len(made) == 4
