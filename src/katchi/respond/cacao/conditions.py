"""Conditions of if and while steps (CACAO 2.0 §4.8, §4.9): comparisons of the STIX pattern grammar over variables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from katchi.errors import KatchiError
from katchi.respond.cacao.playbook import NAME, Variable
from katchi.stix.patterns import Comparison, comparison_at

LONGEST: Final = 10_000  # characters: a loop reads it again in each round
_DEEPEST: Final = 20
_NUMBERS: Final = frozenset({"integer", "long", "float"})
_is_name = re.compile(NAME).fullmatch
_word = re.compile(r"\s*(AND|OR|\(|\)|\[|\])").match
_rest = re.compile(r"\s*$").match

Look = Callable[[str], Variable | None]


class BadConditionError(KatchiError):
    """A condition cannot be read, or asks for what there is not."""

    code = "bad-condition"


@dataclass(frozen=True, slots=True)
class Joined:
    """Several conditions of which all, or any, must hold."""

    word: Literal["AND", "OR"]
    parts: tuple[Condition, ...]


Condition = Comparison | Joined


def parse(text: str) -> Condition:
    """Reads a condition: AND binds closer than OR; brackets around the whole are allowed. Raises BadConditionError."""
    if len(text) > LONGEST:
        raise BadConditionError("The condition is too long.", expected=f"{LONGEST} characters at most")
    reader = _Reader(text)
    bracket = reader.take("[")
    found = reader.any_of(0)
    if bracket and not reader.take("]"):
        raise reader.wrong()
    if _rest(text, reader.at) is None:
        raise reader.wrong()
    return found


def names_in(condition: Condition) -> set[str]:
    """The variables that a condition asks for."""
    if isinstance(condition, Comparison):
        return {condition.type}
    return {name for part in condition.parts for name in names_in(part)}


def holds(condition: Condition, look: Look) -> bool:
    """Whether it is true of the variables. Raises BadConditionError where one has no value, or cannot be compared."""
    if isinstance(condition, Joined):
        found = (holds(part, look) for part in condition.parts)
        return all(found) if condition.word == "AND" else any(found)
    variable = look(condition.type)
    if variable is None or variable.value is None:
        raise BadConditionError("A variable has no value.", what=condition.type)
    try:
        result = _compare(condition, variable.value, variable.type)
    except (ValueError, TypeError) as problem:
        raise BadConditionError(
            "A variable cannot be compared with that.", what=condition.type, found=variable.value[:80]
        ) from problem
    return result != condition.is_negated


def _compare(condition: Comparison, value: str, kind: str) -> bool:
    operator, constants = condition.operator, condition.values
    if operator == "IN":
        return any(_typed(value, kind, each) == each for each in constants)
    constant = constants[0]
    if operator in ("ISSUBSET", "ISSUPERSET"):
        one, other = (ipaddress.ip_network(str(each), strict=False) for each in (value, constant))
        if one.version != other.version:
            return False
        inner, outer = (one, other) if operator == "ISSUBSET" else (other, one)
        return inner.subnet_of(outer)  # type: ignore[arg-type]
    if operator == "LIKE":
        return _is_like(value, str(constant))
    mine = _typed(value, kind, constant)
    if isinstance(constant, str) and kind in _NUMBERS:
        mine, constant = float(value), float(constant)
    match operator:
        case "=":
            return mine == constant
        case "!=":
            return mine != constant
        case "<":
            return mine < constant  # type: ignore[operator]
        case "<=":
            return mine <= constant  # type: ignore[operator]
        case ">":
            return mine > constant  # type: ignore[operator]
        case _:
            return mine >= constant  # type: ignore[operator]


def _is_like(value: str, pattern: str) -> bool:
    """SQL's LIKE, piece by piece from the left: one regular expression for all of it could take forever."""
    first, *rest = pattern.split("%")
    found = _piece(first).match(value)
    if found is None or not rest:
        return found is not None and found.end() == len(value)
    at = found.end()
    for piece in rest[:-1]:
        if (found := _piece(piece).search(value, at)) is None:
            return False
        at = found.end()
    return len(value) - at >= len(rest[-1]) and _piece(rest[-1]).match(value, len(value) - len(rest[-1])) is not None


def _piece(text: str) -> re.Pattern[str]:
    return re.compile("".join("." if mark == "_" else re.escape(mark) for mark in text), re.DOTALL)


def _typed(value: str, kind: str, like: str | float | bool) -> str | float | bool:
    """A variable's text as what it is compared with. Raises ValueError."""
    if isinstance(like, bool):
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    if isinstance(like, int | float):
        return float(value)
    return value.lower() if kind == "bool" else value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, word: str) -> bool:
        found = _word(self.text, self.at)
        if found is None or found[1] != word:
            return False
        self.at = found.end()
        return True

    def wrong(self) -> BadConditionError:
        return BadConditionError(
            "This condition cannot be read.", expected="comparisons such as __count__:value > 3, joined by AND and OR",
            found=self.text[self.at :][:60] or "its end",
        )  # fmt: skip

    def any_of(self, depth: int) -> Condition:
        parts = [self.all_of(depth)]
        while self.take("OR"):
            parts.append(self.all_of(depth))
        return parts[0] if len(parts) == 1 else Joined("OR", tuple(parts))

    def all_of(self, depth: int) -> Condition:
        parts = [self.one(depth)]
        while self.take("AND"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else Joined("AND", tuple(parts))

    def one(self, depth: int) -> Condition:
        if self.take("("):
            if depth >= _DEEPEST:
                raise self.wrong()
            inner = self.any_of(depth + 1)
            if not self.take(")"):
                raise self.wrong()
            return inner
        found = comparison_at(self.text, self.at)
        if found is None or _is_name(found[0].type) is None or found[0].path != ("value",):
            raise self.wrong()
        if found[0].operator == "MATCHES":
            raise BadConditionError(
                "MATCHES is not run: a regular expression of somebody else's can take forever.",
                expected="=, !=, <, <=, >, >=, IN, LIKE, ISSUBSET, ISSUPERSET", found=self.text[self.at :][:60],
            )  # fmt: skip
        self.at = found[1]
        return found[0]
