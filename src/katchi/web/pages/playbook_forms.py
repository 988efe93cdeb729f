"""A playbook as a form, and a form as changes of a playbook: what somebody typed, and what of it cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from katchi.respond.cacao import Finding, editing, saying
from katchi.respond.cacao.editing import AddAgent, Change, Members, SetCommand, SetMember, SetStep, SetVariable, Way
from katchi.respond.cacao.playbook import NAME
from katchi.respond.cacao.saying import Block

Form = Mapping[str, str]
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[\ud800-\udfff]")
_is_name = re.compile(NAME).fullmatch


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form says: changes, and texts that cannot be read, by where they stand; they come back as they are."""

    changes: list[Change] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, code: str, where: str, text: str, message: str) -> None:
        """This text cannot be read."""
        self.kept[where] = text
        self.findings.append(Finding(code, where, message))


@dataclass(frozen=True, slots=True)
class CommandShown:
    """A command: a text, or what is to be blocked."""

    number: int
    type: str
    text: str
    block: Block | None
    lasts: str
    wrong: list[Finding]


@dataclass(frozen=True, slots=True)
class WayShown:
    """A way on which a step can be put: its place among the step's ways, and what it is."""

    place: int
    way: Way


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step and its fields. `wrong` are findings by field; those of the step as a whole under nothing."""

    number: int
    id: str
    step: Mapping[str, Any]
    depth: int
    begins: Way | None
    commands: list[CommandShown]
    times: Mapping[str, str]
    ways: list[WayShown]
    can: frozenset[str]
    wrong: Mapping[str, list[Finding]]


@dataclass(frozen=True, slots=True)
class VariableShown:
    """A variable and its fields."""

    number: int
    name: str
    held: Mapping[str, Any]
    wrong: list[Finding]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole form. `wrong` are the findings that belong to no step and no variable, by field."""

    members: Members
    steps: list[StepShown]
    variables: list[VariableShown]
    kept: Mapping[str, str]
    wrong: Mapping[str, list[Finding]]


def read(members: Members, form: Form) -> Typed:
    """What was typed into the form of this playbook, as far as it is something else than what is there."""
    typed = Typed()
    if "name" not in form:  # no form of a playbook, but a button of its own
        return typed
    _read_members(members, form, typed)
    for number, (name, held) in enumerate(members.get("playbook_variables", {}).items()):
        _read_variable(f"variable/{number}", name, held, form, typed)
    for number, (name, step) in enumerate(members["workflow"].items()):
        if f"step/{number}" in form:
            _read_step(f"step/{number}", name, step, form, typed)
    _read_new(members, form, typed)
    return typed


def sheet(members: Members, findings: list[Finding], kept: Mapping[str, str]) -> Sheet:
    """A playbook as a form, with what is wrong at the fields to which it belongs."""
    rest = list(findings)
    numbers = {name: number for number, name in enumerate(members["workflow"])}
    movable = editing.movable(members)
    steps = []
    for name, depth, begins in editing.outline(members):
        mine = _taken(rest, f"workflow.{name}")
        steps.append(_step_shown(numbers[name], name, members["workflow"][name], depth, begins, movable, mine, kept))
    variables = [
        VariableShown(number, name, held, [each for _, each in _taken(rest, f"playbook_variables.{name}")])
        for number, (name, held) in enumerate(members.get("playbook_variables", {}).items())
    ]
    wrong: dict[str, list[Finding]] = {}
    for each in rest:
        own = each.where in ("name", "description", "valid_from", "valid_until", "new-variable", "new-agent")
        wrong.setdefault(each.where if own else "", []).append(each)
    return Sheet(members, steps, variables, kept, wrong)


def _taken(rest: list[Finding], where: str) -> list[tuple[str, Finding]]:
    """Takes out the findings of one place: (where in it, finding)."""
    found = [each for each in rest if each.where == where or each.where.startswith(f"{where}.")]
    for each in found:
        rest.remove(each)
    return [(each.where[len(where) + 1 :], each) for each in found]


def _step_shown(
    number: int, name: str, step: Mapping[str, Any], depth: int, begins: Way | None, movable: set[tuple[str, bool]],
    findings: list[tuple[str, Finding]], kept: Mapping[str, str],
) -> StepShown:  # fmt: skip
    wrong: dict[str, list[Finding]] = {}
    for where, each in findings:
        wrong.setdefault(where.partition("]")[0] + "]" if where.startswith("commands[") else where, []).append(each)
    commands = []
    for place, command in enumerate(step.get("commands", ())):
        at, block = f"commands[{place}]", saying.block_of(command)
        lasts = kept.get(f"workflow.{name}.{at}.lasts", saying.time_text(block.lasts) if block else "")
        text = saying.plain_text(command, saying.place_of(command))
        commands.append(CommandShown(place, str(command.get("type", "")), text, block, lasts, wrong.pop(at, [])))
    times = {
        member: kept.get(f"workflow.{name}.{member}", saying.time_text(step.get(member, 0)))
        for member in ("delay", "timeout")
    }
    whole = [each for where in list(wrong) if where not in _FIELDS for each in wrong.pop(where)]
    can = {each for each, is_up in (("up", True), ("down", False)) if (name, is_up) in movable}
    can |= {"remove"} if step["type"] not in ("start", "end") else set()
    places = [WayShown(place, way) for place, (way, _) in enumerate(_places(name, step))]
    wrong |= {"": whole} if whole else {}
    return StepShown(
        number, name, step, depth, begins, commands, times, places, frozenset(can), wrong
    )  # fmt: skip


_FIELDS: Final = ("name", "description", "agent", "condition", "delay", "timeout")


def _places(name: str, step: Mapping[str, Any]) -> list[tuple[Way, str]]:
    """The ways on which a step can be put: on first, then into the branches."""
    after = editing.onward(name, step)
    return sorted(editing.ways(name, step), key=lambda each: each[0] != after)


def way_at(members: Members, number: str, place: str) -> Way:
    """The way that a form means. Raises EditError."""
    name = step_at(members, number)
    found = [way for way, _ in _places(name, members["workflow"][name])]
    if not place.isdecimal() or int(place[:6]) >= len(found):
        raise editing.EditError("The step has no such way.", what=name)
    return found[int(place)]


def step_at(members: Members, number: str) -> str:
    """The step that a form means. Raises EditError."""
    names = list(members["workflow"])
    if not number.isdecimal() or int(number[:6]) >= len(names):
        raise editing.EditError("There is no such step.", what=number[:80])
    return str(names[int(number)])


def clean(text: str, *, is_long: bool = False) -> str:
    """As a browser gives it back, without characters that nobody types."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text if is_long else text.replace("\n", "").replace("\t", " ").strip()


def _new_text(form: Form, name: str, before: str, *, is_long: bool = False) -> str | None:
    """What was typed, if it is something else."""
    if name not in form:
        return None
    typed = clean(form[name], is_long=is_long)
    return None if typed == clean(before, is_long=is_long) else typed


def _read_members(members: Members, form: Form, typed: Typed) -> None:
    for name in ("name", "description"):
        text = _new_text(form, name, members.get(name, ""), is_long=name == "description")
        if text is not None:
            typed.changes.append(SetMember(name, text))
    chosen = {name.removeprefix("type/") for name in form if name.startswith("type/")}
    types = members.get("playbook_types", [])
    if chosen != set(types):
        known = [*types, *(each for each in editing.TYPES if each not in types)]
        typed.changes.append(SetMember("playbook_types", tuple(each for each in known if each in chosen)))
    for name in ("valid_from", "valid_until"):
        _read_moment(name, members.get(name) or "", form, typed)


def _read_moment(name: str, before: str, form: Form, typed: Typed) -> None:
    text = _new_text(form, name, before[:16])
    if text is None:
        return
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z")).strftime("%Y-%m-%dT%H:%M:%S") if text else ""
    except ValueError:
        typed.refuse("time", name, text, "A moment is written such as 2026-12-24T18:00.")
        return
    typed.changes.append(SetMember(name, f"{moment.rjust(19, '0')}.000Z" if moment else ""))


def _read_variable(at: str, name: str, held: Mapping[str, Any], form: Form, typed: Typed) -> None:
    if f"{at}/type" not in form:
        return
    before: Any = held.get("value")
    value = _new_text(form, f"{at}/value", before or "", is_long=True)
    change = SetVariable(
        name, form[f"{at}/type"] or held["type"], before if value is None else value or None,
        _either(_new_text(form, f"{at}/description", held.get("description", "")), held.get("description", "")),
        is_external=f"{at}/external" in form, is_constant=f"{at}/constant" in form,
    )  # fmt: skip
    now = SetVariable(
        name, held["type"], before, held.get("description", ""), held.get("external", False),
        held.get("constant", False),
    )  # fmt: skip
    if change != now:
        typed.changes.append(change)


def _either(new: str | None, before: str) -> str:
    return before if new is None else new


def _read_step(at: str, name: str, step: Mapping[str, Any], form: Form, typed: Typed) -> None:
    for member in ("name", "description", "agent", "condition"):
        text = _new_text(form, f"{at}/{member}", step.get(member, ""), is_long=member == "description")
        if text is not None:
            typed.changes.append(SetStep(name, member, text))
    for member in ("delay", "timeout"):
        lasts = _read_lasting(form, f"{at}/{member}", step.get(member, 0), f"workflow.{name}.{member}", typed)
        if lasts is not None:
            typed.changes.append(SetStep(name, member, lasts))
    for number, command in enumerate(step.get("commands", ())):
        typed.changes.extend(_read_command(f"{at}/command/{number}", name, number, command, form, typed))


def _read_lasting(form: Form, name: str, before: int, where: str, typed: Typed) -> int | None:
    text = _new_text(form, name, saying.time_text(before))
    if text is None:
        return None
    lasts = saying.read_time(text)
    if lasts is None:
        typed.refuse("time", where, text, "A time is written such as 30 s, 15 min, 2 h or 7 d; a month at most.")
    return lasts


def _read_command(
    at: str, step: str, number: int, command: Mapping[str, Any], form: Form, typed: Typed
) -> Iterator[Change]:
    block = saying.block_of(command)
    if block is not None and f"{at}/things" in form:
        things = _new_text(form, f"{at}/things", block.things, is_long=True)
        where = f"workflow.{step}.commands[{number}]"
        lasts = _read_lasting(form, f"{at}/lasts", block.lasts, f"{where}.lasts", typed)
        if things is not None or lasts is not None:
            yield SetCommand(
                step, number, Block(_either(things, block.things), block.lasts if lasts is None else lasts)
            )
    text = _new_text(form, at, saying.plain_text(command, saying.place_of(command)), is_long=True)
    if text is not None:
        yield SetCommand(step, number, text)


def _read_new(members: Members, form: Form, typed: Typed) -> None:
    """A variable or an agent that was typed into the empty rows below the others."""
    text = clean(form.get("new-variable", ""))
    if text:
        name = f"__{re.sub(r'[^A-Za-z0-9_-]+', '_', text.strip('_'))}__"
        if _is_name(name) is None or not text.isascii():
            typed.refuse("variable-name", "new-variable", text, "A variable's name is of letters a to z and digits.")
        elif name in members.get("playbook_variables", {}):
            typed.refuse("name-taken", "new-variable", text, "There is such a variable already.")
        else:
            typed.changes.append(SetVariable(name, is_external=True))
    agent = clean(form.get("new-agent", ""))
    roles = tuple(dict.fromkeys(clean(form.get("new-roles", "")).replace(",", " ").split()))
    if agent:
        typed.changes.append(AddAgent(agent, roles))
    elif roles:
        typed.refuse("missing", "new-agent", "", "Who plays these parts needs a name.")
