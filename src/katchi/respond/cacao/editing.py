"""Writes playbooks and changes them, one named change at a time, so that nobody has to write JSON.

A playbook is its members, as they came: what a change does not speak of stays, also what we do not know. `Changes` are
values; `changed` makes them in a copy; `finished` makes the result a version of its own. Whether that is a playbook
which may be run is for `check` to say: a draft may be anything in between.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from katchi.errors import KatchiError
from katchi.respond.cacao.playbook import Finding, Playbook
from katchi.respond.cacao.reading import LARGEST
from katchi.respond.cacao.saying import Block, block_of, block_text, place_of

TYPES: Final = (
    "attack", "detection", "engagement", "investigation", "mitigation", "notification", "prevention", "remediation",
)  # fmt: skip
_WAYS: Final = ("on_true", "on_false", "on_completion", "on_success", "on_failure")

Members = dict[str, Any]
NewId = Callable[[], str]
"""Makes UUIDs as text, each another."""


class EditError(KatchiError):
    """This change cannot be made to this playbook."""

    code = "edit"


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a step: its property, and which of several (a place in `next_steps`, a case)."""

    step: str
    member: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class SetMember:
    """Name, description, types, validity: nothing takes it out."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class SetVariable:
    """A variable, new or not. Without a value it has none yet."""

    name: str
    type: str = "string"
    value: str | None = None
    description: str = ""
    is_external: bool = False
    is_constant: bool = False


@dataclass(frozen=True, slots=True)
class DropVariable:
    """It is gone; what refers to it is found by the check."""

    name: str


@dataclass(frozen=True, slots=True)
class AddAgent:
    """Who does things: people (a group), or with `roles` devices that play these parts."""

    name: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetStep:
    """Any of name, description, agent, condition; delay and timeout in milliseconds. Nothing takes it out."""

    step: str
    member: str
    value: str | int


@dataclass(frozen=True, slots=True)
class SetCommand:
    """What a command of a step says: a text, or what to block."""

    step: str
    number: int
    says: str | Block


@dataclass(frozen=True, slots=True)
class AddStep:
    """One more step on a way: people do a text, devices do a block."""

    way: Way
    name: str
    says: str | Block
    agent: str


@dataclass(frozen=True, slots=True)
class AddIf:
    """A branching on a way: on a condition, or on what people answer to a question."""

    way: Way
    name: str
    condition: str = ""
    question: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Remove:
    """A step, with what is in its branches and what only it leads to: what was before it leads to what was after it."""

    step: str


@dataclass(frozen=True, slots=True)
class Move:
    """A step changes places with the one before it, or after it, in the same sequence."""

    step: str
    is_up: bool


Change = (
    SetMember | SetVariable | DropVariable | AddAgent | SetStep | SetCommand | AddStep | AddIf | Remove | Move
)  # fmt: skip


def opened(document: bytes) -> Members:
    """The members of a playbook, or of a draft of one. Raises EditError."""
    try:
        if len(document) > LARGEST:
            raise EditError("The playbook is too large.", expected=f"{LARGEST} bytes at most")
        found: Members = msgspec.json.decode(document)
        msgspec.convert(found, Playbook)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as problem:
        raise EditError("This is no playbook that can be changed here.", found=str(problem)[:200]) from None
    return found


def written(members: Mapping[str, Any]) -> bytes:
    """As a document."""
    return json.dumps(members, ensure_ascii=False, indent=1).encode()


def new(name: str, agents: Sequence[AddAgent], steps: Sequence[tuple[str, str | Block, int]], *, author: str, at: str,
        new_id: NewId) -> Members:  # fmt: skip
    """A playbook of steps in a row: each a name, what is to be done, and the place of its agent in `agents`."""
    start, end = f"start--{new_id()}", f"end--{new_id()}"
    made: Members = {
        "type": "playbook", "spec_version": "cacao-2.0", "id": f"playbook--{new_id()}", "name": name,
        "created_by": author, "created": at, "modified": at, "workflow_start": start,
        "workflow": {start: {"type": "start", "on_completion": end}, end: {"type": "end"}},
    }  # fmt: skip
    made = changed(made, agents, new_id=new_id)
    known = list(made.get("agent_definitions", {}))
    last = start
    for title, says, agent in steps:
        made = changed(made, [AddStep(Way(last, "on_completion"), title, says, known[agent])], new_id=new_id)
        last = made["workflow"][last]["on_completion"]
    return made


def finished(members: Members, before: Members | None, *, author: str, at: str, new_id: NewId) -> Members:
    """A version of its own: without signatures, which no longer hold, and of another's playbook a derived one.

    CACAO 2.0 §3.1: only who created a playbook makes new versions of it; others derive one (`derived_from`).
    """
    made = {name: each for name, each in members.items() if name != "signatures"} | {"modified": at}
    if before is None:
        return made | {"created_by": author, "created": at}
    if before["created_by"] == author:
        return made
    made.pop("revoked", None)
    named = {"id": f"playbook--{new_id()}", "created_by": author, "created": at, "derived_from": [before["id"]]}
    return made | named


def changed(members: Members, changes: Sequence[Change], *, new_id: NewId) -> Members:
    """With these changes, in their order; what was given stays as it is. Raises EditError."""
    made = copy.deepcopy(members)
    for change in changes:
        _make(made, change, new_id)
    return made


def remarks(members: Mapping[str, Any]) -> Iterator[Finding]:
    """What no executor minds before it is too late: no name, a block of nothing."""
    if not members["name"].strip():
        yield Finding("missing", "name", "The playbook needs a name.")
    for name, step in members["workflow"].items():
        for number, command in enumerate(step.get("commands", ())):
            block = block_of(command)
            if block is not None and not block.things.strip():
                yield Finding("missing", f"workflow.{name}.commands[{number}]", "Nothing says what to block.")


def ways(name: str, step: Mapping[str, Any]) -> Iterator[tuple[Way, str]]:
    """Each way out of a step and where it leads; first into its branches."""
    for member in _WAYS[:2]:
        if isinstance(step.get(member), str) and step[member]:
            yield Way(name, member), step[member]
    for place, other in enumerate(step.get("next_steps", ())):
        yield Way(name, "next_steps", str(place)), other
    for case, other in step.get("cases", {}).items():
        yield Way(name, "cases", case), other
    for member in _WAYS[2:]:
        if isinstance(step.get(member), str) and step[member]:
            yield Way(name, member), step[member]


def onward(name: str, step: Mapping[str, Any]) -> Way:
    """The way on when it went well."""
    return Way(name, "on_success" if step.get("on_success") else "on_completion")


def outline(members: Mapping[str, Any]) -> list[tuple[str, int, Way | None]]:
    """The steps in the order in which people read them: (step, how deep in branches, the branch that it begins)."""
    steps: Mapping[str, Any] = members["workflow"]
    found: dict[str, tuple[str, int, Way | None]] = {}
    starts = [members.get("workflow_exception", ""), members["workflow_start"]]
    todo: list[tuple[str, int, Way | None]] = [(name, 0, None) for name in (*reversed(list(steps)), *starts)]
    while todo:
        name, depth, way = todo.pop()
        if name in found or name not in steps:
            continue
        found[name] = (name, depth, way)
        step = steps[name]
        mine = onward(name, step)
        inner = [(other, depth + 1, each) for each, other in ways(name, step) if each != mine]
        todo += reversed([*inner, *((other, depth, None) for each, other in ways(name, step) if each == mine)])
    return list(found.values())


def movable(members: Mapping[str, Any]) -> set[tuple[str, bool]]:
    """(step, is_up) of every move that can be made."""
    steps: Mapping[str, Any] = members["workflow"]
    into = _ways_into(steps)
    found: set[tuple[str, bool]] = set()
    for name, before in ((name, _before(steps, into, name)) for name in steps):
        if before:
            found |= {(name, True), (before, False)}
    return found


def _make(made: Members, change: Change, new_id: NewId) -> None:
    match change:
        case SetMember(name, value):
            _put(made, name, list(value) if isinstance(value, tuple) else value)
        case SetVariable():
            _set_variable(made.setdefault("playbook_variables", {}), change)
        case DropVariable(name):
            if made.get("playbook_variables", {}).pop(name, None) is None:
                raise EditError("There is no such variable.", what=name[:80])
        case AddAgent(name, roles):
            kind = "security-category" if roles else "group"
            agent = {"type": kind, "name": name} | ({"category": list(roles)} if roles else {})
            made.setdefault("agent_definitions", {})[f"{kind}--{new_id()}"] = agent
        case SetStep(name, member, value):
            _put(_step(made, name), member, value)
        case SetCommand(name, number, says):
            _set_command(_step(made, name), number, says)
        case AddStep(way, name, says, agent):
            _insert(made, way, f"action--{new_id()}", _action(name, says, agent))
        case AddIf():
            _add_if(made, change, new_id)
        case Remove(name):
            _remove(made, name)
        case Move(name, is_up):
            _move(made["workflow"], name, is_up)


def _put(members: Members, name: str, value: Any) -> None:
    if value not in ("", None, [], 0):
        members[name] = value
    elif name == "name" and members.get("type") == "playbook":
        members[name] = ""  # always there: the check says what is missing
    else:
        members.pop(name, None)


def _step(made: Members, name: str) -> Members:
    found: Members | None = made["workflow"].get(name)
    if found is None:
        raise EditError("There is no such step.", what=name[:80])
    return found


def _set_variable(held: Members, change: SetVariable) -> None:
    variable: Members = held.setdefault(change.name, {"type": change.type})
    variable["type"] = change.type
    if change.value is None:
        variable.pop("value", None)
    else:
        variable["value"] = change.value
    _put(variable, "description", change.description)
    for name, value in (("external", change.is_external), ("constant", change.is_constant)):
        if bool(variable.get(name, False)) != value:
            _put(variable, name, value or None)


def _set_command(step: Members, number: int, says: str | Block) -> None:
    try:
        command: Members = step["commands"][number]
    except (KeyError, IndexError):
        raise EditError("There is no such command.", what=str(number)) from None
    place = place_of(command)
    command[place] = block_text(says, command) if isinstance(says, Block) else says
    command.pop(f"{place}_b64", None)


def _action(name: str, says: str | Block, agent: str, out: str = "") -> Members:
    kind, text = ("openc2", block_text(says)) if isinstance(says, Block) else ("manual", says)
    command = {"type": kind, "command": text}
    step: Members = {"type": "action", "name": name, "commands": [command], "agent": agent}
    return step | ({"out_args": [f"{out}:value"]} if out else {})


def _target(step: Members, way: Way) -> str:
    try:
        if way.member == "next_steps":
            return str(step["next_steps"][int(way.key)])
        return str(step["cases"][way.key] if way.member == "cases" else step[way.member])
    except (KeyError, IndexError, ValueError):
        raise EditError("The step has no such way.", what=way.step[:80], found=way.member) from None


def _lead(steps: Members, way: Way, to: str) -> None:
    step = steps[way.step]
    if way.member == "next_steps":
        step["next_steps"][int(way.key)] = to
    elif way.member == "cases":
        step["cases"][way.key] = to
    else:
        step[way.member] = to


def _insert(made: Members, way: Way, name: str, step: Members) -> None:
    after = _target(_step(made, way.step), way)
    made["workflow"][name] = step | {"on_completion": after}
    _lead(made["workflow"], way, name)


def _add_if(made: Members, change: AddIf, new_id: NewId) -> None:
    condition, way = change.condition, change.way
    if change.question:
        answer = _unused(made.get("playbook_variables", {}))
        variable = {"type": "bool", "description": change.question}
        made.setdefault("playbook_variables", {})[answer] = variable
        asking = f"action--{new_id()}"
        _insert(made, way, asking, _action(change.name, change.question, change.agent, answer))
        way, condition = Way(asking, "on_completion"), f"{answer}:value = true"
    yes, no = f"end--{new_id()}", f"end--{new_id()}"
    branching = {"type": "if-condition", "name": change.name, "condition": condition, "on_true": yes, "on_false": no}
    _insert(made, way, f"if-condition--{new_id()}", branching)
    made["workflow"] |= {yes: {"type": "end"}, no: {"type": "end"}}
    summary = made.get("playbook_processing_summary")
    if isinstance(summary, dict) and "if_logic" in summary:
        summary["if_logic"] = True


def _unused(held: Mapping[str, Any]) -> str:
    numbers = ("__answer__", *(f"__answer_{number}__" for number in range(2, len(held) + 3)))
    return next(name for name in numbers if name not in held)


def _remove(made: Members, name: str) -> None:
    steps: Members = made["workflow"]
    step = _step(made, name)
    if step["type"] in ("start", "end"):
        raise EditError("A beginning and an end stay.", what=name[:80])
    after = _target(step, onward(name, step))
    before = _reached(made)
    for way in _ways_into(steps).get(name, ()):
        _lead(steps, way, after)
    for gone in before - _reached(made) | {name}:
        steps.pop(gone, None)


def _reached(made: Members) -> set[str]:
    steps: Mapping[str, Any] = made["workflow"]
    todo, found = [made["workflow_start"], made.get("workflow_exception", "")], set[str]()
    while todo:
        name = todo.pop()
        if name in steps and name not in found:
            found.add(name)
            todo += [other for _, other in ways(name, steps[name])]
    return found


def _ways_into(steps: Mapping[str, Any]) -> dict[str, list[Way]]:
    found: dict[str, list[Way]] = {}
    for name, step in steps.items():
        for way, other in ways(name, step):
            found.setdefault(other, []).append(way)
    return found


def _before(steps: Mapping[str, Any], into: Mapping[str, list[Way]], name: str) -> str:
    """The step with which it may change places: nothing else leads here, and both are more than a start or an end."""
    found = into.get(name, [])
    if (
        len(found) != 1
        or steps[name]["type"] in ("start", "end")
        or not steps[name].get(onward(name, steps[name]).member)
    ):
        return ""
    way = found[0]
    is_next = way == onward(way.step, steps[way.step]) and way.step != name
    return way.step if is_next and steps[way.step]["type"] not in ("start", "end") else ""


def _move(steps: Members, name: str, is_up: bool) -> None:
    into = _ways_into(steps)
    if not is_up:
        if name not in steps:
            raise EditError("There is no such step.", what=name[:80])
        name = str(steps[name].get(onward(name, steps[name]).member, ""))
    before = _before(steps, into, name) if name in steps else ""
    if not before:
        raise EditError("The step cannot be moved over what stands there.", what=name[:80])
    after = _target(steps[name], onward(name, steps[name]))
    for way in into.get(before, ()):
        _lead(steps, way, name)
    _lead(steps, onward(name, steps[name]), before)
    _lead(steps, onward(before, steps[before]), after)
