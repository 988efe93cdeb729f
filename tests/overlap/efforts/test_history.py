"""What an effort is after changes on several nodes: the same everywhere, and nothing lost."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.overlap.efforts.history import (
    LISTS,
    MOST_CHANGES,
    BadChangeError,
    Change,
    counting,
    known_numbers,
    merge,
    require_good,
    require_sane,
)

EFFORT = "e" * 32
A, B, C = (f"identity--0000000{letter}-0000-4000-8000-000000000000" for letter in "abc")
NODES = (A, B, C)


def change(node: str = A, number: int = 1, at: int = 0, seen: dict[str, int] | None = None, **more: Any) -> Change:
    when = f"2026-11-24T{at // 60:02}:{at % 60:02}:00Z"
    return Change(effort=EFFORT, node=node, number=number, at=when, seen=seen or {}, **more)


ASK = {f"member/{node}": "asked" for node in (B, C)}


def test_fields_lists_tasks_and_costs() -> None:
    effort = merge(EFFORT, A, [
        change(fields={"title": "Wiper", "kind": "hunt", "due": "2026-12-01", f"alone/{A}": "12", **ASK},
               add={"about": ("domain:b.example", "domain:a.example"), "techniques": ("T1561",)}),
        change(B, 1, 5, {A: 1}, fields={f"member/{B}": "joined", f"alone/{B}": "8", f"spent/{B}": "3",
                                        "task/00000001/title": "read the sample", "task/00000001/who": B}),
        change(A, 2, 9, {B: 1}, fields={"state": "done", f"spent/{A}": "4", "task/00000001/state": "done"},
               drop={"about": ("domain:b.example",)}),
    ])  # fmt: skip
    assert (effort.title, effort.kind, effort.state, effort.about) == ("Wiper", "hunt", "done", ("domain:a.example",))
    assert [(task.title, task.who, task.state) for task in effort.tasks] == [("read the sample", B, "done")]
    assert (effort.members, effort.partners) == ({B: "joined", C: "asked"}, [A, B])
    assert (effort.saved, effort.is_joint, effort.is_over, effort.conflicts) == (13.0, True, True, ())


def test_saved_is_said_only_when_it_is_done_and_all_have_said() -> None:
    both = [change(fields={f"member/{B}": "asked", f"alone/{A}": "5", f"spent/{A}": "9"}),
            change(B, 1, 1, {A: 1}, fields={f"member/{B}": "joined", f"alone/{B}": "2"})]  # fmt: skip
    assert merge(EFFORT, A, both).saved is None
    done = change(A, 2, 2, {B: 1}, fields={"state": "done"})
    assert merge(EFFORT, A, [*both, done]).saved is None
    said = change(B, 2, 3, {A: 2}, fields={f"spent/{B}": "1"})
    assert merge(EFFORT, A, [*both, done, said]).saved == -3.0  # more than alone is said too


def test_of_concurrent_words_the_later_counts_and_the_other_is_kept_until_it_is_set_again() -> None:
    first = change(fields={"title": "one", **ASK})
    mine, theirs = change(A, 2, 7, fields={"title": "mine"}), change(B, 1, 5, {A: 1}, fields={"title": "theirs"})
    effort = merge(EFFORT, A, [first, mine, theirs])
    assert effort.title == "mine"
    assert [(each.field, each.value, each.node) for each in effort.conflicts] == [("title", "theirs", B)]
    settled = change(B, 2, 6, {A: 2}, fields={"title": "ours"})  # a clock that goes behind loses nothing
    effort = merge(EFFORT, A, [first, mine, theirs, settled])
    assert (effort.title, effort.conflicts) == ("ours", ())


def test_what_one_adds_while_the_other_takes_it_out_stays() -> None:
    first = change(fields=ASK, add={"words": ("wiper",)})
    out, again = change(A, 2, 5, drop={"words": ("wiper",)}), change(B, 1, 4, {A: 1}, add={"words": ("wiper",)})
    assert merge(EFFORT, A, [first, out]).words == ()
    assert merge(EFFORT, A, [first, out, again]).words == ("wiper",)
    known = change(A, 3, 6, {B: 1}, drop={"words": ("wiper",)})
    assert merge(EFFORT, A, [first, out, again, known]).words == ()


def test_who_was_not_asked_says_nothing_and_nobody_speaks_for_another() -> None:
    first = change(fields={"title": "ours", f"member/{B}": "asked"})
    stranger = change(C, 1, 9, {A: 1}, fields={"title": "mine now", f"member/{C}": "joined"})
    assert merge(EFFORT, A, [first, stranger]).title == "ours"
    asked_by_b = change(B, 1, 2, {A: 1}, fields={f"member/{C}": "asked"})
    assert merge(EFFORT, A, [first, stranger, asked_by_b]).title == "mine now"
    for name, value in ((f"member/{A}", "left"), (f"alone/{A}", "99"), (f"spent/{A}", "0")):
        forged = change(B, 2, 3, {A: 1}, fields={name: value})
        with pytest.raises(BadChangeError):
            require_good(forged)
        effort = merge(EFFORT, A, [first, asked_by_b, forged])
        assert (effort.members.get(A), effort.alone, effort.spent) == (None, {}, {})


def test_whoever_asks_again_does_not_take_back_an_answer() -> None:
    first = change(fields={f"member/{B}": "asked"})
    joined, again = change(B, 1, 1, {A: 1}, fields={f"member/{B}": "joined"}), change(A, 2, 9, fields=ASK)
    effort = merge(EFFORT, A, [first, joined, again])
    assert (effort.members[B], effort.conflicts) == ("joined", ())


# ---- laws ------------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Three nodes that write, and now and then hear from each other."""
    made: list[Change] = [change(fields={"title": "0", **ASK})]
    knows: dict[str, dict[tuple[str, int], Change]] = {node: {(A, 1): made[0]} for node in NODES}
    for step in range(draw(st.integers(0, 14))):
        node = draw(st.sampled_from(NODES))
        if draw(st.booleans()):
            knows[node] |= knows[draw(st.sampled_from(NODES))]
        mine = [number for by, number in knows[node] if by == node]
        kind = draw(st.sampled_from(("field", "add", "drop", "said")))
        entry = draw(st.sampled_from("xyz"))
        choices: dict[str, dict[str, Any]] = {
            "field": {"fields": {"title": f"{step + 1}"}}, "add": {"add": {"words": (entry,)}},
            "drop": {"drop": {"words": (entry,)}}, "said": {"said": f"{step}"},
        }  # fmt: skip
        new = change(node, max(mine, default=0) + 1, draw(st.integers(0, 1000)),
                     known_numbers(knows[node].values(), but=node), **choices[kind])  # fmt: skip
        knows[node][node, new.number] = new
        made.append(new)
    return made


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms())
def test_order_and_repetition_do_not_matter(made: list[Change], chance: random.Random) -> None:
    other = made * 2
    chance.shuffle(other)
    assert merge(EFFORT, A, other) == merge(EFFORT, A, made)
    assert counting(A, other) == counting(A, made)


@settings(max_examples=150, deadline=None)
@given(histories())
def test_nothing_said_is_lost(made: list[Change]) -> None:
    """Each title counts, is shown beside it, or was known to whoever set a later one."""
    effort = merge(EFFORT, A, made)
    shown = {effort.title, *(each.value for each in effort.conflicts)}
    titles = [each for each in made if "title" in each.fields]
    for each in titles:
        assert each.fields["title"] in shown or any(each.is_before(later) for later in titles)
    for entry in "xyz":
        adding = [each for each in made if entry in each.add.get("words", ())]
        dropping = [each for each in made if entry in each.drop.get("words", ())]
        stays = any(not any(one.is_before(out) for out in dropping) for one in adding)
        assert (entry in effort.words) == stays


@settings(max_examples=150, deadline=None)
@given(histories())
def test_the_timeline_has_all_and_none_before_what_it_knew(made: list[Change]) -> None:
    order = counting(A, made)
    assert {(each.node, each.number) for each in order} == {(each.node, each.number) for each in made}
    for place, each in enumerate(order):
        assert not any(each.is_before(earlier) for earlier in order[:place])


# ---- what is refused -------------------------------------------------------------------------------------

BAD: dict[str, dict[str, Any]] = {
    "an unknown field": {"fields": {"colour": "red"}}, "a state that there is not": {"fields": {"state": "won"}},
    "a kind that there is not": {"fields": {"kind": "party"}}, "no date": {"fields": {"due": "soon"}},
    "days as text": {"fields": {f"alone/{A}": "many"}}, "less than no days": {"fields": {f"spent/{A}": "-1"}},
    "days without end": {"fields": {f"alone/{A}": "1e9"}},
    "asking itself": {"fields": {f"member/{A}": "asked"}},
    "answering for another": {"fields": {f"member/{B}": "joined"}},
    "a task without a name": {"fields": {"task/1/title": "x"}},
    "a task's colour": {"fields": {"task/00000001/colour": ""}},
    "a task's state": {"fields": {"task/00000001/state": "lost"}}, "an unknown list": {"add": {"friends": ("x",)}},
    "dropping of an unknown list": {"drop": {"friends": ("x",)}},
}  # fmt: skip


@pytest.mark.parametrize("more", BAD.values(), ids=BAD)
def test_what_cannot_be_said_is_refused_and_changes_nothing(more: dict[str, Any]) -> None:
    bad = change(A, 2, 1, **more)
    with pytest.raises(BadChangeError):
        require_good(bad)
    first = change(fields={"title": "one"})
    assert merge(EFFORT, A, [first, bad]) == merge(EFFORT, A, [first])


def test_a_set_of_changes_is_one_nodes_of_one_effort() -> None:
    good = [change(), change(A, 2)]
    require_sane(good, effort=EFFORT, node=A)
    for bad, effort, node in (
        (good, "f" * 32, A), (good, EFFORT, B), ([*good, change(A, 2, 5)], EFFORT, A),
        ([change(A, number) for number in range(1, MOST_CHANGES + 2)], EFFORT, A),
        ([change(fields={"colour": "red"})], EFFORT, A),
    ):  # fmt: skip
        with pytest.raises(BadChangeError):
            require_sane(bad, effort=effort, node=node)


def test_every_list_can_be_added_to() -> None:
    effort = merge(EFFORT, A, [change(add=dict.fromkeys(LISTS, ("x",)))])
    assert [getattr(effort, name) for name in LISTS] == [("x",)] * len(LISTS)


# ---- each rule by itself -----------------------------------------------------------------------------------


def test_what_one_does_alone_saves_nothing_and_is_not_joint() -> None:
    alone = merge(EFFORT, A, [change(fields={f"alone/{A}": "5", f"spent/{A}": "3", "state": "done"})])
    assert (alone.is_joint, alone.saved, alone.partners) == (False, None, [A])


def test_a_change_has_seen_the_last_of_each_other_node_and_is_not_before_itself() -> None:
    made = [change(), change(A, 2), change(B, 1), change(C, 7)]
    assert known_numbers(made, but=A) == {B: 1, C: 7}
    assert known_numbers(made[::-1], but=B) == {A: 2, C: 7}
    assert not change().is_before(change())
    both = change(add={"words": ("x",)}, drop={"words": ("x",)})
    assert merge(EFFORT, A, [both]).words == ("x",)


def test_as_many_changes_as_there_may_be_are_good() -> None:
    require_sane([change(A, number) for number in range(1, MOST_CHANGES + 1)], effort=EFFORT, node=A)
