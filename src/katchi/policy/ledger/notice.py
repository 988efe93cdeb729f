"""The owner's signed word that what it released is not for this partner any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from katchi.policy import signed
from katchi.policy.keys import BadSignatureError, NodeKey, PublicKey, verify
from katchi.policy.ledger.head import Count, Signature
from katchi.policy.ledger.receipt import Digest


class Withdrawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version that was released and is not any more. `digest` is SHA-256, hex, of the bytes that went.

    Why is not said: it would tell of the owner's rules, or of the object's later versions.
    """

    object_id: Annotated[str, msgspec.Meta(max_length=300)]
    version: Annotated[str, msgspec.Meta(max_length=300)]  # as written; "" for an object without one
    digest: Digest
    at: Count  # µs, by the owner's clock


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one owner took back from one partner. Both are node ids."""

    owner: str
    partner: str
    at: Count
    entries: Annotated[tuple[Withdrawn, ...], msgspec.Meta(max_length=50_000)]
    key_id: str
    signature: Signature

    def to_json(self) -> bytes:
        """The document that goes."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> Notice:
        """Reads `to_json`; says nothing yet about the signature. Raises UnreadableDocumentError."""
        return signed.read(document, cls, what="a notice of withdrawal")


def sign_notice(key: NodeKey, *, owner: str, partner: str, at: int, entries: Sequence[Withdrawn]) -> Notice:
    """Our word to the partner."""
    notice = Notice(owner, partner, at, tuple(entries), key.public.id, bytes(64))
    return msgspec.structs.replace(notice, signature=key.sign(_payload(notice)))


def verify_notice(notice: Notice, key: PublicKey, *, owner: str, partner: str) -> None:
    """Returns if the owner signed this for the partner with this key. Raises BadSignatureError."""
    for what, expected, found in (
        ("owner", owner, notice.owner),
        ("partner", partner, notice.partner),
        ("key_id", key.id, notice.key_id),
    ):
        if found != expected:
            raise BadSignatureError("The notice is somebody else's.", what=what, expected=expected, found=found)
    verify(key, notice.signature, _payload(notice))


def _payload(notice: Notice) -> bytes:
    return signed.payload("withdrawal", notice, "signature")
