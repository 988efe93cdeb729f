"""Rules for values that hold other values: lists, dictionaries, and whatever a custom property holds."""

from __future__ import annotations

import re
from typing import Any

from katchi.stix.findings import Findings
from katchi.stix.formats import BASE64, HEX
from katchi.stix.rule import SAFE, Rule
from katchi.stix.wording import excerpt, join

_key = re.compile("[a-zA-Z0-9_-]{1,250}").fullmatch
# STIX 2.1 §3.1: lower-case letters, digits and underscores, at most 250; §11.2: at least three.
_property_name = re.compile("[a-z][a-z0-9_]{2,249}").fullmatch
_begins_well = re.compile("[a-z][a-z0-9_]{2}|id$").match


def listed(item: Rule) -> Rule:
    """A list, never empty (STIX 2.1 §3.9), each of whose items keeps `item`."""
    kind, sure_of_item, _ = item

    def sure(values: list[Any]) -> bool:
        for value in values:
            if value.__class__ is not kind or (sure_of_item is not None and not sure_of_item(value)):
                return False
        return bool(values)

    def explain(values: list[Any], path: str, findings: Findings) -> None:
        if not values:
            findings.must(path, "empty", "A list is never empty in STIX.", "leave the property out")
        for index, value in enumerate(values):
            explain_one(item, value, f"{path}[{index}]", findings)

    return Rule(list, sure, explain)


def explain_one(rule: Rule, value: Any, path: str, findings: Findings) -> None:
    """Apply one rule to one value, with its type."""
    kind, sure, explain = rule
    if value.__class__ is kind:
        if sure is None or not sure(value):
            explain(value, path, findings)
    elif kind is float and value.__class__ is int:
        explain(value, path, findings)
    else:
        findings.wrong_type(value, path, kind)


# --- Values about which the standard says little -------------------------------------------------


def is_sane(value: Any) -> bool:
    """True when a value of any type holds no null, nothing empty and no number that JSON readers round."""
    kind = value.__class__
    if kind is str or kind is bool or kind is float:
        return True
    if kind is int:
        return bool(-SAFE <= value <= SAFE)
    if kind is list:
        return bool(value) and all(map(is_sane, value))
    return kind is dict and all(map(is_sane, value.values()))


def explain_insane(value: Any, path: str, findings: Findings) -> None:
    """Name what `is_sane` did not like."""
    if value is None:
        findings.must(path, "null", "null is not a value in STIX.", "leave the property out")
    elif value.__class__ is int and not -SAFE <= value <= SAFE:
        findings.must(
            path,
            "out-of-range",
            f"Expected a whole number from -{SAFE} to {SAFE}; found {excerpt(value)}.",
            "write it as text: JSON readers would round it",
        )
    elif value.__class__ is list:
        if not value:
            # MITRE publishes such lists in its own properties; nothing is lost by them.
            findings.tolerated(path, "empty", "A list is never empty in STIX.", "leave the property out")
        for index, item in enumerate(value):
            explain_insane(item, f"{path}[{index}]", findings)
    elif value.__class__ is dict:
        for name, item in value.items():
            explain_insane(item, join(path, name), findings)


def explain_custom(name: str, value: Any, path: str, findings: Findings) -> None:
    """A property that the standard does not define: its name and value keep the general rules only."""
    if not _property_name(name):
        say = findings.tolerated if _begins_well(name) else findings.must
        say(
            path,
            "property-name",
            f"A property's name is 3 to 250 lower-case letters, digits and underscores; found {excerpt(name)}.",
            "rename the property",
        )
    if name.endswith(("_bin", "_hex")):
        explain_one(BASE64 if name.endswith("_bin") else HEX, value, path, findings)
    elif not is_sane(value):
        explain_insane(value, path, findings)


def dictionary(values: Rule | None = None) -> Rule:
    """A dictionary, never empty (STIX 2.1 §3.3); with `values`, each value keeps that rule."""

    def sure(members: dict[str, Any]) -> bool:
        for key, value in members.items():
            if not _key(key):
                return False
            if values is None:
                if not is_sane(value):
                    return False
            elif value.__class__ is not values.type or (values.sure is not None and not values.sure(value)):
                return False
        return bool(members)

    def explain(members: dict[str, Any], path: str, findings: Findings) -> None:
        if not members:
            findings.must(path, "empty", "A dictionary is never empty in STIX.", "leave the property out")
        for key, value in members.items():
            at = join(path, key)
            if not _key(key):
                findings.must(
                    at,
                    "dictionary-key",
                    f"A key is 1 to 250 letters, digits, hyphens and underscores; found {excerpt(key)}.",
                    "rename the key",
                )
            if values is None:
                explain_insane(value, at, findings)
            else:
                explain_one(values, value, at, findings)

    return Rule(dict, sure, explain)


DICTIONARY = dictionary()
