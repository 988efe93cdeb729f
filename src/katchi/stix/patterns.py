"""Reads STIX patterns (STIX 2.1 §9): which comparisons a pattern makes, or why it is no pattern.

It takes microseconds and time linear in the text, whatever the text: patterns come from strangers.
That it takes exactly what the field's own parser takes is a law that the tests hold.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from katchi.stix.wording import excerpt, words

_DEEPEST: Final = 100
_STRING = r"'(?:[^'\\]++|\\['\\])*+'"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_STEP = rf"(?:{_NAME}|{_STRING})"
# White space and comments may stand between any two words.
_W = (
    r"(?:[ \t\r\n\x0b\x0c\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
    r"|/\*(?s:.)*?\*/|//[^\r\n]*+)*+"
)
_INDEX = r"(?:\+?(?:0|[1-9][0-9]*+)|\*)"
_PATH = rf"{_STEP}(?:{_W}\.{_W}{_STEP}|{_W}\[{_W}{_INDEX}{_W}\])*+"
_DATE = r"[0-9]{4}-(?:0[1-9]|1[012])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = rf"t'{_DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?Z'"
_SIX = "[A-Za-z0-9+/]"
_BASE64 = rf"(?:{_SIX}{{4}})*(?:{_SIX}{{4}}|{_SIX}{{3}}=|{_SIX}{{2}}==)"
_BYTES = rf"h'(?:[A-Fa-f0-9]{{2}})*+'|b'{_BASE64}'"
_NUMBER = r"[+-]?[0-9]*\.[0-9]++|[+-]?(?:0|[1-9][0-9]*+)"
_END = r"(?![A-Za-z0-9_-])"
_ORDERABLE = rf"(?:{_STRING}|{_TIME}|{_BYTES}|{_NUMBER})"
_LITERAL = rf"(?:{_ORDERABLE}|(?:true|false){_END})"
_SET = rf"\({_W}(?:{_LITERAL}(?:{_W},{_W}{_LITERAL})*+)?{_W}\)"

_simple = re.compile(rf"\[([a-z][a-z0-9-]*+):((?:{_NAME})(?:\.{_STEP})*+) ?= ?({_STRING})\]").fullmatch
_comparison = re.compile(
    rf"{_W}([A-Za-z_][A-Za-z0-9_-]*+){_W}:{_W}({_PATH}){_W}(?:(NOT){_END}{_W})?+"
    rf"(?:(==?|!=|<>){_W}({_LITERAL})|(<=?|>=?){_W}({_ORDERABLE})"
    rf"|(IN){_END}{_W}({_SET})|(LIKE|MATCHES|ISSUBSET|ISSUPERSET){_END}{_W}({_STRING}))"
).match
_exists = re.compile(rf"{_W}(NOT{_END}{_W})?+EXISTS{_END}{_W}([A-Za-z_][A-Za-z0-9_-]*+){_W}:{_W}({_PATH})").match
_begins = re.compile(r"[\s(]*+\[").match
_opening = re.compile(rf"{_W}([(\[])").match
_closing = re.compile(rf"{_W}([)\]])").match
_joining = re.compile(rf"{_W}(AND|OR|FOLLOWEDBY){_END}").match
_qualifier = re.compile(
    rf"{_W}(?:(WITHIN){_END}{_W}\+?(?:[0-9]*\.[0-9]++|0|[1-9][0-9]*+){_W}SECONDS"
    rf"|(REPEATS){_END}{_W}\+?(?:0|[1-9][0-9]*+){_W}TIMES"
    rf"|(START){_END}{_W}{_TIME}{_W}STOP{_END}{_W}{_TIME}){_END}"
).match
_blank = re.compile(rf"{_W}$").match
_steps = re.compile(rf"{_W}\.?{_W}({_STEP}|\[{_W}{_INDEX}{_W}\])").findall
_indexed = re.compile(_INDEX).search
_members = re.compile(rf"[(,]{_W}({_LITERAL})").findall
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


def comparison_at(text: str, at: int = 0) -> tuple[Comparison, int] | None:
    """The one comparison that begins here, and where it ends; None where none does."""
    match = _comparison(text, at)
    scanner = _Scanner(text)
    if match is None or not scanner._add_comparison(match):
        return None
    return scanner.found[0], scanner.at


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
    scanner = _Scanner(text)
    if scanner.scan():
        return Parsed(tuple(scanner.found))
    return Parsed(error=f"it cannot be read from character {scanner.at + 1} on: {excerpt(text[scanner.at :][:40])}")


_remembered = lru_cache(maxsize=512)(_parse)


_is_plain = re.compile(r"[A-Za-z0-9_.]+").fullmatch


@lru_cache(maxsize=512)  # a feed uses few paths
def _path(text: str) -> tuple[str, ...] | None:
    """The steps of an object path; None when a reserved word stands there without quotes."""
    if _is_plain(text):
        plain = tuple(text.split("."))
        return None if not _RESERVED.isdisjoint(plain) else plain
    steps = []
    for step in _steps(text):
        if step in _RESERVED:
            return None
        steps.append(_step(step))
    return tuple(steps)


def _step(step: str) -> str:
    if step[0] == "'":
        return _escaped(r"\1", step[1:-1])
    index = _indexed(step) if step[0] == "[" else None
    return f"[{index[0].lstrip('+')}]" if index else step


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
    """Walks along a pattern once; `at` stays where it could not go on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[Comparison] = []

    def scan(self) -> bool:
        """True if the whole text is a pattern; then `found` holds all its comparisons."""
        if not _begins(self.text) or not self._observations(0):
            return False
        return _blank(self.text, self.at) is not None

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
            if not is_known or not self._qualifiers(is_single=opened == "["):
                return False
            if not self._take(_joining(self.text, self.at)):
                return True

    def _qualifiers(self, *, is_single: bool) -> bool:
        """Each kind of qualifier once, though as often as one likes after a parenthesis."""
        seen: set[str] = set()
        while (kind := self._take(_qualifier(self.text, self.at))) != "":
            if is_single and kind in seen:
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
        literals = _members(members) if within else [equal or order or text]
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
