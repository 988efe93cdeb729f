"""Blocks addresses in the kernel's own firewall: entries end there by themselves, also while the node is down.

It has one table of its own, `inet katchi` unless said otherwise. Networks of one length share a set, so that no two
entries of a set overlap and each keeps its own end (an interval set would merge them). What is in it is dropped
whether it comes, goes or passes.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators.commands import run

_CHAINS: Final = {"input": ("saddr",), "forward": ("saddr", "daddr"), "output": ("daddr",)}
_FAMILIES: Final = {4: ("ip", "ipv4_addr", 32), 6: ("ip6", "ipv6_addr", 128)}
_LONGEST: Final = 4096  # entries of one command: nft reads a line of any length, slowly


class Settings(actuator.Settings, frozen=True, tag="nftables", kw_only=True):
    """`command` is how nft is called, with what stands before it: sudo, or ip netns exec NAME."""

    command: tuple[str, ...] = ("nft",)
    table: str = "katchi"


class Nftables:
    """One table of nftables."""

    kinds = frozenset({"ipv4", "ipv6"})
    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        if not settings.table.isidentifier():
            raise ActuatorError("A table's name has letters and digits.", what="table", found=settings.table[:40])
        self._command, self._table = settings.command, settings.table

    def read(self, now: int) -> Mapping[str, int | None]:
        """What is really dropped: nothing where the rules are not whole."""
        listing = self._listing()
        return dict(_entries(listing, now)) if _rules_of(listing) >= _rules_for(_sets_of(listing)) else {}

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """One transaction of nft."""
        listing = self._listing()
        sets = _sets_of(listing) | {_set_of(key) for key in put}
        lines = [f"add table inet {self._table}"]
        lines += [
            f"add chain inet {self._table} {name} {{ type filter hook {name} priority -10; policy accept; }}"
            for name in _CHAINS
        ]
        for name in sorted(sets):
            version, length = _meaning(name)
            kind, flags = _FAMILIES[version][1], "timeout" if length == _FAMILIES[version][2] else "interval,timeout"
            lines.append(f"add set inet {self._table} {name} {{ type {kind}; flags {flags}; }}")
        if not _rules_of(listing) >= _rules_for(sets):
            lines += [f"flush chain inet {self._table} {name}" for name in _CHAINS]
            lines += [
                f"add rule inet {self._table} {chain} {_FAMILIES[_meaning(name)[0]][0]} {field} @{name} counter drop"
                for chain, field, name in sorted(_rules_for(sets))
            ]
        ends = {key: max(1, -(-(until - now) // 1_000_000)) for key, until in put.items()}
        gone = [key for key in drop if _set_of(key) in sets]
        # Added first, so that what has ended meanwhile can be deleted too; then with its new end.
        lines += self._of_elements("add", dict.fromkeys(gone, "") | {key: f" timeout {ends[key]}s" for key in put})
        lines += self._of_elements("delete", dict.fromkeys((*gone, *put), ""))
        lines += self._of_elements("add", {key: f" timeout {ends[key]}s" for key in put})
        run((*self._command, "-f", "-"), "\n".join(lines).encode() + b"\n")

    def _of_elements(self, act: str, entries: Mapping[str, str]) -> Iterator[str]:
        by_set: dict[str, list[str]] = defaultdict(list)
        for key, end in entries.items():
            by_set[_set_of(key)].append(key.partition(":")[2] + end)
        for name, held in sorted(by_set.items()):
            for first in range(0, len(held), _LONGEST):
                yield f"{act} element inet {self._table} {name} {{ {', '.join(held[first : first + _LONGEST])} }}"

    def _listing(self) -> list[dict[str, Any]]:
        try:
            written = run((*self._command, "-j", "list", "table", "inet", self._table))
        except ActuatorError as problem:
            if "No such file or directory" in (problem.found or ""):
                return []
            raise
        try:
            listing: list[dict[str, Any]] = msgspec.json.decode(written)["nftables"]
        except (msgspec.DecodeError, KeyError, TypeError) as problem:
            raise ActuatorError("nft wrote something else than its listing.", found=str(problem)[:80]) from problem
        return listing


def _set_of(key: str) -> str:
    network = ipaddress.ip_network(key.partition(":")[2])
    return f"b{network.version}_{network.prefixlen}"


def _meaning(name: str) -> tuple[int, int]:
    """(version, length of the prefix) of what is in a set."""
    version, _, length = name[1:].partition("_")
    return int(version), int(length)


def _sets_of(listing: Iterable[Mapping[str, Any]]) -> set[str]:
    return {each["set"]["name"] for each in listing if "set" in each and _is_ours(each["set"]["name"])}


def _is_ours(name: str) -> bool:
    version, _, length = name[1:].partition("_")
    return name[:1] == "b" and version in ("4", "6") and length.isdecimal()


def _rules_for(sets: Iterable[str]) -> set[tuple[str, str, str]]:
    return {(chain, field, name) for name in sets for chain, fields in _CHAINS.items() for field in fields}


def _rules_of(listing: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    """(chain, field, set) of each rule that drops what is in one of our sets."""
    found = set()
    for each in listing:
        rule = each.get("rule", {})
        parts = rule.get("expr", [])
        matches = [part["match"] for part in parts if "match" in part]
        if len(matches) == 1 and any("drop" in part for part in parts) and matches[0]["op"] == "==":
            field = matches[0]["left"].get("payload", {}).get("field", "")
            found.add((rule["chain"], field, str(matches[0]["right"]).removeprefix("@")))
    return found


def _entries(listing: Iterable[Mapping[str, Any]], now: int) -> Iterator[tuple[str, int | None]]:
    for each in listing:
        held = each.get("set", {})
        if not _is_ours(held.get("name", "")):
            continue
        for entry in held.get("elem", ()):
            inner = entry.get("elem", entry) if isinstance(entry, dict) else {"val": entry}
            value = inner.get("val", inner)
            prefix = value.get("prefix") if isinstance(value, dict) else None
            text = f"{prefix['addr']}/{prefix['len']}" if prefix else str(value)
            expires = inner.get("expires")
            yield f"ipv{held['name'][1]}:{text}", None if expires is None else now + int(expires) * 1_000_000
