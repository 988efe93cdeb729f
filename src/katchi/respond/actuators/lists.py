"""How what is blocked is written for devices that read lists: plain, policy zones, Squid, Suricata.

What one line says may depend on the others: a device may refuse a list that says a thing twice. So a list is written
whole.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from zlib import crc32

from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import rpz

Format = Literal["plain", "rpz", "rpz-names", "squid", "squid-dst", "squid-url", "suricata"]
Written = Mapping[str, list[str]]
"""The lines of each key; none for what the line of another says already. A key that no line can say is not in it."""
Write = Callable[[Collection[str], str], Written]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a list. `write` makes the lines of all its keys in a zone, `head` those above them all."""

    kinds: frozenset[str]
    write: Write
    comment: str
    head: Callable[[str, int], list[str]] = lambda _zone, _serial: []

    def require_fit(self, keys: Collection[str], zone: str) -> None:
        """Raises ActuatorError for a key that no line can say: its device would read something else, or nothing."""
        written = self.write(keys, zone)
        for key in keys:
            if key not in written:
                raise ActuatorError(
                    "This is too long for the list of a device.", what=key[:200], found=f"{len(key)} characters",
                    remedy="block a shorter one: for an address its host, for a name the one above it",
                )  # fmt: skip


_SOA: Final = "@ SOA localhost. root.localhost. "


def _zone(zone: str, serial: int) -> list[str]:
    return [f"$ORIGIN {zone}.", "$TTL 30", f"{_SOA}{serial} 60 60 60 30", "@ NS localhost."]


def serial_of(lines: Iterable[str]) -> int:
    """The serial number in a zone's head; 0 where there is none."""
    for line in lines:
        if line.startswith(_SOA):
            number = line.removeprefix(_SOA).partition(" ")[0]
            return int(number) if number.isascii() and number.isdecimal() else 0
    return 0


def _each(write: Callable[[str], str], longest: int | None = None) -> Write:
    """A line for each; `longest` is how many bytes of a line the device reads as one."""

    def written(keys: Collection[str], _zone: str) -> Written:
        lines = ((key, write(key)) for key in keys)
        return {key: [line] for key, line in lines if longest is None or len(line.encode()) <= longest}

    return written


def _plain(key: str) -> str:
    return key.partition(":")[2]


def _rpz(keys: Collection[str], zone: str) -> Written:
    return {key: [f"{name} CNAME ." for name in names] for key in keys if (names := list(rpz.names_of(key, zone)))}


# ---- Squid -----------------------------------------------------------------------------------------------


_LONGEST: Final = 2000  # bytes: Squid reads a longer line in pieces, and each as an expression of its own


def _widest(write: Callable[[str], str]) -> Write:
    """Squid refuses its whole configuration for a list that has a name and one below it: the upper one says both."""

    def written(keys: Collection[str], _zone: str) -> Written:
        wider = _Wider(keys)
        return {key: [] if wider.covers(key) else [write(key)] for key in keys}

    return written


def _squid(key: str) -> str:
    """For `acl katchi dstdomain "…"`: with a dot before it a name is meant with all below it."""
    return f".{key.partition(':')[2]}"


def _squid_url(key: str) -> str:
    """For `acl katchi url_regex "…"`: this one address. What stands after # never leaves a browser."""
    url = key.partition(":")[2].partition("#")[0]
    return "^" + re.sub(r"([][\\.^$*+?(){}|])", r"\\\1", url) + "$"


class _Wider:
    """What is in a list already by something wider."""

    def __init__(self, keys: Collection[str]) -> None:
        self._names = {key.partition(":")[2] for key in keys if key.startswith("domain:")}
        self._networks = {ipaddress.ip_network(key.partition(":")[2]) for key in keys if key.startswith("ipv")}
        self._lengths = {(each.version, each.prefixlen) for each in self._networks}

    def covers(self, key: str) -> bool:
        """Whether something else in the list covers a thing."""
        kind, _, value = key.partition(":")
        if kind == "domain":
            labels = value.split(".")
            return any(".".join(labels[first:]) in self._names for first in range(1, len(labels)))
        if kind == "url":
            return False
        network = ipaddress.ip_network(value)
        return any(
            network.supernet(new_prefix=length) in self._networks
            for version, length in self._lengths
            if version == network.version and length < network.prefixlen
        )


# ---- Suricata --------------------------------------------------------------------------------------------

# A rule of addresses alone is looked at once for a flow: what was open before would stay open. With a condition on the
# packet it is looked at for each; all are dropped, and a minute has one alert.
_EVERY_PACKET: Final = "ttl:>0; threshold:type limit, track by_both, count 1, seconds 60"
_WHERE: Final = (("dns", "dns.query"), ("tls", "tls.sni"), ("http", "http.host"))
_FIRST_SID: Final = 1_500_000_000  # above those of known rule sets, within 31 bits
_SIDS: Final = 200_000_000


def _suricata(keys: Collection[str], _zone: str) -> Written:
    """Dropped where Suricata stands in the way, and an alert where it only listens.

    A thing's number is the same in every list, but where two would have one: Suricata leaves the second out.
    """
    written: dict[str, list[str]] = {}
    taken: set[int] = set()
    for key in sorted(keys):
        place = crc32(key.encode()) % _SIDS
        while place in taken:
            place = (place + 1) % _SIDS
        taken.add(place)
        written[key] = list(_rules(key, _FIRST_SID + place * len(_WHERE)))
    return written


def _rules(key: str, first: int) -> Iterable[str]:
    """Of a name: asking for it, and greeting it by TLS or HTTP, since its address may be known already."""
    kind, _, value = key.partition(":")
    if kind != "domain":
        network = ipaddress.ip_network(value)
        yield f'drop ip {network} any <> any any (msg:"Katchi: {value}"; {_EVERY_PACKET}; sid:{first}; rev:1;)'
        return
    match = f'dotprefix; content:".{value}"; nocase; endswith; '
    for number, (protocol, where) in enumerate(_WHERE, start=first):
        yield f'drop {protocol} any any -> any any (msg:"Katchi: {value}"; {where}; {match}sid:{number}; rev:1;)'


FORMS: Final[Mapping[Format, Form]] = {
    "plain": Form(frozenset({"ipv4", "ipv6", "domain", "url"}), _each(_plain), "#"),
    "rpz": Form(frozenset({"domain", "ipv4", "ipv6"}), _rpz, ";", head=_zone),
    "rpz-names": Form(frozenset({"domain"}), _rpz, ";", head=_zone),
    "squid": Form(frozenset({"domain"}), _widest(_squid), "#"),
    "squid-dst": Form(frozenset({"ipv4", "ipv6"}), _widest(_plain), "#"),
    "squid-url": Form(frozenset({"url"}), _each(_squid_url, _LONGEST), "#"),
    "suricata": Form(frozenset({"domain", "ipv4", "ipv6"}), _suricata, "#"),
}
