"""Tells partners what is not for them any more, and obeys when a partner takes back what it released to us."""

from __future__ import annotations

import msgspec

from katchi import policy
from katchi.exchange.channels.link import Link
from katchi.node import receipts
from katchi.node.deliver import partner_of
from katchi.node.receive import Fate
from katchi.node.wiring import Node
from katchi.policy.ledger import Notice, Withdrawn
from katchi.policy.partner import Partner
from katchi.store import withdrawals

PATH = "/katchi/v1/withdrawals"
RECEIPTS = "/katchi/v1/receipts"
AT_ONCE = 1000
NOTED = "withdrawn"


class List(msgspec.Struct, frozen=True):
    """A page of what is withdrawn from whoever asks; `next` leads on, "" at the end."""

    withdrawn: list[Withdrawn]
    next: str


def tell(node: Node, name: str, link: Link) -> int:
    """Sends a partner the next withdrawals that it has not answered for; how many.

    Raises UndeliveredError, RefusedError or BadSignatureError; what failed stays to be told.
    """
    notice = pending(node, partner_of(node.store.partners.one(name)))
    if not notice.entries:
        return 0
    answer = link.ask("POST", PATH, body=notice.to_json())
    receipts.take(node, partner_of(node.store.partners.one(name)), answer.content)
    return len(notice.entries)


def ask(node: Node, name: str, link: Link) -> int:
    """Fetches what a partner took back and could not tell us, and answers; how many."""
    noted = 0
    while True:
        partner = partner_of(node.store.partners.one(name))
        document = link.ask("GET", PATH).content
        if not Notice.from_json(document).entries:
            return noted
        link.ask("POST", RECEIPTS, body=take(node, partner, document))
        noted += len(Notice.from_json(document).entries)


def pending(node: Node, partner: Partner) -> Notice:
    """Our signed word on the next withdrawals that a partner has not answered for; of none, where there are none."""
    return policy.ledger.sign_notice(
        node.key,
        owner=node.settings.node_id,
        partner=partner.node_id or "",
        at=node.clock.now(),
        entries=node.store.withdrawals.untold(partner.name, AT_ONCE),
    )


def take(node: Node, partner: Partner, document: bytes) -> bytes:
    """Notes what a partner took back, and returns our signed receipt for its word.

    It stays in the log, and goes to nobody any more: whoever has it from us is told in turn. Raises
    UnreadableDocumentError or BadSignatureError, with nothing changed.
    """
    notice = Notice.from_json(document)
    policy.ledger.verify_notice(
        notice, partner.key(notice.key_id), owner=partner.node_id or "", partner=node.settings.node_id
    )
    with node.store.database.writing() as transaction:
        withdrawals.note(transaction, partner.name, notice.entries, noted_at=node.clock.now())
    node.bell.ring()
    fates = [Fate(entry.object_id, entry.version, bytes.fromhex(entry.digest), NOTED) for entry in notice.entries]
    return receipts.give(node, partner, fates)


def listed(node: Node, name: str, place: str) -> List:
    """What is withdrawn from a partner, oldest first, after a place that an earlier page named."""
    after, _, index = place.partition("-")
    rows = node.store.withdrawals.listed(name, int(after or 0), int(index or -1), AT_ONCE + 1)
    page = [Withdrawn(row.object_id, row.version, row.digest, row.at) for row in rows[:AT_ONCE]]
    last = rows[AT_ONCE - 1] if len(rows) > AT_ONCE else None
    return List(page, f"{last.at}-{last.index}" if last else "")
