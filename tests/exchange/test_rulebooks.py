"""Rules that others wrote come in word for word, each for itself, and go out as they came."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from katchi import stix
from katchi.exchange import rules
from katchi.exchange.intake import Choices, Found
from katchi.exchange.intakes import named, recognised
from tests.documents import SIGMA, SNORT, SURICATA, YARA

CHOICES = Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", "", stix.parse_timestamp("2026-01-02T03:04:05Z"))


def read(kind: str, text: str) -> tuple[list[dict[str, Any]], Found]:
    found = named(kind).read(text.encode(), CHOICES)
    return [json.loads(raw) for raw in found.objects], found


def codes(found: Found) -> list[str]:
    return [remark.code for remark in found.remarks]


def test_each_yara_rule_stands_alone_with_what_it_names() -> None:
    (helper, wiper), found = read("yara", YARA)
    assert helper["pattern"] == 'import "pe"\nprivate rule Helper { condition: pe.is_pe }'
    assert wiper["pattern"].startswith('import "pe"\nprivate rule Helper')
    assert wiper["pattern"].endswith("filesize \\ 2 < 1MB\n}")
    assert (wiper["name"], wiper["pattern_type"]) == ("Wiper", "yara")
    assert wiper["created"] == "2024-05-06T00:00:00.000000Z"
    (remark,) = found.remarks
    assert (remark.code, remark.line) == ("rule-broken", 17)
    assert "Broken" in remark.text


def test_rules_that_ask_for_the_name_of_a_file_are_taken_and_included_files_are_not() -> None:
    (made,), found = read("yara", 'include "/etc/passwd"\nrule a { condition: filename matches /x/ }')
    assert "passwd" not in made["pattern"]
    assert codes(found) == ["include-not-followed"]


@pytest.mark.parametrize(
    "text",
    ["rule", "rule x", "rule x {", "rule x rule y {}", 'rule x { strings: $a = "', "/*", "}" * 99, "rule a {{{{", "//"],
)
def test_damaged_yara_gives_nothing_and_says_so(text: str) -> None:
    objects, _ = read("yara", text)
    assert objects == []


@pytest.mark.parametrize("hostile", ['/*"' * 40_000, '"' * 100_000, "rule a " * 20_000, "/" * 100_000, "{" * 100_000])
def test_hostile_yara_is_read_once_over(hostile: str) -> None:
    found, _ = rules.yara_rules(hostile)  # a quadratic scan would take minutes here
    assert len(found) <= 20_000


def test_sigma_rules_keep_their_words_dates_and_tags() -> None:
    (first, second), found = read("sigma", f"---\n{SIGMA}---\ntitle: no rule\n---\n{SIGMA}level: low\n...\n")
    assert first["pattern"] == SIGMA.strip("\n")
    assert (first["name"], first["pattern_type"]) == ("Shadow copies deleted", "sigma")
    assert first["modified"] == "2024-06-07T00:00:00.000000Z"
    assert first["labels"] == ["attack.impact", "attack.t1490"]
    assert second["id"] != first["id"]
    assert [(remark.line, remark.code, remark.text) for remark in found.remarks] == [
        (19, "rule-broken", "title: no rule")
    ]


@pytest.mark.parametrize(
    "text",
    [
        SIGMA + "a: &a [x]\nb: [*a, *a]",  # aliases can be made endless
        SIGMA + "  bad: [",
        SIGMA + "x: " + "[" * 5000,
        SIGMA + "x: '" + "a" * rules.LONGEST_RULE + "'",
        SIGMA.replace("delete", "\0delete"),
    ],
)
def test_sigma_that_would_harm_a_reader_is_refused(text: str) -> None:
    assert rules.sigma_rule(text) is None


def test_network_rules_are_joined_named_and_those_switched_off_are_told() -> None:
    (asks, quoted), found = read("network-rules", SURICATA)
    assert asks["pattern_type"] == quoted["pattern_type"] == "suricata"
    assert asks["pattern"].endswith("classtype:trojan-activity; sid:1000001; rev:2;)")
    assert asks["description"] == "sid 1000001, rev 2, classtype trojan-activity"
    assert quoted["name"] == 'a; \\"quoted\\" message'
    assert codes(found) == ["rule-off"]
    assert not found.needs_confirmation


def test_the_language_is_asked_for_where_nothing_tells_it() -> None:
    (made,), found = read("network-rules", 'alert tcp any any -> any 80 (msg:"x"; content:"x"; sid:1000001;)')
    assert made["pattern_type"] == "suricata"
    assert found.needs_confirmation
    assert codes(found) == ["language-guessed"]
    (made,), found = read("network-rules", SNORT)
    assert made["pattern_type"] == "snort"
    assert not found.needs_confirmation


@pytest.mark.parametrize(
    ("rule", "language"),
    [
        ('alert tls any any -> any any (msg:"x"; tls.sni; content:"x"; sid:100000001;)', "suricata"),
        ('alert http (msg:"x"; http_uri; content:"x"; sid:1000001;)', "snort"),
        ('alert tcp any any -> any any (msg:"x"; content:"x",nocase; sid:9000001;)', "snort"),
        ('alert tcp any any -> any any (msg:"ET x"; content:"x"; sid:2012345;)', "suricata"),
        ('alert tcp any any -> any any (msg:"x"; content:"x"; sid:3500000;)', ""),
    ],
)
def test_what_only_one_language_has_tells_it(rule: str, language: str) -> None:
    (found,) = rules.network_rules(rule)
    assert isinstance(found, rules.NetworkRule)
    assert found.language() == language


def test_a_report_that_quotes_a_rule_stays_a_report() -> None:
    assert recognised(f"We saw evil.example.\n\n{YARA}".encode(), "report.txt").name == "text"
    assert recognised(f"We saw evil.example.\nAnd 192.0.2.1.\n{SNORT}".encode(), "report.txt").name == "text"


@pytest.mark.shared
def test_published_rules_come_in_whole(shared_data: Path) -> None:
    expected = {"rules/sigma": 411, "rules/yara": 307, "iocs/feed_urlhaus": 2853}
    for folder, count in expected.items():
        made = 0
        for path in sorted((shared_data / folder).rglob("*")):
            if not re.search(r"\.(yml|yar|yara|rules)(\.gz)?$", path.name):
                continue
            document = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            intake = recognised(document, path.name.removesuffix(".gz"))
            assert intake.name in ("sigma", "yara", "network-rules")
            found = intake.read(document, CHOICES)
            made += len(found.objects)
            assert found.remarks == []
        assert made == count
