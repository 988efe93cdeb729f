"""Playbooks written and changed without JSON, and what is said to have changed."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.respond import cacao, library
from katchi.respond.cacao import comparing, editing, saying
from katchi.respond.cacao.comparing import Difference
from katchi.respond.cacao.editing import (
    AddAgent,
    AddIf,
    AddStep,
    Change,
    DropVariable,
    EditError,
    Members,
    Move,
    Remove,
    SetCommand,
    SetMember,
    SetStep,
    SetVariable,
    Way,
)
from katchi.respond.cacao.saying import Block
from tests.respond.playbooks import AT, name_of

OURS, THEIRS = name_of("identity", "ours"), name_of("identity", "theirs")
LATER = "2026-11-25T00:00:00.000Z"
AGENTS = (AddAgent("당직자"), AddAgent("defence", ("firewall", "dns")))


def ids() -> Callable[[], str]:
    """Other ids each time, the same in each test."""
    numbers = itertools.count()
    return lambda: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{next(numbers)}"))


def made() -> Members:
    steps: list[tuple[str, str | Block, int]] = [
        ("Block", Block("__things__:value", 86_400_000), 1),
        ("은행에 전화", "모든 은행에 전화한다", 0),
        ("Tell", "tell", 0),
    ]
    document = editing.new("Wiper 대응", AGENTS, steps, author=OURS, at=AT, new_id=ids())
    return changed(document, SetVariable("__things__", is_external=True))


def changed(members: Members, *changes: Change) -> Members:
    return editing.changed(members, changes, new_id=lambda: str(uuid.uuid4()))


def called(members: Members, name: str) -> str:
    """The id of the step of this name."""
    return next(str(key) for key, step in members["workflow"].items() if step.get("name") == name)


def names(members: Members) -> list[str]:
    return [members["workflow"][name].get("name", "") for name, _, _ in editing.outline(members)]


def errors(members: Members) -> list[tuple[str, str]]:
    _, found = cacao.check(editing.written(members))
    return [(each.code, each.where) for each in found if each.is_error]


def test_a_playbook_from_a_list_of_steps_may_be_run() -> None:
    members = made()
    playbook, found = cacao.check(editing.written(members))
    assert playbook is not None
    assert found == ()
    assert names(members) == ["", "Block", "은행에 전화", "Tell", ""]
    (command,) = members["workflow"][called(members, "Block")]["commands"]
    assert json.loads(command["command"]) == {
        "action": "deny", "target": {"x-katchi:things": "__things__:value"}, "args": {"duration": 86_400_000}
    }  # fmt: skip


def test_steps_are_added_moved_and_removed() -> None:
    members = made()
    block, tell = called(members, "Block"), called(members, "Tell")
    agent = members["workflow"][tell]["agent"]
    more = changed(members, AddStep(Way(block, "on_completion"), "Look", "look into the logs", agent))
    assert names(more) == ["", "Block", "Look", "은행에 전화", "Tell", ""]
    assert names(changed(more, Move(tell, is_up=True))) == ["", "Block", "Look", "Tell", "은행에 전화", ""]
    assert changed(more, Move(called(more, "Look"), True), Move(called(more, "Look"), False)) == more
    less = changed(more, Remove(called(more, "Look")))
    assert less == members
    assert errors(more) == errors(less) == []
    assert editing.movable(members) == {
        (block, False), (called(members, "은행에 전화"), True), (called(members, "은행에 전화"), False), (tell, True)
    }  # fmt: skip


def test_a_question_to_people_branches() -> None:
    members = made()
    block = called(members, "Block")
    agent = members["workflow"][called(members, "Tell")]["agent"]
    asked = changed(members, AddIf(Way(block, "on_completion"), "피해?", question="피해가 있는가?", agent=agent))
    branch = next(key for key, step in asked["workflow"].items() if step["type"] == "if-condition")
    assert asked["workflow"][branch]["condition"] == "__answer__:value = true"
    asked = changed(asked, AddStep(Way(branch, "on_true"), "Help", "help them", agent))
    asked = changed(asked, AddIf(Way(called(asked, "Help"), "on_completion"), "Bad?", question="Bad?", agent=agent))
    assert errors(asked) == []
    assert "__answer_2__" in asked["playbook_variables"]
    depths = {asked["workflow"][name].get("name"): depth for name, depth, _ in editing.outline(asked)}
    assert (depths["Help"], depths["Tell"]) == (1, 0)
    # The branching goes as one: what is in its branches goes with it, or stays in them.
    assert errors(changed(asked, Move(branch, False))) == []
    gone = changed(asked, Remove(branch))
    assert "Help" not in names(gone)
    assert errors(gone) == []


def test_what_is_not_known_stays() -> None:
    members = made() | {"x_ours": {"a": [1.0, None]}, "labels": ["나중"]}
    block = called(members, "Block")
    members["workflow"][block]["x_more"] = 7
    text = json.dumps(
        {"action": "deny", "target": {"x-katchi:things": ["192.0.2.7"]}, "args": {"duration": 1000}, "x": 1}
    )
    members["workflow"][block]["commands"] = [{"type": "openc2", "command": text, "description": "why"}]
    after = changed(members, SetCommand(block, 0, Block("192.0.2.7", 60_000)), SetMember("name", "other"))
    (command,) = after["workflow"][block]["commands"]
    assert json.loads(command["command"]) == json.loads(text) | {"args": {"duration": 60_000}}
    assert (after["x_ours"], after["workflow"][block]["x_more"], command["description"]) == (
        {"a": [1.0, None]},
        7,
        "why",
    )


def test_a_new_version_keeps_its_id_and_loses_its_signatures() -> None:
    before = made() | {"signatures": [{"type": "jss"}]}
    after = editing.finished(before, before, author=OURS, at=LATER, new_id=ids())
    assert (after["id"], after["modified"], after["created"]) == (before["id"], LATER, AT)
    assert "signatures" not in after


def test_another_s_playbook_becomes_a_derived_one() -> None:
    before = made() | {"created_by": THEIRS, "revoked": True}
    after = editing.finished(before, before, author=OURS, at=LATER, new_id=ids())
    assert after["id"] != before["id"]
    assert after["derived_from"] == [before["id"]]
    assert (after["created_by"], after["created"], after["modified"]) == (OURS, LATER, LATER)
    assert "revoked" not in after
    assert errors(after) == []


@pytest.mark.parametrize("name", library.names())
def test_those_that_come_along_can_be_opened_and_are_left_alone(name: str) -> None:
    members = editing.opened(library.document(name))
    assert len(editing.outline(members)) == len(members["workflow"])
    for step in members["workflow"].values():
        for command in step.get("commands", ()):
            block = saying.block_of(command)
            assert block is None or json.loads(saying.block_text(block, command)) == json.loads(command["command"])
    for step, is_up in editing.movable(members):
        assert errors(changed(members, Move(step, is_up))) == []
    for step, held in members["workflow"].items():
        if held["type"] not in ("start", "end"):
            assert {code for code, _ in errors(changed(members, Remove(step)))} <= {"undefined-variable"}


@pytest.mark.parametrize(
    "change",
    [
        Remove("start--none"), Move("action--none", True), Move("action--none", False), SetStep("none", "name", "x"),
        SetCommand("none", 0, "x"), AddStep(Way("none", "on_completion"), "x", "x", "x"), DropVariable("__none__"),
    ],
)  # fmt: skip
def test_what_there_is_not_cannot_be_changed(change: Change) -> None:
    members = made()
    before = json.dumps(members)
    with pytest.raises(EditError):
        changed(members, change)
    assert json.dumps(members) == before


def test_ends_stay_and_ways_must_be_there() -> None:
    members = made()
    start, end = members["workflow_start"], next(name for name in members["workflow"] if name.startswith("end"))
    for change in (Remove(start), Remove(end), Move(end, True), Move(start, False),
                   Move(called(members, "Block"), True),
                   AddStep(Way(end, "on_completion"), "x", "x", "x"), SetCommand(called(members, "Tell"), 4, "x"),
                   AddStep(Way(start, "next_steps", "x"), "x", "x", "x")):  # fmt: skip
        with pytest.raises(EditError):
            changed(members, change)


@pytest.mark.parametrize("document", [b"", b"[]", b'{"type": "playbook"}', b"{" * 10_000, b" " * 2_000_000, b"\xff"])
def test_what_is_no_playbook_is_not_opened(document: bytes) -> None:
    with pytest.raises(EditError):
        editing.opened(document)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("", 0), ("90 min", 5_400_000), ("1d 12h", 129_600_000), ("2시간 30분", 9_000_000), ("500 ms", 500),
        ("30 D", 2_592_000_000),
        ("31 d", None), ("5", None), ("five min", None), ("5 min x", None), ("-5 min", None), ("9999999999 d", None),
    ],
)  # fmt: skip
def test_a_time_is_written_as_people_write_it(text: str, milliseconds: int | None) -> None:
    assert saying.read_time(text) == milliseconds
    if milliseconds is not None:
        assert saying.read_time(saying.time_text(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "no json", "[]", '{"action": "query"}', '{"action": "deny", "target": {"ipv4_net": "192.0.2.7"}}',
        '{"action": "deny", "target": {"x-katchi:things": [1]}}', '{"action": "deny", "target": "x"}',
        '{"action": "deny", "target": {"x-katchi:things": "a"}, "args": {"stop_time": 1}}',
        '{"action": "deny", "target": {"x-katchi:things": "a"}, "args": {"duration": true}}',
        '{"action": "deny", "target": {"x-katchi:things": "a"}, "args": 1}',
    ],
)  # fmt: skip
def test_a_command_that_says_more_is_shown_as_it_is(text: str) -> None:
    command = {"type": "openc2", "command": text}
    assert saying.block_of(command) is None
    assert saying.command_words(command) == text
    fresh = json.loads(saying.block_text(Block("a"), command))
    assert fresh == {"action": "deny", "target": {"x-katchi:things": "a"}}


# Comparing.


def test_what_changed_is_said_in_words() -> None:
    before = made()
    block, tell = called(before, "Block"), called(before, "Tell")
    agent = before["workflow"][tell]["agent"]
    after = changed(
        before, SetMember("name", "Wiper"), SetVariable("__hits__", "integer", "0"),
        SetCommand(block, 0, Block("__things__:value", 3_600_000)), SetStep(tell, "delay", 60_000),
        AddStep(Way(block, "on_completion"), "Look", "look", agent), Remove(called(before, "은행에 전화")),
    )  # fmt: skip
    look = called(after, "Look")
    assert comparing.compare(before, after) == [
        Difference("playbook", "changed", "", "", "name", "Wiper 대응", "Wiper"),
        Difference("variable", "added", "__hits__", "hits", "", "", "type: integer, value: 0"),
        Difference("step", "changed", block, "Block", "commands",
                   "deny __things__:value (1 d)", "deny __things__:value (1 h)"),
        Difference("step", "added", look, "Look", "", "", "당직자: look"),
        Difference("step", "added", tell, "Tell", "delay", "", "1 min"),
        Difference("step", "removed", called(before, "은행에 전화"), "은행에 전화", "",
                   "당직자: 모든 은행에 전화한다", ""),
        Difference("flow", "changed", block, "Block", "on_completion", "은행에 전화", "Look"),
    ]  # fmt: skip


CHANGES: st.SearchStrategy[Any] = st.one_of(
    st.builds(SetMember, st.sampled_from(["name", "description", "valid_from"]), st.text(max_size=9)),
    st.builds(SetMember, st.just("playbook_types"), st.sampled_from([(), ("attack",), ("attack", "detection")])),
    st.builds(SetVariable, st.sampled_from(["__things__", "__b__", "__c__"]), st.sampled_from(["string", "integer"]),
              st.none() | st.text(max_size=3), st.text(max_size=3), st.booleans(), st.booleans()),
    st.builds(DropVariable, st.sampled_from(["__things__", "__b__"])),
    st.builds(AddAgent, st.text(max_size=3), st.sampled_from([(), ("dns",)])),
)  # fmt: skip
PLACES = st.integers(0, 30)


def of_steps(members: Members, data: st.DataObject) -> Change:
    """A change of one of the steps that there are."""
    step = data.draw(st.sampled_from(sorted(members["workflow"])))
    found = [way for way, _ in editing.ways(step, members["workflow"][step])] or [Way(step, "on_completion")]
    way = data.draw(st.sampled_from(found))
    says = data.draw(st.text(max_size=4) | st.builds(Block, st.text(max_size=4), st.integers(0, 10_000)))
    agent = data.draw(st.sampled_from(sorted(members["agent_definitions"])))
    changes: list[Change] = [
        SetStep(step, data.draw(st.sampled_from(["name", "description", "agent"])), data.draw(st.text(max_size=4))),
        SetStep(step, data.draw(st.sampled_from(["delay", "timeout"])), data.draw(st.integers(0, 9_000))),
        SetCommand(step, 0, says), AddStep(way, "more", says, agent), Remove(step),
        Move(step, data.draw(st.booleans())),
        AddIf(way, "if", data.draw(st.text(max_size=4)), data.draw(st.text(max_size=4)), agent),
    ]  # fmt: skip
    return data.draw(st.sampled_from(changes))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_difference_is_named_and_nothing_else(data: st.DataObject) -> None:
    before = after = made()
    for _ in range(data.draw(st.integers(1, 4))):
        change = of_steps(after, data) if data.draw(st.booleans()) else data.draw(CHANGES)
        try:
            after = changed(after, change)
        except EditError:
            continue
    assert comparing.compare(before, before) == []
    assert comparing.compare(after, json.loads(editing.written(after))) == []
    found = comparing.compare(before, after)
    assert bool(found) == (before != after)
    assert found == comparing.compare(before, after)
    assert undone(found, before, after) == after


def undone(found: list[Difference], before: Members, after: Members) -> Members:
    """`before`, with what is named as different taken from `after`: what is not named stays as it was."""
    made: Members = json.loads(json.dumps(before))
    for each in found:
        section = {
            "variable": "playbook_variables",
            "agent": "agent_definitions",
            "step": "workflow",
            "flow": "workflow",
        }
        at, to = made, after
        if each.id:
            at, to = made.setdefault(section[each.part], {}), after.get(section[each.part], {})
            if each.member:
                at, to = at[each.id], to[each.id]
        member = (each.member or each.id).partition(" ")[0].partition("[")[0]
        if member in to:
            at[member] = to[member]
        else:
            at.pop(member, None)
    return made


def test_what_an_edit_does_not_reach_is_named_too() -> None:
    before = made()
    block = called(before, "Block")
    after: Members = json.loads(json.dumps(before))
    after["x"], after["labels"], after["external_references"] = 1, [], [{"name": "x"}]
    after["target_definitions"], after["workflow"][block]["on_failure"] = {}, ""
    after["workflow"][block]["commands"].append({"type": "manual", "command": "x"})
    after["workflow"][block]["x"] = "1"
    again: Members = json.loads(json.dumps(after))
    again["workflow"][block]["x"] = 1
    found = comparing.compare(before, after)
    assert [(each.part, each.member) for each in found] == [
        ("playbook", "x"), ("playbook", "labels"), ("playbook", "external_references"),
        ("playbook", "target_definitions"),
        ("step", "commands[1]"), ("step", "x"), ("flow", "on_failure"),
    ]  # fmt: skip
    assert [each.member for each in comparing.compare(after, again)] == ["x"]
