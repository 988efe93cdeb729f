"""Why bytes are refused before anybody looks at what they say."""

from __future__ import annotations

from typing import Any, ClassVar, Final, NoReturn

import msgspec

from katchi.errors import KatchiError


class Limits(msgspec.Struct, frozen=True):
    """How much foreign data is read before it is refused."""

    document_bytes: int = 256 * 1024 * 1024
    object_bytes: int = 16 * 1024 * 1024
    objects: int = 1_000_000
    depth: int = 64


DEFAULT_LIMITS: Final = Limits()


class UnreadableError(KatchiError):
    """These bytes are not one JSON object that every reader would understand alike."""

    code: ClassVar[str] = "unreadable"


class InvalidError(KatchiError):
    """This JSON object does not say which STIX object it is."""

    code: ClassVar[str] = "invalid"


class MissingTypeError(InvalidError):
    """The object has no usable `type`."""

    code: ClassVar[str] = "missing-type"


class MissingIdError(InvalidError):
    """The object has no usable `id`."""

    code: ClassVar[str] = "missing-id"


class LyingIdError(InvalidError):
    """The id names another type than the object's."""

    code: ClassVar[str] = "lying-id"


def not_readable(sentence: str, text: str, at: int, remedy: str) -> UnreadableError:
    """The error for a text that is broken at this place."""
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return UnreadableError(sentence, where=f"line {line}, column {column}", found=text[at : at + 20], remedy=remedy)


def refuse_size(sentence: str, size: int, limit: int) -> NoReturn:
    """Raises UnreadableError: there is too much of it."""
    raise UnreadableError(
        sentence, expected=f"at most {limit} bytes", found=f"{size} bytes", remedy="send it in smaller parts"
    )


def refuse_depth(limit: int) -> NoReturn:
    """Raises UnreadableError: it is nested too deeply."""
    raise UnreadableError(
        "The JSON is nested too deeply.", expected=f"at most {limit} levels", remedy="flatten the object"
    )


def refuse_type(kind: Any, object_id: Any) -> NoReturn:
    """Raises MissingTypeError."""
    raise MissingTypeError(
        "The object does not say its type.",
        where=object_id[:80] if isinstance(object_id, str) else "",
        what="type",
        expected='a text such as "indicator"',
        found=repr(kind)[:40] if kind is not None else "nothing",
        remedy="add the type",
    )


def refuse_id(kind: str, object_id: Any) -> NoReturn:
    """Raises MissingIdError."""
    raise MissingIdError(
        "The object has no id.",
        where=kind[:80],
        what="id",
        expected=f"{kind[:80]}-- and a UUID",
        found=repr(object_id)[:40] if object_id is not None else "nothing",
        remedy="add the id",
    )


def refuse_lying_id(kind: str, object_id: str) -> NoReturn:
    """Raises LyingIdError: the id names another type."""
    raise LyingIdError(
        "The id belongs to another type than the object.",
        where=object_id[:120],
        what="id",
        expected=f"{kind[:80]}-- and a UUID",
        found=object_id[:120],
        remedy="correct the type or the id",
    )
