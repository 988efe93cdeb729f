"""What went to each partner, in the order of that partner's view, and what was withheld and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from katchi import policy
from katchi.store import topics
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
class Standing:
    """A release at its place in a partner's view, in force or not."""

    release: ReleaseRow
    is_last: bool

    @property
    def added(self) -> int:
        """Its date_added in the partner's view."""
        return self.release.added

    @property
    def object_id(self) -> str:
        """The id that went."""
        return self.release.object_id

    @property
    def withdrawn_at(self) -> int | None:
        """When it was withdrawn, if it was."""
        return self.release.withdrawn_at


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
    topic: int = 0  # the number of a topic; 0: all that goes

    @property
    def is_plain(self) -> bool:
        """Whether only the newest version of everything is asked for, perhaps of one topic."""
        return self == Matching(topic=self.topic)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next part of a view. `goes_on_after` is the position after which to look further; None at the end.

    A page of filtered rows can be short, or empty, and not the last: the look ended after so many rows.
    """

    rows: list[ReleaseRow]
    goes_on_after: int | None


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
    ) -> Stretch:
        """The next releases in force after `position` and `added`, in the order of the partner's view."""
        with self._database.reading() as transaction:
            after = _after(transaction, position, added)
            return page(transaction, partner, epoch, position=after, limit=limit, matching=matching or Matching())

    def page_rows(
        self, partner: str, epoch: int, *, position: int, added: int, limit: int, matching: Matching
    ) -> tuple[list[policy.PageRow], int | None]:
        """As `page`, with only what a page of bytes needs."""
        if not matching.is_plain:
            found = self.page(partner, epoch, position=position, added=added, limit=limit, matching=matching)
            rows = [(r.partner, r.epoch, r.withdrawn_at, r.position, r.added, r.raw) for r in found.rows]
            return rows, found.goes_on_after
        with self._database.reading() as transaction:
            values = {"partner": partner, "epoch": epoch, "position": _after(transaction, position, added)}
            values |= {"topic": matching.topic} if matching.topic else {}
            query = "topic_page_bytes" if matching.topic else "page_bytes"
            plain: list[policy.PageRow] = transaction.tuples("release", query, **values, limit=limit + 1)
        return plain[:limit], plain[limit - 1][3] if len(plain) > limit else None

    def state_of(self, partner: str) -> tuple[int, int]:
        """Two numbers that change whenever something comes into a partner's view or leaves it."""
        with self._database.reading() as transaction:
            end = transaction.run("release", "end_of_view", partner=partner).first()
            withdrawal = transaction.run("release", "last_withdrawal").first()
            return (end.position if end else 0, withdrawal[0] if withdrawal else -1)

    def stretches(self, partner: str, topic: int, size: int) -> list[tuple[int, int, int, int, int]]:
        """A partner's view in stretches of so many positions: (number, first added, last added, changed, count)."""
        with self._database.reading() as transaction:
            return [
                tuple(row) for row in transaction.run("release", "stretches", partner=partner, topic=topic, size=size)
            ]

    def stretch(self, partner: str, topic: int, begins: int, size: int) -> list[Standing]:
        """Everything in one stretch of a partner's view, withdrawn and superseded releases too."""
        with self._database.reading() as transaction:
            rows = transaction.run(
                "release", "stretch_rows", partner=partner, topic=topic, begins=begins, ends=begins + size
            )
            return [Standing(_release(row[:-1]), bool(row[-1])) for row in rows]

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
) -> Stretch:
    """The next releases in force after `position`, in the order of the partner's view."""
    values: dict[str, Any] = {"partner": partner, "epoch": epoch, "position": position, "limit": limit + 1}
    if matching.is_plain:
        topical = {"topic": matching.topic} if matching.topic else {}
        query = "topic_page" if matching.topic else "page"
        return _stretch(list(transaction.run("release", query, **values, **topical)), limit, None)
    if matching.ids is not None:
        rows = transaction.run("release", "matching_ids", **values, **_filters(transaction, matching))
        return _stretch(list(rows), limit, None)
    return _searched(transaction, values, limit, matching)


# How many rows one page looks at where the filter has no index: so that a page costs the same in any collection.
LOOK = 50_000
_END = 2**62


def _searched(transaction: Transaction, values: dict[str, Any], limit: int, matching: Matching) -> Stretch:
    """A page by filters: each type by its own index, merged in the order of the view."""
    filters = _filters(transaction, matching)
    filters.pop("hashes")
    filters.pop("types")
    kinds: list[dict[str, str]] = [{}] if matching.types is None else [{"type": each} for each in matching.types]
    place = {name: values[name] for name in ("partner", "position")}
    until = _END
    for kind in kinds:
        end = transaction.run("release", "stretch_of_type" if kind else "stretch", **place, **kind, size=LOOK).first()
        until = min(until, end.position if end else _END)
    found: list[Any] = []
    for kind in kinds:
        query = "matching_type" if kind else "matching"
        found += transaction.run("release", query, **values, **filters, **kind, until=until)
    found.sort(key=lambda row: row.position)
    return _stretch(found, limit, None if until == _END else until)


def _stretch(rows: Sequence[Any], limit: int, until: int | None) -> Stretch:
    kept = [_release(row) for row in rows[:limit]]
    return Stretch(kept, kept[-1].position if len(rows) > limit else until)


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

    `topics`, if it is there, are the numbers of the topics that it belongs to. A newer version takes the
    place of an older one in the partner's default view.
    """
    places: list[tuple[str, int, int]] = []
    end = transaction.run("release", "end_of_releases").first()
    position, added = (end.position, end.added) if end else (0, 0)
    for row in rows:
        position += 1
        added = max(added + 1, row.pop("now"))
        row["position"], row["added"] = position, added
        places += [(row["partner"], number, position) for number in row.pop("topics", ())]
        row["of_hash"], row["id_hash"] = (
            hash_of(row["of_id"]),
            hash_of(row["object_id"]),
        )
    transaction.run_many("release", "put", rows)
    topics.shelve(transaction, places)
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
    partner: str,
    position: int,
    *,
    epoch: int,
    rule: str,
    ledger_index: int,
    now: int,
) -> None:
    """Puts a withdrawn release in force again, at the end of the partner's view so that no cursor passes it by."""
    end = transaction.run("release", "end_of_releases").one()
    topics.move(transaction, partner, position, end.position + 1)
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
        "topic": matching.topic,
        "last": int(matching.last),
        "first": int(matching.first),
        "every": int(matching.every),
    }


def _release(row: Any) -> ReleaseRow:
    return ReleaseRow(*row)
