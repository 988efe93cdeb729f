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
from xml.sax.saxutils import escape

import msgspec

from katchi.errors import KatchiError
from katchi.respond.cacao.playbook import NAME, Command, Variable

LONGEST: Final = 65_536  # characters of a value
MOST_TOGETHER: Final = 4_194_304  # characters of all values of a run
LARGEST: Final = 1_048_576  # characters of a command, or of an agent or a target, with its values
SHELLS: Final = ("bash", "ssh", "powershell")
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
        except (ValueError, RecursionError):
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


def _uri(value: str) -> object:
    if not urlsplit(value).scheme or any(mark.isspace() for mark in value):
        raise ValueError(value)
    return value


def _hash(digits: int) -> Callable[[str], bool]:
    return lambda value: len(value) == digits and _is_hex(value) is not None


_TYPES: Final[Mapping[str, Callable[[str], bool]]] = {
    "bool": lambda value: value.lower() in ("true", "false"), "dictionary": _parses(_dictionary),
    "float": _parses(float), "hexstring": lambda value: len(value) % 2 == 0 and _is_hex(value) is not None,
    "integer": _of_form(_is_integer), "long": _of_form(_is_integer),
    "ipv4-addr": _parses(_network(4)), "ipv6-addr": _parses(_network(6)),
    "mac-addr": _of_form(_is_mac), "hash": lambda value: len(value) >= 32 and _is_hex(value) is not None,
    "md5-hash": _hash(32), "sha256-hash": _hash(64), "string": lambda _: True,
    "uri": _parses(_uri), "uuid": _of_form(_is_uuid),
}  # fmt: skip
TYPES: Final = tuple(_TYPES)


def require(name: str, variable: Variable) -> None:
    """That a variable's value, if it has one, is one that its type has. Raises BadValueError."""
    if variable.value is None:
        return
    allows = _TYPES.get(variable.type)
    is_text = variable.value.isascii() or not any("\ud800" <= mark <= "\udfff" for mark in variable.value)
    if len(variable.value) > LONGEST or not is_text or allows is None or not allows(variable.value):
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
    return _filled_in_place(text, look, lambda variable, _: written(variable.value or ""))


def _filled_in_place(text: str, look: Look, written: Callable[[Variable, int], str]) -> str:
    """The same, where it depends on the place how a value is written."""
    length = len(text)

    def value(match: re.Match[str]) -> str:
        nonlocal length
        variable = look(match[1])
        if variable is None or variable.value is None:
            raise BadValueError("A variable has no value.", what=match[1])
        made = written(variable, match.start())
        length += len(made)
        if length > LARGEST:  # few references to a long value make a text that fills the memory
            raise BadValueError("With its values this is too long.", what=match[1], expected=f"{LARGEST} at most")
        return made

    return _reference.sub(value, text)


def _in_header(value: str) -> str:
    if any(ord(mark) < 32 or ord(mark) == 127 for mark in value):
        raise BadValueError("A value with line breaks cannot stand in a header.", found=repr(value)[:80])
    return value


def _in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _in_xml(value: str) -> str:
    return escape(value, {'"': "&quot;", "'": "&apos;"})


def _as_it_is(value: str) -> str:
    return value


def _in_shell(value: str) -> str:
    if "\0" in value:
        raise BadValueError("A value with a null cannot stand in a command.", found=repr(value)[:80])
    return shlex.quote(value)


def unquotable(text: str) -> str:
    """The first variable of a shell's command that does not stand by itself, or "".

    One quoted word is one word in plain text only: between quotes, in a comment, a here-document, backquotes or
    arithmetic a shell reads it otherwise, and what the value says could be run. What cannot be told is not allowed.
    """
    state, last = "", 0
    for match in _reference.finditer(text):
        for mark in _of_shell.findall(text, last, match.start()):
            state = _after_mark(state, mark)
        if state or text[: match.start()].endswith(("\\", "$")):
            return match[1]
        last = match.end()
    return ""


_of_shell = re.compile(r"""\\.|\$'|'|"|`|<<|\$?\(\(|\$\(|\$\[|\$\{|\}|\[\[|\]\]|(?:(?<=[\s;&|()])|^)\#|\n""", re.DOTALL)
_OPENS: Final = {"'": "'", '"': '"', "`": "`", "${": "}", "[[": "]]", "#": "\n"}
_FOR_GOOD: Final = frozenset({"<<", "((", "$((", "$[", "$'"})
"""After these nothing is sure: where they end is not looked for."""


def _after_mark(state: str, mark: str) -> str:
    """The mark that ends what a shell's text is in; "" where a quoted word is one, `never` where nothing ends it."""
    if not state:
        return "never" if mark in _FOR_GOOD else _OPENS.get(mark, "")
    if state == "'":  # a backslash is nothing special in it
        return "" if mark.endswith("'") else state
    if state == '"' and mark in ("$(", "$((", "${", "$[", "`"):
        return "never"
    return "" if mark == state else state


def filled(command: Command, look: Look) -> Command:
    """A command with its variables' values. Raises BadValueError."""
    if command.type in SHELLS:
        if name := unquotable(command.command):
            raise BadValueError("Here a value could become part of the command.", what=name, expected=STANDS_ALONE)
        return msgspec.structs.replace(command, command=fill(command.command, look, _in_shell))
    if command.type in ("http-api", "openc2-http"):
        return msgspec.structs.replace(
            command,
            command=fill(command.command, look, _in_url),
            headers={
                name: [fill(each, look, _in_header) for each in values] for name, values in command.headers.items()
            },
            content=_content(command, look),
            content_b64=command.content_b64,
        )
    if command.type == "openc2":
        return msgspec.structs.replace(command, command=_filled_json(command.command, look))
    return msgspec.structs.replace(command, command=fill(command.command, look, _as_it_is))


STANDS_ALONE: Final = "a variable by itself, not in quotes, a comment, a here-document, backquotes or arithmetic"


def _content(command: Command, look: Look) -> str:
    kinds = [value for name, values in command.headers.items() if name.lower() == "content-type" for value in values]
    kind = ", ".join(kinds).lower()
    if "json" in kind or (not kind and command.content.lstrip()[:1] in ("{", "[")):
        return _filled_json(command.content, look)
    for name, written in (("x-www-form-urlencoded", _in_url), ("xml", _in_xml), ("text/plain", _as_it_is)):
        if name in kind:
            return fill(command.content, look, written)
    if kind and names_in(command.content):
        raise BadValueError(
            "How a value is written in content of this type is not known.", found=kind[:80],
            expected="JSON, a form, XML or plain text",
        )  # fmt: skip
    return fill(command.content, look, _as_it_is)


_of_json = re.compile(r'\\.|"', re.DOTALL)
_is_scalar = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null").fullmatch


def _filled_json(text: str, look: Look) -> str:
    """In a string as text; elsewhere as a number, true, false, null, or a whole dictionary: it adds no member."""
    last, is_in_string = 0, False

    def written(variable: Variable, at: int) -> str:
        nonlocal last, is_in_string
        marks = sum(mark == '"' for mark in _of_json.findall(text, last, at))
        last, is_in_string = at, is_in_string != bool(marks % 2)
        value = variable.value or ""
        if is_in_string:
            return _in_json(value)
        value = value.lower() if variable.type == "bool" else value
        if variable.type == "dictionary" and _TYPES["dictionary"](value):
            return json.dumps(json.loads(value))
        if _is_scalar(value) is None:
            raise BadValueError(
                "Only a number, a truth or a dictionary stands in JSON without quotes.", found=value[:80]
            )
        return value

    return _filled_in_place(text, look, written)


def filled_in(value: Any, look: Look) -> Any:
    """An agent or a target with its variables' values. Raises BadValueError."""
    room = LARGEST

    def inner(value: Any) -> Any:
        nonlocal room
        if isinstance(value, str):
            made = fill(value, look, _in_header)
            room -= len(made)
            if room < 0:
                raise BadValueError("With its values this is too long.", expected=f"{LARGEST} at most")
            return made
        if isinstance(value, dict):
            return {name: inner(each) for name, each in value.items()}
        return [inner(each) for each in value] if isinstance(value, list) else value

    return inner(value)
