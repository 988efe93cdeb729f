"""What is compared at all: kinds whose values nobody can list, sizes, and how many guesses a partner has a month.

No private set intersection protects what can be listed exhaustively: whoever runs modified software puts the whole
list into its set. See docs/reference/private-overlap.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from katchi.errors import KatchiError

STRONG: Final = ("file", "url", "certificate", "mutex", "path", "registry")
"""Kinds whose values are drawn from more than anybody can try."""

EFFORTS: Final = "effort"
"""The things of strong kinds that efforts are about, whatever their kinds, filled up so that nobody sees how many."""

REFUSED: Final[Mapping[str, str]] = {
    "ipv4": "all of IPv4 is 4,294,967,296 values: a partner can try a whole network in one session",
    "ipv6": "networks are given out in order, and most hosts have low numbers",
    "domain": "registered names stand in zone files that anybody can get",
    "email": "addresses can be listed from leaks",
    "mac": "a maker has 16,777,216 of them",
    "asn": "there are some hundred thousand",
    "vulnerability": "CVE ids are counted up",
    "attack-pattern": "ATT&CK has less than a thousand techniques",
    "actor": "names of actors are a short list",
    "software": "names of programs are a short list",
    "campaign": "names of campaigns are a short list",
    "infrastructure": "names are a short list",
}
"""Kinds that are not compared unless the operator says so for a partner, and why."""

PROFILE: Final = "katchi-keys-1"  # docs/reference/thing-keys.md


class GuardError(KatchiError):
    """This is not compared: it would protect nothing, or is more than this partner may ask."""

    code = "overlap-guard"
    exit_status = 4


def require_kind(kind: str, allowed: Iterable[str]) -> None:
    """`allowed` are kinds that the operator added. Raises GuardError."""
    if kind in STRONG or kind == EFFORTS or kind in allowed:
        return
    raise GuardError(
        "Private overlap does not protect this kind.", what="kind", found=kind[:40],
        expected=f"{', '.join(STRONG)} ({REFUSED.get(kind, 'it may be listed')})",
        remedy="`overlap-kinds` in katchi.toml allows it, for partners whom you would show the list anyway",
    )  # fmt: skip


def padded(count: int) -> int:
    """To how many items a set of so many is filled up with what nobody else has: 32, 128, 512 …"""
    size = 32
    while size < count:
        size *= 4
    return size


MOST_OPEN: Final = 10


def require_few(count: int) -> None:
    """So many sessions of a partner are not over. Raises GuardError."""
    if count >= MOST_OPEN:
        raise GuardError(
            "This partner has proposed as many comparisons as may wait.", what="sessions", found=str(count),
            expected=f"at most {MOST_OPEN}", remedy="end some of them",
        )  # fmt: skip


def require_budget(count: int, spent: int, budget: int) -> None:
    """Guesses of a partner in a month, of one kind. Raises GuardError."""
    if spent + count > budget:
        raise GuardError(
            "This partner has compared as much as it may this month.", what="count", found=f"{spent} + {count}",
            expected=f"at most {budget} of one kind a month", remedy="`overlap-budget` in katchi.toml",
        )  # fmt: skip
