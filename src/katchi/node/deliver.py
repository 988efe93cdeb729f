"""Brings releases to partners and catches up with theirs: at least once on the wire, exactly once in effect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from katchi import stix
from katchi.exchange.channels.link import Link
from katchi.exchange.channels.node_push import NodePush
from katchi.node import collections, receipts
from katchi.node.receive import receive_with_fates
from katchi.node.wiring import Node
from katchi.policy.partner import Partner
from katchi.store.partners import PartnerRow
from katchi.store.releases import ReleaseRow

ENVELOPE = 1000  # objects of one push
ENVELOPE_BYTES = 8_388_608  # and its size, well under what any node takes
RECEIPTS = "/katchi/v1/receipts"


def open_link(node: Node, partner: Partner) -> Link:
    """A signed link to a partner's node; whoever opens it closes it."""
    return Link(
        key=node.key,
        node_id=node.settings.node_id,
        partner=partner,
        now=node.clock.now,
        random=node.random,
    )


@contextmanager
def link_to(node: Node, partner: Partner) -> Iterator[Link]:
    """A signed link to a partner's node, for a short errand."""
    link = open_link(node, partner)
    try:
        yield link
    finally:
        link.close()


def partner_of(row: PartnerRow) -> Partner:
    """Who a kept partner is."""
    return Partner.from_json(row.document)


def push(node: Node, name: str, link: Link) -> int:
    """Sends the next releases that the partner has not answered for; how many went.

    The partner's state is read anew for each envelope: a suspension stops the next one. Raises
    UndeliveredError, RefusedError or BadSignatureError; what failed stays to be sent.
    """
    row = node.store.partners.one(name)
    collections.require_flowing(row)
    waiting = node.store.releases.unreceipted(name, row.epoch, position=row.pushed_position, limit=ENVELOPE)
    if not waiting:
        return 0
    size = 0
    envelope: list[ReleaseRow] = []
    for release in waiting:
        size += len(release.raw)
        if envelope and size > ENVELOPE_BYTES:
            break
        envelope.append(release)
    batch = collections.admit(row, envelope)
    receipts.take(node, partner_of(row), NodePush(link).deliver(batch))
    node.store.partners.note_pushed(name, envelope[-1].position)
    return len(envelope)


def pull(node: Node, name: str, link: Link) -> int:
    """Reads what the partner released to us since we last looked, and answers with receipts; how many came."""
    row = node.store.partners.one(name)
    collections.require_flowing(row)
    came, following = 0, ""
    after = stix.format_timestamp(row.pulled_after) if row.pulled_after else ""
    while True:
        page = NodePush(link).page(added_after=after, following=following, limit=ENVELOPE)
        if not page.last_added:
            return came
        collections.require_flowing(node.store.partners.one(name))
        as_of = stix.parse_timestamp(page.last_added)
        _, fates = receive_with_fates(node, page.body, partner=name, via="pull", as_of=as_of)
        link.ask("POST", RECEIPTS, body=receipts.give(node, partner_of(row), fates))
        node.store.partners.note_pulled(name, as_of)
        came += len(fates)
        following = page.following
        if not following:
            return came
