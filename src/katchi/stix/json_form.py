"""Writes JSON in the one form that everybody signs and hashes (RFC 8785, JCS)."""

from __future__ import annotations

import json
import math
from typing import Any

from katchi.errors import KatchiError


class NotCanonicalError(KatchiError):
    """This value has no canonical JSON form."""

    code = "not-canonical"


def canonical_json(value: Any) -> str:
    """The JSON text of `value` per RFC 8785: sorted keys, no white space, numbers as ECMAScript writes them.

    Raises: NotCanonicalError for NaN, infinities and values that JSON does not have.
    """
    kind = value.__class__
    if kind is str:
        return _text(value)
    if value is None or kind is bool:
        return json.dumps(value)
    if kind is int:
        # RFC 8785 §3.2.2.3: numbers are IEEE 754 doubles.
        return str(value) if abs(value) <= 2**53 else _number(_double(value))
    if kind is float:
        return _number(value)
    if kind is list or kind is tuple:
        return f"[{','.join(map(canonical_json, value))}]"
    if kind is dict:
        # §3.2.3: names sort by their UTF-16 code units.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return f"{{{','.join(f'{_text(name)}:{canonical_json(value[name])}' for name in names)}}}"
    raise NotCanonicalError("JSON has no such value.", found=kind.__name__)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise NotCanonicalError("This number is too large for JSON.", found=str(value)[:40]) from error


def _number(value: float) -> str:
    """ECMAScript's Number::toString, from Python's shortest digits."""
    if not math.isfinite(value):
        raise NotCanonicalError("JSON has neither NaN nor infinities.", found=repr(value))
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, point = _digits(abs(value))
    if 0 < point <= 21:
        if len(digits) <= point:
            return f"{sign}{digits.ljust(point, '0')}"
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest digits of a number, and where its point stands among them."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    return digits.strip("0"), point - leading
