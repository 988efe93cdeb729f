"""Who a node says it is: its names, its address, its public key and the certificate it answers with."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from katchi.errors import KatchiError
from katchi.policy import signed
from katchi.policy.keys import KEY_TEXT, PublicKey, encode

Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\Z")]
NodeId = Annotated[str, msgspec.Meta(pattern=r"\Aidentity--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Url = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[!-~]{1,2000}\Z")]
KeyText = Annotated[str, msgspec.Meta(pattern=KEY_TEXT)]
Certificate = Annotated[str, msgspec.Meta(max_length=8192)]
DigestText = Annotated[str, msgspec.Meta(pattern=KEY_TEXT)]  # SHA-256 is as long as a key


class InvalidIntroductionError(KatchiError):
    """A node does not say properly who it is."""

    code = "invalid-introduction"


class Introduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who a node says it is. Nothing here is believed before two people have compared the words.

    `name` is what the node calls itself; we may call it otherwise. `url` is the address partners use.
    """

    name: Name
    node_id: NodeId
    url: Url
    public_key: KeyText
    certificate: Certificate  # PEM
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        PublicKey.from_text(self.public_key)
        certificate_digest(self.certificate)
        # A title is shown beside the words: it must not hide or reorder what is around it.
        if any(unicodedata.category(character).startswith("C") for character in self.title):
            raise InvalidIntroductionError("The title has invisible characters.", what="title")

    @property
    def key(self) -> PublicKey:
        """The node's signing key."""
        return PublicKey.from_text(self.public_key)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, base64url: stands for everything said here."""
        return encode(hashlib.sha256(signed.payload("introduction", self)).digest())

    def to_json(self) -> bytes:
        """The document."""
        return signed.canonical(self)

    @classmethod
    def from_json(cls, document: bytes | str) -> Introduction:
        """Reads `to_json`. Raises UnreadableDocumentError, InvalidKeyError or InvalidIntroductionError."""
        return signed.read(document, cls, what="an introduction")


def certificate_digest(pem: str | bytes) -> str:
    """SHA-256 of the one certificate in a PEM text, base64url. Raises InvalidIntroductionError."""
    text = pem.encode() if isinstance(pem, str) else pem
    try:
        (certificate,) = x509.load_pem_x509_certificates(text)
    except (ValueError, x509.InvalidVersion) as problem:
        raise InvalidIntroductionError(
            "The TLS certificate cannot be used.",
            what="certificate",
            expected="exactly one certificate in PEM",
        ) from problem
    return encode(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())
