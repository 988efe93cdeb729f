"""What this node subscribes to: where, how often, how far it has read, and how the last reading went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from katchi.errors import KatchiError
from katchi.store.database import Database


class UnknownSubscriptionError(KatchiError):
    """No subscription of this name."""

    code = "unknown-subscription"
    exit_status = 3


class SubscriptionExistsError(KatchiError):
    """There is a subscription of this name."""

    code = "subscription-exists"


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as kept. `document` is what was asked for, as JSON; the secret is in no database."""

    name: str
    kind: str
    document: bytes
    created_at: int
    bookmark: bytes
    is_paused: bool
    next_due: int | None  # none: it waits for a person
    last_at: int | None  # the last reading, however it went
    last_ok_at: int | None
    stored: int  # by the last reading that went well
    held: int
    refused: int
    stored_total: int
    refused_total: int
    remarks: bytes | None  # what the last reading noted, as JSON
    trouble: bytes | None  # the last failure since it went well, as JSON
    trouble_at: int | None
    failures: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of what came."""

    stored: int = 0
    held: int = 0
    refused: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.stored + other.stored, self.held + other.held, self.refused + other.refused)


class Subscriptions:
    """Keeps subscriptions and how they do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[SubscriptionRow]:
        """Every subscription, by name."""
        with self._database.reading() as transaction:
            return [_row(row) for row in transaction.run("subscription", "all")]

    def one(self, name: str) -> SubscriptionRow:
        """The subscription of this name. Raises UnknownSubscriptionError."""
        with self._database.reading() as transaction:
            row = transaction.run("subscription", "one", name=name).first()
        if row is None:
            raise UnknownSubscriptionError(
                f"There is no subscription called {name}.", remedy="`katchi subscription list` shows the names"
            )
        return _row(row)

    def due(self, now: int) -> list[str]:
        """The names of those whose time has come, longest waiting first."""
        with self._database.reading() as transaction:
            return [row.name for row in transaction.run("subscription", "due", now=now)]

    def add(self, name: str, kind: str, document: bytes, at: int) -> None:
        """Keeps a new one, due at once. Raises SubscriptionExistsError."""
        with self._database.writing() as transaction:
            added = transaction.run(
                "subscription", "add", name=name, kind=kind, document=document, bookmark=b"{}", at=at
            )
            if not added.rowcount:
                raise SubscriptionExistsError("There is a subscription of this name already.", found=name)

    def drop(self, name: str) -> None:
        """Forgets one; what it brought stays."""
        with self._database.writing() as transaction:
            transaction.run("subscription", "drop", name=name)

    def pause(self, name: str) -> None:
        """It is not read by itself until it is resumed."""
        with self._database.writing() as transaction:
            transaction.run("subscription", "pause", name=name)

    def resume(self, name: str, at: int) -> None:
        """It is due at once, whatever it waited for."""
        with self._database.writing() as transaction:
            transaction.run("subscription", "resume", name=name, at=at)

    def note_kept(self, name: str, bookmark: bytes, counts: Counts, at: int) -> None:
        """A piece is on disk: the next reading begins after it."""
        with self._database.writing() as transaction:
            transaction.run(
                "subscription",
                "kept",
                name=name,
                bookmark=bookmark,
                stored=counts.stored,
                refused=counts.refused,
                at=at,
            )

    def note_well(self, name: str, counts: Counts, remarks: bytes | None, *, at: int, next_due: int) -> None:
        """A reading came to its end."""
        with self._database.writing() as transaction:
            transaction.run(
                "subscription", "well",
                name=name, stored=counts.stored, held=counts.held, refused=counts.refused, remarks=remarks,
                at=at, next_due=next_due,
            )  # fmt: skip

    def note_trouble(self, name: str, trouble: bytes, *, at: int, next_due: int | None) -> None:
        """A reading failed, and why."""
        with self._database.writing() as transaction:
            transaction.run("subscription", "trouble", name=name, trouble=trouble, at=at, next_due=next_due)


def _row(row: Row[Any]) -> SubscriptionRow:
    values = dict(row._mapping)
    values["is_paused"] = bool(values["is_paused"])
    for name in ("document", "bookmark", "remarks", "trouble"):  # PostgreSQL gives memoryviews
        values[name] = None if values[name] is None else bytes(values[name])
    return SubscriptionRow(**values)
