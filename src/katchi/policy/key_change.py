"""A node's word that a new key takes the place of its old one, signed by both."""

from __future__ import annotations

from typing import Annotated

import msgspec

from katchi.errors import KatchiError
from katchi.policy import signed
from katchi.policy.introduction import Certificate, KeyText, NodeId, certificate_digest
from katchi.policy.keys import NodeKey, PublicKey, verify

Moment = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class KeyChangeMismatchError(KatchiError):
    """A change of keys does not start from the key that we know, or is another node's."""

    code = "key-change-mismatch"


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From now on `new` signs for this node. The old key says so; the new one shows that somebody holds it.

    `certificate` is the TLS certificate that comes with it, if that changes too.
    """

    node_id: NodeId
    old: KeyText
    new: KeyText
    at: Moment
    certificate: Certificate | None
    old_signature: Signature
    new_signature: Signature

    def __post_init__(self) -> None:
        PublicKey.from_text(self.new)
        if self.certificate is not None:
            certificate_digest(self.certificate)

    def to_json(self) -> bytes:
        """The document that goes to every partner."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> KeyChange:
        """Reads `to_json`; says nothing yet about the signatures.

        Raises UnreadableDocumentError, InvalidKeyError or InvalidIntroductionError.
        """
        return signed.read(document, cls, what="a change of keys")


def make_key_change(old: NodeKey, new: NodeKey, *, node_id: str, at: int, certificate: str | None = None) -> KeyChange:
    """Our word that `new` follows `old`."""
    change = KeyChange(node_id, old.public.to_text(), new.public.to_text(), at, certificate, bytes(64), bytes(64))
    payload = _payload(change)
    return msgspec.structs.replace(change, old_signature=old.sign(payload), new_signature=new.sign(payload))


def check_key_change(change: KeyChange, *, node_id: str, known: PublicKey) -> PublicKey:
    """The new key, if the known one and itself say so. Raises KeyChangeMismatchError or BadSignatureError."""
    for what, expected, found in (("node_id", node_id, change.node_id), ("old", known.to_text(), change.old)):
        if found != expected:
            raise KeyChangeMismatchError(
                "This change of keys does not start from what we know of the partner.",
                what=what, expected=expected, found=found,
                remedy="if a change was missed, invite the partner again",
            )  # fmt: skip
    new = PublicKey.from_text(change.new)
    if new == known:
        raise KeyChangeMismatchError("The new key is the old one.", what="new", found=change.new)
    verify(known, change.old_signature, _payload(change))
    verify(new, change.new_signature, _payload(change))
    return new


def _payload(change: KeyChange) -> bytes:
    return signed.payload("key-change", change, "old_signature", "new_signature")
