"""A receipt is the receiver's word to one sender, and nobody else's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from katchi.policy.keys import BadSignatureError
from katchi.policy.ledger import Receipt, ReceiptFact, Received, sign_head, sign_receipt, verify_receipt
from katchi.policy.signed import UnreadableDocumentError
from tests.policy.two_nodes import CHOI, KIM, NOW, PARK

SENDER, RECEIVER = KIM.introduction.node_id, PARK.introduction.node_id
STORED = Received("indicator--1", "2016-02-15T01:02:03Z", "ab" * 32, "stored")
REFUSED = Received("ipv4-addr--2", "", "cd" * 32, "refused:changed-bytes")
RECEIPT = sign_receipt(PARK.key, receiver=RECEIVER, sender=SENDER, at=NOW, entries=[STORED, REFUSED])


def test_kim_reads_what_park_signed() -> None:
    again = Receipt.from_json(RECEIPT.to_json())
    verify_receipt(again, PARK.key.public, receiver=RECEIVER, sender=SENDER)
    assert again == RECEIPT
    assert again.facts() == (
        ReceiptFact("indicator--1", "2016-02-15T01:02:03Z", "ab" * 32, "stored"),
        ReceiptFact("ipv4-addr--2", "", "cd" * 32, "refused:changed-bytes"),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"receiver": CHOI.introduction.node_id},
        {"sender": CHOI.introduction.node_id},
        {"at": NOW + 1},
        {"entries": (STORED,)},
        {"entries": (REFUSED, STORED)},
        {"entries": (msgspec.structs.replace(STORED, outcome="already-held"), REFUSED)},
        {"key_id": CHOI.key.public.id},
        {"signature": bytes(64)},
    ],
    ids=str,
)
def test_a_changed_receipt_is_refused(change: dict[str, Any]) -> None:
    changed = msgspec.structs.replace(RECEIPT, **change)
    with pytest.raises(BadSignatureError):
        verify_receipt(changed, PARK.key.public, receiver=RECEIVER, sender=SENDER)


def test_a_receipt_to_choi_is_no_receipt_to_kim() -> None:
    receipt = sign_receipt(PARK.key, receiver=RECEIVER, sender=CHOI.introduction.node_id, at=NOW, entries=[STORED])
    with pytest.raises(BadSignatureError, match="somebody else's"):
        verify_receipt(receipt, PARK.key.public, receiver=RECEIVER, sender=SENDER)


def test_a_signature_of_one_kind_never_serves_for_another() -> None:
    head = sign_head(PARK.key, node=RECEIVER, size=0, root=bytes(32), at=NOW)
    with pytest.raises(BadSignatureError):
        verify_receipt(
            msgspec.structs.replace(RECEIPT, signature=head.signature),
            PARK.key.public, receiver=RECEIVER, sender=SENDER,
        )  # fmt: skip


TEXT = RECEIPT.to_json()


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        TEXT[:-1],
        TEXT.replace(b'"stored"', b'"lost"'),
        TEXT.replace(b"refused:changed-bytes", b"refused:"),
        TEXT.replace(b"refused:changed-bytes", b"refused:a\\nb"),
        TEXT.replace(b"ab" * 32, b"AB" * 32),
        TEXT.replace(b"ab" * 32, b"ab" * 31),
        TEXT.replace(b'"at":', b'"at":-'),
        TEXT.replace(b'"at":', b'"note":1,"at":'),
    ],
)
def test_what_is_no_receipt_is_refused(document: bytes) -> None:
    with pytest.raises(UnreadableDocumentError):
        Receipt.from_json(document)
