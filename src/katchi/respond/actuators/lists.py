"""How what is blocked is written for devices that read lists: plain, policy zones, Squid, Suricata."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from zlib import crc32

from katchi.respond.actuators import rpz

Format = Literal["plain", "rpz", "squid", "suricata"]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a list. `write` makes the lines for one key, `head` those above them all."""

    kinds: frozenset[str]
    write: Callable[[str], list[str]]
    comment: str
    head: Callable[[str, int], list[str]] = lambda _zone, _serial: []


def _zone(zone: str, serial: int) -> list[str]:
    return [f"$ORIGIN {zone}.", "$TTL 30", f"@ SOA localhost. root.localhost. {serial} 60 60 60 30", "@ NS localhost."]


def _plain(key: str) -> list[str]:
    return [key.partition(":")[2]]


def _rpz(key: str) -> list[str]:
    return [f"{name} CNAME ." for name in rpz.names_of(key)]


def _squid(key: str) -> list[str]:
    """For `acl katchi dstdomain "…"`: with a dot before it a name is meant with all below it."""
    kind, _, value = key.partition(":")
    return [f".{value}" if kind == "domain" else value]


def _suricata(key: str) -> list[str]:
    kind, _, value = key.partition(":")
    number = 3_000_000 + crc32(key.encode()) % 900_000  # local rules have ids from 1,000,000 on
    if kind == "domain":
        match = f'dns.query; dotprefix; content:".{value}"; nocase; endswith; '
        return [f'drop dns any any -> any any (msg:"Katchi: {value}"; {match}sid:{number}; rev:1;)']
    network = ipaddress.ip_network(value)
    return [f'drop ip {network} any <> any any (msg:"Katchi: {value}"; sid:{number}; rev:1;)']


FORMS: Final[Mapping[Format, Form]] = {
    "plain": Form(frozenset({"ipv4", "ipv6", "domain", "url"}), _plain, "#"),
    "rpz": Form(frozenset({"domain", "ipv4", "ipv6"}), _rpz, ";", head=_zone),
    "squid": Form(frozenset({"domain"}), _squid, "#"),
    "suricata": Form(frozenset({"domain", "ipv4", "ipv6"}), _suricata, "#"),
}
