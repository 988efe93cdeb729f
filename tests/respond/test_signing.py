"""Playbooks that one or several have signed: each signature holds by itself, over nothing but what it signed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from katchi import stix
from katchi.respond.cacao import read
from katchi.respond.cacao.signing import BadPlaybookSignatureError, sign, signatures_of, signed_text, verify
from tests.respond.pack import build

NOW = stix.parse_timestamp("2026-11-24T12:00:00Z")
AT = "2026-11-24T00:00:00.000Z"
KIM, PARK = Ed25519PrivateKey.from_private_bytes(b"k" * 32), Ed25519PrivateKey.from_private_bytes(b"p" * 32)


def playbook() -> dict[str, Any]:
    return build("signed", "s: start then=a\na: do then=e\ne: end")


def by(key: Ed25519PrivateKey, document: dict[str, Any], name: str = "kr-cert") -> dict[str, Any]:
    public = key.public_key().public_bytes_raw()
    return sign(document, key.sign, public, by="identity--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e50", signee=name, at=AT)


def test_several_sign_in_any_order_and_each_holds_by_itself() -> None:
    both = by(PARK, by(KIM, playbook()), "us-cert")
    read(json.dumps(both).encode())
    document, found = signatures_of(json.dumps(both).encode())
    assert [each["signee"] for each in found] == ["kr-cert", "us-cert"]
    for each, key in zip(found, (KIM, PARK), strict=True):
        assert verify(document, each, now=NOW).endswith(key.public_key().public_bytes_raw())
    del both["signatures"][0]
    assert verify(both, found[1], now=NOW)


def test_what_is_signed_is_the_hash_as_text_of_the_canonical_form() -> None:
    """As the example in the standard's appendix does it: the hexadecimal digits, not the bytes that they stand for."""
    signed = by(KIM, playbook())
    signature = dict(signed["signatures"][0])
    value = signature.pop("value")
    canonical = json.dumps({**playbook(), "signatures": [signature]}, sort_keys=True, separators=(",", ":"))
    text = hashlib.sha256(canonical.encode()).hexdigest().encode()
    assert signed_text(playbook(), signature) == text
    KIM.public_key().verify(base64.urlsafe_b64decode(value + "=="), text)


def spoil(**more: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["signatures"][0].update(more)


SPOILED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another step": lambda document: next(iter(document["workflow"].values())).update(name="other"),
    "another version": lambda document: document.update(modified="2027-01-01T00:00:00.000Z"),
    "another playbook": lambda document: document.update(id="playbook--7f1c1b9a-5b1f-4a55-8c5e-0a1b2c3d4e50"),
    "something more": lambda document: document.update(x=1),
    "another signee": spoil(signee="somebody"),
    "another's key": spoil(
        public_key=base64.b64encode(
            bytes.fromhex("302a300506032b6570032100") + PARK.public_key().public_bytes_raw()
        ).decode()
    ),
    "no key": spoil(public_key=""),
    "a broken key": spoil(public_key="AAAA"),
    "no base64": spoil(value="%%"),
    "no value": spoil(value=""),
    "another value": spoil(value="A" * 86),
    "another algorithm": spoil(algorithm="RS256"),
    "no algorithm": spoil(algorithm="none"),
    "a weak hash": spoil(hash_algorithm="md5"),
    "revoked": spoil(revoked=True),
    "not yet valid": spoil(valid_from="2027-01-01T00:00:00Z"),
    "no longer valid": spoil(valid_until="2026-01-01T00:00:00Z"),
    "valid sometime": spoil(valid_until="soon"),
}


@pytest.mark.parametrize("change", SPOILED.values(), ids=SPOILED)
def test_whatever_was_changed_since_it_does_not_hold(change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(json.dumps(by(KIM, playbook())))
    verify(document, document["signatures"][0], now=NOW)
    change(document)
    with pytest.raises(BadPlaybookSignatureError):
        verify(document, document["signatures"][0], now=NOW)


RSA = rsa.generate_private_key(65537, 2048)


def rsa_value(text: bytes, digest: hashes.HashAlgorithm, *, is_pss: bool) -> bytes:
    if is_pss:
        return RSA.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return RSA.sign(text, padding.PKCS1v15(), digest)


def test_other_algorithms_of_the_standard_are_checked() -> None:
    made: list[tuple[str, Any, Callable[[bytes], bytes]]] = []
    kinds: list[tuple[int, hashes.HashAlgorithm, ec.EllipticCurve]] = [
        (256, hashes.SHA256(), ec.SECP256R1()),
        (384, hashes.SHA384(), ec.SECP384R1()),
        (512, hashes.SHA512(), ec.SECP521R1()),
    ]
    for size, digest, curve in kinds:
        made.append((f"RS{size}", RSA, lambda text, digest=digest: rsa_value(text, digest, is_pss=False)))  # type: ignore[misc]
        made.append((f"PS{size}", RSA, lambda text, digest=digest: rsa_value(text, digest, is_pss=True)))  # type: ignore[misc]
        key = ec.generate_private_key(curve)
        width = (key.key_size + 7) // 8

        def joined(text: bytes, key: Any = key, digest: Any = digest, width: int = width) -> bytes:
            pair = decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
            return b"".join(number.to_bytes(width) for number in pair)

        made.append((f"ES{size}", key, joined))
    for algorithm, key, make in made:
        document = playbook()
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        signature = {
            "type": "jss", "related_to": document["id"], "related_version": document["modified"],
            "algorithm": algorithm, "hash_algorithm": "SHA-256", "signee": "x",
            "public_key": base64.b64encode(public).decode(),
        }  # fmt: skip
        signature["value"] = base64.urlsafe_b64encode(make(signed_text(document, signature))).decode()
        assert verify(document, signature, now=NOW) == public, algorithm
        with pytest.raises(BadPlaybookSignatureError):
            verify(document, {**signature, "algorithm": "Ed25519"}, now=NOW)
        with pytest.raises(BadPlaybookSignatureError):
            verify({**document, "name": "other"}, signature, now=NOW)


def test_a_short_rsa_key_is_none() -> None:
    key = rsa.generate_private_key(65537, 1024)
    document = playbook()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = {
        "related_to": document["id"], "related_version": document["modified"], "algorithm": "RS256",
        "hash_algorithm": "sha-256", "signee": "x",
            "public_key": base64.b64encode(public).decode(),
    }  # fmt: skip
    text = signed_text(document, signature)
    signature["value"] = base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    with pytest.raises(BadPlaybookSignatureError):
        verify(document, signature, now=NOW)
