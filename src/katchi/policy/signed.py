"""Gives a value one form in bytes, so that two implementations sign and check the same thing."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from katchi.errors import KatchiError

T = TypeVar("T")

# Sorted names, no spaces, integers below 2^53, UTF-8: what RFC 8785 prescribes for the values we sign.
_canonical = msgspec.json.Encoder(order="sorted")


class UnreadableDocumentError(KatchiError):
    """A partner's document is not of the form that the protocol prescribes."""

    code = "unreadable-document"


def canonical(value: object) -> bytes:
    """The value as canonical JSON (RFC 8785)."""
    return _canonical.encode(value)


def payload(kind: str, value: msgspec.Struct, *without: str) -> bytes:
    """What is signed: the kind of statement, so that none passes for another, and its members but some."""
    members: dict[str, Any] = msgspec.to_builtins(value)
    for name in without:
        members.pop(name)
    return f"katchi/{kind}/1\n".encode() + canonical(members)


def read(document: bytes | str, of: type[T], *, what: str) -> T:
    """Reads a document of the protocol; `what` names it. Raises UnreadableDocumentError."""
    try:
        return msgspec.json.decode(document, type=of)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise UnreadableDocumentError(
            f"This is not {what}.", what=_path(str(problem)), found=str(problem)[:200]
        ) from problem


def _path(message: str) -> str:
    """Where msgspec found the fault: "... - at `$.head.size`" names head.size."""
    _, found, path = message.rpartition(" - at `$.")
    return path.rstrip("`") if found else ""
