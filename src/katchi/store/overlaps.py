"""Private overlaps with partners, as they are kept between their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from katchi.errors import KatchiError
from katchi.store.database import Database, Transaction

OVER = frozenset({"revealed", "declined", "failed", "closed"})
"""States after which nothing comes; the key and the items are gone by then."""


class UnknownOverlapError(KatchiError):
    """There is no such session."""

    code = "unknown-overlap"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class OverlapRow:
    """One session. `items` and `found` are MessagePack lists of keys; times are µs.

    States: `asked` (they propose, our person is to say), `proposed` (we did), `comparing`, `counted`, `agreed` (our
    person has), and those that are `OVER`.
    """

    id: str
    partner: str
    role: Literal["initiator", "responder"]
    state: str
    core: bytes
    query: str
    key: bytes | None
    items: bytes | None
    hello: bytes | None
    own: int
    theirs: int
    common: int | None
    found: bytes | None
    agreed_by: str | None
    person: str
    made_at: int
    changed_at: int
    trouble: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in OVER


def one(transaction: Transaction, session: str) -> OverlapRow | None:
    """The session of this id."""
    row = transaction.run("overlap", "one", id=session).first()
    return None if row is None else _read(row)


def add(transaction: Transaction, row: OverlapRow) -> None:
    """A new one."""
    transaction.run("overlap", "add", **asdict(row))


def change(transaction: Transaction, row: OverlapRow) -> None:
    """What is to be known of it from now on."""
    values = asdict(row)
    for name in ("partner", "role", "core", "made_at"):
        del values[name]
    transaction.run("overlap", "change", **values)


def spent(transaction: Transaction, partner: str, *, since: int) -> list[tuple[bytes, str, int]]:
    """(core, our role, how many items they had) of the partner's sessions since then."""
    return [
        (bytes(core), role, count)
        for core, role, count in transaction.tuples("overlap", "spent", partner=partner, since=since)
    ]


def open_of(transaction: Transaction, partner: str) -> int:
    """How many sessions that a partner proposed are not over."""
    return int(transaction.run("overlap", "open_of", partner=partner).one().n)


def tellable(transaction: Transaction, hashes: Sequence[int]) -> set[int]:
    """Those keys of which an object speaks that the node may tell of: CLEAR, or its own up to AMBER."""
    return {row[0] for row in transaction.tuples("overlap", "tellable", hashes=transaction.among(hashes))}


def told(transaction: Transaction, partner: str, hashes: Sequence[int]) -> set[int]:
    """Those keys of which an object speaks that the partner has from us."""
    found = transaction.tuples("overlap", "told", partner=partner, hashes=transaction.among(hashes))
    return {row[0] for row in found}


class Overlaps:
    """Reads sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[OverlapRow]:
        """The latest first, without keys and items, which may be large."""
        with self._database.reading() as transaction:
            return [_read(row) for row in transaction.tuples("overlap", "all")]

    def waiting(self) -> list[OverlapRow]:
        """Those that wait for our person; as light."""
        with self._database.reading() as transaction:
            return [_read(row) for row in transaction.tuples("overlap", "waiting")]

    def left(self, *, before: int) -> list[str]:
        """The ids of those that are over since before then and still have their keys."""
        with self._database.reading() as transaction:
            return [row.id for row in transaction.run("overlap", "left", before=before)]

    def one(self, session: str) -> OverlapRow:
        """The session of this id, or of the only one that begins so. Raises UnknownOverlapError."""
        with self._database.reading() as transaction:
            found = one(transaction, session)
            if found is None and session.isalnum():
                ids = [row.id for row in transaction.run("overlap", "beginning", start=session)]
                found = one(transaction, ids[0]) if len(ids) == 1 else None
        if found is None:
            raise UnknownOverlapError("There is no such session.", what=session[:40], remedy="`katchi overlap list`")
        return found

    def under_way(self, partner: str) -> dict[str, int]:
        """The ids of sessions that we lead with a partner and that are not over, and when each changed last."""
        with self._database.reading() as transaction:
            return {row.id: row.changed_at for row in transaction.run("overlap", "under_way", partner=partner)}


def _read(row: Sequence[object]) -> OverlapRow:
    values = list(row)
    for place in (4, 6, 7, 8, 12):
        found = values[place]
        values[place] = bytes(found) if isinstance(found, bytes | memoryview | bytearray) else None
    return OverlapRow(*values)  # type: ignore[arg-type]
