"""Turns what two nodes know of each other into six words that two people compare on the telephone."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache
from typing import Literal

from mnemonic import Mnemonic

from katchi.policy import signed
from katchi.policy.introduction import Introduction

Language = Literal["en", "ko"]

WORDS = 6
_BITS = 11  # a BIP-39 list has 2^11 words
_LISTS: dict[Language, str] = {"en": "english", "ko": "korean"}


def fingerprint_words(material: bytes, language: Language) -> tuple[str, ...]:
    """Six words for these bytes; the same places of the list in every language."""
    number = int.from_bytes(hashlib.sha256(b"katchi/words/1\n" + material).digest(), "big")
    number >>= 256 - WORDS * _BITS
    words = _words(language)
    return tuple(words[number >> _BITS * place & 0x7FF] for place in reversed(range(WORDS)))


def session_fingerprint(a: Introduction, b: Introduction, *, invitation_id: str, nonce: bytes, reveal: bytes) -> bytes:
    """What both sides of one join must find equal, whichever of them computes it.

    It binds everything that either side says of itself (names, address, key, certificate) and the random
    numbers of both. Each number is fixed before the other becomes known (`reveal` by the invitation's
    id, `nonce` by the request that asks for `reveal`), so somebody in the middle cannot try out keys
    until the words agree: one attempt, 2^-66.
    """
    members = {
        "introductions": sorted((a.digest, b.digest)),
        "invitation": invitation_id,
        "nonce": nonce,
        "reveal": reveal,
    }
    return hashlib.sha256(b"katchi/fingerprint/1\n" + signed.canonical(members)).digest()


@lru_cache(maxsize=2)
def _words(language: Language) -> tuple[str, ...]:
    # The Korean list comes decomposed into single letters (NFKD); people and fonts want syllables.
    return tuple(unicodedata.normalize("NFC", word) for word in Mnemonic(_LISTS[language]).wordlist)
