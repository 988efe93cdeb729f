"""What the check of an object found, and how much it matters."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How binding the broken rule is, in the words of RFC 2119."""

    MUST = "must"
    """The standard forbids it: refuse the object."""
    SHOULD = "should"
    """The standard advises against it: accept, and say so."""
    TOLERATED = "tolerated"
    """The standard forbids or discourages it, real publishers do it, and it does no harm: accept, and say so."""


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
