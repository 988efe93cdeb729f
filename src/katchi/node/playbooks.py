"""Playbooks that are held here, as people look at them: what one says, who signed it, what it would do here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import responding
from katchi.node.deliver import partner_of
from katchi.node.localising import StepPlan, in_order, localiser
from katchi.node.wiring import Node
from katchi.respond import cacao, library
from katchi.respond.blocking import HOUR, Mandate
from katchi.respond.cacao import Finding, Playbook, signing
from katchi.respond.machine import key_of
from katchi.store.runs import PlaybookRow, UnknownRunError

_MOST_CALLED = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest version of a playbook that was accepted here, and how many older ones there are."""

    row: PlaybookRow
    playbook: Playbook | None
    older: int


@dataclass(frozen=True, slots=True)
class Offered:
    """A playbook that comes along; `is_held` says that this version was accepted here."""

    name: str
    playbook: Playbook
    is_held: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """Who says that they signed. `problem` is why it does not hold; `whose` its key is: "own", a partner, or nobody."""

    signee: str
    at: str
    algorithm: str
    problem: str
    whose: str


@dataclass(frozen=True, slots=True)
class Looked:
    """All about one version: `marking` is its TLP label, or "", `statements` what else is said of its use."""

    row: PlaybookRow
    playbook: Playbook
    findings: Sequence[Finding]
    versions: Sequence[PlaybookRow]
    signatures: Sequence[Signature]
    numbers: Mapping[str, int]
    trouble: str

    @property
    def marking(self) -> str:
        """The strictest TLP label that it carries, "" without one."""
        order = ("clear", "white", "green", "amber", "amber+strict", "red")
        said = [label for each in self.playbook.markings if (label := _label(self.playbook, each)) in order]
        found = max(said, key=order.index, default="")
        return "clear" if found == "white" else found

    @property
    def statements(self) -> list[str]:
        """What its other markings say."""
        found = (self.playbook.data_marking_definitions.get(each, {}) for each in self.playbook.markings)
        return [str(each["statement"]) for each in found if each.get("statement")]


def held(node: Node) -> list[Kept]:
    """What was accepted here, by name, the newest version of each."""
    versions: dict[str, list[PlaybookRow]] = {}
    for row in node.store.runs.playbooks():
        versions.setdefault(row.id, []).append(row)
    return [Kept(rows[0], cacao.check(rows[0].document)[0], len(rows) - 1) for rows in versions.values()]


def offered(node: Node) -> list[Offered]:
    """What comes along with Katchi."""
    known = {(row.id, row.version) for row in node.store.runs.playbooks()}
    read = ((name, cacao.check(library.document(name))[0]) for name in library.names())
    return [Offered(name, each, (each.id, each.modified) in known) for name, each in read if each is not None]


def look(node: Node, playbook_id: str, version: str = "") -> Looked:
    """All about one version, or the newest. Raises UnknownRunError."""
    versions = [row for row in node.store.runs.playbooks() if row.id == playbook_id]
    row = next((each for each in versions if version in ("", each.version)), None)
    playbook = cacao.check(row.document)[0] if row is not None else None
    if row is None or playbook is None:
        raise UnknownRunError("There is no such playbook.", what=playbook_id[:80], found=version[:40])
    return Looked(
        row, playbook, responding.check(row.document)[1], versions, signatures(node, row.document), numbered(playbook),
        _trouble(node, playbook),
    )  # fmt: skip


def _trouble(node: Node, playbook: Playbook) -> str:
    """Why it cannot be begun now."""
    try:
        responding.require_valid(playbook, now=node.clock.now())
    except KatchiError as problem:
        return problem.diagnostic().sentence
    return ""


def _label(playbook: Playbook, marking: str) -> str:
    if marking in stix.TLP_IDS:
        return stix.TLP_IDS[marking]
    level = str(playbook.data_marking_definitions.get(marking, {}).get("tlpv2_level", ""))
    return level.lower().removeprefix("tlp:").replace("-", "+")


def signatures(node: Node, document: bytes) -> list[Signature]:
    """Each signature of a playbook, held against it and against the keys that are known here."""
    keys = {node.key.public.raw: "own"}
    for row in node.store.partners.all():
        keys |= {key.raw: row.name for key in partner_of(row).request_keys}
    members, found = signing.signatures_of(document)
    made = []
    for each in found:
        problem, whose = "", ""
        try:
            key = signing.verify(members, each, now=node.clock.now())
            whose = next((name for raw, name in keys.items() if key.endswith(raw)), "")
        except KatchiError as wrong:
            problem = wrong.diagnostic().sentence
        signee, at, algorithm = (str(each.get(name, ""))[:200] for name in ("signee", "created", "algorithm"))
        made.append(Signature(signee, at, algorithm, problem, whose))
    return made


def numbered(playbook: Playbook) -> dict[str, int]:
    """The numbers of its steps as a person reads them; starts and ends have none."""
    names = [name for name, step in in_order(playbook) if step.type not in ("start", "end")]
    return {name: place for place, name in enumerate(names, 1)}


def with_called(node: Node, playbook: Playbook, pins: Mapping[str, str] | None = None) -> dict[str, Playbook]:
    """A playbook and all that it calls, as far as they are here, by id and version and by id; it is the first.

    `pins` are the versions of what is called without one; if not given, the newest.
    """
    pins = pins or {}
    found = {key_of(playbook.id, playbook.modified): playbook}
    todo, asked = [playbook], set(found)
    while todo and len(found) < _MOST_CALLED:
        steps = [each for each in todo.pop().workflow.values() if each.type == "playbook-action"]
        wanted = {key_of(each.playbook_id, each.playbook_version): each for each in steps}
        for key in sorted(wanted.keys() - asked):
            asked.add(key)
            step = wanted[key]
            called = _called(node, step.playbook_id, step.playbook_version or pins.get(step.playbook_id, ""))
            if called is not None and key_of(called.id, called.modified) not in found:
                found[key_of(called.id, called.modified)] = called
                todo.append(called)
    return found | {each.id: each for each in reversed(found.values())}


def _called(node: Node, playbook_id: str, version: str) -> Playbook | None:
    try:
        return cacao.check(responding.called(node, playbook_id, version).document)[0]
    except UnknownRunError:
        return None


def dry_run(
    node: Node, playbook: Playbook, values: Mapping[str, str], *, hours: int = 0, is_exercise: bool = False
) -> list[StepPlan]:  # fmt: skip
    """What it would do here with these values, for so many hours; it touches nothing and nobody hears of it.

    Raises PlaybookError, MachineError, BadValueError, ActuatorError.
    """
    now = node.clock.now()
    given = {name if name.startswith("__") else f"__{name}__": value for name, value in values.items()}
    responding.require_startable(playbook, given, now=now)
    until = now + (hours or node.settings.block_hours) * HOUR
    tried = Mandate("try", until=until, is_exercise=is_exercise)
    return localiser(node).steps(with_called(node, playbook), given, tried)
