"""Our books about one partner, as both sides lay them side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from katchi.exchange.channels.link import Link
from katchi.node.wiring import Node
from katchi.policy import signed
from katchi.policy.ledger import ReceiptFact, Reconciliation, ReleaseFact, reconcile

PAGE = 5000
RECEIVED = "/katchi/v1/received"
RELEASED = "/katchi/v1/released"
SECOND = 1_000_000

Fact = TypeVar("Fact", ReceiptFact, ReleaseFact)
Page = TypeVar("Page", "IncomingPage", "OutgoingPage")


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
    their_received = _all(lambda skip: _ask(link, RECEIVED, skip, IncomingPage))
    their_released = _all(lambda skip: _ask(link, RELEASED, skip, OutgoingPage))
    our_released = _all(lambda skip: released(node, partner, skip))
    our_received = _all(lambda skip: received(node, partner, skip))
    return BothBooks(
        outgoing=reconcile(our_released, their_received, settled_before=asked_at - grace),
        incoming=reconcile(their_released, our_received, settled_before=asked_at - grace),
    )


class _Page(Protocol[Fact]):
    @property
    def facts(self) -> list[Fact]: ...
    @property
    def more(self) -> bool: ...


def _all(page_at: Callable[[int], _Page[Fact]]) -> list[Fact]:
    facts: list[Fact] = []
    while True:
        page = page_at(len(facts))
        facts += page.facts
        if not page.more:
            return facts


def _ask(link: Link, path: str, skip: int, of: type[Page]) -> Page:
    return signed.read(link.ask("GET", path, query={"skip": str(skip)}).content, of, what="a page of books")
