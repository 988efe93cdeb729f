"""Puts times and commands of playbooks into words that people write, and reads them back: nobody writes JSON.

A command that blocks a set of things for some time is a `Block`; what else it says stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

THINGS: Final = "x-katchi:things"
LONGEST: Final = 2_592_000_000  # ms: a month
_UNITS: Final = {
    "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
    "초": 1000, "분": 60_000, "시간": 3_600_000, "일": 86_400_000,
}  # fmt: skip
_WRITTEN: Final = ("d", "h", "min", "s", "ms")
_part = re.compile(r"\s*([0-9]{1,10})\s*([a-z]+|[가-힣]+)").match


@dataclass(frozen=True, slots=True)
class Block:
    """Deny these things (values or variables, with spaces between) for so long; 0 is what the node has as usual."""

    things: str
    lasts: int = 0


def time_text(milliseconds: int) -> str:
    """Such as `1 d 12 h`; nothing for 0."""
    parts = []
    for unit in _WRITTEN:
        count, milliseconds = divmod(milliseconds, _UNITS[unit])
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def read_time(text: str) -> int | None:
    """Milliseconds, from such as `90 min` or `2시간`; 0 of nothing, None of what is no time or more than a month."""
    text, at, total = text.strip().lower(), 0, 0
    while at < len(text):
        found = _part(text, at)
        if found is None or found[2] not in _UNITS:
            return None
        total, at = total + int(found[1]) * _UNITS[found[2]], found.end()
    return total if total <= LONGEST else None


def plain_text(command: Mapping[str, Any], plain: str = "command") -> str:
    """The text of a command, or its content, also where it came as base64."""
    packed = command.get(f"{plain}_b64")
    if packed:
        try:
            return base64.b64decode(packed, validate=True).decode()
        except (binascii.Error, ValueError):
            return str(packed)
    return str(command.get(plain, ""))


def place_of(command: Mapping[str, Any]) -> str:
    """Where what is to be done stands: openc2-http has it as its content."""
    return "content" if command.get("type") == "openc2-http" else "command"


def block_of(command: Mapping[str, Any]) -> Block | None:
    """What it blocks, if it is a plain block of a set of things and nothing in it says more than a form can."""
    found = _openc2(command)
    if found is None or found.get("action") != "deny" or "actuator" in found:
        return None
    target, args = found.get("target"), found.get("args", {})
    if not isinstance(target, dict) or target.keys() != {THINGS} or not isinstance(args, dict):
        return None
    things, lasts = target[THINGS], args.get("duration", 0)
    if isinstance(things, list):
        things = " ".join(things) if all(isinstance(each, str) for each in things) else None
    is_plain = isinstance(things, str) and type(lasts) is int and 0 <= lasts <= LONGEST
    return Block(things, lasts) if is_plain and args.keys() <= {"duration", "response_requested"} else None


def block_text(block: Block, before: Mapping[str, Any] | None = None) -> str:
    """The command in OpenC2; what an older one says besides stays."""
    held = block_of(before) if before else None
    found = (_openc2(before) if before and held else None) or {"action": "deny"}
    if held is None or held.things != block.things:
        found["target"] = {THINGS: block.things}
    args = {name: each for name, each in found.pop("args", {}).items() if name != "duration"}
    if block.lasts:
        args["duration"] = block.lasts
    return json.dumps({**found, "args": args} if args else found, ensure_ascii=False)


def command_words(command: Mapping[str, Any]) -> str:
    """A command as one reads it."""
    block = block_of(command)
    if block is not None:
        return f"deny {block.things}" + (f" ({time_text(block.lasts)})" if block.lasts else "")
    return plain_text(command, place_of(command)) or str(command.get("description", ""))


def _openc2(command: Mapping[str, Any]) -> dict[str, Any] | None:
    if command.get("type") not in ("openc2", "openc2-http"):
        return None
    try:
        found = msgspec.json.decode(plain_text(command, place_of(command)))
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    return found if isinstance(found, dict) else None
