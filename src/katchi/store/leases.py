"""Leases: what is blocked at which device, for whom, why and until when; and what was last seen of each device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction


class UnknownLeaseError(KatchiError):
    """There is no such lease."""

    code = "unknown-lease"
    exit_status = 3


class LeaseRow(NamedTuple):
    """One reason to block one thing at one device. Times are µs.

    `owner` is the response, or the run, for which it is; `held_at` when the device was first seen to have it;
    `ended_at` when and `why` it was let go; `lifted_at` when the device was first seen not to block for it any more.
    """

    id: str
    actuator: str
    thing: str
    owner: str
    run: str
    order_key: str
    step: str
    reason: str
    person: str
    made_at: int
    until: int
    held_at: int | None = None
    ended_at: int | None = None
    why: str | None = None
    lifted_at: int | None = None


class OpenRow(NamedTuple):
    """What there is to look after at a device."""

    id: str
    thing: str
    until: int
    held_at: int | None
    ended_at: int | None


class DeviceRow(NamedTuple):
    """What was last seen of a device: how much it has, and how often something was put right that others changed."""

    name: str
    looked_at: int
    held: int
    put_back: int
    taken_out: int
    failures: int
    not_before: int
    problem: str | None


_MADE = LeaseRow._fields[:11]


def put(transaction: Transaction, rows: Iterable[LeaseRow]) -> None:
    """New ones; those that are there stay as they are."""
    transaction.run_many("lease", "put", [dict(zip(_MADE, row, strict=False)) for row in rows])


def of_order(transaction: Transaction, order: str) -> list[LeaseRow]:
    """Those that an order made."""
    return [LeaseRow(*row) for row in transaction.tuples("lease", "of_order", order_key=order)]


def of_owner(transaction: Transaction, owner: str, at_most: int = 10_000) -> list[LeaseRow]:
    """Those of a response or a run, also ended ones."""
    return [LeaseRow(*row) for row in transaction.tuples("lease", "of_owner", owner=owner, at_most=at_most)]


def owners_of(transaction: Transaction, things: Sequence[str]) -> dict[str, list[str]]:
    """For whom any of these things are blocked now: owner → things."""
    found: dict[str, list[str]] = {}
    for thing in things:
        for row in transaction.tuples("lease", "owners", thing=thing):
            found.setdefault(row[0], []).append(thing)
    return found


def count_of(transaction: Transaction, owner: str) -> int:
    """How many things are blocked for a response or a run."""
    return int(transaction.run("lease", "count_of", owner=owner).scalar_one())


def count_in_force(transaction: Transaction) -> int:
    """How many leases are in force."""
    return int(transaction.run("lease", "count_in_force").scalar_one())


def expire(transaction: Transaction, actuator: str, *, now: int) -> None:
    """Ends those of a device whose time is over."""
    transaction.run("lease", "expire", actuator=actuator, now=now)


def end_order(transaction: Transaction, order: str, *, why: str, now: int) -> None:
    """Lets go of what an order made."""
    transaction.run("lease", "end_order", order_key=order, why=why, now=now)


def end_owner(transaction: Transaction, owner: str, things: Iterable[str] = (), *, why: str, now: int) -> int:
    """Lets go of what is blocked for a response or a run: all, or these things. Returns how many leases."""
    listed = list(things)
    if not listed:
        return transaction.run("lease", "end_owner", owner=owner, why=why, now=now).rowcount
    return sum(
        transaction.run("lease", "end_owners_thing", owner=owner, thing=thing, why=why, now=now).rowcount
        for thing in listed
    )


def end_one(transaction: Transaction, lease: str, *, why: str, now: int) -> bool:
    """Lets go of one; False where it was over."""
    return transaction.run("lease", "end_one", id=lease, why=why, now=now).rowcount > 0


def renew(transaction: Transaction, owner: str, *, until: int) -> int:
    """Moves the end of all that is blocked for a response or a run."""
    return transaction.run("lease", "renew", owner=owner, until=until).rowcount


def to_look_after(transaction: Transaction, actuator: str) -> list[OpenRow]:
    """What a device is to have, and what it is to have no longer and may still."""
    return [OpenRow(*row) for row in transaction.tuples("lease", "open", actuator=actuator)]


def listed(transaction: Transaction, actuator: str, *, now: int) -> tuple[set[str], int]:
    """What a device is to have this moment, and a number that grows whenever that may have changed."""
    on_it = {row[0] for row in transaction.tuples("lease", "listed", actuator=actuator, now=now)}
    changed = transaction.run("lease", "list_changed", actuator=actuator, now=now).scalar_one()
    return on_it, int(changed or 0) // 1_000_000


def note_held(transaction: Transaction, rows: Sequence[OpenRow], *, now: int) -> None:
    """The device has these."""
    there = [{"id": row.id, "until": row.until, "now": now} for row in rows]
    transaction.run_many("lease", "held", there)
    fresh = [{"id": row.id, "now": now} for row in rows if row.held_at is None]
    transaction.run_many("lease", "touch_owner", fresh)


def note_lifted(transaction: Transaction, rows: Iterable[OpenRow], *, now: int) -> None:
    """The device does not block for these any more."""
    gone = [{"id": row.id, "now": now} for row in rows]
    transaction.run_many("lease", "lifted", gone)
    transaction.run_many("lease", "touch_owner", gone)


def device(transaction: Transaction, name: str) -> DeviceRow:
    """What was last seen of a device."""
    row = transaction.run("lease", "device", name=name).first()
    return DeviceRow(*row) if row is not None else DeviceRow(name, 0, 0, 0, 0, 0, 0, None)


def put_device(transaction: Transaction, row: DeviceRow) -> None:
    """What was seen of a device now."""
    transaction.run("lease", "put_device", **row._asdict())


class Leases:
    """Reads leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_force(self, at_most: int = 10_000) -> list[LeaseRow]:
        """Those that are in force or on their way out, the newest first."""
        with self._database.reading() as transaction:
            return [LeaseRow(*row) for row in transaction.tuples("lease", "in_force", at_most=at_most)]

    def of_owner(self, owner: str) -> list[LeaseRow]:
        """Those of a response or a run, also ended ones."""
        with self._database.reading() as transaction:
            return of_owner(transaction, owner)

    def of_thing(self, key: str) -> list[LeaseRow]:
        """Those on a thing, also ended ones, the newest first."""
        with self._database.reading() as transaction:
            return [LeaseRow(*row) for row in transaction.tuples("lease", "of_thing", thing=key, at_most=1000)]

    def one(self, lease: str) -> LeaseRow:
        """The lease of this id, or of the only one that begins so. Raises UnknownLeaseError."""
        with self._database.reading() as transaction:
            found = transaction.run("lease", "one", id=lease).first()
            if found is None and lease.isalnum():
                ids = [row.id for row in transaction.run("lease", "beginning", start=lease)]
                found = transaction.run("lease", "one", id=ids[0]).first() if len(ids) == 1 else None
        if found is None:
            raise UnknownLeaseError("There is no such lease.", what=lease[:40], remedy="`katchi respond leases`")
        return LeaseRow(*found)

    def due(self, now: int) -> list[str]:
        """The devices at which something is to be done."""
        with self._database.reading() as transaction:
            return [row.actuator for row in transaction.run("lease", "due", now=now)]

    def devices(self) -> dict[str, DeviceRow]:
        """What was last seen of each."""
        with self._database.reading() as transaction:
            return {row[0]: DeviceRow(*row) for row in transaction.tuples("lease", "devices")}
