"""Finds every other object that an object points to."""

from __future__ import annotations

from typing import Any

import msgspec

from katchi.stix.objects import Object

_MARKING_PROPERTIES = frozenset({"object_marking_refs", "granular_markings"})


class Reference(msgspec.Struct, frozen=True):
    """One property of an object that names another object by its id."""

    path: str
    id: str


def references(obj: Object) -> tuple[Reference, ...]:
    """Every id in a `*_ref` or `*_refs` property, at any depth, standard or custom; never markings.

    Values that are not ids (STIX 2.0 observed-data points to "0", "1" within itself) are left out.
    """
    found: list[Reference] = []
    for name, value in obj.properties.items():
        if name in _MARKING_PROPERTIES:
            continue
        if name.endswith(("_ref", "_refs")):
            _collect(value, name, found)
        elif value.__class__ is dict or value.__class__ is list:
            _search(value, name, found)
    return tuple(found)


def _search(value: dict[str, Any] | list[Any], path: str, found: list[Reference]) -> None:
    """Look through a container that is not itself a reference."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                _search(item, f"{path}[{index}]", found)
        return
    for name, item in value.items():
        if name.endswith(("_ref", "_refs")):
            _collect(item, f"{path}.{name}", found)
        elif isinstance(item, (dict, list)):
            _search(item, f"{path}.{name}", found)


def _collect(value: Any, path: str, found: list[Reference]) -> None:
    """Take the ids out of a reference property, whatever its shape."""
    if isinstance(value, str):
        if "--" in value:
            found.append(Reference(path, value))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect(item, f"{path}[{index}]", found)
    elif isinstance(value, dict):
        for name, item in value.items():
            _collect(item, f"{path}.{name}", found)
