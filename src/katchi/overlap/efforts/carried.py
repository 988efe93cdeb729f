"""Efforts as STIX: a grouping (STIX 2.1 §4.4) that any tool reads, with what more there is to say in an extension.

A grouping says what an effort is as its node sees it. Of a joint effort it also has all that its node ever did to it,
change by change, each signed: whoever has the newest grouping of each node that takes part has everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.overlap.efforts.history import (
    LISTS,
    BadChangeError,
    Change,
    Effort,
    EffortId,
    NodeId,
    require_good,
)
from katchi.stix.registered import EFFORT

_CONTEXTS: Final = {"analysis": "suspicious-activity", "hunt": "suspicious-activity"}
_FIELDS: Final = ("kind", "state", "lead", "expected", "due", "into")


class Signed(msgspec.Struct, frozen=True):
    """A change, and the word of its node for it (Ed25519 over `katchi/effort-change/1` and its canonical JSON)."""

    change: Change
    key: str
    signature: str


class _Extension(msgspec.Struct, frozen=True, kw_only=True):
    effort: EffortId
    founder: NodeId
    kind: str = "other"
    state: str = "running"
    lead: str = ""
    expected: str = ""
    due: str = ""
    into: str = ""
    person_days: float | None = None
    about: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    changes: tuple[Signed, ...] = ()


class Carried(msgspec.Struct, frozen=True):
    """What a grouping says of an effort: what it is, in one change, and the changes of the node that sent it."""

    effort: str
    founder: str
    summed: Change
    changes: tuple[Signed, ...]


def grouping(
    effort: Effort, draft: dict[str, Any], references: Sequence[str], *, node: str, changes: Sequence[Signed] = ()
) -> dict[str, Any]:
    """The members of a grouping. `draft` has those of any object; `references` is not empty."""
    extension: dict[str, Any] = {
        "extension_type": "property-extension", "effort": effort.id, "founder": effort.founder,
        **{name: value for name in _FIELDS if (value := getattr(effort, name))},
        **{name: list(value) for name in LISTS if name != "objects" and (value := getattr(effort, name))},
    }  # fmt: skip
    if node in effort.alone:
        extension["person_days"] = effort.alone[node]
    if changes:
        extension["changes"] = [msgspec.to_builtins(each) for each in changes]
    made = {
        **draft, "name": effort.title, "context": _CONTEXTS.get(effort.kind, "unspecified"),
        "object_refs": list(dict.fromkeys(references)), "extensions": {EFFORT: extension},
    }  # fmt: skip
    return {**made, "description": effort.summary} if effort.summary else made


def read(obj: stix.Object) -> Carried | None:
    """What an object says of an effort; None where it is no grouping of one. Raises BadChangeError."""
    extensions = obj.properties.get("extensions")
    if obj.type != "grouping" or not isinstance(extensions, dict) or EFFORT not in extensions:
        return None
    try:
        found = msgspec.convert(extensions[EFFORT], _Extension)
        summed = _summed(obj, found)
    except msgspec.ValidationError as problem:
        raise BadChangeError(
            "The effort in this grouping cannot be read.", what=obj.id, found=str(problem)[:200]
        ) from None
    require_good(summed)
    return Carried(found.effort, found.founder, summed, found.changes)


def _summed(obj: stix.Object, found: _Extension) -> Change:
    fields: dict[str, Any] = {name: value for name in _FIELDS if (value := getattr(found, name))}
    for name, member in (("title", "name"), ("summary", "description")):
        fields[name] = str(obj.properties.get(member) or "")[:4000]
    if found.person_days is not None:
        fields[f"alone/{found.founder}"] = f"{found.person_days:g}"
    return msgspec.convert(
        {
            "effort": found.effort, "node": found.founder, "number": 1, "at": obj.properties.get("modified"),
            "fields": fields, "add": {name: getattr(found, name) for name in LISTS if name != "objects"},
        },
        Change,
    )  # fmt: skip


def summed(effort: Effort, *, node: str, number: int, at: str, seen: dict[str, int]) -> Change:
    """All that an effort is, in one change of its founder: what came before stays where it is."""
    fields: dict[str, str] = {
        name: value for name in ("title", "summary", *_FIELDS) if (value := getattr(effort, name))
    }
    for task in effort.tasks:
        parts = {"title": task.title, "who": task.who, "state": task.state}
        fields |= {f"task/{task.id}/{part}": value for part, value in parts.items() if value}
    for name in ("alone", "spent"):
        if node in getattr(effort, name):
            fields[f"{name}/{node}"] = f"{getattr(effort, name)[node]:g}"
    return Change(
        effort=effort.id, node=node, number=number, at=at, seen=seen, fields=fields,
        add={name: value for name in LISTS if (value := getattr(effort, name))},
    )  # fmt: skip
