"""Keeps devices as leases want them: puts what is missing, takes out what nobody holds any more, and looks again.

A device is compared with what is wanted whenever a lease is due, and every half minute in any case: what somebody
changed there by hand, or what a restart lost, is put right and counted. What is in force is in the database first, so
that after a crash at any point the next look does what is left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from katchi.errors import KatchiError
from katchi.respond.actuator import Actuator, ActuatorError, Changes, changes
from katchi.store import leases, notices
from katchi.store.database import Database, Transaction
from katchi.store.leases import DeviceRow, Leases, OpenRow

logger = logging.getLogger(__name__)

SECOND: Final = 1_000_000
LOOK_EVERY: Final = 30 * SECOND
LONGEST_WAIT: Final = 300 * SECOND
LOST_AFTER: Final = 3  # looks in a row that went wrong


class Keeper:
    """Looks after the devices of one node.

    `alone` is held while a device is talked to: two threads of one process never do so at once. `at` is called at every
    point at which a crash could happen, for tests.
    """

    def __init__(
        self, database: Database, now: Callable[[], int], actuators: Mapping[str, Actuator], *,
        misses: Callable[[str], str] = lambda _: "", alone: AbstractContextManager[object] | None = None,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`misses` tells what is wrong with a device all the same, though it does as it is told; or ""."""
        self._database, self._now, self._actuators, self._at = database, now, actuators, at
        self._misses = misses
        self._alone = alone or nullcontext()
        self._leases = Leases(database)

    def work(self) -> int:
        """Looks after every device that is due; returns how many. Troubles are noted at the device, and tried again."""
        now = self._now()
        known = self._leases.devices()
        due = set(self._leases.due(now)) | {
            name for name in self._actuators
            if name not in known or _next_look(known[name]) <= now
        }  # fmt: skip
        for name in sorted(due):
            try:
                self.keep(name)
            except KatchiError as problem:
                logger.warning("actuator %s: %s", name, problem)
        return len(due)

    def keep(self, name: str) -> None:
        """Makes one device have what it is to have. Raises ActuatorError, and notes it at the device."""
        with self._alone:
            self._keep(name)

    def _keep(self, name: str) -> None:
        now = self._now()
        with self._database.writing() as transaction:
            leases.expire(transaction, name, now=now)
            rows = leases.to_look_after(transaction, name)
        self._at("looked up")
        wanted = _wanted(rows)
        try:
            device = self._device(name)
            has = device.read(now)
            # Who cannot be asked is told everything again: it may have been started anew since.
            gone = {row.thing for row in rows} - wanted.keys()
            found = Changes(wanted, frozenset(gone)) if has is None else changes(wanted, has)
            if found:
                device.apply(found.put, found.drop, now=now)
                self._at("applied")
                if has is not None:
                    _require_done(wanted, device.read(now) or {})
        except ActuatorError as problem:
            self._note_trouble(name, problem)
            raise
        except Exception as problem:  # whatever one device does keeps no other from being looked after
            logger.exception("the actuator %s met something that it does not know", name)
            unknown = ActuatorError("The device did something unforeseen.", what=name, found=type(problem).__name__)
            self._note_trouble(name, unknown)
            raise unknown from problem
        self._settle(name, rows, wanted, Changes() if has is None else found)

    def _device(self, name: str) -> Actuator:
        device = self._actuators.get(name)
        if device is None:
            raise ActuatorError(
                "There is no such actuator any more.", what=name,
                remedy="put it back into katchi.toml, or see to it by hand that it blocks nothing",
            )  # fmt: skip
        return device

    def _settle(self, name: str, rows: Collection[OpenRow], wanted: Mapping[str, int], done: Changes) -> None:
        now = self._now()
        was_held = {row.thing for row in rows if row.held_at is not None and row.ended_at is None}
        was_going = {row.thing for row in rows if row.ended_at is not None}
        missing = self._misses(name)
        with self._database.writing() as transaction:
            leases.note_held(transaction, [row for row in rows if row.ended_at is None], now=now)
            leases.note_lifted(transaction, [row for row in rows if row.ended_at is not None], now=now)
            before = leases.device(transaction, name)
            # A device that ends entries by itself rounds their ends: only what was missing was changed by others.
            lost = sum(key in was_held for key in done.put)
            strange = sum(key not in was_going for key in done.drop)
            after = DeviceRow(
                name, now, len(wanted), before.put_back + lost, before.taken_out + strange, 0, 0, missing or None
            )
            _put(transaction, before, after)
        self._at("settled")

    def _note_trouble(self, name: str, problem: ActuatorError) -> None:
        now = self._now()
        with self._database.writing() as transaction:
            before = leases.device(transaction, name)
            wait = min(SECOND << min(before.failures, 20), LONGEST_WAIT)
            after = before._replace(
                looked_at=now, failures=before.failures + 1, not_before=now + wait, problem=str(problem)[:400]
            )
            _put(transaction, before, after)


def _put(transaction: Transaction, before: DeviceRow, after: DeviceRow) -> None:
    """What was seen of a device; when it is lost, or is back, people are to hear of it."""
    leases.put_device(transaction, after)
    if is_lost(after) != is_lost(before) and (is_lost(after) or not after.failures):
        event = "device-lost" if is_lost(after) else "device-back"
        notices.note(transaction, event, f"{after.name} {after.looked_at}", at=after.looked_at)


def is_lost(row: DeviceRow) -> bool:
    """Whether people should see to it: not of a device that missed a look or two, which mends by itself."""
    return row.failures >= LOST_AFTER or (not row.failures and row.problem is not None)


def _next_look(device: DeviceRow) -> int:
    """After a trouble sooner than otherwise, and then ever later."""
    return device.not_before if device.failures else device.looked_at + LOOK_EVERY


def _wanted(rows: Collection[OpenRow]) -> dict[str, int]:
    """What a device is to have: each thing as long as the last who holds it wants."""
    wanted: dict[str, int] = {}
    for row in rows:
        if row.ended_at is None:
            wanted[row.thing] = max(row.until, wanted.get(row.thing, 0))
    return wanted


def _require_done(wanted: Mapping[str, int], has: Mapping[str, int | None]) -> None:
    left = changes(wanted, has)
    if left:
        missing, more = sorted(left.put), sorted(left.drop)
        raise ActuatorError(
            "The device does not have what it was given.", what=", ".join((missing + more)[:5]),
            found=f"{len(missing)} missing, {len(more)} too many",
        )  # fmt: skip
