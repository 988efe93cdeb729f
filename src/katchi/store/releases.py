"""What went to each partner, in the order of that partner's view, and what was withheld and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from katchi import policy
from katchi.store.database import Database, Transaction
from katchi.store.log import hash_of, hashes_of
from katchi.store.search import Hit, hits_of


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release with the bytes that go. `added` is its date_added in the partner's view."""

    position: int
    added: int
    partner: str
    object_id: str
    version: int
    version_text: str | None
    type: str
    spec_version: str
    digest: bytes
    rule: str
    epoch: int
    withdrawn_at: int | None
    seq: int
    of_id: str
    is_recall: bool
    ledger_index: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Matching:
    """TAXII's match filters (TAXII 2.1 §3.4). None matches all; `versions` are µs."""

    ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    specs: tuple[str, ...] | None = None
    last: bool = True
    first: bool = False
    every: bool = False
    versions: tuple[int, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether only the newest version of everything is asked for."""
        return self == Matching()


@dataclass(frozen=True, slots=True)
class Gone:
    """A release as the console shows it."""

    partner: str
    added: int
    object_id: str
    of_id: str
    type: str
    rule: str
    receipt: str | None
    receipt_at: int | None
    withdrawn_at: int | None
    is_recall: bool
    is_copy: bool
    name: str
    told: bool = False  # the partner has answered that it knows of the withdrawal


@dataclass(frozen=True, slots=True)
class GoneBefore:
    """Where in a partner's view an earlier release stands, and whether it was withdrawn or deleted since."""

    position: int
    withdrawn_at: int | None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A withholding as the console shows it."""

    partner: str
    object_id: str
    code: str
    detail: str
    rule: str
    until: int | None
    at: int
    type: str = ""
    name: str = ""
    marking: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """How much went to one partner: released in all, without a receipt yet, withdrawn since."""

    partner: str
    released: int
    waiting: int
    withdrawn: int
    last_added: int


@dataclass(frozen=True, slots=True)
class Fact:
    """One release as reconciliation sees it."""

    object_id: str
    version_text: str | None
    digest: bytes
    added: int
    receipt: str | None
    withdrawn_at: int | None
    ledger_index: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One object taken from a partner, as our receipts say."""

    object_id: str
    version_text: str
    digest: bytes
    outcome: str
    at: int


class Releases:
    """Reads releases and withholdings; making them happens inside transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        partner: str,
        epoch: int,
        *,
        position: int,
        added: int,
        limit: int,
        matching: Matching | None = None,
    ) -> list[ReleaseRow]:
        """The next releases in force after `position` and `added`, in the order of the partner's view."""
        with self._database.reading() as transaction:
            after = _after(transaction, position, added)
            return page(transaction, partner, epoch, position=after, limit=limit, matching=matching or Matching())

    def page_rows(
        self, partner: str, epoch: int, *, position: int, added: int, limit: int, matching: Matching
    ) -> list[policy.PageRow]:
        """As `page`, with only what a page of bytes needs."""
        if not matching.is_plain:
            rows = self.page(partner, epoch, position=position, added=added, limit=limit, matching=matching)
            return [(r.partner, r.epoch, r.withdrawn_at, r.position, r.added, r.raw) for r in rows]
        with self._database.reading() as transaction:
            after = _after(transaction, position, added)
            return transaction.tuples(
                "release", "page_bytes", partner=partner, epoch=epoch, position=after, limit=limit
            )

    def unreceipted(self, partner: str, epoch: int, *, position: int, limit: int) -> list[ReleaseRow]:
        """The next releases that the partner has not answered for."""
        with self._database.reading() as transaction:
            rows = transaction.run(
                "release",
                "unreceipted",
                partner=partner,
                epoch=epoch,
                position=position,
                limit=limit,
            )
            return [_release(row) for row in rows]

    def has_news(self, partner: str, epoch: int, *, position: int) -> bool:
        """Whether the partner has yet to answer for a release."""
        with self._database.reading() as transaction:
            found = transaction.run("release", "news", partner=partner, epoch=epoch, position=position)
            return found.first() is not None

    def of_object(self, object_id: str, limit: int = 100) -> list[Gone]:
        """To whom an object went, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.run(
                "release",
                "releases_of",
                of_hash=hash_of(object_id),
                object_id=object_id,
                limit=limit,
            )
            return [
                Gone(r.partner, r.added, r.object_id, object_id, "", r.rule, r.receipt, r.receipt_at, r.withdrawn_at,
                     bool(r.is_recall), bool(r.is_copy), "", r.told is not None)
                for r in rows
            ]  # fmt: skip

    def latest(self, limit: int, partner: str = "") -> list[Gone]:
        """The latest releases, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.run("release", "latest_releases", partner=partner, limit=limit).all()
            hits = hits_of(transaction, [r.of_id for r in rows])
        return [
            Gone(r.partner, r.added, r.object_id, r.of_id, r.type, r.rule, r.receipt, r.receipt_at, r.withdrawn_at,
                 bool(r.is_recall), bool(r.is_copy), hits[r.of_id].name if r.of_id in hits else r.of_id,
                 r.told is not None)
            for r in rows
        ]  # fmt: skip

    def withheld_of(self, object_id: str) -> list[HeldBack]:
        """From whom an object is withheld, and why."""
        with self._database.reading() as transaction:
            rows = transaction.run("release", "withheld_of", object_id=object_id)
            return [HeldBack(r.partner, object_id, r.code, r.detail, r.rule, r.until, r.at) for r in rows]

    def latest_withheld(self, limit: int, partner: str = "") -> list[HeldBack]:
        """The latest withholdings, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.run("release", "latest_withheld", partner=partner, limit=limit).all()
            hits = hits_of(transaction, [r.object_id for r in rows])
        return [_held_back(r, hits.get(r.object_id)) for r in rows]

    def withheld_counts(self) -> list[tuple[str, str, int]]:
        """(partner, reason code, how many)."""
        with self._database.reading() as transaction:
            return [(r.partner, r.code, r.n) for r in transaction.run("release", "withheld_counts")]

    def flows(self) -> dict[str, Flow]:
        """How much went to each partner."""
        with self._database.reading() as transaction:
            rows = transaction.run("release", "release_counts")
            return {
                r.partner: Flow(
                    r.partner,
                    int(r.released),
                    int(r.waiting),
                    int(r.withdrawn),
                    int(r.last_added),
                )
                for r in rows
            }

    def facts(self, partner: str, *, skip: int, limit: int) -> list[Fact]:
        """Releases to a partner, for reconciliation, in an order that does not change."""
        with self._database.reading() as transaction:
            rows = transaction.run("release", "facts", partner=partner, skip=skip, limit=limit)
            return [
                Fact(
                    r.object_id,
                    r.version_text,
                    bytes(r.digest),
                    r.added,
                    r.receipt,
                    r.withdrawn_at,
                    r.ledger_index,
                )
                for r in rows
            ]

    def taken_from(self, partner: str, *, skip: int, limit: int) -> list[Taken]:
        """What we took from a partner, as our receipts say."""
        with self._database.reading() as transaction:
            rows = transaction.run("release", "received_from", partner=partner, skip=skip, limit=limit)
            return [Taken(r.object_id, r.version_text, bytes(r.digest), r.outcome, r.at) for r in rows]


def page(
    transaction: Transaction, partner: str, epoch: int, *, position: int, limit: int, matching: Matching
) -> list[ReleaseRow]:
    """The next releases in force after `position`, in the order of the partner's view."""
    values: dict[str, Any] = {"partner": partner, "epoch": epoch, "position": position, "limit": limit}
    if matching.is_plain:
        rows = transaction.run("release", "page", **values)
    else:
        query = "matching" if matching.ids is None else "matching_ids"
        rows = transaction.run("release", query, **values, **_filters(transaction, matching))
    return [_release(row) for row in rows]


def delete(transaction: Transaction, rows: Sequence[ReleaseRow], *, at: int) -> None:
    """Takes releases of one object out of its reader's view for good; the newest that is left is the last one now."""
    transaction.run_many("release", "delete", [{"position": row.position, "at": at} for row in rows])
    for row in rows[:1]:
        transaction.run(
            "release", "show_last_of",
            id_hash=hash_of(row.object_id), object_id=row.object_id, partner=row.partner, epoch=row.epoch,
        )  # fmt: skip


def _after(transaction: Transaction, position: int, added: int) -> int:
    """Where a reader goes on that has what was added up to a time. Positions and dates grow together."""
    if not added:
        return position
    found = transaction.run("release", "position_at", added=added).first()
    return max(position, found.position) if found else position


def _held_back(row: Any, hit: Hit | None) -> HeldBack:
    shown = (hit.type, hit.name, hit.marking) if hit else ("", row.object_id, "")
    return HeldBack(
        row.partner,
        row.object_id,
        row.code,
        row.detail,
        row.rule,
        row.until,
        row.at,
        *shown,
    )


def versions_gone(
    transaction: Transaction, partner: str, object_ids: Sequence[str]
) -> dict[tuple[str, int, str], GoneBefore]:
    """What has gone to a partner of these objects, by (id, version, spec_version)."""
    if not object_ids:
        return {}
    rows = transaction.run("release", "versions_gone", partner=partner, hashes=hashes_of(transaction, object_ids))
    return {
        (r.object_id, r.version, r.spec_version): GoneBefore(r.position, r.withdrawn_at, bool(r.is_deleted))
        for r in rows
    }


def put(transaction: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Records releases: values for every column of `release` but position, added and is_last.

    A newer version takes the place of an older one in the partner's default view.
    """
    end = transaction.run("release", "end_of_releases").first()
    position, added = (end.position, end.added) if end else (0, 0)
    for row in rows:
        position += 1
        added = max(added + 1, row.pop("now"))
        row["position"], row["added"] = position, added
        row["of_hash"], row["id_hash"] = (
            hash_of(row["of_id"]),
            hash_of(row["object_id"]),
        )
    transaction.run_many("release", "put", rows)
    # Afterwards, because two versions of one object may go together.
    transaction.run_many("release", "supersede", rows)


def note_receipts(
    transaction: Transaction,
    partner: str,
    entries: Sequence[policy.ledger.Received],
    *,
    at: int,
) -> None:
    """Notes a partner's word on releases; the first word on a release stands."""
    transaction.run_many(
        "release",
        "note_receipt",
        [
            {
                "partner": partner,
                "object_id": entry.object_id,
                "id_hash": hash_of(entry.object_id),
                "digest": bytes.fromhex(entry.digest),
                "receipt": entry.outcome,
                "at": at,
            }
            for entry in entries
        ],
    )


def renew(
    transaction: Transaction,
    position: int,
    *,
    epoch: int,
    rule: str,
    ledger_index: int,
    now: int,
) -> None:
    """Puts a withdrawn release in force again, at the end of the partner's view so that no cursor passes it by."""
    end = transaction.run("release", "end_of_releases").one()
    transaction.run(
        "release", "renew",
        position=position, new_position=end.position + 1, added=max(end.added + 1, now),
        epoch=epoch, rule=rule, ledger_index=ledger_index,
    )  # fmt: skip


def _filters(transaction: Transaction, matching: Matching) -> dict[str, Any]:
    def among(values: Sequence[str] | None) -> Any:
        return None if values is None else transaction.among(values)

    return {
        "hashes": hashes_of(transaction, matching.ids or ()),
        "types": among(matching.types),
        "specs": among(matching.specs),
        "versions": transaction.among([str(version) for version in matching.versions]),
        "last": int(matching.last),
        "first": int(matching.first),
        "every": int(matching.every),
    }


def _release(row: Any) -> ReleaseRow:
    return ReleaseRow(*row)
