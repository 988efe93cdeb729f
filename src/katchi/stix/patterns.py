"""Reads STIX patterns (STIX 2.1 §9): which comparisons a pattern makes, or why it is no pattern.

The parser here knows nearly all of the language and reads a usual pattern in microseconds. What it
does not recognise goes to the field's own parser, `stix2-patterns`, which then has the last word.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from katchi.stix.wording import words

LONGEST_UNUSUAL: Final = 20_000
"""A pattern that only `stix2-patterns` can read is refused beyond this many characters."""

_DEEPEST = 100
_STRING = r"'(?:[^'\\]++|\\['\\])*+'"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_STEP = rf"(?:{_NAME}|{_STRING})"
_PATH = rf"{_STEP}(?:\.{_STEP}|\[(?:0|[1-9][0-9]*+|\*)\])*+"
_DATE = r"[0-9]{4}-(?:0[1-9]|1[012])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = rf"t'{_DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?Z'"
_SIX = "[A-Za-z0-9+/]"
_BASE64 = rf"(?:{_SIX}{{4}})*(?:{_SIX}{{4}}|{_SIX}{{3}}=|{_SIX}{{2}}==)"
_BYTES = rf"h'(?:[A-Fa-f0-9]{{2}})*+'|b'{_BASE64}'"
_NUMBER = r"[+-]?[0-9]*\.[0-9]++|[+-]?(?:0|[1-9][0-9]*+)"
_END = r"(?![A-Za-z0-9_-])"
_ORDERABLE = rf"(?:{_STRING}|{_TIME}|{_BYTES}|{_NUMBER})"
_LITERAL = rf"(?:{_ORDERABLE}|(?:true|false){_END})"
_W = r"[ \t\r\n]*+"
_SET = rf"\({_W}(?:{_LITERAL}(?:{_W},{_W}{_LITERAL})*+)?{_W}\)"

_simple = re.compile(rf"\[([a-z][a-z0-9-]*+):((?:{_NAME})(?:\.{_STEP})*+) ?= ?({_STRING})\]").fullmatch
_comparison = re.compile(
    rf"{_W}([A-Za-z_][A-Za-z0-9_-]*+):({_PATH}){_W}(?:(NOT){_END}{_W})?+"
    rf"(?:(==?|!=|<>){_W}({_LITERAL})|(<=?|>=?){_W}({_ORDERABLE})"
    rf"|(IN){_END}{_W}({_SET})|(LIKE|MATCHES|ISSUBSET|ISSUPERSET){_END}{_W}({_STRING}))"
).match
_exists = re.compile(rf"{_W}(NOT{_END}{_W})?+EXISTS{_END}{_W}([A-Za-z_][A-Za-z0-9_-]*+):({_PATH})").match
_opening = re.compile(rf"{_W}([(\[])").match
_closing = re.compile(rf"{_W}([)\]])").match
_joining = re.compile(rf"{_W}(AND|OR|FOLLOWEDBY){_END}").match
_qualifier = re.compile(
    rf"{_W}(?:(WITHIN){_END}{_W}\+?(?:[0-9]*\.[0-9]++|0|[1-9][0-9]*+){_W}SECONDS"
    rf"|(REPEATS){_END}{_W}\+?(?:0|[1-9][0-9]*+){_W}TIMES"
    rf"|(START){_END}{_W}{_TIME}{_W}STOP{_END}{_W}{_TIME}){_END}"
).match
_blank = re.compile(rf"{_W}$").match
_steps = re.compile(rf"{_NAME}|{_STRING}|\[[0-9*]+\]").findall
_literals = re.compile(_LITERAL).findall
_escaped = re.compile(r"\\(.)", re.DOTALL).sub

# Words of the language; none can be the name of a type or property without quotes.
_RESERVED = words(
    "AND OR NOT FOLLOWEDBY LIKE MATCHES ISSUPERSET ISSUBSET EXISTS LAST IN START STOP SECONDS true"
    " false WITHIN REPEATS TIMES"
)

Constant = str | int | float | bool


class Comparison(msgspec.Struct, frozen=True):
    """One comparison of a pattern: `[type:path operator values]`.

    Steps of the path are property names and list indices (`[0]`, `[*]`). `operator` is one of
    = != < <= > >= IN LIKE MATCHES ISSUBSET ISSUPERSET EXISTS; only IN has other than one value.
    """

    type: str
    path: tuple[str, ...]
    operator: str
    values: tuple[Constant, ...]
    is_negated: bool = False


class Parsed(msgspec.Struct, frozen=True):
    """What a pattern says, or in `error` why it says nothing."""

    comparisons: tuple[Comparison, ...] = ()
    error: str = ""


def parse_pattern(text: str) -> Parsed:
    """The comparisons that a STIX pattern makes, in their order; never raises."""
    # Checked, keyed and shown one after the other, a pattern is read once; long ones would fill the memory.
    return _remembered(text) if len(text) <= 2000 else _parse(text)


def _parse(text: str) -> Parsed:
    simple = _simple(text)
    if simple is not None:
        kind, path, value = simple.groups()
        steps = _path(path)
        if steps is not None:
            return Parsed((Comparison(kind, steps, "=", (_constant(value),)),))
    comparisons = _Scanner(text).scan()
    if comparisons is not None:
        return Parsed(tuple(comparisons))
    return _parse_unusual(text)


_remembered = lru_cache(maxsize=512)(_parse)


@lru_cache(maxsize=512)  # a feed uses few paths
def _path(text: str) -> tuple[str, ...] | None:
    """The steps of an object path; None when a reserved word stands there without quotes."""
    if "'" not in text and "[" not in text:
        plain = tuple(text.split("."))
        return None if not _RESERVED.isdisjoint(plain) else plain
    steps = []
    for step in _steps(text):
        if step in _RESERVED:
            return None
        steps.append(_escaped(r"\1", step[1:-1]) if step[0] == "'" else step)
    return tuple(steps)


def _constant(text: str) -> Constant:
    """The value of a literal; hexadecimals, base64 and times stay text."""
    if text[0] == "'":
        inner = text[1:-1]
        return _escaped(r"\1", inner) if "\\" in inner else inner
    if text[-1] == "'":
        return text[2:-1]
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text) if len(text) < 4000 else text


class _Scanner:
    """Walks along a pattern once; gives up, rather than judge, where it meets the unusual."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[Comparison] = []

    def scan(self) -> list[Comparison] | None:
        """All comparisons, or None when this is not a pattern that the scanner knows."""
        is_known = self._observations(0) and _blank(self.text, self.at) is not None
        return self.found if is_known else None

    def _take(self, match: re.Match[str] | None) -> str:
        """Step over a match, and tell its last group; an empty text when there is none."""
        if match is None:
            return ""
        self.at = match.end()
        return match[match.lastindex or 0]

    def _closed(self, bracket: str) -> bool:
        return self._take(_closing(self.text, self.at)) == bracket

    def _observations(self, depth: int) -> bool:
        while True:
            opened = self._take(_opening(self.text, self.at))
            if opened == "[":
                is_known = self._comparisons(depth) and self._closed("]")
            else:
                is_known = opened == "(" and depth < _DEEPEST and self._observations(depth + 1) and self._closed(")")
            if not is_known or not self._qualifiers():
                return False
            if not self._take(_joining(self.text, self.at)):
                return True

    def _qualifiers(self) -> bool:
        seen: set[str] = set()
        while (kind := self._take(_qualifier(self.text, self.at))) != "":
            if kind in seen:
                return False
            seen.add(kind)
        return True

    def _comparisons(self, depth: int) -> bool:
        while True:
            if not self._comparison(depth):
                return False
            joined = _joining(self.text, self.at)
            if joined is None:
                return True
            if self._take(joined) == "FOLLOWEDBY":
                return False

    def _comparison(self, depth: int) -> bool:
        match = _comparison(self.text, self.at)
        if match is not None:
            return self._add_comparison(match)
        opened = _opening(self.text, self.at)
        if opened is not None and self._take(opened) == "(":
            return depth < _DEEPEST and self._comparisons(depth + 1) and self._closed(")")
        match = None if opened is not None else _exists(self.text, self.at)
        return match is not None and self._add(match, match[2], match[3], "EXISTS", (), bool(match[1]))

    def _add_comparison(self, match: re.Match[str]) -> bool:
        kind, path, negation, equals, equal, orders, order, within, members, word, text = match.groups()
        operator = equals or orders or within or word
        operator = {"==": "=", "<>": "!="}.get(operator, operator)
        literals = _literals(members) if within else [equal or order or text]
        return self._add(match, kind, path, operator, tuple(map(_constant, literals)), negation is not None)

    def _add(
        self,
        match: re.Match[str],
        kind: str,
        path: str,
        operator: str,
        values: tuple[Constant, ...],
        is_negated: bool,
    ) -> bool:
        steps = _path(path)
        if steps is None or kind in _RESERVED:
            return False
        self.found.append(Comparison(kind, steps, operator, values, is_negated))
        self.at = match.end()
        return True


# --- The field's own parser, for what is left ----------------------------------------------------


def _parse_unusual(text: str) -> Parsed:
    if len(text) > LONGEST_UNUSUAL:
        return Parsed(error=f"it is unusual and longer than {LONGEST_UNUSUAL} characters")
    # Imported here: they are slow to load and seldom needed.
    from stix2patterns.v21.pattern import Pattern
    from stix2patterns.validator import run_validator

    try:
        errors = run_validator(text, "2.1")
        if errors:
            return Parsed(error=str(errors[0]).removeprefix("FAIL: "))
        inspected = Pattern(text).inspect().comparisons
    except RecursionError:
        return Parsed(error="it is nested too deeply")
    except Exception as error:
        return Parsed(error=f"its parser failed ({type(error).__name__})")
    return Parsed(
        tuple(
            _inspected(kind, path, operator, value)
            for kind, rows in inspected.items()
            for path, operator, value in rows
        )
    )


def _inspected(kind: str, path: tuple[Any, ...], operator: str, value: Any) -> Comparison:
    """A comparison as stix2-patterns tells it: operators with NOT before them, literals as text."""
    steps = tuple(step if isinstance(step, str) else f"[{step if isinstance(step, int) else '*'}]" for step in path)
    negation, _, rest = operator.rpartition("NOT ")
    word = {"==": "=", "<>": "!="}.get(rest or operator, rest or operator)
    literals = _literals(str(value)) if value is not None else []
    return Comparison(kind, steps, word, tuple(map(_constant, literals)), bool(negation) or operator != rest)
