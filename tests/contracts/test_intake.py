"""What every intake must do. A new one inherits these: name it in `intakes/`, add its samples to SAMPLES."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange import intakes
from katchi.exchange.intake import Choices, Found, Intake, UnknownDocumentError
from tests.documents import SIGMA, SNORT, SURICATA, YARA, as_json, csaf, kev, pdf
from tests.objects import bundle, indicator

CHOICES = Choices(
    "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    stix.parse_timestamp("2026-01-02T03:04:05Z"),
)
INTAKES = intakes.every()
KOREAN = "악성코드는 evil[.]example에서 내려받고 203.0.113.5로 접속한다."
IOC = """<?xml version="1.0"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc" last-modified="2014-05-06T07:08:09">
<short_description>Wiper</short_description><definition><Indicator operator="OR">
<IndicatorItem condition="is"><Context search="Network/DNS"/>
<Content type="string">evil.example</Content></IndicatorItem>
</Indicator></definition></ioc>"""

MISP = json.dumps(
    {
        "Event": {
            "uuid": "5a1d7a3e-0c55-4a30-9a3c-7b1f6f2d9d11", "info": "A wiper", "date": "2026-01-01",
            "timestamp": "1767225600", "analysis": "2", "threat_level_id": "1", "published": True,
            "Orgc": {"name": "park-cert", "uuid": "55f6ea5e-2c60-40e5-964f-47a8950d210f"},
            "Attribute": [
                {"uuid": "6a1d7a3e-0c55-4a30-9a3c-7b1f6f2d9d12", "type": "domain", "category": "Network activity",
                 "value": "bad.example", "to_ids": True, "timestamp": "1767225600"},
            ],
        }
    }
).encode()  # fmt: skip

SAMPLES: dict[str, list[bytes]] = {
    "stix-json": [bundle(indicator(1), indicator(2)), json.dumps(indicator(1)).encode()],
    "text": [
        KOREAN.encode(),
        KOREAN.encode("cp949"),
        KOREAN.encode("utf-16"),
        b"\xff 192.0.2.1 is no text of any encoding: CVE-2021-44228\r\n",
        b"evil.example\nhxxp://evil[.]example/a'b\\c\n",
    ],
    "html": [b"<html><script>x.example</script><p>evil<b>[.]</b>example &amp; 192.0.2.1</p></html>"],
    "csv": [
        b"type,value,date,confidence,tags\nip,192.0.2.1,2014-05-06,high,a;b\ndomain,evil.example,,70,\n",
        b"evil.example;ransom\nworse.example;wiper\n",
    ],
    "openioc": [IOC.encode(), IOC.replace('<?xml version="1.0"?>', "").encode("utf-16")],
    "misp-json": [MISP, b"[" + MISP + b"]", b'{"response":[' + MISP + b"]}"],
    "misp-index": [],  # it is told by its name too: see tests/exchange/test_misp_events.py
    "mail": [
        b"From: a@b.example\r\nTo: kim@c.example\r\nSubject: x\r\nMessage-ID: <1@x.example>\r\n\r\n"
        b"See evil[.]example\r\n",
    ],
    "yara": [YARA.encode(), b"\xef\xbb\xbf" + YARA.replace("\n", "\r\n").encode()],
    "sigma": [SIGMA.encode(), f"---\n{SIGMA}---\n{SIGMA}".encode()],
    "network-rules": [SURICATA.encode(), SNORT.encode()],
    "csaf": [as_json(csaf())],
    "kev": [as_json(kev())],
    "pdf": [pdf("See evil[.]example and 192.0.2.1.")],
}


# These hand over what others said: whether that breaks a rule is for the front door to say.
OTHERS_WORDS = ("stix-json", "misp-json")


@pytest.fixture(params=sorted(INTAKES))
def intake(request: pytest.FixtureRequest) -> Intake:
    """Each intake in turn."""
    return INTAKES[request.param]


def _said(found: Found) -> list[stix.Finding]:
    checked = [stix.check(stix.read(raw)) for raw in found.objects]
    return [finding for findings in checked for finding in findings if finding.level is stix.Level.MUST]


def test_every_intake_has_samples_and_says_what_it_is(intake: Intake) -> None:
    assert SAMPLES[intake.name] or intake.name == "misp-index"
    assert intake.title
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", intake.name)


def test_its_samples_are_recognised_as_its_own(intake: Intake) -> None:
    for sample in SAMPLES[intake.name]:
        assert intakes.recognised(sample, "document").name == intake.name


def test_samples_give_objects_that_break_no_rule(intake: Intake) -> None:
    for sample in SAMPLES[intake.name]:
        found = intake.read(sample, CHOICES)
        assert found.objects
        assert _said(found) == []


def test_the_same_document_gives_the_same_and_keeps_its_ids_another_day(intake: Intake) -> None:
    later = Choices(CHOICES.created_by_ref, CHOICES.marking, CHOICES.now + 86_400_000_000)
    for sample in SAMPLES[intake.name]:
        found = intake.read(sample, CHOICES)
        assert intake.read(sample, CHOICES) == found
        assert _ids(intake.read(sample, later)) == _ids(found)


def _ids(found: Found) -> list[str]:
    return [stix.read(raw).id for raw in found.objects]


def test_what_it_made_is_marked_and_says_where_it_came_from(intake: Intake) -> None:
    if intake.name == "stix-json":
        pytest.skip("hands over what others made")
    for sample in SAMPLES[intake.name]:
        found = intake.read(sample, CHOICES)
        for made in map(stix.read, found.objects):
            assert made.marking_refs == (CHOICES.marking,) or intake.name == "csaf"  # it says AMBER itself
            assert made.created_by_ref == CHOICES.created_by_ref or intake.name == "misp-json"  # its maker is named
            assert 0 < len(found.sources[made.id]) <= 300


_PIECES = [
    *(
        b"evil[.]example",
        b"http://",
        b"192.0.2.1",
        b"CVE-2021-1",
        b"[",
        b"]",
        b"(",
        b"@",
        b"\x00",
        b"\xff\xfe",
        b"\n",
        b" ",
    ),
    *(b"<a href='", b"<!--", b"<script", b"</", b">", b"&#99999999999;", b'"', b",", b";", b"=cmd()", b"\r\n", b"--b"),
    *(b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: text/plain; charset=x-nope\n", b"From: a@b\n\n"),
    *(b"value,type\n", b"\xed\xa0\x80", "한국".encode(), b"<ioc>", b"{", b"[::1]", b"%00", b"a" * 64, b"//", b" dot "),
]
_documents = st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join))


@pytest.mark.parametrize("name", sorted(INTAKES))
@given(document=_documents)
def test_any_bytes_are_read_or_refused_in_our_words(name: str, document: bytes) -> None:
    each = INTAKES[name]
    assert 0 <= each.recognise(document, "name") <= 100
    with contextlib.suppress(KatchiError):
        found = each.read(document, CHOICES)
        if name not in OTHERS_WORDS:
            assert _said(found) == []


@pytest.mark.parametrize("name", sorted(INTAKES.keys() - {"pdf"}))
@given(place=st.integers(0), damage=st.sampled_from(_PIECES))
def test_a_damaged_sample_is_read_or_refused_in_our_words(name: str, place: int, damage: bytes) -> None:
    _damaged(name, place, damage)


@settings(max_examples=8, deadline=None)  # each is read in a process of its own
@given(place=st.integers(0), damage=st.sampled_from(_PIECES))
def test_a_damaged_pdf_is_read_or_refused_in_our_words(place: int, damage: bytes) -> None:
    _damaged("pdf", place, damage)


def _damaged(name: str, place: int, damage: bytes) -> None:
    for sample in SAMPLES[name]:
        at = place % len(sample)
        with contextlib.suppress(KatchiError):
            found = INTAKES[name].read(sample[:at] + damage + sample[at:], CHOICES)
            if name not in OTHERS_WORDS:
                assert _said(found) == []


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownDocumentError):
        intakes.recognised(b"\x7fELF" + bytes(range(32)) * 4, "program")
    with pytest.raises(UnknownDocumentError) as caught:
        intakes.named("stone-tablet")
    assert "stix-json" in caught.value.expected
