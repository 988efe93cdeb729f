"""What a person filled in of an effort, against what it is: only what is other becomes a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from katchi.node.efforts import Fields, Lists, key_of
from katchi.node.search import keys_in
from katchi.node.wiring import Node
from katchi.overlap.efforts.history import LISTS, BadChangeError, Effort, Task

_PLAIN: Final = ("title", "summary", "kind", "state", "lead", "expected", "due")


@dataclass(frozen=True, slots=True)
class Wishes:
    """Fields by name (`alone` and `spent` are our own), and whole lists; what is not there stays as it is."""

    fields: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Differences:
    """What has to be said so that the effort becomes as wished."""

    fields: Fields
    add: Lists
    drop: Lists


def differences(node: Node, effort: Effort, wishes: Wishes) -> Differences:
    """Raises BadChangeError where a thing is not known by what was written."""
    own = node.settings.node_id
    fields: dict[str, str] = {}
    for name, value in wishes.fields.items():
        value = value.strip()
        if name in ("alone", "spent"):
            held = getattr(effort, name).get(own)
            if value and value != ("" if held is None else f"{held:g}"):
                fields[f"{name}/{own}"] = value
        elif name in _PLAIN and value != getattr(effort, name):
            fields[name] = value
    add: dict[str, Sequence[str]] = {}
    drop: dict[str, Sequence[str]] = {}
    for name in LISTS:
        if name in wishes.lists:
            wanted, held = entries(node, name, wishes.lists[name]), set(getattr(effort, name))
            add |= {name: fresh} if (fresh := [each for each in wanted if each not in held]) else {}
            drop |= {name: gone} if (gone := sorted(held.difference(wanted))) else {}
    return Differences(fields, add, drop)


def entries(node: Node, name: str, written: Sequence[str]) -> list[str]:
    """What a person wrote into a list, line by line; things as their keys. Raises BadChangeError."""
    lines = [line.strip() for line in written if line.strip()]
    if name == "techniques":
        return list(dict.fromkeys(line.upper() for line in lines))
    if name != "about":
        return list(dict.fromkeys(lines))
    found: dict[str, None] = {}
    for line in lines:
        values = keys_in(line) if len(line.split()) > 1 else {}
        found |= dict.fromkeys(values or [key_of(node, line)])
    return list(found)


def task_named(effort: Effort, text: str) -> Task | None:
    """The task of this id or title."""
    return next((each for each in effort.tasks if text in (each.id, each.title)), None)


def member_named(node: Node, names: Mapping[str, str], text: str) -> str:
    """The node id of a partner's name; `own` and `us` are we; empty is nobody. Raises BadChangeError."""
    if text in ("", "nobody"):
        return ""
    if text in ("own", "us"):
        return node.settings.node_id
    for node_id, name in names.items():
        if text in (name, node_id):
            return node_id
    raise BadChangeError("There is no such partner.", what="who", found=text[:40], expected=", ".join(names.values()))
