"""The group and its proofs, held to the vectors of RFC 9496 and RFC 9497."""

from __future__ import annotations

import hashlib

import pytest

from katchi.overlap.psi import hashing, proof, ristretto
from katchi.overlap.psi.ristretto import IDENTITY, BadElementError, Group, UnavailableError, group

ORDER = 2**252 + 27742317777372353535851937790883648493

# RFC 9496 A.1: multiples of the generator.
MULTIPLES = [
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
]
# RFC 9496 A.2, whole, and libsodium 1.0.18's own gap: bit 255.
REFUSED = {
    "non-canonical": [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ],
    "negative": [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
        "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
        "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
        "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
        "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    ],
    "non-square": [
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
        "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
        "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
        "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
        "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
        "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
        "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
        "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    ],
    "negative xy": [
        "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
        "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
        "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
        "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
        "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
        "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
        "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
        "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
    ],
    "y is zero": ["ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
    "the identity": ["00" * 32],
    "bit 255": ["e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2df6"],
    "another length": ["", "e2f2", MULTIPLES[0] + "00"],
}
BAD = [(f"{kind} {place}", bytes.fromhex(each)) for kind, found in REFUSED.items() for place, each in enumerate(found)]

# RFC 9497 A.1.2: VOPRF(ristretto255, SHA-512).
CONTEXT = b"OPRFV1-\x01-ristretto255-SHA512"
SECRET = bytes.fromhex("e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909")
PUBLIC = bytes.fromhex("c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e")
INPUTS = [b"\0", b"Z" * 17]
BLINDS = [
    "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
    "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
]
BLINDED = [
    "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
    "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
]
EVALUATED = [
    "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
    "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
]
PROOFS = {
    1: (
        "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
        "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06"
        "6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
    ),
    2: (
        "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a"
        "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
    ),
}


@pytest.fixture(scope="module")
def made() -> Group:
    return group()


def test_multiples_of_the_generator_are_those_of_the_standard(made: Group) -> None:
    for number, expected in enumerate(MULTIPLES, 1):
        assert made.base(number.to_bytes(32, "little")).hex() == expected
        assert made.is_element(bytes.fromhex(expected))


@pytest.mark.parametrize("encoded", [each for _, each in BAD], ids=[name for name, _ in BAD])
def test_whatever_is_no_element_is_refused(made: Group, encoded: bytes) -> None:
    scalar = made.random_scalar()
    assert not made.is_element(encoded)
    with pytest.raises(BadElementError):
        made.multiply(scalar, encoded)
    if len(encoded) == 32:
        good = made.base(scalar)
        with pytest.raises(BadElementError, match="element 1"):
            made.multiply_all(scalar, good + encoded + good)


def test_zero_and_half_elements_are_refused(made: Group) -> None:
    good = made.base(made.random_scalar())
    with pytest.raises(BadElementError):
        made.base(IDENTITY)
    with pytest.raises(BadElementError):
        made.inverse(IDENTITY)
    with pytest.raises(BadElementError):
        made.from_uniform(b"x")
    with pytest.raises(BadElementError):
        made.multiply_all(made.random_scalar(), good[:31])
    with pytest.raises(BadElementError):
        made.multiply(IDENTITY, good)


def test_scalars_have_one_encoding(made: Group) -> None:
    for number, expected in ((0, True), (ORDER - 1, True), (ORDER, False), (2**256 - 1, False)):
        assert made.is_scalar(number.to_bytes(32, "little")) is expected
    one, other = made.random_scalar(), made.random_scalar()
    assert made.product(made.product(one, other), made.inverse(other)) == one
    numbers = [int.from_bytes(each, "little") for each in (one, other)]
    assert int.from_bytes(made.difference(one, other), "little") == (numbers[0] - numbers[1]) % ORDER


def test_blinding_and_evaluation_are_those_of_the_standard(made: Group) -> None:
    tag = b"HashToGroup-" + CONTEXT
    assert made.base(SECRET) == PUBLIC
    for given, blind, blinded, evaluated in zip(INPUTS, BLINDS, BLINDED, EVALUATED, strict=True):
        element = made.multiply(bytes.fromhex(blind), hashing.to_element(made, given, tag))
        assert element.hex() == blinded
        assert made.multiply(SECRET, element).hex() == evaluated


@pytest.mark.parametrize("size", PROOFS)
def test_proofs_are_those_of_the_standard(made: Group, size: int) -> None:
    before, after = ([bytes.fromhex(each) for each in found[:size]] for found in (BLINDED, EVALUATED))
    random, expected = map(bytes.fromhex, PROOFS[size])
    assert proof.prove(made, SECRET, PUBLIC, before, after, CONTEXT, random=random) == expected
    assert proof.verify(made, PUBLIC, before, after, expected, CONTEXT)


def test_no_other_proof_is_taken(made: Group) -> None:
    before, after = ([bytes.fromhex(each) for each in found] for found in (BLINDED, EVALUATED))
    good = bytes.fromhex(PROOFS[2][1])
    other_key = made.base(made.random_scalar())
    order = ORDER.to_bytes(32, "little")
    response = int.from_bytes(good[32:], "little")
    bad = [
        good[:32] + (response + ORDER).to_bytes(32, "little"),  # the same scalar in a second encoding
        b"", good[:63], good + b"\0", bytes(64), good[32:] + good[:32], order + good[32:], good[:32] + order,
        *(bytes([*good[:place], good[place] ^ 1, *good[place + 1 :]]) for place in range(64)),
    ]  # fmt: skip
    for each in bad:
        assert not proof.verify(made, PUBLIC, before, after, each, CONTEXT)
    for given in (
        (other_key, before, after), (PUBLIC, after, before), (PUBLIC, before[::-1], after),
        (PUBLIC, before, after[::-1]),
        (PUBLIC, before[:1], after), (PUBLIC, before[:1], after[:1]), (PUBLIC, [], []),
        (PUBLIC, [before[0], IDENTITY], after), (PUBLIC, before, [after[0], after[0]]), (IDENTITY, before, after),
    ):  # fmt: skip
        assert not proof.verify(made, *given, good, CONTEXT)
    assert not proof.verify(made, PUBLIC, before, after, good, CONTEXT + b"x")
    with pytest.raises(BadElementError):
        proof.prove(made, SECRET, PUBLIC, [], [], CONTEXT)


def test_a_library_that_errs_is_off(made: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "from_uniform", lambda _: hashlib.sha256(b"").digest())
    with pytest.raises(UnavailableError):
        ristretto._test(made)


def test_without_a_library_it_is_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ristretto, "_system", lambda: None)
    monkeypatch.setattr(ristretto, "_packaged", lambda: None)
    with pytest.raises(UnavailableError, match="libsodium"):
        ristretto.group.__wrapped__()
