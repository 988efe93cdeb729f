"""A STIX object as it came: its bytes, its properties, and the few facts that everybody asks for."""

from __future__ import annotations

from typing import Any

import msgspec


class Object(msgspec.Struct, frozen=True, eq=False):
    """One STIX object; two are equal when their bytes are.

    `version` is the instant of `modified` (else `created`) in microseconds since the epoch, and
    `version_text` the same as written; both are None for an object that has neither, such as a
    cyber-observable. `version` is None, and `check` says why, when the text is no timestamp.
    `spec_version` is what is written; without it "2.0", or "2.1" for types that 2.0 lacks.
    """

    raw: bytes
    properties: dict[str, Any]
    type: str
    id: str
    spec_version: str
    version: int | None
    version_text: str | None
    revoked: bool
    confidence: int | None
    created_by_ref: str | None
    marking_refs: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Object) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)
