"""What the check of an object found, and how much it matters."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from katchi.stix.wording import excerpt


class Level(StrEnum):
    """How binding the broken rule is, in the words of RFC 2119."""

    MUST = "must"
    """The standard forbids it: refuse the object."""
    SHOULD = "should"
    """The standard advises against it: accept, and say so."""
    TOLERATED = "tolerated"
    """The standard forbids or discourages it, real publishers do it, it does no harm: accept, and say so."""


class Finding(msgspec.Struct, frozen=True):
    """One departure from STIX: where, which rule, and what to do about it.

    `code` is stable, so that the edge can word it in another language; `message` is English.
    """

    level: Level
    object_id: str
    path: str
    code: str
    message: str
    remedy: str = ""


_JSON_NAMES: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


class Findings:
    """Collects the findings about one object, in the order in which they are met.

    `local` holds the embedded objects of a STIX 2.0 observed-data while those are checked: there,
    references are keys of that dictionary and not ids. With `strict_properties`, what the standard
    does not define is not tolerated.
    """

    __slots__ = ("found", "local", "object_id", "strict_properties")

    def __init__(self, object_id: str, *, strict_properties: bool = False) -> None:
        self.object_id = object_id
        self.strict_properties = strict_properties
        self.found: list[Finding] = []
        self.local: dict[str, Any] | None = None

    def must(self, path: str, code: str, message: str, remedy: str = "") -> None:
        self.found.append(Finding(Level.MUST, self.object_id, path, code, message, remedy))

    def should(self, path: str, code: str, message: str, remedy: str = "") -> None:
        self.found.append(Finding(Level.SHOULD, self.object_id, path, code, message, remedy))

    def tolerated(self, path: str, code: str, message: str, remedy: str = "") -> None:
        self.found.append(Finding(Level.TOLERATED, self.object_id, path, code, message, remedy))

    def wrong_type(self, value: Any, path: str, expected: type) -> None:
        """The JSON type itself is wrong, so nothing more can be said about the value."""
        if value is None:
            self.must(path, "null", "null is not a value in STIX.", "leave the property out")
            return
        self.must(
            path,
            "wrong-type",
            f"Expected {_JSON_NAMES[expected]}, found {_JSON_NAMES[value.__class__]}: {excerpt(value)}.",
            "correct the value",
        )
