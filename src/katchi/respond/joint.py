"""What nodes say to each other of a response: a proposal, answers to it, and receipts for what was done.

Each node keeps a log of its own for a response. An entry is signed, numbered and has the hash of the one before it, so
that none can be taken out, put in or told twice; what a node says of another counts for nothing. Whoever has the logs
of all who take part has the whole story, in whatever order they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.policy import signed

SIGNED_AS: Final = "response-entry"
MOST_ENTRIES: Final = 5000
PROPOSED: Final = "proposed"
ANSWERS: Final = ("accepted", "declined", "deferred", "refused")
KINDS: Final = (
    PROPOSED, *ANSWERS, "begun", "step", "ended", "in-force", "lifted", "recalled", "renewed",
)  # fmt: skip
_OF_PROPOSER: Final = frozenset({PROPOSED, "renewed"})

ResponseId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
NodeId = Annotated[str, msgspec.Meta(pattern=r"\Aidentity--[0-9a-f-]{36}\Z")]
Time = Annotated[str, msgspec.Meta(pattern=r"\A(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z)?\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
Short = Annotated[str, msgspec.Meta(max_length=200)]
Long = Annotated[str, msgspec.Meta(max_length=4000)]
Value = Annotated[str, msgspec.Meta(max_length=200_000)]  # a set of things is one value


class BadEntryError(KatchiError):
    """This cannot be said of a response, or not by this node."""

    code = "response-entry"


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be done together. `begins_at` empty: as soon as a node has accepted; `quorum` nodes must have.

    `digest` is that of the playbook without its signatures (SHA-256 of its canonical JSON).
    """

    proposer: NodeId
    nodes: Annotated[tuple[NodeId, ...], msgspec.Meta(max_length=100)]
    playbook: Short
    version: Time
    digest: Digest
    values: dict[Short, Value] = {}
    reason: Long = ""
    about: Annotated[tuple[Long, ...], msgspec.Meta(max_length=2000)] = ()
    begins_at: Time = ""
    answer_by: Time
    until: Time
    quorum: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    exercise: Short = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a node said or did. `step` and `status` are receipts: which step, done or failed."""

    response: ResponseId
    node: NodeId
    number: Annotated[int, msgspec.Meta(ge=1, le=MOST_ENTRIES)]
    at: Time
    previous: Digest = ""
    kind: Short
    reason: Long = ""
    step: Short = ""
    status: Short = ""
    until: Time = ""
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    things: Annotated[tuple[Long, ...], msgspec.Meta(max_length=2000)] = ()
    left_out: Annotated[tuple[Short, ...], msgspec.Meta(max_length=1000)] = ()
    proposal: Proposal | None = None


class Signed(msgspec.Struct, frozen=True):
    """An entry, and its node's word for it (Ed25519 over `katchi/response-entry/1` and its canonical JSON)."""

    entry: Entry
    key: Short
    signature: Short


def digest_of(entry: Entry) -> str:
    """What the next entry has as `previous`."""
    return hashlib.sha256(signed.canonical(entry)).hexdigest()


def require_chain(entries: Sequence[Entry], *, response: str, node: str) -> None:
    """That these are a node's whole log of a response from its beginning. Raises BadEntryError."""
    previous = ""
    for number, entry in enumerate(entries, start=1):
        if entry.response != response or entry.node != node:
            raise BadEntryError("An entry is another response's, or another node's.", what=f"entry {entry.number}")
        if entry.number != number or entry.previous != previous:
            raise BadEntryError(
                "The log of a response has a gap, or was changed.", what=f"entry {entry.number}", expected=str(number)
            )
        _require_meaning(entry, number)
        previous = digest_of(entry)


def _require_meaning(entry: Entry, number: int) -> None:
    if entry.kind not in KINDS:
        raise BadEntryError("Nothing is known that is called so.", what=f"entry {number}", found=entry.kind[:40])
    if (entry.kind == PROPOSED) != (entry.proposal is not None) or (entry.proposal is not None and number != 1):
        raise BadEntryError("A proposal is the first entry of who proposes.", what=f"entry {number}")
    if entry.proposal is not None and entry.proposal.proposer != entry.node:
        raise BadEntryError("A proposal is made by who signs it.", what=f"entry {number}")


@dataclass(slots=True)
class Part:
    """How far one node is. Times are RFC 3339, empty where it has not come to that."""

    node: str
    answer: str = ""
    answered_at: str = ""
    reason: str = ""
    left_out: tuple[str, ...] = ()
    begun_at: str = ""
    ended_at: str = ""
    status: str = ""
    in_force_at: str = ""
    until: str = ""
    count: int = 0
    lifted_at: str = ""
    steps: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each step: its status, and when."""

    @property
    def state(self) -> str:
        """In one word: silent, an answer, begun, in-force, lifted, or how the run ended."""
        if self.lifted_at:
            return "lifted"
        if self.in_force_at:
            return "in-force"
        return self.status or ("begun" if self.begun_at else self.answer or "silent")


@dataclass(frozen=True, slots=True)
class Recall:
    """Somebody took something back: all of it where `things` is empty."""

    node: str
    at: str
    reason: str
    things: tuple[str, ...]
    is_proposers: bool


@dataclass(slots=True)
class Joint:
    """All that is known of a response."""

    proposal: Proposal | None = None
    proposed_at: str = ""
    parts: dict[str, Part] = field(default_factory=dict)
    recalls: list[Recall] = field(default_factory=list)
    until: str = ""
    timeline: list[Entry] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many nodes accepted, with the proposer."""
        return sum(part.answer == "accepted" for part in self.parts.values())


def merge(logs: Mapping[str, Sequence[Entry]]) -> Joint:
    """The whole story from each node's log. What is said by somebody who is not in it does not count."""
    found = Joint()
    proposals = [entry for log in logs.values() for entry in log if entry.proposal is not None]
    if proposals:
        found.proposal, found.proposed_at = proposals[0].proposal, proposals[0].at
    proposal = found.proposal
    if proposal is None:
        return found
    found.until = proposal.until
    members = (proposal.proposer, *proposal.nodes)
    found.parts = {node: Part(node) for node in members}
    for entry in sorted(_of(logs, members), key=lambda each: (each.at, each.node, each.number)):
        if entry.kind in _OF_PROPOSER and entry.node != proposal.proposer:
            continue
        _apply(found, proposal, found.parts[entry.node], entry)
        found.timeline.append(entry)
    return found


def _of(logs: Mapping[str, Sequence[Entry]], members: Sequence[str]) -> Iterable[Entry]:
    for node in dict.fromkeys(members):
        yield from logs.get(node, ())


def _apply(found: Joint, proposal: Proposal, part: Part, entry: Entry) -> None:
    match entry.kind:
        case "accepted" | "declined" | "deferred" | "refused":
            part.answer, part.answered_at, part.reason = entry.kind, entry.at, entry.reason
            part.left_out, part.until = entry.left_out, entry.until
        case "begun":
            part.begun_at = entry.at
        case "step":
            part.steps[entry.step] = (entry.status, entry.at)
        case "ended":
            part.ended_at, part.status, part.reason = entry.at, entry.status, entry.reason
        case "in-force":
            part.in_force_at, part.until, part.count = part.in_force_at or entry.at, entry.until, entry.count
            part.lifted_at = ""
        case "lifted":
            part.lifted_at = entry.at
        case "recalled":
            found.recalls.append(
                Recall(entry.node, entry.at, entry.reason, entry.things, entry.node == proposal.proposer)
            )
        case "renewed":
            found.until = entry.until


@dataclass(frozen=True, slots=True)
class Spans:
    """How long it took, in seconds; None where it has not come to that."""

    answered: float | None
    """From the proposal to the last yes."""
    enforced: float | None
    """From the last yes to the last node that blocked."""
    lifted: float | None
    """From the first recall of all by who proposed it to the last node that had let go."""


def spans(found: Joint) -> Spans:
    """How long a response took, by the nodes' own clocks. Who said no, or nothing, is not waited for here either."""
    yes = [part for part in found.parts.values() if part.answer == "accepted"]
    said = [part.answered_at for part in yes]
    blocked = [part.in_force_at for part in yes if part.in_force_at]
    lifted = [part.lifted_at for part in yes if part.in_force_at]
    recalled = [each.at for each in found.recalls if each.is_proposers and not each.things]
    return Spans(
        _between(found.proposed_at, max(said, default="")),
        _between(max(said, default=""), max(blocked, default="")),
        _between(min(recalled, default=""), max(lifted)) if lifted and all(lifted) else None,
    )


def _between(begins: str, ends: str) -> float | None:
    if not begins or not ends:
        return None
    return (stix.parse_timestamp(ends) - stix.parse_timestamp(begins)) / 1_000_000


def time_of(text: str) -> int | None:
    """A time of an entry in µs; None for an empty one. Raises TimestampError."""
    return stix.parse_timestamp(text) if text else None
