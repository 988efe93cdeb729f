"""Our books about one partner, as both sides lay them side by side."""

from __future__ import annotations

import msgspec

from katchi.exchange.channels.link import Link
from katchi.node.wiring import Node
from katchi.policy import signed
from katchi.policy.ledger import ReceiptFact, Reconciliation, ReleaseFact, reconcile

PAGE = 5000
RECEIVED = "/katchi/v1/received"
RELEASED = "/katchi/v1/released"
SECOND = 1_000_000


class IncomingPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what one side took from the other."""

    facts: list[ReceiptFact]
    more: bool


class OutgoingPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what one side released to the other."""

    facts: list[ReleaseFact]
    more: bool


class BothBooks(msgspec.Struct, frozen=True):
    """Both directions: what we released beside what the partner received, and the other way round."""

    outgoing: Reconciliation
    incoming: Reconciliation

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice, nothing unexplained, either way."""
        return self.outgoing.is_clean and self.incoming.is_clean


def received(node: Node, partner: str, skip: int) -> IncomingPage:
    """What we took from a partner."""
    rows = node.store.releases.taken_from(partner, skip=skip, limit=PAGE + 1)
    facts = [ReceiptFact(row.object_id, row.version_text, row.digest.hex(), row.outcome) for row in rows[:PAGE]]
    return IncomingPage(facts, len(rows) > PAGE)


def released(node: Node, partner: str, skip: int) -> OutgoingPage:
    """What we released to a partner."""
    rows = node.store.releases.facts(partner, skip=skip, limit=PAGE + 1)
    facts = [
        ReleaseFact(
            row.object_id,
            row.version_text or "",
            row.digest.hex(),
            row.added,
            row.withdrawn_at is not None,
        )
        for row in rows[:PAGE]
    ]
    return OutgoingPage(facts, len(rows) > PAGE)


def compare(node: Node, partner: str, link: Link, *, grace: int = 60 * SECOND) -> BothBooks:
    """Asks the partner for its books and lays both side by side.

    What was released less than `grace` (µs) ago may still be on its way. Raises UndeliveredError or RefusedError.
    """
    asked_at = node.clock.now()
    their_received = _all_received(link)
    their_released = _all_released(link)
    return BothBooks(
        outgoing=reconcile(
            _everything_released(node, partner),
            their_received,
            settled_before=asked_at - grace,
        ),
        incoming=reconcile(
            their_released,
            _everything_received(node, partner),
            settled_before=asked_at - grace,
        ),
    )


def _all_received(link: Link) -> list[ReceiptFact]:
    facts: list[ReceiptFact] = []
    while True:
        response = link.ask("GET", RECEIVED, query={"skip": str(len(facts))})
        page = signed.read(response.content, IncomingPage, what="a page of receipts")
        facts += page.facts
        if not page.more:
            return facts


def _all_released(link: Link) -> list[ReleaseFact]:
    facts: list[ReleaseFact] = []
    while True:
        response = link.ask("GET", RELEASED, query={"skip": str(len(facts))})
        page = signed.read(response.content, OutgoingPage, what="a page of releases")
        facts += page.facts
        if not page.more:
            return facts


def _everything_received(node: Node, partner: str) -> list[ReceiptFact]:
    facts: list[ReceiptFact] = []
    while True:
        page = received(node, partner, len(facts))
        facts += page.facts
        if not page.more:
            return facts


def _everything_released(node: Node, partner: str) -> list[ReleaseFact]:
    facts: list[ReleaseFact] = []
    while True:
        page = released(node, partner, len(facts))
        facts += page.facts
        if not page.more:
            return facts
