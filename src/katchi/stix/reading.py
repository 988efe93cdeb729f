"""Turns bytes into STIX objects, strictly: what two readers could understand in two ways is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from katchi.stix.objects import Object
from katchi.stix.refusals import (
    DEFAULT_LIMITS,
    Limits,
    UnreadableError,
    not_readable,
    refuse_depth,
    refuse_id,
    refuse_lying_id,
    refuse_size,
    refuse_type,
)
from katchi.stix.timestamps import TimestampError, parse_timestamp


def read(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Object:
    """Read one object; its bytes are kept as they came.

    Raises: UnreadableError for anything but one well-formed, unambiguous JSON object within the
    limits; InvalidError when `type` or `id` is missing or the id belongs to another type.
    """
    properties = parse(raw, limits)
    kind = properties.get("type")
    object_id = properties.get("id")
    if kind.__class__ is not str or not kind:
        refuse_type(kind, object_id)
    if object_id.__class__ is not str:
        refuse_id(kind, object_id)
    if not object_id.startswith(kind + "--"):
        refuse_lying_id(kind, object_id)
    return _object(raw, properties, kind, object_id)


# STIX 2.1 §3.2: spec_version may be missing from these; from any other object that means STIX 2.0.
_SPEC_VERSION_OPTIONAL = frozenset(
    [
        *("artifact", "autonomous-system", "bundle", "directory", "domain-name", "email-addr"),
        *("email-message", "file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic"),
        *("process", "software", "url", "user-account", "windows-registry-key", "x509-certificate"),
    ]
)


def _object(raw: bytes, properties: dict[str, Any], kind: str, object_id: str) -> Object:
    get = properties.get
    spec_version = get("spec_version")
    if spec_version.__class__ is not str:
        spec_version = "2.1" if kind in _SPEC_VERSION_OPTIONAL else "2.0"
    text, version = _version(get("modified"), get("created"))
    confidence = get("confidence")
    creator = get("created_by_ref")
    markings = get("object_marking_refs")
    return Object(
        raw,
        properties,
        kind,
        object_id,
        spec_version,
        version,
        text,
        get("revoked") is True,
        confidence if confidence.__class__ is int else None,
        creator if creator.__class__ is str else None,
        _strings(markings) if markings.__class__ is list else (),
    )


def _version(modified: Any, created: Any) -> tuple[str | None, int | None]:
    text = modified if modified is not None else created
    if text.__class__ is not str:
        return None, None
    try:
        return text, parse_timestamp(text)
    except TimestampError:
        return text, None


def _strings(items: list[Any]) -> tuple[str, ...]:
    return tuple([item for item in items if item.__class__ is str])


# --- JSON ---------------------------------------------------------------------------------------


class _DuplicateKeyError(ValueError):
    """Two properties of one JSON object have one name."""


class _ConstantError(ValueError):
    """A number that JSON does not have."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _DuplicateKeyError(name)
            seen.add(name)
    return members


def _constant(text: str) -> NoReturn:
    raise _ConstantError(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _ConstantError(text)
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant, parse_float=_finite)
# The decoder's own C scanner: `decode` would add two regular expressions per object for white space.
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
_WHITE = " \t\n\r"


def parse(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, Any]:
    """Parse one strict JSON object: no duplicate names, no NaN, nothing after it.

    Raises: UnreadableError, naming line and column or the property.
    """
    if len(raw) > limits.object_bytes:
        refuse_size("This object is too large.", len(raw), limits.object_bytes)
    text = _text(raw)
    value, end = _scanned(text)
    if end != len(text) and text[end:].strip(_WHITE):
        raise not_readable("More data follows the JSON object.", text, end, "send one object at a time")
    if value.__class__ is not dict:
        raise UnreadableError(
            "This is JSON, but not an object.",
            expected="one JSON object: { … }",
            found=text[:40],
            remedy="send the STIX object itself",
        )
    properties: dict[str, Any] = value
    # Fewer brackets than the limit cannot nest deeper than it; most objects need no second look.
    if raw.count(b"{") + raw.count(b"[") > limits.depth and _depth(properties) > limits.depth:
        refuse_depth(limits.depth)
    if "\\" in text and ("\\ud" in text or "\\uD" in text):
        _refuse_lone_surrogates(properties)
    return properties


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(errors="replace")
        raise not_readable(
            "These bytes are not UTF-8.", before, len(before), "save the file as UTF-8 and send it again"
        ) from error


def _scanned(text: str) -> tuple[Any, int]:
    start = 0 if text.startswith("{") else len(text) - len(text.lstrip(_WHITE))
    try:
        return _scan(text, start)
    except StopIteration as stop:
        at = stop.value if isinstance(stop.value, int) else start
        raise not_readable("A JSON value is missing here.", text, at, "complete the JSON text") from stop
    except json.JSONDecodeError as error:
        raise not_readable(f"This is not JSON: {error.msg}.", text, error.pos, "correct the JSON text") from error
    except _DuplicateKeyError as error:
        name = error.args[0]
        raise UnreadableError(
            "A property is given twice, so its value is ambiguous.",
            what=name[:80],
            expected="each property once per object",
            remedy="remove one of the two",
        ) from error
    except _ConstantError as error:
        raise UnreadableError(
            "This number does not exist in JSON.",
            found=error.args[0][:40],
            expected="a finite number",
            remedy="leave the property out or give a number",
        ) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise UnreadableError("A number has too many digits.", expected="at most 4,300 digits") from error
    except RecursionError as error:
        raise UnreadableError("The JSON is nested too deeply.", remedy="flatten the object") from error


def _depth(value: Any) -> int:
    """How many containers lie within one another; a loop, so that hostile nesting cannot exhaust the stack."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner: list[Any] = []
        for container in level:
            items = container.values() if container.__class__ is dict else container
            inner += [item for item in items if item.__class__ is dict or item.__class__ is list]
        level = inner
    return deepest


_lone_surrogate = re.compile("[\ud800-\udfff]").search


def _refuse_lone_surrogates(value: Any, path: str = "") -> None:
    """Half a surrogate pair is no character: it cannot be stored, nor sent on."""
    if isinstance(value, str):
        if _lone_surrogate(value):
            raise UnreadableError(
                "The text holds half a character (a lone surrogate).",
                what=path,
                remedy="write the character itself, or both halves of the \\u escape",
            )
    elif isinstance(value, dict):
        for name, item in value.items():
            _refuse_lone_surrogates(name, path or ascii(name)[:80])
            _refuse_lone_surrogates(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_lone_surrogates(item, f"{path}[{index}]")
