"""Works out what to cut from an object for a recipient, and cuts it, so that a valid object remains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.policy import paths
from katchi.policy.generalise import (
    GENERALISERS,
    NOTHING,
    CannotRedactError,
    Redaction,
    generic_name,
)
from katchi.policy.paths import Path
from katchi.policy.rules import ReleaseRule
from katchi.policy.types import COMMON, required

_pattern = re.compile(r"[A-Za-z0-9_*-]+(\.[A-Za-z0-9_*-]+)*", re.ASCII).fullmatch
_GONE: Final = object()


def is_strippable(pattern: str) -> bool:
    """Whether terms may ask for this to be cut: names with dots and *, but nothing that every object needs."""
    return bool(_pattern(pattern)) and pattern not in COMMON and pattern.split(".")[0] not in COMMON


def plan(obj: stix.Object, rule: ReleaseRule, marked: frozenset[Path] = frozenset()) -> Redaction:
    """What a rule takes out of this object; `marked` is what granular markings keep from the recipient.

    Raises: CannotRedactError when what must go is something that a valid object needs.
    """
    if not rule.strip and not rule.generalise and not marked:
        return NOTHING
    general = NOTHING
    for name in rule.generalise:
        general |= GENERALISERS[name](obj, rule.public_names)
    return _possible(obj, set(marked), _stripped(obj, rule), general)


def _stripped(obj: stix.Object, rule: ReleaseRule) -> set[Path]:
    needed = COMMON | required(obj.type, obj.spec_version)
    found: set[Path] = set()
    for pattern in rule.strip:
        for path in paths.matching(obj.properties, pattern):
            # A wildcard means what can be missing; who names a property means it.
            if path[0] not in needed or (path[0] not in COMMON and (pattern == path[0] or len(path) > 1)):
                found.add(path)
    return found


def _possible(obj: stix.Object, marked: set[Path], stripped: set[Path], general: Redaction) -> Redaction:
    needed = required(obj.type, obj.spec_version)
    removed = marked | stripped | general.removed
    changed = dict(general.changed)
    for path in marked | stripped:
        if path[0] in COMMON:
            raise CannotRedactError(str(path[0]))
        if len(path) == 1 and path[0] in needed and path not in changed:
            if path[0] != "name":
                raise CannotRedactError(str(path[0]))
            changed[path] = stand_in(obj)
    # A marked or stripped value that a generaliser has replaced is gone already.
    removed -= {path for path in removed if path in changed}
    return Redaction(frozenset(removed), changed)


def stand_in(obj: stix.Object) -> str:
    """A name that says no more than what the object is."""
    return generic_name(obj.properties) if obj.type == "identity" else f"{obj.type} (name withheld)"


def apply(
    properties: dict[str, Any],
    redaction: Redaction,
    references: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """The properties that remain. `references` says which id takes the place of which; None cuts it out."""
    changed, removed = dict(redaction.changed), set(redaction.removed)
    for path, object_id in paths.references(properties) if references else ():
        other = references.get(object_id, object_id) if references else object_id
        if other is None:
            removed.add(path)
        elif other != object_id:
            changed[path] = other
    gone: set[Path] = set()
    kept = _cut(properties, (), removed, changed, gone)
    remaining: dict[str, Any] = {} if kept is _GONE else kept
    if gone and "granular_markings" in remaining:
        _move_selectors(remaining, gone)
    return remaining


def _cut(
    value: Any,
    at: Path,
    removed: set[Path],
    changed: Mapping[Path, Any],
    gone: set[Path],
) -> Any:
    """The value without what is removed; a container that this empties goes too, since STIX has no empty ones."""
    if at in changed:
        return changed[at]
    if at in removed:
        gone.add(at)
        return _GONE
    kept: Any
    if isinstance(value, dict):
        cut = ((name, _cut(item, (*at, name), removed, changed, gone)) for name, item in value.items())
        kept = {name: item for name, item in cut if item is not _GONE}
    elif isinstance(value, list):
        items = (_cut(item, (*at, index), removed, changed, gone) for index, item in enumerate(value))
        kept = [item for item in items if item is not _GONE]
    else:
        return value
    if value and not kept:
        gone.add(at)
        return _GONE
    return kept


def _move_selectors(properties: dict[str, Any], gone: set[Path]) -> None:
    """Granular markings go on naming what they named, or go with it."""
    markings = [_moved(marking, gone) for marking in properties["granular_markings"]]
    kept = [marking for marking in markings if marking["selectors"]]
    if kept:
        properties["granular_markings"] = kept
    else:
        del properties["granular_markings"]


def _moved(marking: dict[str, Any], gone: set[Path]) -> dict[str, Any]:
    moved = (paths.after_cuts(paths.parse_selector(selector), gone) for selector in marking["selectors"])
    return {
        **marking,
        "selectors": [paths.write_selector(path) for path in moved if path is not None],
    }


def recipe(rule: ReleaseRule, ceiling: str | None, *, drops: bool) -> bytes:
    """What makes two redactions of one object the same: part of the copy's id.

    `ceiling` only where granular markings stand, `drops` only where references do: two partners
    whose terms differ elsewhere get one copy.
    """
    return msgspec.json.encode([1, rule.strip, rule.generalise, ceiling, drops])


def names_any(properties: dict[str, Any], hidden: Iterable[str]) -> list[str]:
    """The properties in whose values, as written, one of these ids or its UUID alone appears."""
    uuids = [object_id.rpartition("--")[2].casefold().encode() for object_id in hidden]
    return [
        name
        for name, value in properties.items()
        if any(uuid in msgspec.json.encode([name, value]).lower() for uuid in uuids)
    ]


__all__ = [
    "GENERALISERS",
    "CannotRedactError",
    "Redaction",
    "apply",
    "is_strippable",
    "names_any",
    "plan",
    "recipe",
    "stand_in",
]
