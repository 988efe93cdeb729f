"""Rules that hold between the properties of one object: orders in time, needs, exclusions."""

from __future__ import annotations

from typing import Any

from katchi.stix.findings import Findings
from katchi.stix.rule import Between
from katchi.stix.timestamps import TimestampError, parse_timestamp
from katchi.stix.wording import excerpt, join

Members = dict[str, Any]


def in_order(first: str, last: str, *, apart: bool = False) -> Between:
    """`last` is not before `first`; with `apart`, it is after it."""

    def holds(members: Members) -> bool:
        if first not in members or last not in members:
            return True
        begin, end = members[first], members[last]
        if begin == end:
            return not apart
        # Well-formed timestamps of equal length sort as text.
        return begin.__class__ is str and end.__class__ is str and len(begin) == len(end) and begin < end

    def explain(members: Members, path: str, findings: Findings) -> None:
        try:
            begin, end = parse_timestamp(members[first]), parse_timestamp(members[last])
        except (TimestampError, TypeError):
            return  # said already of the property itself
        if begin > end or (apart and begin == end):
            findings.must(
                join(path, last),
                "time-order",
                f"'{last}' ({members[last]}) must be {'after' if apart else 'no earlier than'}"
                f" '{first}' ({members[first]}).",
                "correct one of the two times",
            )

    return Between(holds, explain)


def at_least_one(*names: str) -> Between:
    """One of these properties is there, or several."""
    wanted = frozenset(names)

    def holds(members: Members) -> bool:
        return not wanted.isdisjoint(members)

    def explain(_: Members, path: str, findings: Findings) -> None:
        findings.must(
            path or names[0],
            "missing-property",
            f"At least one of these properties must be present: {', '.join(names)}.",
            "add one of them",
        )

    return Between(holds, explain)


def exactly_one(*names: str) -> Between:
    """One of these properties is there, and only one."""
    wanted = frozenset(names)

    def holds(members: Members) -> bool:
        return len(wanted & members.keys()) == 1

    def explain(members: Members, path: str, findings: Findings) -> None:
        present = sorted(wanted & members.keys())
        findings.must(
            join(path, present[0]) if present else path or names[0],
            "conflicting-properties" if present else "missing-property",
            f"Exactly one of these properties must be present: {', '.join(names)}.",
            "keep one of them" if present else "add one of them",
        )

    return Between(holds, explain)


def needs(name: str, *others: str) -> Between:
    """Where `name` is, the others are too."""
    wanted = frozenset(others)

    def holds(members: Members) -> bool:
        return name not in members or wanted <= members.keys()

    def explain(members: Members, path: str, findings: Findings) -> None:
        for missing in sorted(wanted - members.keys()):
            findings.must(
                join(path, missing),
                "missing-property",
                f"'{missing}' is required where '{name}' is present.",
                f"add it, or remove '{name}'",
            )

    return Between(holds, explain)


def excludes(name: str, value: Any, other: str) -> Between:
    """Where `name` has this value, `other` is absent."""

    def holds(members: Members) -> bool:
        return other not in members or members.get(name) is not value

    def explain(_: Members, path: str, findings: Findings) -> None:
        findings.must(
            join(path, other),
            "conflicting-properties",
            f"'{other}' must be absent where '{name}' is {excerpt(value).lower()}.",
            f"remove '{other}'",
        )

    return Between(holds, explain)
