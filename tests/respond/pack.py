"""The conformance pack: small playbooks, what their commands do, and what an executor must then have done.

`python -m tests.respond.pack` writes it as docs/reference/cacao-conformance.json for anybody's executor. A playbook is
written as lines: `name: type key=value …`, steps by short names; an id is made of each.

A trace lists each command that was carried out, in order: `a` went well, `a!` failed, `a~` was stopped before it was
over; then what became of the run. Commands that could run at the same time are carried out in the order of their
branches, one at a time, first come first served. A command that hangs goes on until a timeout stops it; time passes
only when nothing else can be done.
"""

from __future__ import annotations

import json
import sys
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_SPACE: Final = uuid.UUID("0f4a5a4e-58a4-4e0c-9f43-0d5a5c7be001")
AGENT: Final = "individual--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e5f"
TARGETS: Final = {
    "t1": "net-address--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e51",
    "t2": "net-address--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e52",
}
TYPES: Final = {
    "start": "start", "end": "end", "do": "action", "call": "playbook-action", "par": "parallel", "if": "if-condition",
    "while": "while-condition", "switch": "switch-condition",
}  # fmt: skip
LINKS: Final = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
SHORT: Final = {"then": "on_completion", "ok": "on_success", "fail": "on_failure", "yes": "on_true", "no": "on_false"}


@dataclass(frozen=True)
class Case:
    """One playbook and its trace. `does` says by step what its command does, one time after the other."""

    name: str
    lines: str
    trace: str
    does: Mapping[str, Sequence[str]] = field(default_factory=dict)  # "ok", "fail", "hang", or "ok x=1"
    values: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)  # the lines of playbooks that it calls


INNER: Final[Mapping[str, Mapping[str, Any]]] = {
    "x": {"type": "integer", "value": "0"},
    "y": {"type": "integer", "value": "9", "constant": True},
}
"""The variables of every called playbook."""


def playbook_id(name: str) -> str:
    """Of a playbook in the pack."""
    return f"playbook--{uuid.uuid5(_SPACE, name)}"


def build(name: str, lines: str, variables: Mapping[str, Mapping[str, Any]] = {}) -> dict[str, Any]:
    """A CACAO playbook from its lines."""
    parsed = [line.split(":", 1) for line in lines.strip().splitlines() if line.strip() and not line.startswith("!")]
    kinds = {step.strip(): TYPES[rest.split()[0]] for step, rest in parsed}
    ids = {step: f"{kind}--{uuid.uuid5(_SPACE, f'{name} {step}')}" for step, kind in kinds.items()}
    workflow = {ids[step.strip()]: _step(step.strip(), rest, ids) for step, rest in parsed}
    first = parsed[0][0].strip()
    exception = [line[1:].strip() for line in lines.strip().splitlines() if line.startswith("!")]
    made = {
        "type": "playbook", "spec_version": "cacao-2.0", "id": playbook_id(name), "name": name,
        "created_by": "identity--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e50", "created": "2026-11-24T00:00:00.000Z",
        "modified": "2026-11-24T00:00:00.000Z", "workflow_start": ids[first], "workflow": workflow,
        "agent_definitions": {AGENT: {"type": "individual", "name": "operator"}},
        "target_definitions": {
            each: {"type": "net-address", "name": short, "address": {"ipv4": ["192.0.2.1"]}}
            for short, each in TARGETS.items()
        },
    }  # fmt: skip
    if exception:
        made["workflow_exception"] = ids[exception[0]]
    if variables:
        made["playbook_variables"] = {f"__{each}__": {"type": "string", **value} for each, value in variables.items()}
    return made


def _step(name: str, rest: str, ids: Mapping[str, str]) -> dict[str, Any]:
    kind, *words = rest.split(" ", 2)[1:] if rest.startswith(" ") else rest.split(" ", 1)
    made: dict[str, Any] = {"type": TYPES[kind], "name": name}
    if TYPES[kind] == "action":
        made |= {"agent": AGENT, "commands": [{"type": "manual", "command": f"do {name}"}]}
    for word in _words(words[0] if words else ""):
        key, _, value = word.partition("=")
        key = SHORT.get(key, key)
        if key in LINKS:
            made[key] = ids[value]
        elif key == "next":
            made["next_steps"] = [ids[each] for each in value.split(",")]
        elif key == "cases":
            made["cases"] = {case: ids[step] for case, _, step in (each.partition(">") for each in value.split(","))}
        elif key in ("delay", "timeout"):
            made[key] = int(value)
        elif key == "n":
            made["commands"] = [{"type": "manual", "command": f"do {name} {each}"} for each in range(int(value))]
        elif key == "targets":
            made["targets"] = [TARGETS[each] for each in value.split(",")]
        elif key in ("in", "out"):
            made[f"{key}_args"] = [f"__{each}__" for each in value.split(",")]
        elif key == "local":
            made["step_variables"] = {f"__{each}__": {"type": "string"} for each in value.split(",")}
        elif key == "when":
            made["condition"] = value
        elif key == "switch":
            made["switch"] = f"__{value}__:value"
        elif key == "playbook":
            made["playbook_id"] = playbook_id(value)
    return made


def _words(text: str) -> list[str]:
    """Words; what stands in braces is one."""
    found, depth, word = [], 0, ""
    for mark in text.strip() + " ":
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if mark in "{}":
            continue
        if mark == " " and depth == 0:
            found += [word] if word else []
            word = ""
        else:
            word += mark
    return found


def _cases() -> tuple[Case, ...]:
    text = Path(__file__).with_name("pack.toml").read_text(encoding="utf-8")
    return tuple(Case(**{"lines": each.pop("playbook"), **each}) for each in tomllib.loads(text)["case"])


CASES: Final = _cases()


def document() -> str:
    """The pack for others."""
    cases = [
        {
            "name": case.name, "playbook": build(case.name, case.lines, case.variables),
            "calls": [build(name, lines, INNER) for name, lines in case.calls.items()], "values": dict(case.values),
            "does": {step: list(each) for step, each in case.does.items()}, "trace": case.trace.split(),
        }
        for case in CASES
    ]  # fmt: skip
    return json.dumps({"about": (__doc__ or "").strip(), "cases": cases}, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
