"""Blocks by a file that a device reads: a policy zone of Unbound or Knot Resolver, lists of Squid, rules of Suricata.

The file is ours alone and written whole, in one step; then the device is told by a command. It cannot end an entry by
itself, so the node does.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal
from zlib import crc32

from katchi.respond import actuator
from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import rpz
from katchi.respond.actuators.commands import run

_MARK: Final = "katchi "
"""What stands before a key in the file's comment: by it the file is read back."""


class Settings(actuator.Settings, frozen=True, tag="file", kw_only=True):
    """`path` is from the node's folder. `reload` is the command that makes the device read it, if it needs one."""

    path: str
    format: Literal["plain", "rpz", "squid", "suricata"]
    reload: tuple[str, ...] = ()
    zone: str = "rpz.katchi"


class ListFile:
    """One file of a format."""

    is_simulated = False

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._path = folder / settings.path
        self.kinds, self._write, self._comment = _FORMATS[settings.format]

    def read(self, now: int) -> Mapping[str, int | None]:
        """What is in the file."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as problem:
            raise ActuatorError(
                "A device's file cannot be read.", where=self._path.name, found=str(problem)[:120]
            ) from problem
        mark = f"{self._comment} {_MARK}"
        listed = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        # By hand a line may have been changed, and its comment not: then nothing of the file is believed.
        return dict.fromkeys(listed) if "\n".join(lines) + "\n" == self._content(listed) else {}

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Writes the file anew, and tells the device."""
        held = (self.read(now).keys() | put.keys()) - (set(drop) - put.keys())
        content = self._content(held).encode()
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as problem:
            raise ActuatorError(
                "A device's file cannot be written.", where=self._path.name, found=str(problem)
            ) from None
        if self._settings.reload:
            run(self._settings.reload)

    def _content(self, keys: Iterable[str]) -> str:
        lines = [f"{self._comment} written by Katchi: changes made by hand are undone"]
        lines += self._head() if self._settings.format == "rpz" else []
        for key in sorted(keys):
            lines += [f"{self._comment} {_MARK}{key}", *self._write(key)]
        return "\n".join(lines) + "\n"

    def _head(self) -> list[str]:
        return [
            f"$ORIGIN {self._settings.zone}.",
            "$TTL 30",
            "@ SOA localhost. root.localhost. 1 60 60 60 30",
            "@ NS localhost.",
        ]


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


_Format = tuple[frozenset[str], Callable[[str], list[str]], str]
_FORMATS: Final[Mapping[str, _Format]] = {
    "plain": (frozenset({"ipv4", "ipv6", "domain", "url"}), _plain, "#"),
    "rpz": (frozenset({"domain", "ipv4", "ipv6"}), _rpz, ";"),
    "squid": (frozenset({"domain"}), _squid, "#"),
    "suricata": (frozenset({"domain", "ipv4", "ipv6"}), _suricata, "#"),
}
