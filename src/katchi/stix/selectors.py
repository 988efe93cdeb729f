"""Granular markings: which part of an object a selector names, and whether it is there (STIX 2.1 §7.2.3.1)."""

from __future__ import annotations

import re
from typing import Any

from katchi.stix.findings import Findings
from katchi.stix.wording import excerpt, join

_index = re.compile(r"\[(\d{1,9})\]", re.ASCII).fullmatch
_MISSING = object()


def select(properties: dict[str, Any], selector: str) -> Any:
    """The value that `selector` names within an object.

    Raises: KeyError when it names nothing.
    """
    value: Any = properties
    for step in selector.split("."):
        value = _step(value, step)
        if value is _MISSING:
            raise KeyError(selector)
    return value


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step, _MISSING)
    index = _index(step)
    if index and isinstance(value, list) and int(index[1]) < len(value):
        return value[int(index[1])]
    return _MISSING


def _named(members: dict[str, Any]) -> list[tuple[str, str]]:
    """Each selector with the path at which it stands; what has the wrong shape is said elsewhere."""
    markings = members.get("granular_markings")
    named = []
    for number, marking in enumerate(markings if isinstance(markings, list) else ()):
        selectors = marking.get("selectors") if isinstance(marking, dict) else None
        for index, selector in enumerate(selectors if isinstance(selectors, list) else ()):
            if isinstance(selector, str):
                named.append((f"granular_markings[{number}].selectors[{index}]", selector))
    return named


def selects_something(members: dict[str, Any], selector: str) -> bool:
    """True when the selector names a part of the object."""
    try:
        select(members, selector)
    except KeyError:
        return False
    return True


def holds_selectors(members: dict[str, Any]) -> bool:
    """True when every selector of the object names a part of it."""
    if "granular_markings" not in members:
        return True
    return all(selects_something(members, selector) for _, selector in _named(members))


def report_selectors(members: dict[str, Any], path: str, findings: Findings) -> None:
    """Name the selectors that select nothing."""
    for at, selector in _named(members):
        if not selects_something(members, selector):
            findings.must(
                join(path, at),
                "empty-selector",
                f"The selector {excerpt(selector)} names nothing in this object.",
                "correct the selector, or remove it",
            )
