"""What a person reads of an object at a glance, and what a search finds it by."""

from __future__ import annotations

from typing import Any

import pytest

from katchi import stix
from tests.stix.small_objects import HASH_PATTERN, MD5, NEEDED, UUID, made


@pytest.mark.parametrize(
    ("kind", "change", "title"),
    [
        ("malware", {}, "Destover"),
        ("malware", {"name": "  De\n stover "}, "De stover"),
        ("malware", {"name": "데스토버"}, "데스토버"),
        ("malware", {"name": "a\u202eexe"}, "a\ufffdexe"),
        ("malware", {"name": None, "is_family": False}, f"malware--{UUID}"),
        ("malware", {"name": 5}, "5"),
        ("indicator", {"name": None}, HASH_PATTERN),
        ("ipv4-addr", {}, "192.0.2.1"),
        ("file", {}, MD5),
        ("file", {"name": "a.exe"}, "a.exe"),
        ("directory", {}, "C:\\Windows"),
        ("autonomous-system", {}, "64496"),
        ("relationship", {}, "indicator indicates malware"),
        ("sighting", {}, "sighting of indicator"),
        ("observed-data", {}, "observed ipv4-addr"),
        ("observed-data", {"objects": {"0": {"type": "url", "value": "https://a.example"}}}, "https://a.example"),
        ("note", {}, "Look again"),
        ("note", {"abstract": "Short"}, "Short"),
        ("location", {}, "KR"),
        ("marking-definition", {"definition_type": "tlp", "definition": {"tlp": "amber"}}, "TLP:AMBER"),
        ("marking-definition", {"definition_type": "statement", "definition": {"statement": "Ours"}}, "Ours"),
        ("x-thing", {"title": "A thing"}, "A thing"),
        ("malware", {"name": "x" * 500}, "x" * 199 + "…"),
    ],
)
def test_an_object_has_a_short_title(kind: str, change: dict[str, Any], title: str) -> None:
    assert stix.display_name(made(kind, **change)) == title


@pytest.mark.parametrize("kind", NEEDED)
def test_every_object_has_a_title_of_one_line(kind: str) -> None:
    title = stix.display_name(made(kind))
    assert title
    assert "\n" not in title


def test_a_search_finds_names_values_labels_and_external_ids() -> None:
    text = stix.search_text(
        made(
            "malware",
            aliases=["Ｗiper", "데스토버"],
            labels=["Bank"],
            description="It WIPES disks",
            external_references=[{"source_name": "mitre-attack", "external_id": "S0364", "url": "https://a.example"}],
        )
    )
    for word in ("destover", "wiper", "데스토버", "bank", "wipes disks", "s0364"):
        assert word in text
    assert "a.example" not in text


def test_a_search_finds_patterns_and_hashes() -> None:
    assert "sha-256" in stix.search_text(made("indicator"))
    assert MD5 in stix.search_text(made("file"))


def test_a_long_description_does_not_crowd_out_the_name() -> None:
    text = stix.search_text(made("malware", description="x" * 10**6))
    assert len(text) == 4000
    assert text.startswith("destover")
