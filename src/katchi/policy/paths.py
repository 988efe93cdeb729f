"""Where something stands inside an object: `("external_references", 0, "url")`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterator
from typing import Any

Path = tuple[str | int, ...]

_index = re.compile(r"\[(\d{1,9})\]", re.ASCII).fullmatch
_MARKINGS = frozenset({"object_marking_refs", "granular_markings"})


def parse_selector(selector: str) -> Path:
    """The path that a granular marking's selector names (STIX 2.1 §7.2.3.1): `labels.[0]`."""
    parts: list[str | int] = []
    for part in selector.split("."):
        index = _index(part)
        parts.append(int(index[1]) if index else part)
    return tuple(parts)


def write_selector(path: Path) -> str:
    """The selector that names a path."""
    return ".".join(f"[{part}]" if isinstance(part, int) else part for part in path)


def exists(value: Any, path: Path) -> bool:
    """Whether there is anything at this path."""
    for part in path:
        is_there = (
            isinstance(value, list) and part < len(value)
            if isinstance(part, int)
            else isinstance(value, dict) and part in value
        )
        if not is_there:
            return False
        value = value[part]
    return True


def matching(value: Any, pattern: str) -> Iterator[Path]:
    """Every path that a pattern of the terms names: `x_*`, `external_references.url`, `*.internal_note`.

    Between the dots stand names of properties, with * for any run of letters; lists are looked
    through, so that one pattern speaks of all items.
    """
    yield from _matching(value, tuple(pattern.split(".")), ())


def _matching(value: Any, pattern: tuple[str, ...], at: Path) -> Iterator[Path]:
    if not pattern:
        yield at
    elif isinstance(value, list):
        rest = pattern[1:] if pattern[0] == "*" else None
        for index, item in enumerate(value):
            if rest is not None and at:
                yield from _matching(item, rest, (*at, index))
            if isinstance(item, (dict, list)):
                yield from _matching(item, pattern, (*at, index))
    elif isinstance(value, dict):
        for name, item in value.items():
            if fnmatch.fnmatchcase(name, pattern[0]):
                yield from _matching(item, pattern[1:], (*at, name))


def references(properties: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """What `stix.references` finds, as paths that can be cut or changed."""
    for name, value in properties.items():
        if name not in _MARKINGS:
            yield from _references(value, (name,), is_reference=name.endswith(("_ref", "_refs")))


def _references(value: Any, at: Path, *, is_reference: bool) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if is_reference and "--" in value:
            yield at, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*at, index), is_reference=is_reference)
    elif isinstance(value, dict):
        for name, item in value.items():
            is_one = is_reference or name.endswith(("_ref", "_refs"))
            yield from _references(item, (*at, name), is_reference=is_one)


def after_cuts(path: Path, gone: Collection[Path]) -> Path | None:
    """Where a path leads when everything in `gone` has been cut out; None when it was cut itself."""
    moved: list[str | int] = []
    for depth, part in enumerate(path):
        if path[: depth + 1] in gone:
            return None
        if isinstance(part, int):
            part -= sum(1 for index in range(part) if (*path[:depth], index) in gone)
        moved.append(part)
    return tuple(moved)
