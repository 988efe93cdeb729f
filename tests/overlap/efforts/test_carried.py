"""Efforts as STIX groupings: what is said comes back, and what cannot be is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi import stix
from katchi.overlap.efforts import carried
from katchi.overlap.efforts.history import KINDS, STATES, BadChangeError, Effort, Task, merge
from katchi.stix.registered import EFFORT, definitions
from tests.overlap.efforts.test_history import EFFORT as ID
from tests.overlap.efforts.test_history import A, B

DRAFT = {
    "type": "grouping", "spec_version": "2.1", "id": "grouping--5b6b2e0f-0d5c-4f0e-8f0a-1d6c3b2a1f00",
    "created": "2026-11-24T00:00:00.000Z", "modified": "2026-11-24T00:00:00.000Z", "created_by_ref": A,
}  # fmt: skip
words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
lists = st.lists(words, max_size=4, unique=True).map(lambda each: tuple(sorted(each)))


def written(effort: Effort) -> stix.Object:
    return stix.read(msgspec.json.encode(carried.grouping(effort, DRAFT, [A], node=A)))


@settings(max_examples=100, deadline=None)
@given(st.builds(
    Effort, id=st.just(ID), founder=st.just(A), title=words, summary=st.one_of(st.just(""), words),
    kind=st.sampled_from(KINDS), state=st.sampled_from(STATES), lead=st.one_of(st.just(""), words),
    expected=st.one_of(st.just(""), words), due=st.sampled_from(("", "2026-12-01")), about=lists, techniques=lists,
    sectors=lists, words=lists, alone=st.sampled_from(({}, {A: 2.5}, {A: 12.0})),
))  # fmt: skip
def test_what_an_effort_says_comes_back(effort: Effort) -> None:
    obj = written(effort)
    assert stix.check(obj) == ()
    found = carried.read(obj)
    assert found is not None
    assert merge(ID, A, [found.summed]) == effort


def test_all_that_it_is_in_one_change_is_the_same_effort() -> None:
    tasks = (Task(id="0000000a", title="read", who=B, state="doing"), Task(id="0000000b", title="write"))
    effort = Effort(id=ID, founder=A, title="x", kind="hunt", about=("domain:a.example",), objects=("malware--1",),
                    alone={A: 0.5}, spent={A: 3.0}, tasks=tasks)  # fmt: skip
    made = carried.summed(effort, node=A, number=7, at="2026-11-24T00:00:00Z", seen={})
    assert merge(ID, A, [made]) == effort


def test_other_groupings_are_none_of_ours() -> None:
    plain = {**DRAFT, "context": "unspecified", "object_refs": [A]}
    for members in (plain, {**plain, "extensions": {"x": {"effort": ID}}}, {**plain, "extensions": "none"}):
        assert carried.read(stix.read(msgspec.json.encode(members))) is None


BAD: list[dict[str, Any]] = [
    {"effort": "x"}, {"effort": ID + "0"}, {"founder": "kim"}, {"state": "won"}, {"kind": 7}, {"about": "domain:a"},
    {"about": [""]}, {"about": ["x"] * 501}, {"person_days": "many"}, {"person_days": -1.0}, {"due": "soon"},
    {"lead": "x" * 5000}, {"changes": [{}]}, {"changes": "none"},
]  # fmt: skip


@pytest.mark.parametrize("spoiled", BAD, ids=str)
def test_a_spoiled_one_is_refused(spoiled: dict[str, Any]) -> None:
    members = msgspec.json.decode(written(Effort(id=ID, founder=A, title="x")).raw)
    members["extensions"][EFFORT] |= spoiled
    with pytest.raises(BadChangeError):
        carried.read(stix.read(msgspec.json.encode(members)))


def test_the_extension_is_defined_as_the_standard_says() -> None:
    for each in definitions():
        assert stix.check(stix.read(msgspec.json.encode(each))) == ()
