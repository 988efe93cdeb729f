"""Blocks by a file that a device reads: a policy zone of Unbound or Knot Resolver, lists of Squid, rules of Suricata.

The file is ours alone and written whole, in one step; then the device is told by a command. It cannot end an entry by
itself, so the node does. Until the command has succeeded, a file beside it notes that the device has not read it: what
is only in a file blocks nothing.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from zlib import crc32

import msgspec

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import rpz
from katchi.respond.actuators.commands import PATIENCE, run

_MARK: Final = "katchi "
"""What stands before a key in the file's comment: by it the file is read back."""


class Settings(actuator.Settings, frozen=True, tag="file", kw_only=True):
    """`path` is from the node's folder. `reload` is the command that makes the device read it, if it needs one.

    `patience` is how many seconds that command may take.
    """

    path: str
    format: Literal["plain", "rpz", "rpz-names", "squid", "squid-dst", "squid-url", "suricata"]
    reload: tuple[str, ...] = ()
    patience: Annotated[int, msgspec.Meta(gt=0, le=600)] = PATIENCE
    zone: str = "rpz.katchi"


class ListFile:
    """One file of a format."""

    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._path = folder / settings.path
        self._unread = self._path.with_name(f"{self._path.name}.unread")
        self.kinds, self._write, self._comment = _FORMATS[settings.format]

    def read(self, now: int) -> Mapping[str, int | None]:
        """What is in the file. What the device has not read yet, it is made to read first."""
        if self._unread.exists():
            self._tell()
        return dict.fromkeys(self._listed())

    def _listed(self) -> list[str]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as problem:
            raise ActuatorError(
                "A device's file cannot be read.", where=self._path.name, found=str(problem)[:120]
            ) from problem
        mark = f"{self._comment} {_MARK}"
        listed = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        # By hand a line may have been changed, and its comment not: then nothing of the file is believed.
        return listed if "\n".join(lines) + "\n" == self._content(listed, _serial_of(lines)) else []

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Writes the file anew, and tells the device."""
        held = (set(self._listed()) | put.keys()) - (set(drop) - put.keys())
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = self._content(held, self._next_serial(now)).encode()
            self._unread.touch()
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as problem:
            raise ActuatorError(
                "A device's file cannot be written.", where=self._path.name, found=str(problem)
            ) from None
        self._tell()

    def _tell(self) -> None:
        if self._settings.reload:
            run(self._settings.reload, patience=self._settings.patience)
        self._unread.unlink(missing_ok=True)

    def _content(self, keys: Collection[str], serial: int) -> str:
        lines = [f"{self._comment} written by Katchi: changes made by hand are undone"]
        lines += self._head(serial) if self._settings.format.startswith("rpz") else []
        numbers = _numbers(keys) if self._settings.format == "suricata" else {}
        within = _Wider(keys) if self._settings.format.startswith("squid") else None
        for key in sorted(keys):
            lines.append(f"{self._comment} {_MARK}{key}")
            if within is None or not within.covers(key):
                first = numbers.get(key, 0)
                lines += [line.replace("sid:0;", f"sid:{first + at};") for at, line in enumerate(self._write(key))]
        return "\n".join(lines) + "\n"

    def _head(self, serial: int) -> list[str]:
        return [
            f"$ORIGIN {self._settings.zone}.",
            "$TTL 30",
            f"{_SOA}{serial} 60 60 60 30",
            "@ NS localhost.",
        ]

    def _next_serial(self, now: int) -> int:
        """Of the second, and greater than the one before in any case: who has a copy fetches only what is newer."""
        try:
            before = _serial_of(self._path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            before = 0
        return max(now // 1_000_000, before + 1)


_SOA: Final = "@ SOA localhost. root.localhost. "


def _serial_of(lines: Iterable[str]) -> int:
    """The serial number in a zone's head; 0 where there is none."""
    for line in lines:
        if line.startswith(_SOA):
            number = line.removeprefix(_SOA).partition(" ")[0]
            return int(number) if number.isascii() and number.isdecimal() else 0
    return 0


def _plain(key: str) -> list[str]:
    return [key.partition(":")[2]]


def _rpz(key: str) -> list[str]:
    return [f"{name} CNAME ." for name in rpz.names_of(key)]


def _squid(key: str) -> list[str]:
    """For `acl katchi dstdomain "…"`: with a dot before it a name is meant with all below it."""
    return [f".{key.partition(':')[2]}"]


def _squid_url(key: str) -> list[str]:
    """For `acl katchi url_regex "…"`: this one address. What stands after # never leaves a browser."""
    url = key.partition(":")[2].partition("#")[0]
    return ["^" + re.sub(r"([][\\.^$*+?(){}|])", r"\\\1", url) + "$"]


class _Wider:
    """What is in a list of Squid's already by something wider: it refuses to read a list that says a thing twice."""

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


def _suricata(key: str) -> list[str]:
    """Dropped where Suricata stands in the way, and an alert where it only listens.

    Of a name: asking for it, and greeting it by TLS or HTTP, since its address may be known already.
    """
    kind, _, value = key.partition(":")
    if kind != "domain":
        network = ipaddress.ip_network(value)
        return [f'drop ip {network} any <> any any (msg:"Katchi: {value}"; {_EVERY_PACKET}; sid:0; rev:1;)']
    match = f'dotprefix; content:".{value}"; nocase; endswith; '
    return [
        f'drop {protocol} any any -> any any (msg:"Katchi: {value}"; {where}; {match}sid:0; rev:1;)'
        for protocol, where in _WHERE
    ]


# A rule of addresses alone is looked at once for a flow: what was open before would stay open. With a condition on the
# packet it is looked at for each; all are dropped, and a minute has one alert.
_EVERY_PACKET: Final = "ttl:>0; threshold:type limit, track by_both, count 1, seconds 60"
_WHERE: Final = (("dns", "dns.query"), ("tls", "tls.sni"), ("http", "http.host"))
_FIRST_SID: Final = 1_500_000_000  # above those of known rule sets, within 31 bits
_SIDS: Final = 200_000_000


def _numbers(keys: Iterable[str]) -> dict[str, int]:
    """The first number of each thing's rules: the same in every file, but where two would have one. No two do."""
    taken: set[int] = set()
    numbers = {}
    for key in sorted(keys):
        place = crc32(key.encode()) % _SIDS
        while place in taken:
            place = (place + 1) % _SIDS
        taken.add(place)
        numbers[key] = _FIRST_SID + place * len(_WHERE)
    return numbers


_Format = tuple[frozenset[str], Callable[[str], list[str]], str]
_FORMATS: Final[Mapping[str, _Format]] = {
    "plain": (frozenset({"ipv4", "ipv6", "domain", "url"}), _plain, "#"),
    "rpz": (frozenset({"domain", "ipv4", "ipv6"}), _rpz, ";"),
    "rpz-names": (frozenset({"domain"}), _rpz, ";"),
    "squid": (frozenset({"domain"}), _squid, "#"),
    "squid-dst": (frozenset({"ipv4", "ipv6"}), _plain, "#"),
    "squid-url": (frozenset({"url"}), _squid_url, "#"),
    "suricata": (frozenset({"domain", "ipv4", "ipv6"}), _suricata, "#"),
}
