"""A node says who it is in one form, and what could mislead a reader is refused."""

from __future__ import annotations

import base64
import json

import pytest

from katchi.errors import KatchiError
from katchi.policy.introduction import Introduction, InvalidIntroductionError, certificate_digest
from tests.policy.two_nodes import CHOI, KIM

GOOD = json.loads(KIM.introduction.to_json())


def test_an_introduction_is_read_as_it_was_written() -> None:
    again = Introduction.from_json(KIM.introduction.to_json())
    assert again == KIM.introduction
    assert again.digest == KIM.introduction.digest
    assert again.key == KIM.key.public


def of_version(number: int) -> str:
    """A certificate that says to be of another version of X.509 (RFC 5280 §4.1.2.1)."""
    body = KIM.introduction.certificate.partition("-----\n")[2].partition("-----END")[0]
    der = base64.b64decode(body).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes([number]), 1)
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("name", "-a"),
        ("name", "a b"),
        ("name", "kr-node\n"),
        ("name", "kr-nоde"),  # a Cyrillic o
        ("name", "a" * 64),
        ("node_id", "identity--1"),
        ("node_id", "indicator--00000001-0000-4000-8000-000000000000"),
        ("node_id", "identity--00000001-0000-4000-8000-00000000000A"),
        ("url", "ftp://a.example"),
        ("url", "https://a.example/ b"),
        ("url", "https://" + "a" * 2001),
        ("public_key", "A" * 43),
        ("public_key", "A" * 42),
        ("public_key", 7),
        ("certificate", ""),
        ("certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("certificate", KIM.introduction.certificate + CHOI.introduction.certificate),
        ("certificate", KIM.introduction.certificate + "#" * 8192),
        ("certificate", of_version(66)),
        ("title", "a" * 201),
        ("title", "Ministry\n(confirmed)"),
        ("title", "Ministry\u202egnirts"),
        ("title", "Mini\u200bstry"),
        ("motto", "trust me"),
    ],
)
def test_what_could_mislead_is_refused(name: str, value: object) -> None:
    with pytest.raises(KatchiError):
        Introduction.from_json(json.dumps({**GOOD, name: value}))


@pytest.mark.parametrize("name", [name for name in GOOD if name != "title"])
def test_nothing_but_the_title_may_be_left_out(name: str) -> None:
    with pytest.raises(KatchiError):
        Introduction.from_json(json.dumps({key: value for key, value in GOOD.items() if key != name}))


def test_a_title_may_be_korean() -> None:
    told = Introduction.from_json(json.dumps({**GOOD, "title": "과학기술정보통신부"}))
    assert told.title == "과학기술정보통신부"


def test_a_certificate_has_one_digest_however_its_text_is_laid_out() -> None:
    pem = KIM.introduction.certificate
    assert certificate_digest(pem) == certificate_digest(pem.encode()) == certificate_digest("\n" + pem + "\n")
    assert certificate_digest(pem) != certificate_digest(CHOI.introduction.certificate)


def test_a_text_without_a_certificate_has_no_digest() -> None:
    with pytest.raises(InvalidIntroductionError):
        certificate_digest("nothing")
