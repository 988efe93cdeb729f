"""After a reveal: what we say of the common things goes, or both work on them together, or nothing happens."""

from __future__ import annotations

import pytest

from katchi.node import efforts, overlap_after, overlapping
from katchi.node.effort_board import board
from katchi.node.efforts import view
from katchi.node.overlapping import StateError
from katchi.node.search import BadQueryError
from katchi.node.terms import in_force, put_terms
from katchi.overlap.psi.guard import GuardError, padded
from tests.node.test_efforts import wiper
from tests.node.test_exchange import held, is_quiet
from tests.node.test_overlapping import state, urls
from tests.nodes import Pair, until

NARROW = """\
format = 1
partner = "us-cert"

[[release]]
name = "What is public"
up-to = "clear"
types = ["all"]
"""


def compared(pair: Pair, kind: str = "url") -> str:
    """A session in which both know what both have."""
    kr, us = pair
    session = overlapping.propose(kr, "us-cert", kind, person="kim").id
    until(lambda: state_or_none(pair, session) == "asked")
    overlapping.accept(us, session, person="park")
    until(lambda: state(kr, session) == state(us, session) == "counted")
    for node in pair:
        overlapping.agree(node, session, person="kim")
    until(lambda: state(kr, session) == state(us, session) == "revealed")
    return session


def state_or_none(pair: Pair, session: str) -> str:
    return {row.id: row.state for row in pair.us.store.overlaps.all()}.get(session, "")


def test_what_we_say_of_the_common_things_goes_and_nothing_else(joined: Pair) -> None:
    kr, us = joined
    put_terms(kr, "us-cert", NARROW, person="kim")
    put_terms(us, "kr-cert", NARROW.replace("us-cert", "kr-cert"), person="park")
    urls(kr, *range(30))
    urls(kr, 100, tlp="red", first=500)
    urls(us, *range(20, 60), first=1000)
    session = compared(joined)
    made = overlap_after.telling(kr, session)
    assert (len(made.object_ids), made.outlook.would_go.count, made.outlook.would_stay.count) == (10, 10, 0)
    before = {name for name, origin in held(us).items() if origin != "own"}
    overlap_after.tell(kr, session, person="kim")
    until(lambda: len({name for name, origin in held(us).items() if origin != "own"} - before) == 10)
    assert set(made.object_ids) <= set(held(us))
    text = in_force(kr, "us-cert").text
    assert f"overlap {session[:8]}" in text
    overlap_after.tell(kr, session, person="kim")  # the same once more
    assert in_force(kr, "us-cert").text.count(session[:8]) == 1


def test_a_joint_effort_begins_with_what_both_have(joined: Pair) -> None:
    kr, us = joined
    urls(kr, *range(30))
    urls(us, *range(20, 60), first=1000)
    session = compared(joined)
    row = overlap_after.together(kr, session, "Ten pages in common", person="kim")
    assert view(row).about == tuple(overlapping.found(kr.store.overlaps.one(session)))
    until(lambda: [each.effort.title for each in board(us).of("asked")] == ["Ten pages in common"])


def test_efforts_are_compared_and_go_on_together_in_the_one_that_there_is(joined: Pair) -> None:
    """Nobody sees what the other works on, nor how many things that are, before both find one in common."""
    kr, us = joined
    put_terms(kr, "us-cert", NARROW, person="kim")
    put_terms(us, "kr-cert", NARROW.replace("us-cert", "kr-cert"), person="park")
    ours = wiper(kr)
    efforts.begin(kr, "Private", lists={"about": (f"file:md5:{'c' * 32}",)}, person="kim")
    wiper(us, "방송사 와이퍼")
    session = compared(joined, "effort")
    row = kr.store.overlaps.one(session)
    assert (row.own, row.theirs, row.common) == (32, 32, 1)
    assert overlapping.found(row) == [f"file:md5:{'a' * 32}"]
    assert board(us).of("partner", "asked") == []
    put_terms(kr, "us-cert", NARROW.replace('"clear"', '"amber"'), person="kim")
    assert overlap_after.together(kr, session, person="kim").id == ours
    until(lambda: [each.row.id for each in board(us).of("asked")] == [ours])


def test_nothing_follows_from_what_was_not_revealed(joined: Pair) -> None:
    kr, us = joined
    urls(kr, *range(30))
    session = overlapping.propose(kr, "us-cert", "url", person="kim").id
    with pytest.raises(StateError):
        overlap_after.telling(kr, session)
    with pytest.raises(StateError):
        overlap_after.together(kr, session, person="kim")
    with pytest.raises(GuardError):
        overlapping.propose(us, "kr-cert", "effort", person="park")
    with pytest.raises(BadQueryError):
        overlapping.propose(kr, "us-cert", "effort", query="seen:<9d", person="kim")
    until(lambda: is_quiet(joined))


def test_sets_of_efforts_are_filled_up() -> None:
    assert [padded(count) for count in (1, 32, 33, 128, 129, 513)] == [32, 32, 128, 128, 512, 2048]
