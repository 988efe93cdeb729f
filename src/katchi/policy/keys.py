"""A node's signing key, and the public keys by which partners know one another."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from katchi.errors import KatchiError

KEY_TEXT = r"\A[A-Za-z0-9_-]{43}\Z"

# The y coordinates of the points of small order on edwards25519, reduced (RFC 7748 §6 names the danger).
# Under such a key one signature fits many messages, so its owner could deny every receipt.
_SMALL_ORDER = frozenset(
    bytes.fromhex(y)
    for y in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
_FIELD = 2**255 - 19


class BadSignatureError(KatchiError):
    """The signature is not by this key over these bytes."""

    code = "bad-signature"


class InvalidKeyError(KatchiError):
    """This is not an Ed25519 key that can be used."""

    code = "invalid-key"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key (RFC 8032): 32 bytes that anyone may know."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise InvalidKeyError("A public key has 32 bytes.", expected="32 bytes", found=f"{len(self.raw)} bytes")
        y = self.raw[:31] + bytes([self.raw[31] & 0x7F])
        if y in _SMALL_ORDER or int.from_bytes(y, "little") >= _FIELD:
            raise InvalidKeyError(
                "Under this public key anyone's signature would do.",
                expected="a point of large order, canonically encoded (RFC 8032 §5.1.3)",
                found=self.to_text(),
            )

    @property
    def id(self) -> str:
        """The key's name: its JWK thumbprint (RFC 7638, RFC 8037 §2), 43 characters."""
        jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{self.to_text()}"}}'
        return encode(hashlib.sha256(jwk.encode()).digest())

    def to_text(self) -> str:
        """The key as 43 characters of base64url."""
        return encode(self.raw)

    def to_pem(self) -> bytes:
        """The key as SubjectPublicKeyInfo in PEM (RFC 8410), for openssl."""
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Reads `to_text`. Raises InvalidKeyError."""
        if not re.match(KEY_TEXT, text):
            raise InvalidKeyError("This is not a public key.", expected="43 characters of base64url", found=text[:60])
        key = cls(base64.urlsafe_b64decode(text + "="))
        if key.to_text() != text:  # unused bits set: the same key must not have two texts
            raise InvalidKeyError("This public key is not written canonically.", expected=key.to_text(), found=text)
        return key


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NodeKey:
    """A node's private key. It signs; it is never shown."""

    _private: Ed25519PrivateKey

    @classmethod
    def generate(cls, seed: bytes) -> NodeKey:
        """The key that 32 random bytes make. Raises InvalidKeyError."""
        if len(seed) != 32:
            raise InvalidKeyError(
                "A key is made from 32 random bytes.", expected="32 bytes", found=f"{len(seed)} bytes"
            )
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, pem: bytes) -> NodeKey:
        """Reads `private_pem`. Raises InvalidKeyError."""
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as problem:
            raise InvalidKeyError("The private key cannot be read.", expected="PKCS#8 PEM, unencrypted") from problem
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidKeyError("The private key is of another kind.", expected="Ed25519")
        return cls(private)

    def private_pem(self) -> bytes:
        """The key as PKCS#8 PEM (RFC 8410), for a file that only the node can read."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public(self) -> PublicKey:
        """The half that partners know."""
        return PublicKey(self._private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """64 bytes that only this key can make (RFC 8032 §5.1.6)."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        return f"NodeKey({self.public.id})"


def verify(public: PublicKey, signature: bytes, data: bytes) -> None:
    """Returns if the signature is by this key over these bytes. Raises BadSignatureError."""
    try:
        Ed25519PublicKey.from_public_bytes(public.raw).verify(signature, data)
    except InvalidSignature:
        raise BadSignatureError(
            "The signature is not by this key, or what was signed has changed since.",
            where=f"key {public.id}",
        ) from None


def decode(text: str) -> bytes:
    """What `encode` made. Raises BadSignatureError."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, TypeError):
        raise BadSignatureError("This is not base64url.", found=text[:40]) from None


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 4648 §5), as keys, ids and digests are written."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
