"""A node's signed word on how its whole ledger looks at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from katchi.policy import signed
from katchi.policy.keys import BadSignatureError, NodeKey, PublicKey, verify
from katchi.policy.ledger.merkle import ProofError, verify_consistency

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class SignedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size and root of a node's ledger at one moment. Two that do not fit together convict the signer."""

    node: str
    size: Count
    root: Hash
    at: Count
    key_id: str
    signature: Signature

    def to_json(self) -> bytes:
        """The document that partners exchange."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> SignedHead:
        """Reads `to_json`; says nothing yet about the signature. Raises UnreadableDocumentError."""
        return signed.read(document, cls, what="a signed head")


def sign_head(key: NodeKey, *, node: str, size: int, root: bytes, at: int) -> SignedHead:
    """Our word on our ledger."""
    head = SignedHead(node, size, root, at, key.public.id, bytes(64))
    return msgspec.structs.replace(head, signature=key.sign(_payload(head)))


def verify_head(head: SignedHead, key: PublicKey) -> None:
    """Returns if the head is signed by this key. Raises BadSignatureError."""
    if head.key_id != key.id:
        raise BadSignatureError(
            "The head is signed by another key.",
            where=head.node,
            what="key_id",
            expected=key.id,
            found=head.key_id,
        )
    verify(key, head.signature, _payload(head))


def check_growth(old: SignedHead, new: SignedHead, path: Sequence[bytes]) -> None:
    """Returns if a partner's later head only adds to its earlier one. Raises ProofError.

    The signatures must have been verified. A failure is worth a telephone call: the partner rewrote
    its ledger, restored an old backup, or shows different ledgers to different partners.
    """
    if old.node != new.node:
        raise ProofError("The heads are of two nodes.", what="node", expected=old.node, found=new.node)
    verify_consistency(old.size, new.size, old.root, new.root, path)


def _payload(head: SignedHead) -> bytes:
    return signed.payload("head", head, "signature")
