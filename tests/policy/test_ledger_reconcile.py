"""Both sides' books, laid side by side: every difference has a name, and agreement has none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.policy.ledger import ReceiptFact, Reconciliation, ReleaseFact, reconcile

SETTLED = 1000


def released(
    name: str, digest: str = "aa", *, at: int = 1, version: str = "v1", taken_back: bool = False
) -> ReleaseFact:
    return ReleaseFact(name, version, digest, at, taken_back)


def received(name: str, digest: str = "aa", outcome: str = "stored", *, version: str = "v1") -> ReceiptFact:
    return ReceiptFact(name, version, digest, outcome)


def books(ours: list[ReleaseFact], theirs: list[ReceiptFact]) -> dict[str, list[str]]:
    found = reconcile(ours, theirs, settled_before=SETTLED)
    names = Reconciliation.__dataclass_fields__
    return {name: [fact.object_id for fact in getattr(found, name)] for name in names if getattr(found, name)}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([], [], {}),
        ([released("a")], [received("a")], {"agreed": ["a"]}),
        ([released("a")], [received("a", outcome="already-held")], {"agreed": ["a"]}),
        ([released("a")], [received("a", outcome="refused:too-deep")], {"refused": ["a"]}),
        ([released("a")], [], {"lost": ["a"]}),
        ([released("a", at=SETTLED - 1)], [], {"lost": ["a"]}),
        ([released("a", at=SETTLED)], [], {"in_flight": ["a"]}),
        ([released("a", at=SETTLED)], [received("a")], {"agreed": ["a"]}),
        ([released("a", taken_back=True)], [], {"withdrawn": ["a"]}),
        ([released("a", taken_back=True)], [received("a")], {"agreed": ["a"]}),
        ([], [received("a")], {"unexplained": ["a"]}),
        ([], [received("a", outcome="refused:tlp")], {"unexplained": ["a"]}),
        # Changed on the way: what went was lost, what came is unexplained.
        ([released("a")], [received("a", "bb")], {"lost": ["a"], "unexplained": ["a"]}),
        ([released("a")], [received("a", version="v2")], {"lost": ["a"], "unexplained": ["a"]}),
        # Twice: sent again, stored again, or two bodies under one version.
        ([released("a"), released("a")], [received("a")], {"agreed": ["a"], "twice": ["a"]}),
        ([released("a")], [received("a"), received("a")], {"agreed": ["a"], "twice": ["a"]}),
        ([released("a"), released("a", "bb")], [received("a"), received("a", "bb")],
         {"agreed": ["a", "a"], "twice": ["a"]}),
        # An object without a version may change; a second arrival that was recognised has done no harm.
        ([released("a", version=""), released("a", "bb", version="")],
         [received("a", version=""), received("a", "bb", version="")], {"agreed": ["a", "a"]}),
        ([released("a")], [received("a"), received("a", outcome="already-held")], {"agreed": ["a"]}),
        # Refused first, taken later, or the other way round: what was stored counts.
        ([released("a")], [received("a", outcome="refused:x"), received("a")], {"agreed": ["a"]}),
        ([released("a")], [received("a"), received("a", outcome="refused:x")], {"agreed": ["a"]}),
        ([released("a")], [received("a", outcome="already-held"), received("a")], {"agreed": ["a"]}),
    ],
)  # fmt: skip
def test_every_difference_has_a_name(
    ours: list[ReleaseFact], theirs: list[ReceiptFact], expected: dict[str, list[str]]
) -> None:
    assert books(ours, theirs) == expected


@pytest.mark.parametrize("bad", [["lost"], ["twice"], ["unexplained"]])
def test_the_books_are_clean_unless_something_is_lost_twice_or_unexplained(bad: list[str]) -> None:
    fact = released("a")
    assert Reconciliation(agreed=(fact,), in_flight=(fact,), withdrawn=(fact,)).is_clean
    assert not Reconciliation(**dict.fromkeys(bad, (fact,))).is_clean  # type: ignore[arg-type]


names = st.sampled_from("abcdef")
outcomes = st.sampled_from(["stored", "already-held", "refused:x"])
releases = st.lists(st.builds(ReleaseFact, names, names, names, st.integers(0, 2000), st.booleans()))
receipts = st.lists(st.builds(ReceiptFact, names, names, names, outcomes))


@given(ours=releases, theirs=receipts)
def test_every_fact_is_accounted_for_exactly_once(ours: list[ReleaseFact], theirs: list[ReceiptFact]) -> None:
    def key(fact: ReleaseFact | ReceiptFact) -> tuple[str, str, str]:
        return fact.object_id, fact.version, fact.digest

    found = reconcile(ours, theirs, settled_before=SETTLED)
    placed = [
        *map(key, found.agreed),
        *map(key, found.refused),
        *map(key, found.lost),
        *map(key, found.in_flight),
        *map(key, found.withdrawn),
        *map(key, found.unexplained),
    ]
    assert len(placed) == len(set(placed))
    assert set(placed) == {*map(key, ours), *map(key, theirs)}


@given(ours=releases)
def test_a_partner_that_took_everything_once_leaves_nothing_open(ours: list[ReleaseFact]) -> None:
    once = {(fact.object_id, fact.version): fact for fact in ours}.values()
    theirs = [ReceiptFact(fact.object_id, fact.version, fact.digest, "stored") for fact in once]
    found = reconcile(once, theirs, settled_before=SETTLED)
    assert found.is_clean
    assert len(found.agreed) == len(once)
