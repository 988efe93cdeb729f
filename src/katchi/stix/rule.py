"""The rule that one property's value must keep: its JSON type, a quick test, and an explanation.

Most values are in order, so a check runs the quick test first and words nothing. A quick test may
say False about a value that is in order after all; it must never say True about one that is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from katchi.stix.findings import Findings
from katchi.stix.wording import excerpt

Sure = Callable[[Any], object]
Explain = Callable[[Any, str, Findings], None]


class Rule(NamedTuple):
    """What a value must be. `sure` is truthy only if nothing is wrong; else `explain` says what is.

    `explain` is called only with a value of the JSON type `type` (an int may stand for a float).
    """

    type: type
    sure: Sure | None
    explain: Explain


class Between(NamedTuple):
    """A rule between several properties of one object; `explain` is called when `holds` is falsy."""

    holds: Callable[[dict[str, Any]], object]
    explain: Callable[[dict[str, Any], str, Findings], None]


def nothing_more(_: Any, __: str, ___: Findings) -> None:
    """There is nothing to explain: the JSON type is all that this rule asks for."""


TEXT = Rule(str, None, nothing_more)
FLAG = Rule(bool, None, nothing_more)

# STIX 2.1 §3.7: what every JSON reader holds exactly (RFC 7493 §2.2).
SAFE = 2**53 - 1


def whole(lowest: int = -SAFE, highest: int = SAFE) -> Rule:
    """A whole number between two limits."""

    def sure(value: int) -> bool:
        return lowest <= value <= highest

    return Rule(int, sure, _explain_limits(lowest, highest))


def number(lowest: float = float("-inf"), highest: float = float("inf")) -> Rule:
    """A number between two limits."""

    def sure(value: float) -> bool:
        return lowest <= value <= highest

    return Rule(float, sure, _explain_limits(lowest, highest))


def _explain_limits(lowest: float, highest: float) -> Explain:
    def explain(value: float, path: str, findings: Findings) -> None:
        if not lowest <= value <= highest:
            findings.must(
                path,
                "out-of-range",
                f"Expected a number from {lowest} to {highest}, found {excerpt(value)}.",
                "correct the number",
            )

    return explain


def one_of(words: frozenset[str]) -> Rule:
    """A word of an enumeration: the standard allows no other."""
    allowed = ", ".join(sorted(words))

    def explain(value: str, path: str, findings: Findings) -> None:
        findings.must(
            path,
            "not-allowed-value",
            f"Expected one of {allowed}; found {excerpt(value)}.",
            "use one of these words",
        )

    return Rule(str, words.__contains__, explain)


def suggested(words: frozenset[str]) -> Rule:
    """A word of an open vocabulary: others are permitted, but not advised (STIX 2.1 §3.12)."""

    def explain(value: str, path: str, findings: Findings) -> None:
        if not value.islower() or "_" in value or " " in value:
            findings.should(
                path,
                "vocabulary-form",
                f"{excerpt(value)} should be lower-case, with hyphens between words.",
            )
        findings.should(
            path,
            "vocabulary",
            f"{excerpt(value)} is permitted, but is not in the standard's vocabulary.",
            f"see whether one of these fits: {_shortened(words)}",
        )

    return Rule(str, words.__contains__, explain)


def _shortened(words: frozenset[str]) -> str:
    listed = ", ".join(sorted(words))
    return listed if len(listed) <= 200 else listed[:197] + "..."


def matching(quick: Sure, explain: Explain) -> Rule:
    """A text that a quick test can wave through."""
    return Rule(str, quick, explain)
