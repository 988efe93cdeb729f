"""Says what changed between two versions of a playbook: every difference once, in an order that is always the same.

`modified` is no difference: it is what the two versions are called.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from katchi.respond.cacao import editing, saying
from katchi.respond.cacao.editing import Way

Part = Literal["playbook", "variable", "agent", "target", "definition", "step", "flow"]
Kind = Literal["added", "removed", "changed"]

_PARTS: Final[Mapping[str, Part]] = {
    "playbook_variables": "variable", "agent_definitions": "agent", "target_definitions": "target",
    "authentication_info_definitions": "definition", "extension_definitions": "definition",
    "data_marking_definitions": "definition",
}  # fmt: skip
_OF_FLOW: Final = frozenset({"on_completion", "on_success", "on_failure", "on_true", "on_false", "next_steps", "cases"})
_TIMES: Final = ("delay", "timeout")


class Difference(msgspec.Struct, frozen=True):
    """One thing that is otherwise now. `id` is of the step, agent …, `name` what people call it.

    Without a member it is the whole that came or went; then `before` or `after` says what it is.
    """

    part: Part
    change: Kind
    id: str
    name: str
    member: str = ""
    before: str = ""
    after: str = ""


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Everything that differs: the playbook itself, its variables and agents, its steps, where they go on."""
    return [
        *_of_members(before, after),
        *(each for name, part in _PARTS.items() for each in _of_parts(part, _held(before, name), _held(after, name))),
        *_of_steps(before, after),
    ]  # fmt: skip


def _of_members(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    apart = {"modified", "workflow", *(name for name in _PARTS if _both_hold(before, after, name))}
    ends = ("workflow_start", "workflow_exception")
    for name, one, other in _pairs(before, after, apart):
        if name in ends:
            texts = (_called(before, one), _called(after, other))
            yield Difference("flow", _kind(one, other), "", "", name, *texts)
        else:
            yield Difference("playbook", _kind(one, other), "", "", name, _text(one), _text(other))


def _of_parts(part: Part, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for key in _keys(before, after):
        one, other = before.get(key), after.get(key)
        held = other or one or {}
        name = key.strip("_") if part == "variable" else str(held.get("name") or held.get("type") or key)
        if one is None or other is None:
            yield Difference(part, _kind(one, other), key, name, "", _listed(one), _listed(other))
            continue
        for member, old, new in _pairs(one, other, ()):
            yield Difference(part, _kind(old, new), key, name, member, _text(old), _text(new))


def _of_steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = before["workflow"], after["workflow"]
    order = [name for name, _, _ in editing.outline(after)]
    order += [name for name, _, _ in editing.outline(before) if name not in new]
    for key in order:
        one, other = old.get(key), new.get(key)
        if one is None or other is None:
            held = after if one is None else before
            texts = (_step_text(before, key) if one else "", _step_text(after, key) if other else "")
            yield Difference("step", _kind(one, other), key, _called(held, key), "", *texts)
        else:
            yield from _of_step(key, before, after)
    for key in order:
        if key in old and key in new:
            yield from _of_flow(key, before, after)


def _of_step(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    one, other = before["workflow"][key], after["workflow"][key]
    name = _called(after, key)
    for member, old, new in _pairs(one, other, _OF_FLOW):
        if member == "commands" and isinstance(old, list) and isinstance(new, list):
            yield from _of_commands(key, name, old, new)
        else:
            texts = (_member_text(before, member, old), _member_text(after, member, new))
            yield Difference("step", _kind(old, new), key, name, member, *texts)


def _of_commands(key: str, name: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    for place in range(max(len(before), len(after))):
        one, other = (held[place] if place < len(held) else None for held in (before, after))
        if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
            continue
        member = f"commands[{place}]" if max(len(before), len(after)) > 1 else "commands"
        texts = [saying.command_words(each) if each is not None else "" for each in (one, other)]
        if texts[0] == texts[1]:  # it reads the same, and is not
            texts = [_text(one), _text(other)]
        yield Difference("step", _kind(one, other), key, name, member, *texts)


def _of_flow(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    one, other = (dict(_ways(key, each["workflow"][key])) for each in (before, after))
    for way in sorted({*one, *other}, key=lambda each: (each.member, each.key)):
        if one.get(way) != other.get(way):
            member = f"{way.member} {way.key}".strip()
            texts = (_called(before, one.get(way)), _called(after, other.get(way)))
            if texts[0] == texts[1]:  # such as two ends
                texts = (one.get(way, ""), other.get(way, ""))
            kind = _kind(one.get(way), other.get(way))
            yield Difference("flow", kind, key, _called(after, key), member, *texts)


def _ways(key: str, step: Mapping[str, Any]) -> Iterator[tuple[Way, str]]:
    yield from editing.ways(key, step)
    for member in sorted(_OF_FLOW & step.keys()):  # said, and empty
        if not step[member]:
            yield Way(key, member), _text(step[member])


def _listed(held: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name}: {_text(value)}" for name, value in (held or {}).items())


def _step_text(members: Mapping[str, Any], key: str) -> str:
    step = members["workflow"][key]
    commands = step.get("commands", ())
    if not commands:
        return str(step.get("condition") or step.get("switch") or step.get("playbook_id") or step["type"])
    who = _agent(members, step.get("agent"))
    return f"{who}: " * bool(who) + "; ".join(saying.command_words(each) for each in commands)


def _member_text(members: Mapping[str, Any], member: str, value: Any) -> str:
    if member == "agent":
        return _agent(members, value)
    if member in _TIMES and type(value) is int:
        return saying.time_text(value) or str(value)
    return _text(value)


def _agent(members: Mapping[str, Any], agent: Any) -> str:
    if not isinstance(agent, str):
        return ""
    return str(members.get("agent_definitions", {}).get(agent, {}).get("name") or agent)


def _called(members: Mapping[str, Any], step: Any) -> str:
    """What people call a step: its name, its type where it has none."""
    if not isinstance(step, str):
        return ""
    held = members["workflow"].get(step)
    return str(held.get("name") or held["type"]) if held else step


def _both_hold(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> bool:
    """Whether its parts are compared one by one: not where one says nothing, and the other that there is nothing."""
    return bool(_held(before, name) or _held(after, name)) or before.get(name) == after.get(name)


def _held(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = members.get(name)
    return found if isinstance(found, dict) else {}


def _pairs(
    before: Mapping[str, Any], after: Mapping[str, Any], apart: Collection[str]
) -> Iterator[tuple[str, Any, Any]]:
    for name in _keys(before, after):
        if name not in apart and _exact(before, name) != _exact(after, name):
            yield name, before.get(name), after.get(name)


def _exact(members: Mapping[str, Any], name: str) -> str | None:
    return json.dumps(members[name], sort_keys=True) if name in members else None


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [*after, *(name for name in before if name not in after)]


def _kind(before: Any, after: Any) -> Kind:
    return "added" if before is None else "removed" if after is None else "changed"


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
