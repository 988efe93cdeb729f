"""A key signs, has one name and one text, and a weak or foreign one is refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from katchi.policy.keys import BadSignatureError, InvalidKeyError, NodeKey, PublicKey, verify

KEY = NodeKey.generate(bytes(32))
OTHER = NodeKey.generate(bytes([1]) * 32)

# RFC 8037 appendix A: an Ed25519 key, its thumbprint, and a signature.
RFC_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC_PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_keys_of_rfc_8037_come_out_as_printed() -> None:
    key = NodeKey.generate(RFC_SEED)
    assert (key.public.to_text(), key.public.id) == (RFC_PUBLIC, RFC_THUMBPRINT)


@given(data=st.binary(), change=st.binary())
def test_a_signature_holds_for_what_was_signed_and_nothing_else(data: bytes, change: bytes) -> None:
    signature = KEY.sign(data)
    verify(KEY.public, signature, data)
    if change != data:
        with pytest.raises(BadSignatureError):
            verify(KEY.public, signature, change)
    with pytest.raises(BadSignatureError):
        verify(OTHER.public, signature, data)


@given(seed=st.binary(min_size=32, max_size=32))
def test_keys_survive_being_written_and_read(seed: bytes) -> None:
    key = NodeKey.generate(seed)
    assert NodeKey.from_pem(key.private_pem()).public == key.public
    assert PublicKey.from_text(key.public.to_text()) == key.public


def pem_of_another_kind() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("pem", [b"", b"not a key", KEY.private_pem()[:60], pem_of_another_kind()])
def test_a_file_without_an_ed25519_key_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidKeyError):
        NodeKey.from_pem(pem)


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_key_is_made_from_32_bytes(seed: bytes) -> None:
    with pytest.raises(InvalidKeyError):
        NodeKey.generate(seed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 42,
        "A" * 44,
        RFC_PUBLIC + "\n",
        RFC_PUBLIC + "=",
        RFC_PUBLIC[:-1] + "p",
        "+" + RFC_PUBLIC[1:],
    ],
)
def test_a_public_key_has_one_text(text: str) -> None:
    with pytest.raises(InvalidKeyError):
        PublicKey.from_text(text)


def points_of_small_order() -> list[bytes]:
    """Every encoding of the eight points whose order divides the cofactor, worked out from RFC 8032 §5.1."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    # x = 0: y = 1 and -1. y = 0: two points of order four. The rest have order eight: 2P has y = 0,
    # so x² = -y² with -x² + y² = 1 + d x² y²: 2y² = 1 - d y⁴.
    square = (1 + d) % p
    root = pow(square, (p + 3) // 8, p)
    if root * root % p != square:
        root = root * pow(2, (p - 1) // 4, p) % p
    ys = {0, 1, p - 1}
    for squared in ((-1 + root) * pow(d, -1, p) % p, (-1 - root) * pow(d, -1, p) % p):
        y = pow(squared, (p + 3) // 8, p)
        for candidate in (y, y * pow(2, (p - 1) // 4, p) % p):
            if candidate * candidate % p == squared:
                ys |= {candidate, p - candidate}
    encodings = ys | {y + p for y in ys if y + p < 2**255}
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(encodings) for sign in (0, 1)]


def test_there_are_fourteen_encodings_of_weak_keys() -> None:
    assert len(points_of_small_order()) == 14


@pytest.mark.parametrize("raw", points_of_small_order())
def test_a_key_under_which_anything_is_signed_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidKeyError):
        PublicKey(raw)


def test_a_private_key_does_not_show_itself() -> None:
    assert KEY.public.id in repr(KEY)
    assert "PRIVATE" not in repr(KEY)
