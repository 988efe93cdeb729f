"""The socket for what really blocks: a firewall, a name server, a proxy, something simulated.

A plug is a class with these methods, in `respond/actuators/`. It knows nothing of playbooks and leases: it is told what
is to be blocked until when and what no longer, and tells what it has. All three can be done again at any time with the
same effect. What it holds is ours alone (a table, a zone, a file): what is found there and not wanted is taken out.

To write one: add the class with its settings (a struct whose `tag` is the kind), name it in `respond/actuators/`, and
give tests/contracts/test_actuators.py a way to open one; that suite says what it must do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from katchi.errors import KatchiError


class ActuatorError(KatchiError):
    """The device did not do it, or cannot be asked."""

    code = "actuator"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True, tag_field="kind"):
    """What an operator says of every actuator in katchi.toml.

    `roles` are the parts in playbooks that it plays: an agent of the type security-category with one of them is it.
    """

    name: str
    roles: tuple[str, ...] = ()


class Actuator(Protocol):
    """Blocks things by their keys. Times are µs."""

    kinds: frozenset[str]
    """The kinds of things that it can block: ipv4, ipv6, domain, url."""
    is_simulated: bool
    """Whether nothing real is behind it: only such take orders of an exercise."""

    def read(self, now: int) -> Mapping[str, int | None] | None:
        """What it has, and until when, where it ends by itself; None where it cannot be asked. Raises ActuatorError."""
        ...

    def apply(self, put: Mapping[str, int], drop: Collection[str], *, now: int) -> None:
        """Blocks until these times, and no longer blocks: all of it, or raises ActuatorError."""
        ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done to a device."""

    put: Mapping[str, int] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


TOLERANCE = 2_000_000  # µs: devices count in seconds


def changes(wanted: Mapping[str, int], has: Mapping[str, int | None]) -> Changes:
    """What makes a device that has this have what is wanted."""
    put = {
        key: until for key, until in wanted.items()
        if key not in has or ((held := has[key]) is not None and abs(held - until) > TOLERANCE)
    }  # fmt: skip
    return Changes(put, frozenset(has.keys() - wanted.keys()))
