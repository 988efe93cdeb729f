"""A partner's signed word that objects came, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from katchi.policy import signed
from katchi.policy.keys import BadSignatureError, NodeKey, PublicKey, verify
from katchi.policy.ledger.head import Count, Signature
from katchi.policy.ledger.reconcile import ReceiptFact

Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Outcome = Annotated[str, msgspec.Meta(pattern=r"\A(stored|already-held|withdrawn|refused:[a-z0-9_-]{1,60})\Z")]


class Received(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one version. `digest` is SHA-256, hex, of what came."""

    object_id: Annotated[str, msgspec.Meta(max_length=300)]
    version: Annotated[str, msgspec.Meta(max_length=300)]  # as written; "" for an object without one
    digest: Digest
    outcome: Outcome


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receiver's signed list of what came from one sender at one moment. Both are node ids."""

    receiver: str
    sender: str
    at: Count
    entries: Annotated[tuple[Received, ...], msgspec.Meta(max_length=50_000)]
    key_id: str
    signature: Signature

    def to_json(self) -> bytes:
        """The document that goes back; the ledger keeps its SHA-256."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> Receipt:
        """Reads `to_json`; says nothing yet about the signature. Raises UnreadableDocumentError."""
        return signed.read(document, cls, what="a receipt")

    def facts(self) -> tuple[ReceiptFact, ...]:
        """The receipt as reconciliation sees it."""
        return tuple(ReceiptFact(entry.object_id, entry.version, entry.digest, entry.outcome) for entry in self.entries)


def sign_receipt(key: NodeKey, *, receiver: str, sender: str, at: int, entries: Sequence[Received]) -> Receipt:
    """Our word to the sender."""
    receipt = Receipt(receiver, sender, at, tuple(entries), key.public.id, bytes(64))
    return msgspec.structs.replace(receipt, signature=key.sign(_payload(receipt)))


def verify_receipt(receipt: Receipt, key: PublicKey, *, receiver: str, sender: str) -> None:
    """Returns if the receiver signed this for the sender with this key. Raises BadSignatureError."""
    for what, expected, found in (
        ("receiver", receiver, receipt.receiver),
        ("sender", sender, receipt.sender),
        ("key_id", key.id, receipt.key_id),
    ):
        if found != expected:
            raise BadSignatureError("The receipt is somebody else's.", what=what, expected=expected, found=found)
    verify(key, receipt.signature, _payload(receipt))


def _payload(receipt: Receipt) -> bytes:
    return signed.payload("receipt", receipt, "signature")
