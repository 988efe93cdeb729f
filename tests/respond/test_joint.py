"""What nodes say of a response: the same story in whatever order it came, and nobody speaks for another."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.respond.joint import (
    KINDS,
    MOST_ENTRIES,
    PROPOSED,
    BadEntryError,
    Entry,
    Proposal,
    digest_of,
    merge,
    require_chain,
)

RESPONSE = "0123456789abcdef" * 2
KIM, LEE, CHOI = (f"identity--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e{number}" for number in (10, 20, 30))
PROPOSAL = Proposal(
    proposer=KIM, nodes=(LEE,), playbook="playbook--x", version="2026-11-24T00:00:00Z", digest="0" * 64,
    answer_by="2026-11-25T00:00:00Z", until="2026-11-26T00:00:00Z",
)  # fmt: skip


def log(node: str, *said: dict[str, Any], begins: int = 0) -> list[Entry]:
    """A node's log, one entry a second from then on."""
    entries: list[Entry] = []
    for number, members in enumerate(said, start=1):
        at = members.pop("at", f"2026-11-24T00:00:{begins + number:02d}Z")
        previous = digest_of(entries[-1]) if entries else ""
        entries.append(Entry(response=RESPONSE, node=node, number=number, at=at, previous=previous, **members))
    return entries


def proposing(*more: dict[str, Any]) -> list[Entry]:
    return log(KIM, {"kind": PROPOSED, "proposal": PROPOSAL}, {"kind": "accepted"}, *more)


GOOD = proposing({"kind": "begun"}, {"kind": "step", "step": "action--1", "status": "succeeded"})
BROKEN = {
    "a gap": lambda entries: [entries[0], *entries[2:]],
    "another order": lambda entries: [entries[1], entries[0], *entries[2:]],
    "not from the beginning": lambda entries: entries[1:],
    "said twice": lambda entries: [*entries, entries[-1]],
    "changed": lambda entries: [msgspec.structs.replace(entries[0], reason="another"), *entries[1:]],
    "another response's": lambda entries: [msgspec.structs.replace(each, response="f" * 32) for each in entries],
    "another node's": lambda entries: [msgspec.structs.replace(each, node=LEE) for each in entries],
    "an unknown kind": lambda _: proposing({"kind": "shut-down"}),
    "a second proposal": lambda _: proposing({"kind": PROPOSED, "proposal": PROPOSAL}),
    "a proposal without one": lambda _: log(KIM, {"kind": PROPOSED}),
    "a proposal in another's name": lambda _: log(LEE, {"kind": PROPOSED, "proposal": PROPOSAL}),
}  # fmt: skip


def test_a_whole_log_holds() -> None:
    require_chain(GOOD, response=RESPONSE, node=KIM)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_log_that_was_tampered_with_does_not_hold(broken: Any) -> None:
    entries = broken(GOOD)
    with pytest.raises(BadEntryError):
        require_chain(entries, response=RESPONSE, node=LEE if entries[0].proposal and entries[0].node == LEE else KIM)


def test_a_node_speaks_only_for_itself() -> None:
    claims = log(
        LEE, {"kind": "accepted"}, {"kind": "step", "step": "action--kims", "status": "succeeded"},
        {"kind": "renewed", "until": "2036-01-01T00:00:00Z"}, {"kind": "recalled", "reason": "let it go"}, begins=10,
    )  # fmt: skip
    found = merge({KIM: GOOD, LEE: claims})
    assert set(found.parts[KIM].steps) == {"action--1"}  # what the other says it did changes nothing of ours
    assert found.until == PROPOSAL.until
    assert [each.is_proposers for each in found.recalls] == [False]


def test_who_was_not_asked_has_no_part() -> None:
    stranger = log(CHOI, {"kind": "accepted"}, {"kind": "recalled", "reason": "stop"}, begins=10)
    found = merge({KIM: GOOD, CHOI: stranger})
    assert set(found.parts) == {KIM, LEE}
    assert (found.accepted, found.recalls) == (1, [])


def test_answers_before_the_proposal_wait_for_it() -> None:
    answer = log(LEE, {"kind": "accepted"}, begins=10)
    assert merge({LEE: answer}).proposal is None
    assert merge({LEE: answer, KIM: GOOD}).accepted == 2


STATES = {
    ("accepted",): "accepted", ("deferred", "declined"): "declined", ("accepted", "begun"): "begun",
    ("accepted", "begun", "in-force"): "in-force", ("accepted", "begun", "in-force", "lifted"): "lifted",
    ("accepted", "begun", "in-force", "lifted", "in-force"): "in-force", (): "silent",
}  # fmt: skip


@pytest.mark.parametrize(("kinds", "state"), STATES.items())
def test_how_far_a_node_is_in_one_word(kinds: tuple[str, ...], state: str) -> None:
    said = log(LEE, *({"kind": kind} for kind in kinds), begins=10)
    assert merge({KIM: GOOD, LEE: said}).parts[LEE].state == state


said_by = st.lists(st.sampled_from([kind for kind in KINDS if kind != PROPOSED]), max_size=6)


@given(kims=said_by, lees=said_by, order=st.permutations([KIM, LEE, CHOI]), seen=st.integers(0, 6))
def test_the_story_is_the_same_in_whatever_order_it_came(
    kims: list[str], lees: list[str], order: list[str], seen: int
) -> None:
    times = count(3)
    logs = {
        KIM: proposing(*({"kind": kind, "at": f"2026-11-24T00:01:{next(times):02d}Z"} for kind in kims)),
        LEE: log(LEE, *({"kind": kind} for kind in lees), begins=20),
        CHOI: log(CHOI, {"kind": "accepted"}),
    }
    whole = merge(logs)
    assert merge({node: logs[node] for node in order}) == whole
    # A log only grows: what was known from a part of it stays in the whole.
    part = merge(logs | {LEE: logs[LEE][:seen]})
    assert [each for each in whole.timeline if each in part.timeline] == part.timeline
    assert len(whole.timeline) <= MOST_ENTRIES
