"""Small playbooks that block, for tests."""

from __future__ import annotations

import json
import uuid
from typing import Any

AT = "2026-11-24T00:00:00.000Z"
THINGS = {"action": "deny", "target": {"x-katchi:things": "__things__:value"}, "args": {"duration": 3_600_000}}


def name_of(kind: str, name: str) -> str:
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def playbook(
    *steps: dict[str, Any], name: str = "Block together", agents: dict[str, dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """Steps in a row, each of which has `name` and what an action has."""
    ids = [name_of("action", f"{name} {step['name']}") for step in steps]
    end, start = name_of("end", name), name_of("start", name)
    workflow: dict[str, Any] = {start: {"type": "start", "on_completion": [*ids, end][0]}, end: {"type": "end"}}
    for place, (step_id, step) in enumerate(zip(ids, steps, strict=True)):
        workflow[step_id] = {"type": "action", "on_completion": [*ids, end][place + 1], **step}
    defended = {"type": "security-category", "name": "defence", "category": ["firewall", "dns"]}
    return {
        "type": "playbook", "spec_version": "cacao-2.0", "id": name_of("playbook", name), "name": name,
        "created_by": name_of("identity", "katchi"), "created": AT, "modified": AT, "workflow_start": start,
        "workflow": workflow,
        "playbook_variables": {"__things__": {"type": "string", "external": True}},
        "agent_definitions": {name_of("security-category", "defence"): defended, **(agents or {})}, **more,
    }  # fmt: skip


def blocking(command: dict[str, Any] | None = None, agent: str = "", name: str = "block") -> dict[str, Any]:
    """A step that blocks what `things` says."""
    text = json.dumps(command or THINGS)
    return {
        "name": name, "agent": agent or name_of("security-category", "defence"),
        "commands": [{"type": "openc2", "command": text}],
    }  # fmt: skip


def asking(what: str, agent: str, name: str = "ask") -> dict[str, Any]:
    """A step that a person does."""
    return {"name": name, "agent": agent, "commands": [{"type": "manual", "command": what}]}
