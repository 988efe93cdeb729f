"""Our verdicts beside the official ones, and what real publishers' objects get to hear."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from stix2patterns.validator import run_validator

from katchi import stix
from katchi.stix import Finding, Level, canonical, parse_pattern

pytestmark = pytest.mark.shared

# Every case whose verdict by the standard's MUSTs is another than ours, and why: docs/reference/stix.md.
OTHER_VERDICTS = {
    12: "two options of the official tool contradict each other; the object is in order",
    34: "the official tool was given one more schema, which asks for another name",
    53: "an option brings back a naming rule of STIX 2.0",
    55: "an option brings back a naming rule of STIX 2.0",
}

# The advice that we do not give where the official tool does.
OTHER_ADVICE = {
    (3, "101"): "an option brings back a naming rule of STIX 2.0",
    (123, "401"): "refused already: it marks nothing",
    (124, "401"): "refused already: it marks nothing",
    (141, "275"): "we keep no list of socket options",
    (184, "401"): "a top-level extension of an observable is what STIX 2.1 §7.3 describes",
    (187, "401"): "a top-level extension of an observable is what STIX 2.1 §7.3 describes",
    (190, "101"): "an option brings back a naming rule of STIX 2.0",
    (218, "103"): "refused already: the id belongs to another type",
}

CUSTOM = {"custom-property", "custom-object", "custom-extension", "custom-marking", "property-name"}
OUR_CODES: dict[str, set[str]] = {
    "101": CUSTOM,
    "102": CUSTOM,
    "103": {"uuid-version"},
    "111": {"vocabulary-form"},
    "121": {"kill-chain-name"},
    "149": {"process-priority"},
    "201": {"country", "custom-marking"},
    "241": {"hash-algorithm"},
    "272": {"protocol"},
    "301": {"ports"},
    "303": {"unnamed-indicator"},
    "304": {"embedded-objects"},
    "305": {"undescribed-extension"},
    "306": {"unnamed-properties"},
    "401": CUSTOM,
}
_code = re.compile(r"\{(\d+)\}").match


def cases(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "stix" / "validator_cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def official_codes(case: dict[str, Any]) -> set[str | None]:
    """The codes of the official errors; None stands for a broken MUST."""
    texts = [error.partition(": ")[2] or error for error in case["official_errors"]]
    return {match[1] if (match := _code(text)) else None for text in texts}


def ours(case: dict[str, Any]) -> tuple[Finding, ...]:
    options = case["validator_options"]
    try:
        obj = stix.read(json.dumps(case["instance"]).encode())
    except stix.InvalidError as error:
        return (Finding(Level.MUST, "", "", error.code, error.sentence),)
    return stix.check(
        obj,
        strict_properties=bool(options.get("strict_properties")),
        strict_types=bool(options.get("strict_types")),
    )


def is_refused(findings: tuple[Finding, ...]) -> bool:
    return any(finding.level is Level.MUST for finding in findings)


def test_the_verdicts_are_the_official_ones(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    all_cases = cases(shared_data)
    assert len(all_cases) == 283
    others = {
        number for number, case in enumerate(all_cases) if is_refused(ours(case)) is not (None in official_codes(case))
    }
    with capsys.disabled():
        sys.stdout.write(f"\nverdicts as the official ones: {283 - len(others)} of 283\n")
    assert others == set(OTHER_VERDICTS)


def test_the_advice_is_the_official_one(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, given = set(), 0
    for number, case in enumerate(cases(shared_data)):
        said = {finding.code for finding in ours(case)}
        for code in official_codes(case) - {None}:
            assert code is not None
            given += 1
            if said.isdisjoint(OUR_CODES.get(code, {"vocabulary"})):
                missing.add((number, code))
    with capsys.disabled():
        sys.stdout.write(f"\nadvice as the official: {given - len(missing)} of {given}\n")
    assert missing == set(OTHER_ADVICE)


def test_no_advice_is_given_on_what_the_official_tool_finds_in_order(shared_data: Path) -> None:
    spoken = {
        number
        for number, case in enumerate(cases(shared_data))
        if not case["official_errors"] and not case["validator_options"]
        for finding in ours(case)
        if finding.level is not Level.TOLERATED
    }
    assert spoken == set()


def test_patterns_are_patterns_where_the_official_grammar_says_so(shared_data: Path) -> None:
    lines = (shared_data / "stix" / "pattern_cases.jsonl").read_text().splitlines()
    for case in map(json.loads, lines):
        parsed = parse_pattern(case["pattern"])
        assert (not parsed.error) is (case["expected"] == "valid"), case["pattern"]


def test_the_official_matcher_s_patterns_are_read_as_its_own_parser_reads_them(shared_data: Path) -> None:
    with gzip.open(shared_data / "stix" / "pattern_match_cases.jsonl.gz", "rt") as lines:
        patterns = sorted({json.loads(line)["pattern"] for line in lines})
    for pattern in patterns:
        assert bool(parse_pattern(pattern).error) is bool(run_validator(pattern, "2.1")), pattern


# --- Real publishers ------------------------------------------------------------------------------

# Per holding: the files, how many objects, and why how many of them are refused.
HOLDINGS: list[tuple[str, str, int, dict[str, int]]] = [
    ("attack", "enterprise-attack-18.1.stix21.json.gz", 24_771, {}),
    ("attack", "enterprise-attack-18.1.stix20.json.gz", 24_771, {}),
    ("attack", "*-attack-18.1.stix21*.json.gz", 29_132, {}),
    ("attack", "capec-3.9.stix21.json.gz", 2_683, {}),
    # Three campaigns end before they begin; thirteen identities give a list as their class.
    ("iocs/partner_d_unit42", "**/*.json", 7_342, {"time-order": 3, "wrong-type": 13}),
    ("stix/oasis_examples", "*.json", 293, {}),
    # Idioms that a converter left unfinished: relationships to nothing, ids that are no UUIDs.
    (
        "stix/elevator_idioms",
        "*.json",
        81,
        {"external-id": 1, "missing-property": 7, "not-an-id": 7},
    ),
    # Two of the ten files are no JSON; of the rest, two objects are invalid on purpose.
    ("stix/validator_examples", "*.json", 8, {"missing-property": 1, "time-order": 1}),
]


def slices(folder: Path, pattern: str) -> list[bytes]:
    found: list[bytes] = []
    for file in sorted(folder.glob(pattern)):
        document = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        try:
            found += stix.split(document)
        except stix.UnreadableError:
            assert file.name in ("invalid_braces.json", "invalid_comma.json")
    return found


@pytest.mark.parametrize(("folder", "pattern", "count", "reasons"), HOLDINGS)
def test_what_real_publishers_send_is_refused_only_where_it_is_broken(
    shared_data: Path, folder: str, pattern: str, count: int, reasons: dict[str, int]
) -> None:
    refused: Counter[str] = Counter()
    raws = slices(shared_data / folder, pattern)
    for raw in raws:
        obj = stix.read(raw)
        for finding in stix.check(obj):
            if finding.level is Level.MUST:
                refused[finding.code] += 1
        assert stix.display_name(obj)
        assert len(stix.search_text(obj)) <= 4000
    assert len(raws) == count
    assert refused == Counter(reasons)


# --- Real values ----------------------------------------------------------------------------------

FORMS: dict[str, Callable[[str], str | None]] = {
    "domain": canonical.domain,
    "url": canonical.url,
    "ipv4": canonical.address,
    "md5": partial(canonical.content_hash, "MD5"),
    "sha1": partial(canonical.content_hash, "SHA-1"),
    "sha256": partial(canonical.content_hash, "SHA-256"),
}


def keys_of(file: Path) -> set[str | None]:
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return {FORMS[row["type"]](row["value"]) for row in csv.DictReader(text.decode().splitlines())}


def test_what_publishers_list_has_keys_and_their_overlaps_are_found(shared_data: Path) -> None:
    folder = shared_data / "iocs"
    eset, qianxin, maltrail = (
        keys_of(folder / "normalised" / name)
        for name in ("partner_a_eset.csv", "partner_b_qianxin.csv.gz", "partner_c_maltrail.csv.gz")
    )
    assert None not in eset | qianxin | maltrail
    assert len(eset & qianxin) == 673
    assert len(eset & maltrail) == 1_301
    assert eset & maltrail == keys_of(folder / "truth" / "overlap_a_c.csv")
