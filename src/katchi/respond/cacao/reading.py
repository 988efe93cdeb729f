"""Reads playbooks, and says everything that is wrong with one before anything of it is done."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.respond.cacao import conditions, structure, variables
from katchi.respond.cacao.conditions import BadConditionError
from katchi.respond.cacao.playbook import NAME, STEP_TYPES, Command, Finding, Playbook, Step, Variable
from katchi.respond.cacao.variables import BadValueError

LARGEST: Final = 1_048_576  # bytes
MOST_STEPS: Final = 1000
DEEPEST: Final = 50
COMMANDS: Final = ("manual", "http-api", "openc2-http", "openc2")
"""The command types that there are ways to run; those of `SHELLS` only where the operator switches them on."""
SHELLS: Final = ("bash", "ssh")
AGENTS: Final = (
    "group", "individual", "location", "organization", "sector", "http-api", "linux", "net-address",
    "security-category", "ssh", "openc2-https",
)  # fmt: skip
MARKINGS: Final = ("marking-tlp", "marking-statement", "marking-iep")
_is_name = re.compile(NAME).fullmatch
_KNOWN: Final = frozenset(each.encode_name for each in msgspec.structs.fields(Playbook))
_OF_STEPS: Final = frozenset(each.encode_name for each in msgspec.structs.fields(Step)) | {"external_references"}
_ONLY: Final[dict[str, frozenset[str]]] = {
    "action": frozenset({"commands", "agent", "targets", "in_args", "out_args"}),
    "playbook-action": frozenset({"playbook_id", "playbook_version", "in_args", "out_args"}),
    "parallel": frozenset({"next_steps"}),
    "if-condition": frozenset({"condition", "on_true", "on_false"}),
    "while-condition": frozenset({"condition", "on_true"}),
    "switch-condition": frozenset({"switch", "cases"}),
}
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "action": ("commands", "agent"), "playbook-action": ("playbook_id",), "parallel": ("next_steps",),
    "if-condition": ("condition", "on_true"), "while-condition": ("condition", "on_true"),
    "switch-condition": ("switch", "cases"),
}  # fmt: skip
_ANY_OF_THEM: Final = frozenset().union(*_ONLY.values())


class RefusedPlaybookError(KatchiError):
    """This playbook is not run: all that is wrong with it is in `findings`."""

    code = "playbook-refused"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = next(each for each in findings if each.is_error)
        super().__init__(
            f"The playbook is refused: {first.message}", what=first.where, found=first.code,
            expected=f"{sum(each.is_error for each in findings)} things to mend",
        )  # fmt: skip
        self.findings = findings


def read(document: bytes, *, commands: Collection[str] = COMMANDS) -> tuple[Playbook, tuple[Finding, ...]]:
    """A playbook, and what is odd about it. Raises RefusedPlaybookError.

    `commands` are the command types that are run here.
    """
    playbook, found = check(document, commands=commands)
    if playbook is None or any(each.is_error for each in found):
        raise RefusedPlaybookError(found)
    return playbook, found


def check(document: bytes, *, commands: Collection[str] = COMMANDS) -> tuple[Playbook | None, tuple[Finding, ...]]:
    """The same without raising; no playbook where it cannot even be read."""
    if len(document) > LARGEST:
        return None, (Finding("too-large", "", f"A playbook has at most {LARGEST} bytes."),)
    try:
        raw = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        return None, (Finding("not-json", "", f"This is not JSON: {problem}"[:300]),)
    if not isinstance(raw, dict):
        return None, (Finding("not-a-playbook", "", "A playbook is a JSON object."),)
    refused = _not_to_be_read(raw)
    if refused is not None:
        return None, (refused,)
    try:
        playbook = msgspec.convert(raw, Playbook)
    except msgspec.ValidationError as problem:
        sentence, _, path = str(problem).partition(" - at `$.")
        return None, (Finding("schema", path.rstrip("`"), f"{sentence}."),)
    plain, found = _plain(playbook)
    return plain, (*found, *_findings(plain, raw, commands))


def load(document: bytes) -> Playbook:
    """One that was accepted here already: a run of it goes on, whatever has come to be refused since."""
    return _plain(msgspec.json.decode(document, type=Playbook))[0]


def _not_to_be_read(raw: dict[str, Any]) -> Finding | None:
    if raw.get("type") != "playbook":
        return Finding("not-a-playbook", "type", "The type of a playbook is `playbook`.")
    if raw.get("spec_version") != "cacao-2.0":
        return Finding("version", "spec_version", "Only cacao-2.0 is run.")
    workflow = raw.get("workflow")
    if isinstance(workflow, dict) and len(workflow) > MOST_STEPS:
        return Finding("too-large", "workflow", f"A playbook has at most {MOST_STEPS} steps.")
    if _depth(raw) > DEEPEST:
        return Finding("too-large", "", f"A playbook has at most {DEEPEST} levels.")
    return None


def _depth(value: Any) -> int:
    """How many levels there are, counted one after the other: foreign data may be deeper than we can go."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner for each in level if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]  # fmt: skip
    return depth


def _plain(playbook: Playbook) -> tuple[Playbook, list[Finding]]:
    """With commands in plain text where they came as base64."""
    found: list[Finding] = []
    steps: dict[str, Step] = {}
    for name, step in playbook.workflow.items():
        commands = []
        for number, command in enumerate(step.commands):
            try:
                commands.append(_decoded(command))
            except (binascii.Error, ValueError):
                found.append(Finding("base64", f"workflow.{name}.commands[{number}]", "This is not base64 of text."))
                commands.append(command)
        steps[name] = msgspec.structs.replace(step, commands=tuple(commands))
    return msgspec.structs.replace(playbook, workflow=steps), found


def _decoded(command: Command) -> Command:
    changes = {
        plain: base64.b64decode(packed, validate=True).decode()
        for plain, packed in (("command", command.command_b64), ("content", command.content_b64))
        if packed
    }
    return msgspec.structs.replace(command, **changes) if changes else command


def _findings(playbook: Playbook, raw: dict[str, Any], commands: Collection[str]) -> Iterator[Finding]:
    for name in raw.keys() - _KNOWN:
        yield Finding("unknown-property", name, "The standard has no such property; it is not looked at.", False)
    if stix.parse_timestamp(playbook.modified) < stix.parse_timestamp(playbook.created):
        yield Finding("modified", "modified", "It was modified before it was created.")
    start = playbook.workflow.get(playbook.workflow_start)
    if start is not None and start.type != "start":
        yield Finding("no-start", "workflow_start", "The workflow does not begin with a start step.", False)
    for name, step in playbook.workflow.items():
        where = f"workflow.{name}"
        yield from _of_step(name, step, raw["workflow"][name], where)
        if step.type == "action":
            yield from _of_action(playbook, step, where, commands)
        yield from _of_variables(playbook, step, where)
    yield from _of_definitions(playbook)
    for scope, held in (("playbook_variables", playbook.playbook_variables),):
        yield from _of_values(scope, held)
    yield from _of_summary(playbook)
    yield from structure.findings(playbook)


def _of_step(name: str, step: Step, raw: dict[str, Any], where: str) -> Iterator[Finding]:
    if step.type not in STEP_TYPES:
        yield Finding("unknown-step", f"{where}.type", f"There is no step type {step.type[:40]}.")
        return
    if not name.startswith(f"{step.type}--"):
        yield Finding("step-id", where, f"The id of a step of this type begins with {step.type}--.", False)
    for member in raw.keys() - _OF_STEPS:
        yield Finding("unknown-property", f"{where}.{member}", "The standard has no such property.", False)
    for member in sorted((raw.keys() & _ANY_OF_THEM) - _ONLY.get(step.type, frozenset())):
        yield Finding("misplaced", f"{where}.{member}", f"A step of the type {step.type} has no {member}.", False)
    for member in _NEEDED.get(step.type, ()):
        if not getattr(step, member):
            yield Finding("missing", f"{where}.{member}", f"A step of the type {step.type} needs {member}.")
    if step.type == "parallel" and len(step.next_steps) < 2:
        yield Finding("missing", f"{where}.next_steps", "Less than two branches are not parallel.")
    if step.type == "end":
        if any(True for _ in step.follows):
            yield Finding("end-goes-on", where, "Nothing comes after an end.")
        return
    if step.on_completion and (step.on_success or step.on_failure):
        yield Finding("two-ways", where, "It has on_completion, and on_success or on_failure: only one can be meant.")
    if not step.after:
        yield Finding("no-next", where, "Nothing says where it goes on when it went well; each way leads to an end.")
    if step.type == "start" and (step.on_success or step.on_failure):
        yield Finding("two-ways", where, "A start only has on_completion.")
    if step.condition:
        try:
            conditions.parse(step.condition)
        except BadConditionError as problem:
            yield Finding("condition", f"{where}.condition", f"{problem.sentence} {problem.found}".strip())


def _of_action(playbook: Playbook, step: Step, where: str, commands: Collection[str]) -> Iterator[Finding]:
    if step.agent and step.agent not in playbook.agent_definitions:
        yield Finding("dangling", f"{where}.agent", f"There is no agent {step.agent}.")
    for target in step.targets:
        if target not in playbook.target_definitions and target not in playbook.agent_definitions:
            yield Finding("dangling", f"{where}.targets", f"There is no target {target}.")
    for number, command in enumerate(step.commands):
        at = f"{where}.commands[{number}]"
        if command.type not in commands:
            yield Finding("unsupported-command", f"{at}.type", _not_run(command.type))
        elif not command.command and not (command.type == "manual" and command.description):
            yield Finding("missing", f"{at}.command", "There is no command.")
        elif command.type in variables.SHELLS and (name := variables.unquotable(command.command)):
            yield Finding("shell-quoting", f"{at}.command", f"{name}: here stands only {variables.STANDS_ALONE}.")


def _not_run(kind: str) -> str:
    if kind in SHELLS:
        return f"Commands of the type {kind} are run only where an operator switched that on, and never for partners."
    return f"Commands of the type {kind[:40]} are not run."


def _of_variables(playbook: Playbook, step: Step, where: str) -> Iterator[Finding]:
    yield from _of_values(f"{where}.step_variables", step.step_variables)
    known = playbook.playbook_variables.keys() | step.step_variables.keys()
    used = variables.names_in(step.commands) | {_bare(each) for each in (*step.in_args, *step.out_args)}
    for name in (step.agent, *step.targets):
        used |= variables.names_in(playbook.agent_definitions.get(name) or playbook.target_definitions.get(name))
    if step.switch:
        used.add(_bare(step.switch))
    if step.condition:
        with contextlib.suppress(BadConditionError):  # said already
            used |= conditions.names_in(conditions.parse(step.condition))
    if step.type == "playbook-action":
        used -= {_bare(each) for each in step.in_args}
    for name in sorted(used - known):
        yield Finding("undefined-variable", where, f"There is no variable {name[:80]}.")
    for name in step.out_args:
        held = step.step_variables.get(_bare(name)) or playbook.playbook_variables.get(_bare(name))
        if held is not None and held.constant:
            yield Finding("constant", f"{where}.out_args", f"{name} is constant, and would be written.")


def _bare(name: str) -> str:
    return name.removesuffix(":value")


def _of_values(scope: str, held: dict[str, Variable]) -> Iterator[Finding]:
    for name, variable in held.items():
        if _is_name(name) is None:
            yield Finding("variable-name", f"{scope}.{name[:80]}", "A variable is called such as __name__.")
        if variable.type not in variables.TYPES:
            yield Finding("variable-type", f"{scope}.{name}", f"There is no variable type {variable.type[:40]}.")
            continue
        try:
            variables.require(name, variable)
        except BadValueError as problem:
            yield Finding("value", f"{scope}.{name}", f"{problem.sentence} {problem.expected}")


def _of_definitions(playbook: Playbook) -> Iterator[Finding]:
    steps = [step for step in playbook.workflow.values() if any(each.type != "manual" for each in step.commands)]
    used = {name for step in steps for name in (step.agent, *step.targets)}
    for where in ("agent_definitions", "target_definitions"):
        for name, each in getattr(playbook, where).items():
            if each.get("type") not in AGENTS:  # whom a person asks may be of any kind
                message = f"There is no agent type {str(each.get('type'))[:40]} here."
                yield Finding("unknown-agent", f"{where}.{name}.type", message, name in used)
    for marking in playbook.markings:
        found = playbook.data_marking_definitions.get(marking)
        if found is None and marking not in stix.TLP_IDS:
            yield Finding("dangling", "markings", f"There is no marking {marking}.")
        elif found is not None and found.get("type") not in MARKINGS:
            yield Finding("unknown-marking", f"data_marking_definitions.{marking}", "There is no such kind of marking.")


_SUMMARY: Final = {
    "parallel_processing": "parallel", "if_logic": "if-condition", "while_logic": "while-condition",
    "switch_logic": "switch-condition", "external_playbooks": "playbook-action",
}  # fmt: skip


def _of_summary(playbook: Playbook) -> Iterator[Finding]:
    kinds = {step.type for step in playbook.workflow.values()}
    for name, kind in _SUMMARY.items():
        said = playbook.playbook_processing_summary.get(name)
        if said is not None and said != (kind in kinds):
            yield Finding("summary", f"playbook_processing_summary.{name}", "The summary says something else.", False)
