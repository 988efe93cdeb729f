"""The protocol implemented a second time, from its reference alone, agrees with the example and with us."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from mnemonic import Mnemonic

from katchi.policy import signed
from katchi.policy.introduction import Introduction
from katchi.policy.invitation import (
    JoinAnswer,
    JoinRequest,
    answer_join,
    ask_to_join,
    conclude_join,
    make_invitation,
    read_invitation,
)
from katchi.policy.key_change import KeyChange, check_key_change
from katchi.policy.keys import NodeKey
from katchi.policy.ledger import Receipt, SignedHead, check_growth, check_proof, verify_head, verify_receipt
from katchi.policy.words import fingerprint_words

ROOT = Path(__file__).resolve().parents[2]
V: dict[str, Any] = json.loads((ROOT / "docs/reference/partner-protocol-vectors.json").read_text("utf-8"))
INVITER, JOINER = V["inviter"], V["joiner"]
SECRET, REVEAL = bytes.fromhex(V["join"]["entropy"])[:16], bytes.fromhex(V["join"]["entropy"])[16:]


# ---- the second implementation -----------------------------------------------------------------


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_text(data: str) -> bytes:
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def payload(kind: str, document: dict[str, Any], *without: str) -> bytes:
    kept = {name: value for name, value in document.items() if name not in without}
    return f"katchi/{kind}/1\n".encode() + json.dumps(
        kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode("utf-8")


def is_signed(key: str, signature: str, data: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(read_text(key)).verify(base64.b64decode(signature), data)


def is_mac(mac: str, data: bytes) -> bool:
    return hmac.new(SECRET, data, "sha256").digest() == base64.b64decode(mac)


def key_id(key: str) -> str:
    return text(sha(f'{{"crv":"Ed25519","kty":"OKP","x":"{key}"}}'.encode()))


def words_of(fingerprint: bytes, language: str) -> list[str]:
    bits = "".join(f"{byte:08b}" for byte in sha(b"katchi/words/1\n" + fingerprint))
    listed = Mnemonic(language).wordlist
    return [unicodedata.normalize("NFC", listed[int(bits[place : place + 11], 2)]) for place in range(0, 66, 11)]


# ---- the example, read by it -------------------------------------------------------------------


@pytest.mark.parametrize("node", [INVITER, JOINER])
def test_keys_and_digests_of_introductions(node: dict[str, Any]) -> None:
    introduction = node["introduction"]
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(node["seed"]))
    assert text(private.public_key().public_bytes_raw()) == introduction["public_key"]
    assert key_id(introduction["public_key"]) == node["key_id"]
    assert text(sha(payload("introduction", introduction))) == node["digest"]


def test_the_invitation_as_file_and_as_code() -> None:
    lines = V["join"]["file"].splitlines()
    invitation = json.loads(base64.b64decode("".join(lines[lines.index("") + 1 : -1])))
    assert invitation["id"] == text(sha(b"katchi/invitation/1\n" + REVEAL))
    assert invitation["inviter"] == INVITER["introduction"]
    assert base64.b64decode(invitation["secret"]) == SECRET
    certificate = x509.load_pem_x509_certificate(INVITER["introduction"]["certificate"].encode())
    code = parse_qs(V["join"]["qr"].removeprefix("katchi:join?"))
    assert code == {
        "u": [INVITER["introduction"]["url"]],
        "i": [invitation["id"]],
        "s": [text(SECRET)],
        "d": [INVITER["digest"]],
        "c": [text(sha(certificate.public_bytes(Encoding.DER)))],
        "x": [str(invitation["expires_at"] // 1_000_000)],
    }


def test_the_join() -> None:
    request, answer = V["join"]["request"], V["join"]["answer"]
    assert is_mac(request["mac"], payload("join-request", request, "mac", "signature"))
    is_signed(
        JOINER["introduction"]["public_key"],
        request["signature"],
        payload("join-request", request, "signature"),
    )
    assert request["inviter_digest"] == INVITER["digest"]
    assert answer["request"] == text(sha(payload("join-request", request)))
    assert base64.b64decode(answer["reveal"]) == REVEAL
    assert is_mac(answer["mac"], payload("join-answer", answer, "mac", "signature"))
    is_signed(
        INVITER["introduction"]["public_key"],
        answer["signature"],
        payload("join-answer", answer, "signature"),
    )


def test_the_words() -> None:
    request, answer = V["join"]["request"], V["join"]["answer"]
    told = {
        "introductions": sorted([INVITER["digest"], JOINER["digest"]]),
        "invitation": request["invitation"], "nonce": request["nonce"], "reveal": answer["reveal"],
    }  # fmt: skip
    fingerprint = sha(payload("fingerprint", told))
    assert fingerprint.hex() == V["join"]["fingerprint"]
    assert words_of(fingerprint, "english") == V["join"]["words"]["en"]
    assert words_of(fingerprint, "korean") == V["join"]["words"]["ko"]


def test_the_request_token() -> None:
    told = V["token"]
    scheme, _, value = told["authorization"].partition(" ")
    header, claims, signature = value.split(".")
    Ed25519PublicKey.from_public_bytes(read_text(JOINER["introduction"]["public_key"])).verify(
        read_text(signature), f"{header}.{claims}".encode()
    )
    assert scheme == "Katchi"
    assert json.loads(read_text(header)) == {
        "alg": "Ed25519", "kid": JOINER["key_id"], "typ": "katchi-request+jws",
    }  # fmt: skip
    seconds = told["at"] // 1_000_000
    assert json.loads(read_text(claims)) == {
        "iss": JOINER["introduction"]["node_id"], "aud": INVITER["introduction"]["node_id"],
        "iat": seconds, "exp": seconds + 60, "jti": text(bytes.fromhex(told["jti"])),
        "htm": told["method"], "htu": told["target"], "bd": text(sha(told["body"].encode())),
    }  # fmt: skip


def test_the_ledger_its_heads_and_their_growth() -> None:
    told = V["ledger"]
    leaves = [sha(b"\x00" + entry.encode()) for entry in told["entries"]]
    assert [leaf.hex() for leaf in leaves] == told["leaf_hashes"]
    a, b, c, d, e = leaves
    ab, cd = sha(b"\x01" + a + b), sha(b"\x01" + c + d)
    three, abcd = sha(b"\x01" + ab + c), sha(b"\x01" + ab + cd)
    five = sha(b"\x01" + abcd + e)
    assert [base64.b64decode(head["root"]) for head in told["heads"]] == [three, five]
    assert told["growth"] == [c.hex(), d.hex(), ab.hex(), e.hex()]
    for head in told["heads"]:
        is_signed(INVITER["introduction"]["public_key"], head["signature"], payload("head", head, "signature"))
    assert [base64.b64decode(step) for step in told["proof"]["path"]] == [a, cd, e]
    assert told["proof"]["entry"] == told["entries"][1]
    assert told["proof"]["head"] == told["heads"][1]


def test_the_receipt_and_the_change_of_keys() -> None:
    receipt, change = V["receipt"], V["key_change"]["statement"]
    old = JOINER["introduction"]["public_key"]
    is_signed(old, receipt["signature"], payload("receipt", receipt, "signature"))
    data = payload("key-change", change, "old_signature", "new_signature")
    is_signed(old, change["old_signature"], data)
    is_signed(change["new"], change["new_signature"], data)


# ---- the example, made and read by ours --------------------------------------------------------


def ours(node: dict[str, Any]) -> tuple[NodeKey, Introduction]:
    return NodeKey.generate(bytes.fromhex(node["seed"])), Introduction.from_json(json.dumps(node["introduction"]))


def test_we_make_and_read_the_same_join() -> None:
    (kim, kims), (park, parks) = ours(INVITER), ours(JOINER)
    invitation = read_invitation(V["join"]["file"])
    kept = make_invitation(kims, entropy=bytes.fromhex(V["join"]["entropy"]), expires_at=invitation.expires_at)
    assert kept.invitation == invitation
    request = ask_to_join(kept.invitation, parks, park, nonce=bytes.fromhex(V["join"]["nonce"]), now=V["token"]["at"])
    answer, meeting = answer_join(kept, request, kim, now=V["token"]["at"])
    assert request == signed.read(json.dumps(V["join"]["request"]), JoinRequest, what="a request")
    assert answer == signed.read(json.dumps(V["join"]["answer"]), JoinAnswer, what="an answer")
    assert conclude_join(kept.invitation, request, answer).fingerprint == meeting.fingerprint
    assert meeting.fingerprint.hex() == V["join"]["fingerprint"]
    assert list(fingerprint_words(meeting.fingerprint, "ko")) == V["join"]["words"]["ko"]


def test_we_read_the_same_records() -> None:
    (kim, kims), (park, parks) = ours(INVITER), ours(JOINER)
    old, new = (SignedHead.from_json(json.dumps(head)) for head in V["ledger"]["heads"])
    verify_head(old, kim.public)
    verify_head(new, kim.public)
    check_growth(old, new, [bytes.fromhex(step) for step in V["ledger"]["growth"]])
    assert check_proof(json.dumps(V["ledger"]["proof"]), kim.public).partner == "us-node"
    receipt = Receipt.from_json(json.dumps(V["receipt"]))
    verify_receipt(receipt, park.public, receiver=parks.node_id, sender=kims.node_id)
    change = KeyChange.from_json(json.dumps(V["key_change"]["statement"]))
    new_key = NodeKey.generate(bytes.fromhex(V["key_change"]["new_seed"]))
    assert check_key_change(change, node_id=parks.node_id, known=park.public) == new_key.public
