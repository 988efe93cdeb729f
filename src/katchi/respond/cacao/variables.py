"""Variables of playbooks (CACAO 2.0 §10.18): what values each type has, and how they come into commands.

A value is data wherever it comes to stand. In a URL it is percent-encoded, in JSON it is escaped, in a header it has no
line breaks, in a shell it is one quoted word: no value can become part of the command.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from katchi.errors import KatchiError
from katchi.respond.cacao.playbook import NAME, Command, Variable

LONGEST: Final = 65_536  # characters of a value
_reference = re.compile(rf"({NAME}):value")
_is_hex = re.compile(r"[0-9a-fA-F]*").fullmatch
_is_integer = re.compile(r"[+-]?[0-9]{1,40}").fullmatch
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_is_mac = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}").fullmatch

Look = Callable[[str], Variable | None]


class BadValueError(KatchiError):
    """A variable has no value, or one that its type does not have."""

    code = "bad-value"


def _of_form(form: Callable[[str], object]) -> Callable[[str], bool]:
    return lambda value: form(value) is not None


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def allows(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return allows


def _dictionary(value: str) -> object:
    if not isinstance(json.loads(value), dict):
        raise ValueError(value)
    return value


def _network(version: int) -> Callable[[str], object]:
    def parse(value: str) -> object:
        found = ipaddress.ip_network(value, strict=False)
        if found.version != version:
            raise ValueError(value)
        return found

    return parse


def _hash(digits: int) -> Callable[[str], bool]:
    return lambda value: len(value) == digits and _is_hex(value) is not None


_TYPES: Final[Mapping[str, Callable[[str], bool]]] = {
    "bool": lambda value: value.lower() in ("true", "false"), "dictionary": _parses(_dictionary),
    "float": _parses(float), "hexstring": lambda value: len(value) % 2 == 0 and _is_hex(value) is not None,
    "integer": _of_form(_is_integer), "long": _of_form(_is_integer),
    "ipv4-addr": _parses(_network(4)), "ipv6-addr": _parses(_network(6)),
    "mac-addr": _of_form(_is_mac), "hash": lambda value: len(value) >= 32 and _is_hex(value) is not None,
    "md5-hash": _hash(32), "sha256-hash": _hash(64), "string": lambda _: True,
    "uri": lambda value: bool(urlsplit(value).scheme) and not any(mark.isspace() for mark in value),
    "uuid": _of_form(_is_uuid),
}  # fmt: skip
TYPES: Final = tuple(_TYPES)


def require(name: str, variable: Variable) -> None:
    """That a variable's value, if it has one, is one that its type has. Raises BadValueError."""
    if variable.value is None:
        return
    allows = _TYPES.get(variable.type)
    if len(variable.value) > LONGEST or allows is None or not allows(variable.value):
        raise BadValueError(
            "The variable's type has no such value.", what=name, expected=variable.type, found=variable.value[:80]
        )


def names_in(value: Any) -> set[str]:
    """The variables to which texts anywhere in a value refer."""
    if isinstance(value, str):
        return set(_reference.findall(value))
    if isinstance(value, msgspec.Struct):
        return names_in(msgspec.structs.asdict(value))
    if isinstance(value, Mapping):
        return {name for each in value.values() for name in names_in(each)}
    if isinstance(value, list | tuple):
        return {name for each in value for name in names_in(each)}
    return set()


def fill(text: str, look: Look, written: Callable[[str], str]) -> str:
    """A text with values where it refers to variables, each made harmless first. Raises BadValueError."""

    def value(match: re.Match[str]) -> str:
        variable = look(match[1])
        if variable is None or variable.value is None:
            raise BadValueError("A variable has no value.", what=match[1])
        return written(variable.value)

    return _reference.sub(value, text)


def _in_header(value: str) -> str:
    if any(ord(mark) < 32 or ord(mark) == 127 for mark in value):
        raise BadValueError("A value with line breaks cannot stand in a header.", found=repr(value)[:80])
    return value


def _in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _as_it_is(value: str) -> str:
    return value


def filled(command: Command, look: Look) -> Command:
    """A command with its variables' values. Raises BadValueError."""
    if command.type in ("bash", "ssh", "powershell"):
        return msgspec.structs.replace(command, command=fill(command.command, look, shlex.quote))
    if command.type in ("http-api", "openc2-http"):
        return msgspec.structs.replace(
            command,
            command=fill(command.command, look, _in_url),
            headers={
                name: [fill(each, look, _in_header) for each in values] for name, values in command.headers.items()
            },
            content=fill(command.content, look, _in_json if _is_json(command) else _as_it_is),
            content_b64=command.content_b64,
        )
    if command.type == "openc2":
        return msgspec.structs.replace(command, command=fill(command.command, look, _in_json))
    return msgspec.structs.replace(command, command=fill(command.command, look, _as_it_is))


def _is_json(command: Command) -> bool:
    kinds = [value for name, values in command.headers.items() if name.lower() == "content-type" for value in values]
    return any("json" in kind.lower() for kind in kinds) or command.content.lstrip()[:1] in ("{", "[")


def filled_in(value: Any, look: Look) -> Any:
    """An agent or a target with its variables' values. Raises BadValueError."""
    if isinstance(value, str):
        return fill(value, look, _in_header)
    if isinstance(value, dict):
        return {name: filled_in(each, look) for name, each in value.items()}
    if isinstance(value, list):
        return [filled_in(each, look) for each in value]
    return value
