"""What is said of what happened, and to whom: never more than may leave by the way that it goes.

By every way go the name of the playbook, who asks, until when, and the address of the page that has the rest. What a
response is about (reasons, things, what a step asks for) goes only where the operator lets content of its marking go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import msgspec

from katchi import stix
from katchi.node.actuating import parts_of
from katchi.node.effort_board import names_of
from katchi.node.making import held, id_by
from katchi.node.notice_words import Language, word
from katchi.node.responses import TO_ANSWER, Response, read
from katchi.node.wiring import OWN, Node
from katchi.policy import tlp
from katchi.policy.tlp import Tlp, TlpError
from katchi.respond import joint
from katchi.respond.notifier import Event, Notice, one_line
from katchi.respond.notifiers import AnySettings
from katchi.respond.runner import order_of
from katchi.store import responses, runs
from katchi.store.notices import HappeningRow, NoticeRow

DAY: Final = 24 * 3_600_000_000
_EVENTS: Final = get_args(Event)
_UNMARKED: Final = Tlp.AMBER_STRICT
"""What a run of our own is under where its playbook says nothing: it stays in the organisation."""
_LONGEST: Final = 2000  # characters of any one thing that is said
_packed = msgspec.msgpack.Decoder(list[bytes])


@dataclass(frozen=True, slots=True)
class Matter:
    """What there is to say of something that happened, before it is said to anybody.

    `said` is what every target may have, `details` what only those may who may have content of this marking; `parts`
    are the roles that play a step. `kind` is the event as its words are called.
    """

    event: str
    kind: str
    thread: str
    key: str
    at: int
    link: str
    name: str
    marking: Tlp
    said: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    parts: frozenset[str] = frozenset()
    is_exercise: bool = False


# ---- to whom, and how --------------------------------------------------------------------------------------


def make(node: Node, row: HappeningRow) -> list[NoticeRow]:
    """The notices for what happened: none where it matters no longer, or to nobody. Raises KatchiError."""
    targets = node.settings.notify
    matter = matter_of(node, row) if targets else None
    if matter is None:
        return []
    return [_row(node, each, matter, row) for each in who_hears(targets, matter)]


def who_hears(targets: Sequence[AnySettings], matter: Matter) -> list[AnySettings]:
    """The targets that are to hear of it.

    A step goes to those that play it; who has no role hears of it when nobody plays it, or when it asks to.
    """
    if matter.event != "step":
        return [each for each in targets if matter.event in (each.about or (() if each.roles else _EVENTS))]
    play = [each for each in targets if matter.parts & set(each.roles) and "step" in (each.about or _EVENTS)]
    others = [each for each in targets if not each.roles and "step" in (each.about or (() if play else _EVENTS))]
    return [*play, *others]


def _row(node: Node, target: AnySettings, matter: Matter, row: HappeningRow) -> NoticeRow:
    seed = "\n".join((node.settings.node_id, target.name, row.event, row.subject, str(row.at)))
    notice = say(node, target, matter, hashlib.sha256(seed.encode()).hexdigest()[:32])
    return NoticeRow(
        notice.id, target.name, matter.event, row.subject, notice.headline, msgspec.json.encode(notice),
        node.clock.now(),
    )  # fmt: skip


def say(node: Node, target: AnySettings, matter: Matter, notice: str) -> Notice:
    """A matter in the words for one target, with nothing that may not go there."""
    language: Language = target.language or node.settings.language
    may_tell = bool(target.details) and matter.marking <= Tlp.parse(target.details)
    name = matter.name if matter.marking < Tlp.RED and matter.name else word("a-response", language)
    values = {"name": one_line(name, 80), "who": "", "until": "", "answer_by": ""} | {
        label: one_line(value, 80) for label, value in matter.said.items()
    }
    head = word(f"head-{matter.kind}", language, **{k: v for k, v in values.items() if k in _IN_HEADLINES})
    lines = [word(f"text-{matter.kind}", language), ""]
    if matter.is_exercise:
        head = f"{word('exercise', language)} {head}"
        lines = [f"{word('exercise', language)} {word('text-exercise', language)}", "", *lines]
    label = "device" if matter.event == "device" else "name"
    lines += [f"{word(label, language)}: {values['name']}"] if matter.kind != "test" else []
    lines += [f"{word(key, language)}: {one_line(value)}" for key, value in matter.said.items()]
    if may_tell:
        lines += [f"{word(key, language)}: {_several(value)}" for key, value in matter.details.items() if value]
        lines.append(f"{word('marking', language)}: TLP:{str(matter.marking).upper()}")
    elif matter.details:
        lines += ["", word("text-kept", language)]
    return Notice(
        id=notice, event=matter.event, key=matter.key, thread=matter.thread, headline=one_line(head),
        text="\n".join([*lines, "", matter.link]) + "\n", link=matter.link, at=stix.format_timestamp(matter.at),
        node=node.settings.name, is_exercise=matter.is_exercise,
    )  # fmt: skip


_IN_HEADLINES: Final = ("name", "who", "until", "answer_by")


def _several(text: str) -> str:
    """Lines of foreign text, each of them set in, so that none can be taken for one of ours."""
    return "\n    ".join(one_line(line, 400) for line in text[:_LONGEST].splitlines() if line.strip())


def test_matter(node: Node, target: AnySettings, thread: str) -> Matter:
    """What is said to try whether notices arrive."""
    link = f"{_root(node)}/responses"
    return Matter("test", "test", thread, thread[:8], node.clock.now(), link, target.name, Tlp.CLEAR)


# ---- what there is to say --------------------------------------------------------------------------------


def matter_of(node: Node, row: HappeningRow) -> Matter | None:
    """What there is to say of a happening now; None where it matters no longer. Raises KatchiError."""
    find = _FINDING.get(row.event)
    return find(node, row) if find is not None else None


def _proposal(node: Node, row: HappeningRow) -> Matter | None:
    found = read(node, row.subject)
    return _of_response(node, found, row) if found.row.state in ("asked", "deferred") else None


def _approval(node: Node, row: HappeningRow) -> Matter | None:
    found = read(node, row.subject.partition(" ")[0])
    if found.row.state != "approving":
        return None
    yes = {"yes": f"{len(found.approvals)} / {node.settings.approvals}"}
    return _of_response(node, found, row, yes)


def _unanswered(node: Node, row: HappeningRow) -> Matter | None:
    found = read(node, row.subject)
    return _of_response(node, found, row) if found.row.state in TO_ANSWER else None


def _ends_soon(node: Node, row: HappeningRow) -> Matter | None:
    found = read(node, row.subject)
    open_ = [each for each in node.store.leases.of_owner(found.row.id) if each.ended_at is None]
    if not open_ or max(each.until for each in open_) <= node.clock.now():
        return None
    return _of_response(node, found, row)


def _news(node: Node, row: HappeningRow) -> Matter | None:
    """What cannot be changed any more is told only while it is news."""
    return _of_response(node, read(node, row.subject), row) if node.clock.now() - row.at < DAY else None


def _failed(node: Node, row: HappeningRow) -> Matter | None:
    with node.store.database.reading() as transaction:
        run = runs.one(transaction, row.subject)
        response = responses.of_run(transaction, row.subject)
    if run is None or response is not None:
        return _news(node, row._replace(subject=response.id if response is not None else row.subject))
    name, marking = _playbook(node, run.playbook_id, run.version)
    link = f"{_root(node)}/responses"
    return Matter("failed", "failed", run.id, run.id[:8], row.at, link, name, max(marking, _UNMARKED))


def _step(node: Node, row: HappeningRow) -> Matter | None:
    asked = node.store.runs.order(row.subject)
    if asked.phase != "asked":
        return None
    order, run = order_of(asked), node.store.runs.one(asked.run)
    name, marking = _playbook(node, run.playbook_id, run.version)
    with node.store.database.reading() as transaction:
        response = responses.of_run(transaction, run.id)
    link, is_exercise = f"{_root(node)}/responses", False
    if response is None:
        marking = max(marking, _UNMARKED)
    else:
        found = read(node, response.id)
        marking, is_exercise = max(marking, _marking(node, found)), bool(found.proposal.exercise)
        link = f"{_root(node)}/response?id={response.id}"
    command = order.command
    details = {
        "step": order.name, "agent": str(order.agent.get("name") or ""), "task": command.command,
        "values": command.description, "order": f"katchi respond done {asked.key[:8]}",
    }  # fmt: skip
    return Matter(
        "step", "step", asked.key, asked.key[:8], row.at, link, name, marking, details=details,
        parts=frozenset(parts_of(order.agent)), is_exercise=is_exercise,
    )  # fmt: skip


def _device(node: Node, row: HappeningRow) -> Matter | None:
    name = row.subject.rpartition(" ")[0]
    if node.clock.now() - row.at >= DAY:
        return None
    thread = hashlib.sha256(f"{node.settings.node_id} device {name}".encode()).hexdigest()[:32]
    return Matter("device", row.event, thread, thread[:8], row.at, f"{_root(node)}/responses", name, Tlp.CLEAR)


_FINDING: Final[Mapping[str, Callable[[Node, HappeningRow], Matter | None]]] = {
    "proposal": _proposal, "approval": _approval, "unanswered": _unanswered, "ends-soon": _ends_soon, "step": _step,
    "failed": _failed, "in-force": _news, "recalled": _news, "over": _news, "device-lost": _device,
    "device-back": _device,
}  # fmt: skip


def _of_response(node: Node, found: Response, row: HappeningRow, more: Mapping[str, str] | None = None) -> Matter:
    proposal, response = found.proposal, found.row
    by = names_of(node).get(response.proposer, response.proposer)
    said = {"who": (node.settings.title or node.settings.name) if by == OWN else by}
    if row.event in ("proposal", "approval", "unanswered"):
        said["answer_by"] = _moment(joint.time_of(proposal.answer_by))
    said |= {"until": _moment(_end(node, found)), **(more or {})}
    values = "\n".join(f"{name.strip('_')} = {value}" for name, value in proposal.values.items())
    details = {"reason": proposal.reason, "about": "\n".join(proposal.about), "values": values}
    return Matter(
        row.event, row.event, response.id, response.id[:8], row.at, f"{_root(node)}/response?id={response.id}",
        response.name, _marking(node, found), said, details, is_exercise=bool(proposal.exercise),
    )  # fmt: skip


def _end(node: Node, found: Response) -> int | None:
    """When it ends here: as long as something is blocked, when the last of it does."""
    open_ = [each.until for each in node.store.leases.of_owner(found.row.id) if each.ended_at is None]
    return max(open_) if open_ else joint.time_of(found.joint.until)


# ---- under which marking -----------------------------------------------------------------------------------


def _marking(node: Node, found: Response) -> Tlp:
    """The strictest label of a response: ours, that of the object with which it came, those of its playbooks."""
    row = found.row
    labels = [Tlp.parse(row.marking), *(_of_playbook(each) for each in _packed.decode(row.playbooks or b"\x90"))]
    if row.proposer != node.settings.node_id:
        name = id_by(row.proposer, "course-of-action", row.id)
        with node.store.database.reading() as transaction:
            came = held(transaction, [name]).get(name)
        label = tlp.tlp_of(came) if came is not None else None
        labels.append(Tlp.RED if label is None else label)  # unmarked, or marked as we cannot read: it stays here
    return max(labels)


def _of_playbook(document: bytes) -> Tlp:
    """The strictest label among a playbook's markings (CACAO 2.0 §8); one that cannot be read counts as RED."""
    members = msgspec.json.decode(document)
    defined = members.get("data_marking_definitions") or {}
    labels = [_label(each, defined.get(each)) for each in members.get("markings") or ()]
    return max(labels, default=Tlp.CLEAR)


def _label(marking: str, definition: Any) -> Tlp:
    if not isinstance(definition, dict):
        return tlp.OF_ID.get(marking, Tlp.RED)
    if definition.get("type") == "marking-statement":
        return Tlp.CLEAR  # it says whose it is, not who may have it
    try:
        return Tlp.parse(str(definition.get("tlpv2_level")))
    except TlpError:
        return Tlp.RED


def _playbook(node: Node, playbook: str, version: str) -> tuple[str, Tlp]:
    """The name of a playbook that runs here, and how it is marked."""
    with node.store.database.reading() as transaction:
        kept = runs.playbook(transaction, playbook, version)
    return (kept.name, _of_playbook(kept.document)) if kept is not None else ("", Tlp.RED)


def _root(node: Node) -> str:
    return node.settings.url.rstrip("/")


def _moment(at: int | None) -> str:
    return stix.format_timestamp(at)[:16].replace("T", " ") + " UTC" if at is not None else "–"
