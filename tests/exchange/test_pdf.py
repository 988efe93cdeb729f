"""Reports in PDF, good and hostile: what reads them is a process that may fall without taking anything along."""

from __future__ import annotations

import io
import json

import pytest
from pypdf import PdfReader, PdfWriter

from katchi import stix
from katchi.exchange.intake import Choices, UnreadableDocumentError
from katchi.exchange.intakes import named
from tests.documents import pdf

CHOICES = Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", "", stix.parse_timestamp("2026-01-02T03:04:05Z"))


def locked(document: bytes, password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document)))
    writer.encrypt(password, owner_password="owner", algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def test_indicators_in_a_report_come_with_their_sentence() -> None:
    found = named("pdf").read(pdf("It beacons to evil[.]example every hour.", "CVE-2026-1000 lets it in."), CHOICES)
    made = {json.loads(raw)["name"]: json.loads(raw)["id"] for raw in found.objects}
    assert set(made) == {"evil.example", "CVE-2026-1000"}
    assert found.sources[made["evil.example"]] == "It beacons to evil[.]example every hour."
    assert found.needs_confirmation


def test_a_report_that_opens_without_a_password_is_read_and_a_locked_one_says_so() -> None:
    report = pdf("evil[.]example")
    assert len(named("pdf").read(locked(report, ""), CHOICES).objects) == 1
    with pytest.raises(UnreadableDocumentError, match="password"):
        named("pdf").read(locked(report, "secret"), CHOICES)


def test_pictures_of_text_are_told() -> None:
    found = named("pdf").read(pdf(), CHOICES)
    assert [remark.code for remark in found.remarks] == ["no-text"]


@pytest.mark.parametrize(
    "damaged",
    [
        b"%PDF-1.4",
        pdf("x")[:200],
        pdf("x").replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]"),  # a tree that holds itself
        pdf("x").replace(b"/Type /Catalog", b"/Type /Nothing").replace(b"/Pages 2 0 R", b"/Pages 9 0 R"),
    ],
)
def test_damaged_reports_are_refused_with_what_to_do(damaged: bytes) -> None:
    with pytest.raises(UnreadableDocumentError) as refused:
        named("pdf").read(damaged, CHOICES)
    assert refused.value.diagnostic().remedy


def test_what_is_no_pdf_starts_no_process() -> None:
    with pytest.raises(UnreadableDocumentError, match="header"):
        named("pdf").read(b"hello", CHOICES)
