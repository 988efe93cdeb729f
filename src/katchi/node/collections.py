"""What a partner sees of this node over TAXII: its collections, its view of what was released, its hand-ins."""

from __future__ import annotations

import hashlib
import uuid
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from katchi import policy, stix
from katchi.exchange.taxii import errors, resources
from katchi.exchange.taxii.asking import Asking
from katchi.node.receive import Account
from katchi.node.release import recipient_of
from katchi.node.settings import Settings
from katchi.node.wiring import Node
from katchi.policy.partner import Partner
from katchi.store import ledger, partners, releases
from katchi.store.partners import PartnerRow
from katchi.store.releases import ReleaseRow
from katchi.store.topics import TopicRow

API_ROOT = "katchi"

RESERVED = ("released", "inbox", "exchange", "blocked")
"""Aliases that every reader has, or that are addresses of something else: no topic can go by them."""


@dataclass(frozen=True, slots=True)
class View:
    """One page of what a partner may have, and the cursor of the next one."""

    rows: list[ReleaseRow]
    following: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A collection that a partner asked for, and the number of its topic; 0 for all that goes."""

    collection: resources.Collection
    topic: int = 0


def collections_of(node: Node, partner: PartnerRow) -> list[resources.Collection]:
    """What a partner may know of: a node reads `released` and writes `inbox`; a tool does both in `exchange`.

    Beside these are the topics that it is a reader of. The ids differ from partner to partner, so that
    nobody learns from an id who else is there.
    """
    topical = [_of_topic(node.settings, partner, row) for row in _topics_for(node, partner)]
    return [*_always(node.settings, partner), *topical]


def collection(node: Node, partner: PartnerRow, name: str, *, to: str = "") -> Opened:
    """A collection by id or alias; `to` is "read" or "write". Raises NotFoundError or NotAllowedError."""
    found = _named(node, partner, name)
    if (to == "read" and not found.collection.can_read) or (to == "write" and not found.collection.can_write):
        raise errors.NotAllowedError("This collection does not allow that.", where=found.collection.alias, what=to)
    return found


def _named(node: Node, partner: PartnerRow, name: str) -> Opened:
    for found in _always(node.settings, partner):
        if name in (found.id, found.alias):
            return Opened(found)
    for row in _topics_for(node, partner):
        topical = _of_topic(node.settings, partner, row)
        if name in (topical.id, topical.alias):
            return Opened(topical, row.number)
    raise errors.NotFoundError("There is no such collection.", where=name[:80])


def _topics_for(node: Node, partner: PartnerRow) -> list[TopicRow]:
    rows = [row for row in node.store.topics.all() if row.is_ready]
    # Read only where there are any: most nodes have none, and every poll comes here.
    whose = Partner.from_json(partner.document) if rows else None
    return [row for row in rows if whose is not None and row.topic.is_for(whose)]


def _always(settings: Settings, partner: PartnerRow) -> list[resources.Collection]:
    if partner.kind == "tool":
        return [_collection(settings, partner, "exchange", reads=True, writes=True)]
    return [
        _collection(settings, partner, "released", reads=True, writes=False),
        _collection(settings, partner, "inbox", reads=False, writes=True),
    ]


def _of_topic(settings: Settings, partner: PartnerRow, row: TopicRow) -> resources.Collection:
    topic = row.topic
    return resources.Collection(
        id=_id_of(settings, partner, f"topic/{row.number}"),
        title=topic.title or f"{settings.name}: {topic.alias}",
        description=topic.description
        or f"The part of what {settings.name} releases to {partner.name} on {topic.alias}.",
        alias=topic.alias,
        can_read=True,
        can_write=False,
        media_types=resources.STIX_MEDIA,
    )


def _id_of(settings: Settings, partner: PartnerRow, what: str) -> str:
    node = uuid.UUID(settings.node_id.removeprefix("identity--"))
    return str(uuid.uuid5(node, f"{partner.name}/{what}"))


def _collection(
    settings: Settings, partner: PartnerRow, alias: str, *, reads: bool, writes: bool
) -> resources.Collection:
    purpose = {
        "released": f"What {settings.name} releases to {partner.name}, as its terms allow.",
        "inbox": f"What {partner.name} hands in to {settings.name}.",
        "exchange": f"What {settings.name} releases to {partner.name}, and takes from it.",
    }[alias]
    return resources.Collection(
        id=_id_of(settings, partner, alias),
        title=f"{settings.name}: {alias}",
        description=purpose,
        alias=alias,
        can_read=reads,
        can_write=writes,
        media_types=resources.STIX_MEDIA,
    )


def require_flowing(partner: PartnerRow) -> None:
    """Raises NotAllowedError unless the arrangement is in force on our side, this very moment."""
    if partner.state != "active":
        raise errors.NotAllowedError(
            "The exchange with this partner is not in force here.",
            found=partner.state,
            remedy="call your contact",
        )


def still_flowing(node: Node, partner: PartnerRow) -> bool:
    """Whether the arrangement that a response began under still holds: looked at between its pieces."""
    now = node.store.partners.one(partner.name)
    return now.state == "active" and now.epoch == partner.epoch


def view(node: Node, partner: PartnerRow, asking: Asking) -> View:
    """One page of the partner's view, each release admitted by the policy once more."""
    require_flowing(partner)
    found = node.store.releases.page(
        partner.name,
        partner.epoch,
        position=asking.position,
        added=asking.added,
        limit=asking.limit,
        matching=asking.matching,
    )
    return View(found.rows, None if found.goes_on_after is None else asking.after(found.goes_on_after))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of what a partner may have, as bytes. `mark` changes whenever the page does."""

    released: policy.ReleasedPage
    following: str | None
    mark: str


def page(node: Node, partner: PartnerRow, asking: Asking) -> Page:
    """One page of the partner's view as bytes, and the cursor of the next one."""
    require_flowing(partner)
    rows, goes_on_after = node.store.releases.page_rows(
        partner.name,
        partner.epoch,
        position=asking.position,
        added=asking.added,
        limit=asking.limit,
        matching=asking.matching,
    )
    released = policy.reopen_page(rows, recipient_of(partner))
    following = None if goes_on_after is None else asking.after(goes_on_after)
    # Where a release stands says which bytes it has: one that is renewed moves to the end.
    positions = array("q", [partner.epoch, *(row[3] for row in rows)])
    mark = hashlib.blake2b(positions.tobytes() + (following or "").encode(), digest_size=12, key=node.copy_key)
    return Page(released, following, mark.hexdigest())


def delete(node: Node, partner: PartnerRow, asking: Asking) -> int:
    """Deletes versions of an object from a collection (TAXII 2.1 §5.7); how many. Raises NotFoundError.

    They leave this reader's view for good, and the ledger says so. The log keeps them, and other
    partners' views are as they were: a producer that takes back what it said revokes it.
    """
    require_flowing(partner)
    with node.store.database.writing() as transaction:
        found = releases.page(
            transaction, partner.name, partner.epoch, position=0, limit=asking.limit, matching=asking.matching
        )
        rows = found.rows
        in_force = partners.terms_in_force(transaction, partner.name)
        if not rows or in_force is None:
            raise errors.NotFoundError(
                "There is no such object here.", where=", ".join(asking.matching.ids or ())[:100]
            )
        now = node.clock.now()
        ledger.append(transaction, [_deletion(node, row, in_force.digest, now) for row in rows])
        releases.delete(transaction, rows, at=now)
    return len(rows)


def _deletion(node: Node, row: ReleaseRow, terms_digest: str, now: int) -> policy.ledger.Entry:
    return policy.ledger.withdrawal_entry(
        partner=row.partner, object_id=row.object_id, digest=row.digest.hex(), reason="deleted-by-reader",
        terms_digest=terms_digest, at=now, salt=node.random(16),
    )  # fmt: skip


def admit(partner: PartnerRow, rows: Sequence[ReleaseRow]) -> list[policy.Released]:
    """Stored releases as the policy lets them out today. Raises policy.NotReleasedError."""
    recipient = recipient_of(partner)
    return [policy.reopen(row, recipient) for row in rows]


def status_of(account: Account, receipt: bytes | None = None) -> resources.Status:
    """A hand-in as a TAXII status: what failed, and what to do about it."""
    return resources.Status(
        id=account.id,
        status="complete",
        request_timestamp=stix.format_timestamp(account.at),
        total_count=account.total,
        success_count=account.stored + account.held,
        failure_count=account.refused,
        pending_count=0,
        failures=[
            resources.StatusDetail(
                problem.object_id,
                problem.version,
                _message(problem.what, problem.message, problem),
            )
            for problem in account.problems
        ],
        x_katchi_receipt=msgspec.Raw(receipt) if receipt else msgspec.UNSET,
    )


def _message(what: str, message: str, problem: msgspec.Struct) -> str:
    remedy = getattr(problem, "remedy", "")
    return f"{what}: {message}" + (f" Do: {remedy}" if remedy else "") if what else message


def status(node: Node, partner: PartnerRow, status_id: str) -> resources.Status:
    """The status of an earlier hand-in, for whoever handed it in. Raises NotFoundError."""
    found = node.store.submissions.one(status_id)
    if found is None or found.submitter != partner.name:
        raise errors.NotFoundError("There is no such status.", where=status_id[:80])
    return status_of(msgspec.json.decode(found.document, type=Account))
