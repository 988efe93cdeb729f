"""Playbooks on this node: what people accept, begin, answer and end, and what goes on by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import mandates
from katchi.node.wiring import Node
from katchi.respond import blocking, cacao, calling, machine
from katchi.respond.cacao import Finding, Playbook
from katchi.respond.carrier import Carrier
from katchi.respond.machine import Begin, Order, Run
from katchi.respond.runner import MANUAL, Runner, order_of
from katchi.store import runs
from katchi.store.database import Transaction
from katchi.store.runs import NoteRow, OrderRow, PlaybookRow, RunRow, UnknownRunError

FOR_PARTNERS: Final = (MANUAL, *blocking.COMMANDS, *calling.COMMANDS)
"""The command types that a playbook may have that several nodes run."""
EVERY: Final = (*FOR_PARTNERS, *cacao.SHELLS)
"""All for which there is a way to run them."""


class PlaybookError(KatchiError):
    """This playbook cannot be kept, or not be begun now."""

    code = "playbook"
    exit_status = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is asked to do, in a run of a playbook."""

    row: OrderRow
    order: Order
    playbook: str


@dataclass(frozen=True, slots=True)
class RunShown:
    """A run, with the names of its steps."""

    row: RunRow
    name: str
    orders: Sequence[Asked]
    notes: Sequence[NoteRow]
    steps: Mapping[str, str]


def commands(node: Node) -> tuple[str, ...]:
    """The command types that this node carries out; a playbook with others is refused when it is handed in."""
    switched_on = {kind for each in node.settings.shell for kind in each.types}
    return (*FOR_PARTNERS, *(kind for kind in cacao.SHELLS if kind in switched_on))


def check(document: bytes) -> tuple[Playbook | None, tuple[Finding, ...]]:
    """All that is wrong or odd about a playbook, wherever it is to be run."""
    playbook, found = cacao.check(document, commands=EVERY)
    if playbook is None:
        return None, found
    kinds = {each.type for each in playbook.commands}
    switches = [
        Finding("needs-shell", "workflow", f"It needs a [[shell]] for {kind}, and partners refuse it.", False)
        for kind in cacao.SHELLS if kind in kinds
    ]  # fmt: skip
    return playbook, (*found, *switches)


def accept(node: Node, document: bytes, *, person: str) -> tuple[PlaybookRow, tuple[Finding, ...]]:
    """Keeps a playbook as it is, to be run here. Raises RefusedPlaybookError, PlaybookError."""
    playbook, found = cacao.read(document, commands=commands(node))
    with node.store.database.writing() as transaction:
        return keep(node, transaction, document, playbook, person=person), found


def keep(
    node: Node, transaction: Transaction, document: bytes, playbook: Playbook, *, person: str
) -> PlaybookRow:  # fmt: skip
    """The same, together with what else changes with it; whoever signed it, what it says must be what is held."""
    digest = hashlib.sha256(document).digest()
    row = PlaybookRow(playbook.id, playbook.modified, playbook.name, document, digest, person, node.clock.now())
    held = runs.playbook(transaction, playbook.id, playbook.modified)
    if held is None:
        runs.put_playbook(transaction, row)
    elif held.digest != digest and content_digest(held.document) != content_digest(document):
        raise PlaybookError(
            "This version is held already, and says something else.", what=playbook.id, found=playbook.modified,
            expected="a later `modified` for a playbook that was changed",
        )  # fmt: skip
    return held or row


def content_digest(document: bytes) -> str:
    """What a playbook says, whoever signed it: the SHA-256 of its canonical JSON without signatures."""
    members = msgspec.json.decode(document)
    members.pop("signatures", None)
    return hashlib.sha256(stix.canonical_json(members).encode()).hexdigest()


def called(node: Node, playbook_id: str, version: str = "") -> PlaybookRow:
    """A playbook that another one calls. Raises UnknownRunError."""
    with node.store.database.reading() as transaction:
        found = runs.playbook(transaction, playbook_id, version)
    if found is None:
        raise UnknownRunError("A playbook that is called is not here.", what=playbook_id[:80], found=version)
    return found


def begin(node: Node, playbook: str, values: Mapping[str, str], *, person: str) -> RunRow:
    """A new run of the newest version. Raises UnknownRunError, PlaybookError, MachineError, BadValueError."""
    row = playbook_named(node, playbook)
    read = cacao.read(row.document, commands=commands(node))[0]
    require_valid(read, now=node.clock.now())
    if node.settings.approvals > 1 and any(each.type != MANUAL for each in read.commands):
        raise PlaybookError(
            "Here nobody lets devices act alone.", what=row.name, expected=f"a yes of {node.settings.approvals} people",
            remedy="`katchi respond propose`; somebody else accepts it",
        )  # fmt: skip
    given = {name if name.startswith("__") else f"__{name}__": value for name, value in values.items()}
    made = runner_of(node).begin(node.random(16).hex(), row.id, row.version, given, person=person)
    node.alert.ring()
    return made


def playbook_named(node: Node, text: str) -> PlaybookRow:
    """The newest version of the playbook of this id, or whose id or name begins so. Raises UnknownRunError."""
    newest: dict[str, PlaybookRow] = {}
    for row in node.store.runs.playbooks():
        newest.setdefault(row.id, row)
    found = [
        row for row in newest.values()
        if text and (text == row.id or row.id.removeprefix("playbook--").startswith(text) or row.name.startswith(text))
    ]  # fmt: skip
    if len(found) != 1:
        raise UnknownRunError("There is no such playbook.", what=text[:80], remedy="`katchi playbook list`")
    return found[0]


def require_startable(playbook: Playbook, values: Mapping[str, str], *, now: int) -> None:
    """That it is valid, and could begin with these values. Raises PlaybookError, MachineError, BadValueError."""
    require_valid(playbook, now=now)
    key = machine.key_of(playbook.id, playbook.modified)
    machine.advance(Run("0", key), Begin(dict(values)), {key: playbook}, now=now)


def require_valid(playbook: Playbook, *, now: int) -> None:
    """That it may be begun now. Raises PlaybookError."""
    if playbook.revoked:
        raise PlaybookError("Its author has revoked this playbook.", what=playbook.id)
    if playbook.valid_from and now < stix.parse_timestamp(playbook.valid_from):
        raise PlaybookError("This playbook is not valid yet.", what="valid_from", found=playbook.valid_from)
    if playbook.valid_until and now >= stix.parse_timestamp(playbook.valid_until):
        raise PlaybookError("This playbook is no longer valid.", what="valid_until", found=playbook.valid_until)


def answer(
    node: Node, order: str, *, is_good: bool, out: Mapping[str, str], reason: str, person: str
) -> RunRow:  # fmt: skip
    """A person says what became of what it was asked to do. Raises UnknownRunError, RunStateError."""
    row = node.store.runs.order(order)
    said = {name if name.startswith("__") else f"__{name}__": value for name, value in out.items()}
    runner_of(node).answer(row.key, is_good=is_good, out=said, reason=reason[:400], person=person)
    node.alert.ring()
    return node.store.runs.one(row.run)


def cancel(node: Node, run: str, *, reason: str) -> RunRow:
    """A person ends a run. Raises UnknownRunError, RunStateError."""
    row = node.store.runs.one(run)
    runner_of(node).cancel(row.id, reason=reason[:400])
    return node.store.runs.one(row.id)


def waiting(node: Node) -> list[Asked]:
    """What people are asked to do now, the oldest first."""
    names = {row.id: row.name for row in node.store.runs.playbooks()}
    of_run = {row.id: names.get(row.playbook_id, "") for row in node.store.runs.all()}
    return [Asked(row, order_of(row), of_run.get(row.run, "")) for row in node.store.runs.waiting()]


def show(node: Node, run: str) -> RunShown:
    """One run. Raises UnknownRunError."""
    row = node.store.runs.one(run)
    with node.store.database.reading() as transaction:
        held = runs.playbook(transaction, row.playbook_id, row.version)
    steps: dict[str, str] = {}
    if held is not None:
        steps = {key: step.name or key for key, step in cacao.load(held.document).workflow.items()}
    name = held.name if held else ""
    orders = [Asked(each, order_of(each), name) for each in node.store.runs.orders(row.id)]
    return RunShown(row, name, orders, node.store.runs.notes(row.id), steps)


def runner_of(
    node: Node, carriers: Mapping[str, Carrier] | None = None, *, at: Callable[[str], None] = lambda _: None
) -> Runner:
    """What carries on this node's runs; without carriers only what people do."""
    return Runner(node.store.database, node.clock.now, carriers or {}, skips=mandates.skips(node), at=at)
