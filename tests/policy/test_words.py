"""Six words stand for all that two nodes told each other, in the language of whoever reads them out."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from katchi.policy.introduction import Introduction
from katchi.policy.words import Language, fingerprint_words, session_fingerprint
from tests.policy.two_nodes import CHOI, KIM, PARK

ID, NONCE, REVEAL = "i" * 43, b"n" * 32, b"r" * 32


def fingerprint(a: Introduction, b: Introduction) -> bytes:
    return session_fingerprint(a, b, invitation_id=ID, nonce=NONCE, reveal=REVEAL)


def test_both_sides_read_the_same_words_whoever_computes_them() -> None:
    kim, park = KIM.introduction, PARK.introduction
    assert fingerprint(kim, park) == fingerprint(park, kim)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "kr-other"},
        {"title": "somebody"},
        {"node_id": CHOI.introduction.node_id},
        {"url": CHOI.introduction.url},
        {"public_key": CHOI.introduction.public_key},
        {"certificate": CHOI.introduction.certificate},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_words_bind_all_that_a_node_says_of_itself(change: dict[str, str]) -> None:
    changed = msgspec.structs.replace(KIM.introduction, **change)
    assert fingerprint(changed, PARK.introduction) != fingerprint(KIM.introduction, PARK.introduction)


@pytest.mark.parametrize("name", ["invitation_id", "nonce", "reveal"])
def test_the_words_bind_the_meeting(name: str) -> None:
    meeting = {"invitation_id": ID, "nonce": NONCE, "reveal": REVEAL}
    other = {**meeting, name: "x" * 43 if name == "invitation_id" else b"x" * 32}
    both = KIM.introduction, PARK.introduction
    assert session_fingerprint(*both, **meeting) != session_fingerprint(*both, **other)  # type: ignore[arg-type]


def test_the_words_for_known_bytes_never_change() -> None:
    assert fingerprint_words(b"", "en") == ("scrub", "weapon", "inside", "laugh", "critic", "other")
    assert fingerprint_words(b"", "ko") == ("조미료", "혜택", "술집", "신사", "도중", "우편")


@given(material=st.binary())
def test_six_words_of_either_list_carry_the_same_bits(material: bytes) -> None:
    english, korean = fingerprint_words(material, "en"), fingerprint_words(material, "ko")
    lists = {language: Mnemonic(language).wordlist for language in ("english", "korean")}
    places = [lists["korean"].index(unicodedata.normalize("NFKD", word)) for word in korean]
    assert [lists["english"].index(word) for word in english] == places
    assert len(english) == 6


@pytest.mark.parametrize("language", ["en", "ko"])
def test_words_come_composed_as_people_write_them(language: Language) -> None:
    for number in range(200):
        for word in fingerprint_words(number.to_bytes(2, "big"), language):
            assert unicodedata.is_normalized("NFC", word)
            assert word.isalpha()
