"""What to believe: laws of the sum, and the order that needs no scoring anew."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.overlap import belief
from katchi.overlap.belief import DAY, Attestation, Statement, assess

NOW = 1_800_000_000_000_000
HASH = st.integers(0, 4)
STATEMENT = st.builds(
    Statement, st.sampled_from([-1, 0, 1]), st.integers(-1, 100), st.integers(NOW - 900 * DAY, NOW),
    st.none() | st.integers(NOW - 10 * DAY, NOW + 10 * DAY), HASH, HASH, st.integers(1, 4),
)  # fmt: skip
ATTESTATION = st.builds(
    Attestation, st.none() | st.sampled_from([-2, -1, 1, 2]), st.integers(0, 5), st.integers(NOW - 900 * DAY, NOW),
    HASH, st.integers(1, 4),
)  # fmt: skip
STATEMENTS = st.lists(STATEMENT, min_size=1, max_size=6)
WARNED = st.lists(st.sampled_from(["popular", "private", "dynamic-dns", "unheard-of"]), max_size=3)
GRADES = {1: "A", 2: "E"}


def weigh(statements: list[Statement], attestations: list[Attestation], warned: list[str]) -> belief.Belief:
    return assess("domain", statements, attestations, warned, grades=GRADES, now=NOW, half_lives={})


def said(**change: int | None) -> Statement:
    return Statement(1, 60, NOW, None, 0, 0, 3)._replace(**change)  # type: ignore[arg-type]


@given(STATEMENTS, st.lists(ATTESTATION, max_size=4), WARNED)
def test_it_is_a_number_from_0_to_100_in_any_order(
    statements: list[Statement], attestations: list[Attestation], warned: list[str]
) -> None:
    weighed = weigh(statements, attestations, warned)
    assert 0 <= weighed.base <= weighed.reported <= 100
    assert 0 <= weighed.score(NOW) <= weighed.base
    again = weigh(statements[::-1], attestations[::-1], warned[::-1])
    assert (again.base, again.fresh_at, again.reported) == (weighed.base, weighed.fresh_at, weighed.reported)


@given(STATEMENTS)
def test_who_repeats_a_statement_adds_nothing(statements: list[Statement]) -> None:
    once, twice = weigh(statements, [], []), weigh([*statements, *statements], [], [])
    assert (once.base, len(once.voices)) == (twice.base, len(twice.voices))


@given(STATEMENT, WARNED)
def test_what_one_object_says_is_weighed_as_any(statement: Statement, warned: list[str]) -> None:
    """The quick way for one statement is the long one."""
    quick = weigh([statement], [], [])
    slow = weigh([statement], [], ["dynamic-dns"])  # which takes nothing
    assert (quick.base, quick.fresh_at, quick.reported, quick.voices, quick.denials, quick.is_expired) == (
        slow.base, slow.fresh_at, slow.reported, slow.voices, slow.denials, slow.is_expired,
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(NOW - 900 * DAY, NOW)), min_size=2), st.integers(0, 900))
def test_one_order_holds_at_every_moment(things: list[tuple[int, int]], days: int) -> None:
    half_life, later = 90 * DAY, NOW + days * DAY
    ranked = sorted(things, key=lambda each: belief.rank(each[0], each[1], half_life))
    scores = [base * 0.5 ** ((later - fresh) / half_life) for base, fresh in ranked]
    assert all(one <= other + 1e-6 for one, other in itertools.pairwise(scores))


@given(st.integers(1, 100), st.integers(NOW - 900 * DAY, NOW), st.integers(1, 100))
def test_the_threshold_is_where_the_score_is(base: int, fresh_at: int, least: int) -> None:
    half_life = 90 * DAY
    exact = base * 0.5 ** ((NOW - fresh_at) / half_life)
    if not math.isclose(exact, least, rel_tol=1e-9):
        is_above = belief.rank(base, fresh_at, half_life) > belief.threshold(least, half_life, NOW)
        assert is_above == (exact > least)


CASES: dict[str, tuple[list[Statement], list[Attestation], list[str], int]] = {
    "one unjudged voice": ([said()], [], [], 30),
    "two sources": ([said(), said(source=4)], [], [], 51),
    "two feeds of one report": ([said(report=7), said(source=4, report=7)], [], [], 30),
    "two feeds of one author": ([said(author=7), said(source=4, author=7)], [], [], 30),
    "author of one, report of both": ([said(author=7), said(author=7, report=8), said(source=4, report=8)], [], [], 30),
    "a good source": ([said(source=1, weight=100)], [], [], 95),
    "a poor source": ([said(source=2, weight=100)], [], [], 20),
    "the author is judged, not the feed": ([said(author=1, source=2, weight=100)], [], [], 95),
    "sure of it": ([said(weight=100)], [], [], 50),
    "harmless": ([said(stance=-1)], [], [], 0),
    "it exists": ([said(stance=0)], [], [], 0),
    "expired": ([said(until=NOW - 1)], [], [], 9),
    "expired for one only": ([said(until=NOW - 1), said(source=4)], [], [], 30),
    "private": ([said()], [], ["popular", "private"], 2),
    "dynamic dns": ([said()], [], ["dynamic-dns"], 30),
    "denied": ([said()], [Attestation(-2, 1, NOW, 0, 4)], [], 18),
    "seen": ([said()], [Attestation(None, 9, NOW, 0, 4)], [], 48),
    "looked for and not seen": ([said()], [Attestation(None, 0, NOW, 0, 4)], [], 30),
}


@pytest.mark.parametrize(("statements", "attestations", "warned", "base"), CASES.values(), ids=CASES)
def test_the_sum(statements: list[Statement], attestations: list[Attestation], warned: list[str], base: int) -> None:
    assert weigh(statements, attestations, warned).base == base


def test_half_is_left_after_the_half_life_that_the_owner_set() -> None:
    old = said(at=NOW - 14 * DAY)
    weighed = assess("ipv4", [old], [], [], grades={}, now=NOW, half_lives={"ipv4": 14})
    assert (weighed.base, weighed.score(NOW)) == (30, 15)
