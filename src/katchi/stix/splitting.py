"""Cuts a document (bundle, TAXII envelope, array, lines) into its objects, byte for byte."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from katchi.stix.refusals import DEFAULT_LIMITS, Limits, UnreadableError, refuse_size

_ENVELOPE = frozenset({"objects", "more", "next"})  # TAXII 2.1 §3.7


class _Name:
    """A property's name that equals only itself, so that a second property of that name is not lost."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _name(_: type, text: Any) -> _Name:
    return _Name(text)


_first = msgspec.json.Decoder(Raw)
_members = msgspec.json.Decoder(dict[_Name, Raw], dec_hook=_name)
_items = msgspec.json.Decoder(list[Raw])
_BOM = b"\xef\xbb\xbf"
_WHITE = b" \t\r\n"


def split(document: bytes, limits: Limits = DEFAULT_LIMITS) -> list[bytes]:
    """The objects of a bundle, TAXII envelope, JSON array, single object or one-object-per-line file.

    Each slice is exactly what was sent; whether it is a readable object is for `read` to say.
    Raises: UnreadableError, with line and column, when the document is no JSON or above the limits.
    """
    if len(document) > limits.document_bytes:
        refuse_size("This document is too large.", len(document), limits.document_bytes)
    text = document.removeprefix(_BOM).strip(_WHITE)
    if not text:
        return []
    offset = document.index(text[:1])
    try:
        slices = _slices(text)
    except msgspec.DecodeError as error:
        slices = _lines(text, document, offset, error)
    except UnicodeDecodeError as error:
        raise UnreadableError(
            "The name of a property is not UTF-8.", found=repr(error.object[:20]), remedy="write the JSON as UTF-8"
        ) from error
    except RecursionError as error:
        raise UnreadableError("The JSON is nested too deeply.", remedy="flatten the document") from error
    if len(slices) > limits.objects:
        raise UnreadableError(
            "The document holds too many objects.",
            expected=f"at most {limits.objects}",
            found=str(len(slices)),
            remedy="send it in smaller parts",
        )
    return slices


def _slices(text: bytes) -> list[bytes]:
    if text[:1] == b"[":
        return [bytes(item) for item in _items.decode(text)]
    if text[:1] != b"{":
        _first.decode(text)
        raise UnreadableError(
            "This is JSON, but holds no objects.",
            expected="a bundle, an envelope, an array or an object",
            found=text[:20].decode(errors="replace"),
        )
    members = _members.decode(text)
    names = [name.text for name in members]
    if not _is_container(names, members):
        return [text]
    if names.count("objects") > 1:
        raise UnreadableError(
            "The document has two lists of objects.",
            what="objects",
            expected="one list",
            remedy="join the two lists",
        )
    for name, value in members.items():
        if name.text == "objects":
            return _listed(value)
    return []


def _listed(value: Raw) -> list[bytes]:
    try:
        return [bytes(item) for item in _items.decode(value)]
    except msgspec.ValidationError as error:
        raise UnreadableError(
            "The objects are not a list.",
            what="objects",
            expected="an array of objects",
            found=bytes(value)[:20].decode(errors="replace"),
            remedy="put the objects into [ … ]",
        ) from error


def _is_container(names: list[str], members: dict[_Name, Raw]) -> bool:
    if "type" in names:
        kinds = [bytes(value) for name, value in members.items() if name.text == "type"]
        return kinds == [b'"bundle"']
    return _ENVELOPE.issuperset(names)


def _lines(text: bytes, document: bytes, offset: int, error: msgspec.DecodeError) -> list[bytes]:
    """Read one object per line; what is neither that nor one document is refused for its first fault."""
    lines = [line.strip(_WHITE) for line in text.split(b"\n")]
    slices = [line for line in lines if line]
    if len(slices) < 2 or not (slices[0].startswith(b"{") and slices[0].endswith(b"}")):
        _refuse(document, offset, error)
    for number, line in enumerate(lines, document.count(b"\n", 0, offset) + 1):
        if not line:
            continue
        try:
            _first.decode(line)
        except msgspec.DecodeError as fault:
            at = _position(line, fault)
            raise UnreadableError(
                f"This is not JSON: {_reason(fault)}.",
                where=f"line {number}, column {len(line[:at].decode(errors='replace')) + 1}",
                remedy="correct the JSON text of this line",
            ) from fault
    return slices


def _refuse(document: bytes, offset: int, error: msgspec.DecodeError) -> NoReturn:
    at = offset + _position(document[offset:], error)
    line = document.count(b"\n", 0, at) + 1
    column = len(document[document.rfind(b"\n", 0, at) + 1 : at].decode(errors="replace")) + 1
    raise UnreadableError(
        f"This is not JSON: {_reason(error)}.",
        where=f"line {line}, column {column}",
        found=document[at : at + 20].decode(errors="replace"),
        remedy="correct the JSON text",
    ) from error


def _position(text: bytes, error: msgspec.DecodeError) -> int:
    """The byte that msgspec complained about: it says `(byte 123)`, or that the end came too early."""
    reason, found, tail = str(error).rpartition("(byte ")
    if not found:
        return len(text)
    # Of trailing characters it tells the place after the first.
    return int(tail[:-1]) - ("trailing characters" in reason)


def _reason(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ").partition(" (byte")[0]
