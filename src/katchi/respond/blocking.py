"""Carries out OpenC2 commands of a playbook: as leases at this node's own devices, within this node's own limits.

What may not be blocked is refused before anything is done: things on the never-block list, wide networks, too many at
once. A command is done whole or not at all; when a device says no, what was blocked for the command is let go again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from katchi.errors import KatchiError
from katchi.respond import openc2
from katchi.respond.actuator import Actuator
from katchi.respond.carrier import Result
from katchi.respond.keeping import Keeper
from katchi.respond.machine import Order
from katchi.respond.openc2 import profiles
from katchi.store import leases
from katchi.store.database import Database
from katchi.store.leases import LeaseRow

HOUR: Final = 3_600_000_000
COMMANDS: Final = ("openc2", "openc2-http")


class NotBlockedError(KatchiError):
    """This node does not block this."""

    code = "not-blocked"


class NoDeviceError(NotBlockedError):
    """No device here plays this part for such things."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one response may block, and for how long (µs)."""

    most: int = 1000
    otherwise: int = 24 * HOUR
    at_most: int = 30 * 24 * HOUR


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command would do: (actuator, thing) to be blocked, and until when."""

    places: tuple[tuple[str, str], ...]
    until: int


@dataclass(frozen=True, slots=True)
class Mandate:
    """For whom a run acts: `owner` keeps the leases, `until` they last at most; an exercise reaches nothing real.

    `is_partners`: another node proposed it.
    """

    owner: str
    run: str = ""
    reason: str = ""
    person: str = ""
    until: int | None = None
    is_exercise: bool = False
    is_partners: bool = False
    recalled: frozenset[str] = frozenset()
    """What was taken back of it already, and is not blocked for it any more."""


def plan(
    order: Order, mandate: Mandate, actuators: Mapping[str, Actuator], *, playing: Callable[[Order], Collection[str]],
    stops: Callable[[str], str], limits: Limits, now: int,
) -> Plan:  # fmt: skip
    """What an order would do, and touches nothing. Raises BadMessageError, NotDoneError, NotBlockedError.

    `playing` tells which actuators play the order's agent; `stops` why a thing is never blocked, or "".
    """
    command = openc2.read_command(_text(order))
    until = profiles.lasts(command, now=now, otherwise=limits.otherwise, at_most=limits.at_most)
    if mandate.until is not None:
        until = min(until, mandate.until)
    if until <= now:
        raise NotBlockedError("The response is over.", what="until")
    things = [thing for thing in profiles.things_of(command) if thing not in mandate.recalled]
    for thing in things:
        if reason := stops(thing):
            raise NotBlockedError("This is never blocked here.", what=thing[:120], found=reason)
    names = [name for name in playing(order) if name in actuators]
    if mandate.is_exercise:
        names = [name for name in names if actuators[name].is_simulated]
    places = [
        (name, thing) for thing in things for name in names if thing.partition(":")[0] in actuators[name].kinds
    ]  # fmt: skip
    if missing := set(things) - {thing for _, thing in places}:
        raise NoDeviceError(
            "No actuator here plays this part for such things.", what=sorted(missing)[0][:120],
            found=", ".join(names) or "none", expected="a simulated actuator" if mandate.is_exercise else "",
            remedy="give an [[actuator]] in katchi.toml the role, or see to it by hand",
        )  # fmt: skip
    return Plan(tuple(dict.fromkeys(places)), until)


def _text(order: Order) -> bytes:
    command = order.command
    return (command.content if command.type == "openc2-http" else command.command).encode()


class Blocker:
    """Carries out the commands of OpenC2 in playbooks."""

    def __init__(
        self, database: Database, now: Callable[[], int], actuators: Mapping[str, Actuator], keeper: Keeper, *,
        playing: Callable[[Order], Collection[str]], stops: Callable[[str], str],
        mandate: Callable[[Order], Mandate], limits: Limits,
    ) -> None:  # fmt: skip
        self._database, self._now, self._actuators, self._keeper = database, now, actuators, keeper
        self._playing, self._stops, self._mandate, self._limits = playing, stops, mandate, limits

    def act(self, order: Order) -> Result:
        """Blocks what the command says. Raises whatever keeps it from that; then nothing is blocked for it."""
        names = self.hold(order)
        try:
            for name in names:
                self._keeper.keep(name)
        except KatchiError:
            self._let_go(order, "failed")
            for name in names:
                self._try_to_keep(name)
            raise
        return Result(True)

    def hold(self, order: Order) -> list[str]:
        """Writes down what the command says, and returns at which devices: they have it a moment later.

        Raises whatever speaks against it; then nothing is written.
        """
        now, mandate = self._now(), self._mandate(order)
        found = plan(
            order, mandate, self._actuators, playing=self._playing, stops=self._stops, limits=self._limits, now=now
        )
        self._hold(order, mandate, found, now)
        return sorted({name for name, _ in found.places})

    def probe(self, order: Order) -> Result | None:
        """Everything here can be done again with the same effect: so it is."""
        return None

    def stop(self, order: Order) -> None:
        """Lets go of what was blocked for it."""
        self._let_go(order, "stopped")

    def _hold(self, order: Order, mandate: Mandate, found: Plan, now: int) -> None:
        with self._database.writing() as transaction:
            rows = leases.of_order(transaction, order.key)
            if any(row.ended_at is not None for row in rows):
                raise NotBlockedError("It was let go again meanwhile.", found=rows[0].why or "")
            if rows:
                return  # written before a crash
            fresh = len({thing for _, thing in found.places})
            if leases.count_of(transaction, mandate.owner) + fresh > self._limits.most:
                raise NotBlockedError(
                    "One response may not block so much.", expected=f"{self._limits.most} things at most",
                    remedy="raise block-most in katchi.toml, or block less",
                )  # fmt: skip
            leases.put(transaction, self._rows(order, mandate, found.places, found.until, now))

    def _rows(
        self, order: Order, mandate: Mandate, places: Sequence[tuple[str, str]], until: int, now: int
    ) -> list[LeaseRow]:
        return [
            LeaseRow(
                hashlib.sha256(f"{order.key} {name} {thing}".encode()).hexdigest()[:32], name, thing, mandate.owner,
                mandate.run, order.key, order.name or order.step, mandate.reason, mandate.person, now, until,
            )
            for name, thing in places
        ]  # fmt: skip

    def _let_go(self, order: Order, why: str) -> None:
        with self._database.writing() as transaction:
            leases.end_order(transaction, order.key, why=why, now=self._now())

    def _try_to_keep(self, name: str) -> None:
        try:
            self._keeper.keep(name)
        except KatchiError:
            return  # noted at the device; it is tried again
