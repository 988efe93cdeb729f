"""Playbooks that people write here: whose they become, and that nobody writes over what another has just saved."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import responding
from katchi.node.wiring import Node
from katchi.respond import cacao
from katchi.respond.cacao import Finding, comparing, editing
from katchi.respond.cacao.comparing import Difference
from katchi.respond.cacao.editing import AddAgent, Members
from katchi.store import runs
from katchi.store.runs import PlaybookRow, UnknownRunError

_SECOND: Final = 1_000_000
_OF_A_NEW_ONE: Final = ("type", "spec_version", "id", "created_by", "created", "workflow_start")


class ChangedMeanwhileError(KatchiError):
    """Somebody has saved a newer version since this was begun."""

    code = "changed-meanwhile"
    exit_status = 4


@dataclass(frozen=True, slots=True)
class Begun:
    """What is being written: on which version (none for a new one), and which was the newest then."""

    id: str = ""
    version: str = ""
    newest: str = ""


def versions(node: Node, playbook_id: str) -> list[PlaybookRow]:
    """All versions of a playbook, the newest first, as the store orders them. Raises UnknownRunError."""
    found = [row for row in node.store.runs.playbooks() if row.id == playbook_id]
    if not found:
        raise UnknownRunError("There is no such playbook.", what=playbook_id[:80])
    return sorted(found, key=lambda row: row.version, reverse=True)


def version_of(found: Sequence[PlaybookRow], version: str) -> PlaybookRow:
    """One of them; the newest if none is said. Raises UnknownRunError."""
    held = next((row for row in found if version in ("", row.version)), None)
    if held is None:
        raise UnknownRunError("There is no such version of the playbook.", what=version[:80])
    return held


def begin(node: Node, playbook_id: str, version: str = "") -> tuple[Members, Begun]:
    """A playbook that is to be changed. Raises UnknownRunError, EditError."""
    found = versions(node, playbook_id)
    row = version_of(found, version)
    return editing.opened(row.document), Begun(row.id, row.version, found[0].version)


def begin_new(node: Node, agents: Sequence[AddAgent]) -> tuple[Members, Begun]:
    """One that is to be written."""
    at = _now(node, "")
    return editing.new("", agents, [], author=node.settings.node_id, at=at, new_id=lambda: new_id(node)), Begun()


def go_on(node: Node, draft: bytes, begun: Begun) -> Members:
    """What is being written, as a form brought it back. Raises UnknownRunError, EditError."""
    return _owned(editing.opened(draft), before(node, begun))


def is_ours(node: Node, members: Members) -> bool:
    """Whether we make new versions of it; of others' playbooks we derive some of our own."""
    return bool(members["created_by"] == node.settings.node_id)


def new_id(node: Node) -> str:
    """A UUID."""
    return str(uuid.UUID(bytes=node.random(16), version=4))


def before(node: Node, begun: Begun) -> Members | None:
    """What was there when it was begun. Raises UnknownRunError, EditError."""
    if not begun.id:
        return None
    return editing.opened(version_of(versions(node, begun.id), begun.version).document)


def judged(node: Node, members: Members, begun: Begun) -> list[Finding]:
    """All that is wrong or odd about it, were it saved now. Raises UnknownRunError, EditError."""
    made = _finished(node, members, begun)
    _, found = responding.check(editing.written(made))
    named = {row.id for row in node.store.runs.playbooks() if row.name == made["name"]} - {made["id"]}
    taken = [Finding("name-taken", "name", "Another playbook here is called so.")] if named else []
    return [*editing.remarks(made), *taken, *found]


def differences(node: Node, members: Members, begun: Begun) -> list[Difference]:
    """What would change. Raises UnknownRunError, EditError."""
    held = before(node, begun)
    if held is not None:
        return [each for each in comparing.compare(held, members) if each.member != "signatures"]
    blank = {name: members[name] for name in _OF_A_NEW_ONE if name in members} | {"name": "", "workflow": {}}
    ends = {name for name, step in members["workflow"].items() if step["type"] in ("start", "end")}
    return [each for each in comparing.compare(blank, members) if each.id not in ends]


def save(node: Node, members: Members, begun: Begun, *, person: str) -> PlaybookRow:
    """Accepts it as a new version. Raises ChangedMeanwhileError, RefusedPlaybookError, UnknownRunError, EditError."""
    made = _finished(node, members, begun)
    with node.store.database.writing() as transaction:
        held = runs.playbook(transaction, begun.id or made["id"])
        newest = held.version if held else ""
        if newest != begun.newest:
            raise ChangedMeanwhileError(
                "Somebody has saved another version since you began. Nothing of yours is lost, and nothing saved yet.",
                what=newest, found=begun.newest, remedy="look at what they changed, then save yours over it",
            )  # fmt: skip
        document = editing.written(made)
        playbook, _ = cacao.read(document, commands=responding.commands(node))
        return responding.keep(node, transaction, document, playbook, person=person)


def _finished(node: Node, members: Members, begun: Begun) -> Members:
    held = before(node, begun)
    members = _owned(members, held)
    at = _now(node, begun.newest)
    return editing.finished(members, held, author=node.settings.node_id, at=at, new_id=lambda: new_id(node))


def _owned(members: Members, held: Members | None) -> Members:
    """Whose it is, is not for a form to say."""
    return members if held is None else members | {name: held[name] for name in ("id", "created_by", "created")}


def _now(node: Node, newest: str) -> str:
    """Now, or a second later than the newest: versions are compared as text, some with fractions, some without."""
    try:
        least = stix.parse_timestamp(newest) + _SECOND if newest else 0
    except stix.TimestampError:
        least = 0  # no version is called so: it is refused as not the newest
    return stix.format_timestamp(max(node.clock.now(), least))[:-4] + "Z"
