"""Receipts both ways: our signed word on what came, and what we do with a partner's."""

from __future__ import annotations

from collections.abc import Sequence

from katchi import policy
from katchi.node.receive import Fate
from katchi.node.wiring import Node
from katchi.policy.ledger import Receipt, Received
from katchi.store import ledger, releases, withdrawals


class ForeignReceiptError(policy.keys.BadSignatureError):
    """A receipt that does not concern us, or that its sender did not sign."""

    code = "foreign-receipt"


def give(node: Node, partner: policy.partner.Partner, fates: Sequence[Fate]) -> bytes:
    """Signs a receipt for what a partner handed in, writes it to the ledger and returns the document."""
    now = node.clock.now()
    receipt = policy.ledger.sign_receipt(
        node.key,
        receiver=node.settings.node_id,
        sender=partner.node_id or "",
        at=now,
        entries=[Received(fate.object_id, fate.version, fate.digest.hex(), fate.outcome) for fate in fates],
    )
    document = receipt.to_json()
    digest = policy.ledger.digest_of(document).hex()
    entry = policy.ledger.received_entry(partner.name, digest, len(fates), at=now, salt=node.random(16))
    with node.store.database.writing() as transaction:
        ledger.append(transaction, [entry])
    return document


def take(node: Node, partner: policy.partner.Partner, document: bytes) -> Receipt:
    """Checks a partner's receipt and notes it on the releases that it is about and on the ledger.

    Raises UnreadableDocumentError or BadSignatureError, with nothing changed.
    """
    receipt = Receipt.from_json(document)
    policy.ledger.verify_receipt(
        receipt,
        partner.key(receipt.key_id),
        receiver=partner.node_id or "",
        sender=node.settings.node_id,
    )
    now = node.clock.now()
    digest = policy.ledger.digest_of(document).hex()
    entry = policy.ledger.receipt_entry(partner.name, digest, len(receipt.entries), at=now, salt=node.random(16))
    with node.store.database.writing() as transaction:
        came = [entry for entry in receipt.entries if entry.outcome != "withdrawn"]
        releases.note_receipts(transaction, partner.name, came, at=now)
        told = [entry for entry in receipt.entries if entry.outcome == "withdrawn"]
        withdrawals.note_told(transaction, partner.name, told, at=now)
        ledger.append(transaction, [entry])
        transaction.run("partner", "contact", name=partner.name, at=now)
    return receipt
