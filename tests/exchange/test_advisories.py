"""Advisories and catalogues of weaknesses: what they say, how strictly, and that they say it once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from katchi import stix
from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes import named
from tests.documents import as_json, csaf, kev

MARKING = {label: marking_id for marking_id, label in stix.TLP_2_IDS.items()}
CHOICES = Choices(
    "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", MARKING["green"], stix.parse_timestamp("2026-01-02T03:04:05Z")
)


def read(kind: str, whole: object) -> tuple[dict[str, dict[str, Any]], Found]:
    found = named(kind).read(as_json(whole), CHOICES)
    return {item["name"]: item for item in map(json.loads, found.objects)}, found


def test_an_advisory_is_a_report_on_its_vulnerabilities() -> None:
    made, found = read("csaf", csaf())
    report = made["Two weaknesses in the Katchi Kettle"]
    boils, other = made["CVE-2026-1000"], made["PARK-7"]
    assert report["object_refs"] == [boils["id"], other["id"]]
    assert report["published"] == "2026-01-01T00:00:00.000000Z"
    assert report["modified"] == boils["modified"] == "2026-02-01T00:00:00.000000Z"
    assert report["description"] == "Kettles boil over. Products: Kettle 1.0."
    assert [each.get("external_id") or each["url"] for each in report["external_references"]] == [
        "PARK-2026-001", "https://park.example/001",
    ]  # fmt: skip
    assert boils["description"] == "CVSS 9.8 (CVSS:3.1/AV:N). Steam. Affected: Kettle 1.0."
    assert boils["external_references"] == [{"source_name": "cve", "external_id": "CVE-2026-1000"}]
    assert [remark.code for remark in found.remarks] == ["nameless"]


@pytest.mark.parametrize(
    ("label", "marked"),
    [("WHITE", "green"), ("TLP:AMBER+STRICT", "amber+strict"), ("RED", "red"), ("MAUVE", "red"), ("", "green")],
)
def test_what_an_advisory_says_of_sharing_is_never_widened(label: str, marked: str) -> None:
    made, found = read("csaf", csaf(label))
    assert {each["object_marking_refs"][0] for each in made.values()} == {MARKING[marked]}
    assert ("unknown-tlp" in [remark.code for remark in found.remarks]) == (label == "MAUVE")


def test_a_new_edition_of_an_advisory_is_a_new_version_of_the_same() -> None:
    first, _ = read("csaf", csaf())
    tracking = csaf()["document"]["tracking"] | {"current_release_date": "2026-03-01T00:00:00Z"}
    second, _ = read("csaf", csaf(tracking=tracking))
    for name in first:
        assert second[name]["id"] == first[name]["id"]
        assert second[name]["modified"] > first[name]["modified"]


@pytest.mark.parametrize(
    "broken",
    [
        {"document": []},
        {"document": {"tracking": "x", "publisher": [], "title": 5, "notes": {}, "references": [5, None]}},
        {"document": {}, "vulnerabilities": [{"cve": 7, "notes": [{"category": [], "text": {}}], "scores": [[]]}]},
        {"document": {}, "vulnerabilities": [{"title": "x", "product_status": {"known_affected": [{}, 1]}}]},
        {"document": {"tracking": {"initial_release_date": "soon"}}, "vulnerabilities": [{"title": "x\0y"}]},
        {"product_tree": {"branches": [[{}], {"branches": 5}], "relationships": [{"full_product_name": []}]}},
    ],
)
def test_an_advisory_with_the_wrong_kinds_of_members_falls_nowhere(broken: dict[str, Any]) -> None:
    _, found = read("csaf", broken)
    for raw in found.objects:
        assert [each for each in stix.check(stix.read(raw)) if each.level is stix.Level.MUST] == []


@pytest.mark.parametrize("document", [b"{", b"[]", b"5", b'{"csaf_version":', b"\xff" * 9])
def test_what_is_no_advisory_is_refused(document: bytes) -> None:
    with pytest.raises(UnreadableDocumentError):
        named("csaf").read(document, CHOICES)


def test_the_catalogue_says_what_is_exploited_and_by_ransomware() -> None:
    made, _ = read("kev", kev())
    entry = made["CVE-2026-1000"]
    assert entry["labels"] == ["known-exploited", "ransomware"]
    assert entry["created"] == "2026-03-04T00:00:00.000000Z"
    assert entry["description"] == "Kettle boils. It boils. Unplug it. Due 2026-03-25."
    assert {each["external_id"] for each in entry["external_references"]} == {"CVE-2026-1000", "CWE-79"}


def test_the_catalogue_as_a_table_says_the_same() -> None:
    entry = kev()["vulnerabilities"][0]
    table = ",".join(entry) + "\n" + ",".join(str(value) for value in (entry | {"cwes": "CWE-79"}).values()) + "\n"
    from_table = named("kev").read(table.encode(), CHOICES)
    assert from_table.objects == named("kev").read(as_json(kev()), CHOICES).objects


def test_an_entry_that_changed_is_told_and_one_that_did_not_is_not() -> None:
    first, _ = read("kev", kev())
    again, _ = read("kev", kev() | {"catalogVersion": "2026.04.01"})
    changed, _ = read("kev", kev(knownRansomwareCampaignUse="Unknown"))
    assert again == first
    assert changed["CVE-2026-1000"]["id"] != first["CVE-2026-1000"]["id"]


def test_an_entry_without_a_cve_is_remarked() -> None:
    made, found = read("kev", kev(cveID="CVE-none"))
    assert made == {}
    assert [(remark.code, remark.text) for remark in found.remarks] == [("not-a-cve", "CVE-NONE")]


@pytest.mark.shared
def test_the_published_catalogue_comes_in_whole(shared_data: Path) -> None:
    import gzip

    document = gzip.decompress((shared_data / "attack/cisa-kev.json.gz").read_bytes())
    found = named("kev").read(document, CHOICES)
    assert (len(found.objects), found.remarks) == (1404, [])
