"""Signatures of playbooks (CACAO 2.0 §10.15 and appendix A): each for itself, so that several can sign.

What is signed is the playbook with this one signature, without its `value`, in canonical JSON (RFC 8785); of that the
hash, and of the hash its hexadecimal digits as ASCII text: so does the standard's own example, and only so does it
verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from katchi import stix
from katchi.errors import KatchiError

_HASHES: Final = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}
_SIZES: Final = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Final = {"256": (ec.SECP256R1, 32), "384": (ec.SECP384R1, 48), "512": (ec.SECP521R1, 66)}
ALGORITHMS: Final = ("Ed25519", *(f"{kind}{size}" for kind in ("RS", "PS", "ES") for size in _SIZES))
LEAST_BITS: Final = 2048  # of an RSA key


class BadPlaybookSignatureError(KatchiError):
    """A signature of a playbook does not hold, or cannot be checked."""

    code = "playbook-signature"


def signed_text(document: Mapping[str, Any], signature: Mapping[str, Any]) -> bytes:
    """What one signature is over. Raises BadPlaybookSignatureError for a hash that is not known."""
    make = _HASHES.get(str(signature.get("hash_algorithm")).lower())
    if make is None:
        raise BadPlaybookSignatureError(
            "This hash is not known.", what="hash_algorithm", found=str(signature.get("hash_algorithm"))[:40],
            expected=", ".join(_HASHES),
        )  # fmt: skip
    bare = {name: value for name, value in signature.items() if name not in ("value", "signature")}
    return make(stix.canonical_json({**document, "signatures": [bare]}).encode()).hexdigest().encode()


def sign(
    document: Mapping[str, Any], make: Callable[[bytes], bytes], public: bytes, *, by: str, signee: str, at: str
) -> dict[str, Any]:  # fmt: skip
    """The playbook with one more signature, by Ed25519.

    `make` signs, `public` is the key as 32 bytes; `at` is RFC 3339 with milliseconds.
    """
    name = hashlib.sha256(stix.canonical_json([document["id"], document["modified"], by, at]).encode()).digest()
    signature: dict[str, Any] = {
        "type": "jss", "id": f"jss--{uuid.UUID(bytes=name[:16], version=4)}",
        "created_by": by, "created": at, "modified": at, "signee": signee, "related_to": document["id"],
        "related_version": document["modified"], "hash_algorithm": "sha-256", "algorithm": "Ed25519",
        "public_key": base64.b64encode(_ED25519 + public).decode(),
    }  # fmt: skip
    value = base64.urlsafe_b64encode(make(signed_text(document, signature))).rstrip(b"=").decode()
    return {**document, "signatures": [*document.get("signatures", []), {**signature, "value": value}]}


# What stands before the 32 bytes of an Ed25519 key in SubjectPublicKeyInfo (RFC 8410 §4).
_ED25519: Final = bytes.fromhex("302a300506032b6570032100")


def verify(document: Mapping[str, Any], signature: Mapping[str, Any], *, now: int) -> bytes:
    """The public key (SubjectPublicKeyInfo) by which a signature holds; whose that is, the caller has to know.

    `now` is µs. Raises BadPlaybookSignatureError.
    """
    if signature.get("related_to") != document.get("id") or signature.get("related_version") != document.get(
        "modified"
    ):
        raise BadPlaybookSignatureError("The signature is of another playbook, or another version.")
    if signature.get("revoked") is True:
        raise BadPlaybookSignatureError("The signature was revoked by who made it.")
    for name, is_early in (("valid_from", True), ("valid_until", False)):
        if name in signature and (now < _time(signature[name])) == is_early:
            raise BadPlaybookSignatureError(
                "The signature is not valid now.", what=name, found=str(signature[name])[:40]
            )
    key = _decoded(signature.get("public_key"), "public_key")
    value, algorithm = _decoded(signature.get("value"), "value"), str(signature.get("algorithm"))
    text = signed_text(document, signature)
    try:
        _check(load_der_public_key(key), algorithm, value, text)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise BadPlaybookSignatureError(
            "The signature does not hold, or the playbook was changed since.", what=str(signature.get("signee"))[:80]
        ) from problem
    return key


def _time(value: object) -> int:
    try:
        return stix.parse_timestamp(str(value))
    except KatchiError as problem:
        raise BadPlaybookSignatureError("This is no time.", found=str(value)[:40]) from problem


def _decoded(value: object, what: str) -> bytes:
    """Base64, plain or for URLs, with or without padding."""
    text = str(value or "").replace("-", "+").replace("_", "/")
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadPlaybookSignatureError("This is not base64.", what=what) from problem
    if not found:
        raise BadPlaybookSignatureError("The signature is not whole.", what=what)
    return found


def _check(key: object, algorithm: str, value: bytes, text: bytes) -> None:
    """Raises InvalidSignature, or ValueError where key and algorithm do not fit."""
    kind, size = algorithm[:2], algorithm[2:]
    if algorithm == "Ed25519" and isinstance(key, Ed25519PublicKey):
        key.verify(value, text)
    elif kind in ("RS", "PS") and size in _SIZES and isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_BITS:
        digest = _SIZES[size]
        how: padding.AsymmetricPadding = (
            padding.PKCS1v15() if kind == "RS" else padding.PSS(padding.MGF1(digest), digest.digest_size)
        )
        key.verify(value, text, how, digest)
    elif kind == "ES" and size in _CURVES and isinstance(key, ec.EllipticCurvePublicKey):
        curve, width = _CURVES[size]
        if not isinstance(key.curve, curve) or len(value) != 2 * width:
            raise ValueError(algorithm)
        pair = encode_dss_signature(int.from_bytes(value[:width]), int.from_bytes(value[width:]))
        key.verify(pair, text, ec.ECDSA(_SIZES[size]))
    else:
        raise ValueError(algorithm)


def signatures_of(raw: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A playbook's document, and its signatures. Raises ValueError where it is no JSON object."""
    document = json.loads(raw)
    if not isinstance(document, dict):
        raise ValueError("a playbook is a JSON object")
    found = document.get("signatures", [])
    return document, [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
