"""Turns the definition of a STIX type into the table by which its objects are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from katchi.stix.containers import DICTIONARY, dictionary, explain_custom, explain_one, listed
from katchi.stix.core import PredefinedExtensions, explain_extensions
from katchi.stix.findings import Findings
from katchi.stix.properties import Since
from katchi.stix.rule import FLAG, TEXT, Between, Rule, number, whole
from katchi.stix.wording import join

_PLAIN: dict[type, Rule] = {str: TEXT, bool: FLAG, int: whole(), float: number(), dict: DICTIONARY}


class Table:
    """The rules of one type: per property, which are required, and those between properties."""

    __slots__ = ("between", "holds", "required", "required_in_2_0", "rules")

    def __init__(
        self,
        rules: dict[str, Rule],
        required: frozenset[str],
        required_in_2_0: frozenset[str],
        between: tuple[Between, ...],
    ) -> None:
        self.rules = rules
        self.required = required
        self.required_in_2_0 = required_in_2_0
        self.between = between
        self.holds: tuple[Callable[[dict[str, Any]], object], ...] = tuple(rule.holds for rule in between)

    def sure(self, members: dict[str, Any]) -> bool:
        """True only if nothing at all is to be said about an object nested in another."""
        rules = self.rules
        for name, value in members.items():
            rule = rules.get(name)
            if rule is None:
                return False
            kind, sure, _ = rule
            if value.__class__ is not kind or (sure is not None and not sure(value)):
                return False
        if not self.required <= members.keys():
            return False
        return all(holds(members) for holds in self.holds)

    def sure_of_some(self, members: dict[str, Any]) -> bool:
        """The same for a dictionary that is never empty."""
        return bool(members) and self.sure(members)

    def explain_extensions(self, members: dict[str, Any], path: str, findings: Findings) -> None:
        """Check extensions: those that this table defines, and others by the general rules."""
        others = {name: members[name] for name in self.explain_known(members, path, findings)}
        if others or not members:
            explain_extensions(others, path, findings)

    def explain(self, members: dict[str, Any], path: str, findings: Findings) -> None:
        """Say everything that is wrong with an object nested in another."""
        unknown = self.explain_known(members, path, findings)
        for name in unknown:
            explain_custom(name, members[name], join(path, name), findings)
        if unknown:
            report_custom(unknown, path, findings)

    def explain_known(
        self, members: dict[str, Any], path: str, findings: Findings, required: frozenset[str] | None = None
    ) -> list[str]:
        """Check the properties that the type defines; the names of the others are returned."""
        unknown = []
        rules = self.rules
        for name, value in members.items():
            rule = rules.get(name)
            if rule is None:
                unknown.append(name)
                continue
            kind, sure, _ = rule
            if value.__class__ is not kind or (sure is not None and not sure(value)):
                explain_one(rule, value, join(path, name), findings)
        needed = self.required if required is None else required
        if not needed <= members.keys():
            report_missing(needed - members.keys(), path, findings)
        for holds, explain in self.between:
            if not holds(members):
                explain(members, path, findings)
        return unknown


def report_missing(names: frozenset[str], path: str, findings: Findings) -> None:
    """One finding for each required property that is not there."""
    for name in sorted(names):
        findings.must(
            join(path, name),
            "missing-property",
            f"The required property '{name}' is missing.",
            "add the property",
        )


def report_custom(names: list[str], path: str, findings: Findings) -> None:
    """One finding for all the properties that the standard does not define."""
    say = findings.must if findings.strict_properties else findings.tolerated
    say(
        join(path, names[0]),
        "custom-property",
        f"Not defined by the standard: {', '.join(names)}.",
        "define them in an extension (STIX 2.1 §7.3)",
    )


@cache
def table_of(struct: type[msgspec.Struct]) -> Table:
    """The table of a type, made on first use from its annotations."""
    rules: dict[str, Rule] = {}
    required, required_in_2_0 = set(), set()
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        rules[field.encode_name] = rule_of(hints[field.name])
        if field.required:
            required_in_2_0.add(field.encode_name)
        if field.required or _is_required_since(hints[field.name]):
            required.add(field.encode_name)
    return Table(rules, frozenset(required), frozenset(required_in_2_0), tuple(_between(struct)))


def _between(struct: type) -> Iterator[Between]:
    for base in reversed(struct.__mro__):
        yield from base.__dict__.get("between", ())


def _is_required_since(hint: Any) -> bool:
    return any(isinstance(note, Since) for note in getattr(hint, "__metadata__", ()))


def rule_of(hint: Any) -> Rule:
    """The rule that an annotation stands for."""
    origin = get_origin(hint)
    if origin is Annotated:
        for note in hint.__metadata__:
            if isinstance(note, Rule):
                return note
        return rule_of(hint.__origin__)
    if origin in (Union, UnionType):
        return rule_of(next(arm for arm in get_args(hint) if arm is not NoneType))
    if origin is tuple:
        return listed(rule_of(get_args(hint)[0]))
    if origin is dict:
        values = get_args(hint)[1]
        return DICTIONARY if values is Any else dictionary(rule_of(values))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        table = table_of(hint)
        if issubclass(hint, PredefinedExtensions):
            return Rule(dict, table.sure_of_some, table.explain_extensions)
        return Rule(dict, table.sure, table.explain)
    return _PLAIN[hint]
