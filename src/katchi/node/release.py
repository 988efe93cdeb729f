"""Decides, object by object and partner by partner, what goes; writes it to the ledger before a byte leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from katchi import policy, stix
from katchi.node.wiring import Node, no_cycles_sought
from katchi.policy.partner import Partner
from katchi.store import ledger, log, partners, releases, topics, withdrawals
from katchi.store.database import Transaction
from katchi.store.partners import PartnerRow
from katchi.store.world import StoreWorld

# Judging holds the one write transaction: short enough that nobody who hands in notices.
BATCH = 500


@dataclass(frozen=True, slots=True)
class _Going:
    """A decision to release, and the version in our log that it is about."""

    entry: log.Entry
    decision: policy.Release


class Judgement:
    """One look at what a partner may have, inside one transaction."""

    def __init__(self, node: Node, transaction: Transaction, row: PartnerRow, terms: policy.Terms) -> None:
        self.node = node
        self.transaction = transaction
        self.row = row
        self.terms = terms
        self.now = node.clock.now()
        self.recipient = recipient_of(row)
        self.topics = topics.all_topics(transaction)
        self.world = StoreWorld(transaction, row.name, node.copy_key)
        self._going: list[_Going] = []
        self._kept_back: dict[str, dict[str, Any]] = {}
        self._dropped: dict[str, tuple[str, ...]] = {}
        self.tightened: dict[str, str] = {}  # id -> why it must not be in the view any more

    def judge(self, entries: Sequence[log.Entry]) -> None:
        """Decides about these versions, then about whatever waited for those that go, and so on."""
        released: set[str] = set()
        round_of = list(entries)
        while round_of:
            self._prefetch(round_of)
            going = {entry.object_id for entry in round_of if self._decide(entry)} - released
            released |= going
            round_of = self._who_waited_for(going)
        self._write(released)

    def _prefetch(self, entries: Sequence[log.Entry]) -> None:
        self.world.prefetch([entry.object_id for entry in entries])
        items = [self.world.object_of(entry) for entry in entries]
        self.world.prefetch({ref.id for item in items for ref in stix.references(item)})

    def _decide(self, entry: log.Entry) -> bool:
        decision = policy.decide(
            self.world.object_of(entry),
            entry.origin,
            entry.added,
            self.recipient,
            self.terms,
            self.world,
            self.now,
        )
        if not isinstance(decision, policy.Release):
            self._kept_back[entry.object_id] = _held_back(self.row, entry, decision, self.now)
            if isinstance(decision, policy.Withheld) and decision.code in policy.TIGHTENED:
                self.tightened[entry.object_id] = decision.code
            return False
        self.tightened.pop(entry.object_id, None)
        # One recall may have to go under several ids: the partner holds the object and a copy of it.
        for release in decision.every:
            self._going.append(_Going(entry, release))
            self.world.note_released(entry.object_id, release.released)
            if release.copy is not None:
                self.world.keep_copy(release.copy)
        self._kept_back.pop(entry.object_id, None)
        self._dropped[entry.object_id] = decision.dropped
        return True

    def _who_waited_for(self, object_ids: set[str]) -> list[log.Entry]:
        if not object_ids:
            return []
        rows = self.transaction.run(
            "release", "waiting_for", partner=self.row.name, ids=self.transaction.among(sorted(object_ids))
        )
        # Within this batch too: a relationship often comes before what it joins.
        ids = {row.object_id for row in rows}
        ids |= {object_id for object_id, row in self._kept_back.items() if row["waits_for"] in object_ids}
        ids |= {object_id for object_id, dropped in self._dropped.items() if object_ids & set(dropped)}
        return list(log.newest(self.transaction, sorted(ids)).values()) if ids else []

    def _write(self, released: set[str]) -> None:
        self._going = [going for going in self._going if going.entry.object_id not in self.tightened]
        fresh = self._not_gone_before()
        first = ledger.append(self.transaction, [self._ledger_entry(going) for going in fresh])
        releases.put(
            self.transaction,
            [self._release_row(going, first + offset) for offset, going in enumerate(fresh)],
        )
        self.transaction.run_many("release", "hold_back", list(self._kept_back.values()))
        gone = [{"partner": self.row.name, "object_id": object_id} for object_id in sorted(released)]
        self.transaction.run_many("release", "let_go", gone)
        self.transaction.run_many("release", "forget_dropped", gone)
        dropped = [
            {"partner": self.row.name, "object_id": object_id, "dropped_id": dropped_id}
            for object_id, ids in self._dropped.items()
            for dropped_id in ids
        ]
        self.transaction.run_many("release", "note_dropped", dropped)
        self.take_back()

    def take_back(self) -> None:
        """Withdraws earlier versions of what may not go any more, and what cannot go without it."""
        waiting, self.tightened = self.tightened, {}
        for object_id, reason in waiting.items():
            there = self._in_force(object_id) if self.world.released_before(object_id) else ()
            for found in there:
                self.withdraw(found, reason)
            if there:
                self._review_what_points_to(object_id)

    def _review_what_points_to(self, object_id: str) -> None:
        waiting = withdrawals.pointing_to(self.transaction, object_id)
        while waiting:
            user = waiting.pop()
            there = self._in_force(user)
            for found in there:
                _review_one(self, found)
            if there and not self._in_force(user):
                waiting += withdrawals.pointing_to(self.transaction, user)

    def _in_force(self, object_id: str) -> Sequence[Any]:
        return withdrawals.in_force_of(self.transaction, self.row.name, self.row.epoch, object_id)

    def withdraw(self, found: Any, reason: str) -> None:
        """Takes a release out of the partner's view, with the reason on the ledger."""
        self.transaction.run("release", "withdraw", position=found.position, at=self.now)
        entry = policy.ledger.withdrawal_entry(
            partner=self.row.name, object_id=found.object_id, digest=bytes(found.digest).hex(), reason=reason,
            terms_digest=self.terms.digest, at=self.now, salt=self.node.random(16),
        )  # fmt: skip
        ledger.append(self.transaction, [entry])

    def _not_gone_before(self) -> list[_Going]:
        """Releases of versions that have not gone before; one that was withdrawn goes again, with a new date.

        One that its reader deleted does not come back: only a newer version does.
        """
        known = releases.versions_gone(
            self.transaction, self.row.name, [going.decision.released.object_id for going in self._going]
        )
        fresh: dict[tuple[str, int, str], _Going] = {}
        for going in self._going:
            released = going.decision.released
            version = (released.object_id, _version(released, going.entry), released.spec_version)
            before = known.get(version)
            if before is None:
                fresh[version] = going
            elif before.withdrawn_at is not None and not before.is_deleted:
                self._renew(going, before.position)
        return list(fresh.values())

    def _renew(self, going: _Going, position: int) -> None:
        index = ledger.append(self.transaction, [self._ledger_entry(going)])
        releases.renew(
            self.transaction,
            self.row.name,
            position,
            epoch=self.row.epoch,
            rule=going.decision.rule,
            ledger_index=index,
            now=self.now,
        )

    def _ledger_entry(self, going: _Going) -> policy.ledger.Entry:
        released = going.decision.released
        return policy.ledger.release_entry(
            partner=self.row.name,
            object_id=released.object_id,
            version=released.version_text or "",
            digest=hashlib.sha256(released.raw).hexdigest(),
            rule=going.decision.rule,
            terms_digest=self.terms.digest,
            at=self.now,
            salt=self.node.random(16),
        )

    def _release_row(self, going: _Going, ledger_index: int) -> dict[str, Any]:
        released, entry = going.decision.released, going.entry
        return {
            "now": self.now,
            "partner": self.row.name,
            "seq": entry.seq,
            "of_id": entry.object_id,
            "object_id": released.object_id,
            "version": _version(released, entry),
            "version_text": released.version_text,
            "type": released.type,
            "spec_version": released.spec_version,
            "digest": hashlib.sha256(released.raw).digest(),
            "raw": released.raw if released.is_copy or going.decision.recall else None,
            "rule": going.decision.rule,
            "epoch": self.row.epoch,
            "is_recall": int(going.decision.recall),
            "ledger_index": ledger_index,
            "topics": self._topics_of(released),
        }

    def _topics_of(self, released: policy.Released) -> list[int]:
        """By what goes, not by what it was made from: a topic must not tell what a copy leaves out."""
        if not self.topics:
            return []
        item = stix.read(released.raw)
        return [row.number for row in self.topics if row.topic.covers(item)]


def judge(node: Node, name: str) -> bool:
    """Judges the next batch for one partner; True while there is more to judge.

    First the releases made under earlier terms, in the order of the partner's view; then what is new
    in the log; then delays that have ended. A partner that is not active, or has no terms, gets nothing.
    """
    with no_cycles_sought, node.store.database.writing() as transaction:
        row = partners.one(transaction, name)
        in_force = partners.terms_in_force(transaction, name)
        if row.state != "active" or in_force is None:
            return False
        judgement = Judgement(
            node,
            transaction,
            row,
            policy.parse_terms(in_force.text, source=f"{name}.toml"),
        )
        return _review(judgement) or _look_ahead(judgement) or _delays(judgement)


def recipient_of(row: PartnerRow) -> policy.Recipient:
    """A partner as a decision sees it."""
    partner = Partner.from_json(row.document)
    return policy.Recipient(
        row.name, is_active=row.state == "active", own=partner.is_own, epoch=row.epoch, node_id=partner.node_id
    )


def _look_ahead(judgement: Judgement) -> bool:
    row, transaction = judgement.row, judgement.transaction
    entries = [log.Entry(*found) for found in transaction.run("log", "log_after", seq=row.judged_seq, limit=BATCH)]
    if not entries:
        return False
    judgement.judge(entries)
    transaction.run("partner", "judged", name=row.name, seq=entries[-1].seq)
    return True


def _delays(judgement: Judgement) -> bool:
    found = judgement.transaction.run("release", "due", partner=judgement.row.name, now=judgement.now, limit=BATCH)
    ids = [row.object_id for row in found]
    if not ids:
        return False
    judgement.judge(list(log.newest(judgement.transaction, ids).values()))
    return len(ids) == BATCH


def _review(judgement: Judgement) -> bool:
    """Holds releases of earlier terms against those in force, in the order of the partner's view.

    Until a release is reviewed it is not served, and nothing new is released before all are: so no
    cursor runs past one that comes back.
    """
    row, transaction = judgement.row, judgement.transaction
    if row.reviewed_epoch == row.epoch:
        return False
    stale = transaction.run(
        "release",
        "to_review",
        partner=row.name,
        position=0,
        epoch=row.epoch,
        limit=BATCH,
    ).all()
    if stale:
        for found in stale:
            _review_one(judgement, found)
        return True
    if _reconsider(judgement):
        return True
    transaction.run("partner", "reviewed", name=row.name, epoch=row.epoch)
    return False


def _review_one(judgement: Judgement, found: Any) -> None:
    transaction, row = judgement.transaction, judgement.row
    entry = log.Entry(*transaction.run("log", "at_seq", seq=found.seq).one())
    decision = policy.decide(
        stix.read(bytes(entry.raw)), entry.origin, entry.added, judgement.recipient, judgement.terms,
        judgement.world, judgement.now,
    )  # fmt: skip
    if isinstance(decision, policy.Release) and any(_is_same(release.released, found) for release in decision.every):
        transaction.run("release", "keep_in_force", position=found.position, epoch=row.epoch)
        return
    reason = "changed-by-terms" if isinstance(decision, policy.Release) else _code(decision)
    judgement.withdraw(found, reason)
    newest = judgement.world.entry(entry.object_id)
    if reason in policy.TIGHTENED and newest is not None and newest.seq == entry.seq:
        judgement.tightened[entry.object_id] = reason
        judgement.take_back()
    if isinstance(decision, policy.Release):
        judgement.judge([entry])
    elif reason != "superseded":  # a newer copy is in force: the object itself is not withheld
        transaction.run("release", "hold_back", **_held_back(row, entry, decision, judgement.now))


def _is_same(released: policy.Released, found: Any) -> bool:
    return released.object_id == found.object_id and hashlib.sha256(released.raw).digest() == bytes(found.digest)


def _reconsider(judgement: Judgement) -> bool:
    """What earlier terms withheld is judged again under the new ones, once per change of terms."""
    row, transaction = judgement.row, judgement.transaction
    found = transaction.run("release", "withheld_before", partner=row.name, epoch=row.epoch, limit=BATCH)
    ids = [entry.object_id for entry in found]
    if ids:
        judgement.judge(list(log.newest(transaction, ids).values()))
    return bool(ids)


def _version(released: policy.Released, entry: log.Entry) -> int:
    return entry.version if released.version is None else released.version


def _code(decision: policy.Withheld | policy.Delayed) -> str:
    return decision.code if isinstance(decision, policy.Withheld) else "delayed"


def _held_back(
    partner: PartnerRow,
    entry: log.Entry,
    decision: policy.Withheld | policy.Delayed,
    now: int,
) -> dict[str, Any]:
    withheld = decision if isinstance(decision, policy.Withheld) else None
    return {
        "partner": partner.name,
        "epoch": partner.epoch,
        "object_id": entry.object_id,
        "seq": entry.seq,
        "code": _code(decision),
        "detail": withheld.detail if withheld else "",
        "rule": decision.rule or "",
        "waits_for": withheld.waits_for if withheld else None,
        "until": None if isinstance(decision, policy.Withheld) else decision.until,
        "at": now,
    }
