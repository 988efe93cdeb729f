"""A response told from its beginning to its end, by what each node signed: for those who were not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from katchi import stix
from katchi.node import responses
from katchi.node.effort_board import names_of
from katchi.node.response_log import logs_of
from katchi.node.wiring import Node
from katchi.respond import joint
from katchi.respond.joint import Part, Proposal, Spans
from katchi.store.responses import EntryRow, ResponseRow


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that a node said or did. `step` is the step's name, `note` what was said of it."""

    at: str
    who: str
    kind: str
    status: str
    step: str
    note: str


@dataclass(frozen=True, slots=True)
class Log:
    """A node's log: how many entries, and the digest of the last. All who hold the same have the same story."""

    who: str
    entries: int
    digest: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """One response. Nodes go by the names that we have for them."""

    id: str
    name: str
    state: str
    marking: str
    proposal: Proposal
    proposer: str
    proposed_at: str
    until: str
    parts: Sequence[tuple[str, Part]]
    moments: Sequence[Moment]
    spans: Spans
    logs: Sequence[Log]
    made_at: str
    made_by: str


def of(node: Node, response: str) -> Timeline:
    """All that the nodes who take part told of one. Raises UnknownResponseError, ResponseStateError."""
    found = responses.read(node, response)
    proposal, own = found.proposal, node.settings
    names = names_of(node) | {own.node_id: own.title or own.name}
    steps = step_names(found.row)
    moments = [
        Moment(each.at, _who(names, each.node), each.kind, each.status, steps.get(each.step, each.step), _note(each))
        for each in found.joint.timeline
    ]
    logs = logs_of(node.store.responses.entries(found.row.id))
    return Timeline(
        found.row.id, found.row.name, found.row.state, found.row.marking, proposal, _who(names, proposal.proposer),
        found.joint.proposed_at, found.joint.until,
        [(_who(names, each), part) for each, part in found.joint.parts.items()], moments, joint.spans(found.joint),
        [Log(_who(names, each), len(log), joint.digest_of(log[-1])) for each, log in sorted(logs.items()) if log],
        stix.format_timestamp(node.clock.now()), own.title or own.name,
    )  # fmt: skip


def step_names(row: ResponseRow) -> dict[str, str]:
    """What the steps of a response's playbooks are called."""
    books = responses.playbooks_of(row).values()
    return {key: step.name or step.type for each in books for key, step in each.workflow.items()}


def _note(entry: joint.Entry) -> str:
    held = f"{entry.count} → {entry.until[:16].replace('T', ' ')}" if entry.kind == "in-force" else ""
    return "; ".join(each for each in (entry.reason, ", ".join(entry.things), held) if each)


def _who(names: Mapping[str, str], node_id: str) -> str:
    return names.get(node_id, node_id)


def signed_logs(node: Node, response: str) -> bytes:
    """Each node's log as it was signed, in JSON: whoever has the keys can check it without us.

    Raises UnknownResponseError.
    """
    row = node.store.responses.one(response)
    logs: dict[str, list[object]] = {}
    for each in node.store.responses.entries(row.id):
        logs.setdefault(each.node, []).append(_signed(each))
    return msgspec.json.format(msgspec.json.encode({"response": row.id, "logs": logs}), indent=1) + b"\n"


def _signed(row: EntryRow) -> object:
    return {"entry": msgspec.Raw(row.body), "key": row.signing_key, "signature": row.signature}
