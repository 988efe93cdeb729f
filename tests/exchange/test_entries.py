"""What a device may be given of an indicator: never more than its pattern says by itself."""

from __future__ import annotations

import json

import pytest

from katchi.exchange import feeds
from katchi.exchange.entries import REASONS, Entry, entries_of
from katchi.exchange.warned import is_never_blocked
from katchi.stix import parse_timestamp
from tests.conftest import ROOT
from tests.objects import indicator, stix_object

NOW = parse_timestamp("2026-01-01T00:00:00Z")
SHA256 = "a" * 64

PATTERNS = {
    "[ipv4-addr:value = '198.51.100.7']": ["ipv4:198.51.100.7"],
    "[ipv4-addr:value = '198.51.100.0/24']": ["ipv4:198.51.100.0/24"],
    "[ipv4-addr:value ISSUBSET '198.51.100.0/24']": ["ipv4:198.51.100.0/24"],
    "[ipv6-addr:value = '2001:DB8::1']": ["ipv6:2001:db8::1"],
    "[domain-name:value = 'Bad.Example.']": ["domain:bad.example"],
    "[domain-name:value = '198.51.100.7']": ["ipv4:198.51.100.7"],
    "[url:value = 'HTTP://Bad.example:80/a b']": ["url:http://bad.example/a%20b"],
    "[email-addr:value = 'a@Bad.Example']": ["email:a@bad.example"],
    f"[file:hashes.'SHA-256' = '{SHA256.upper()}']": [f"sha256:{SHA256}"],
    f"[file:hashes.MD5 = '{'b' * 32}' OR file:hashes.'SHA-1' = '{'c' * 40}']": [f"md5:{'b' * 32}", f"sha1:{'c' * 40}"],
    "[domain-name:value = 'a.example'] OR [ipv4-addr:value = '198.51.100.7']": [
        "domain:a.example",
        "ipv4:198.51.100.7",
    ],
    "[domain-name:value IN ('a.example', 'b.example')]": ["domain:a.example", "domain:b.example"],
    "[domain-name:value = 'and.example' OR domain-name:value = 'x AND y']": ["domain:and.example"],
    "[file:name = 'x.exe' OR domain-name:value = 'a.example']": ["domain:a.example"],
}


def read(pattern: str, **properties: object) -> list[str]:
    raw = json.dumps(indicator(1, pattern=pattern, **properties)).encode()
    return [f"{entry.kind}:{entry.value}" for entry in entries_of(raw, now=NOW).entries]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS.items())
def test_a_value_that_is_bad_by_itself_is_an_entry(pattern: str, expected: list[str]) -> None:
    assert read(pattern) == expected


NOT_ALONE = [
    "[domain-name:value = 'a.example' AND ipv4-addr:value = '198.51.100.7']",
    "[domain-name:value = 'a.example'] AND [ipv4-addr:value = '198.51.100.7']",
    "[domain-name:value = 'a.example'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.7']",
    "([domain-name:value = 'a.example'] OR [ipv4-addr:value = '198.51.100.7']) WITHIN 5 SECONDS",
    "[domain-name:value NOT = 'a.example']",
    "[domain-name:value != 'a.example']",
    "[domain-name:value LIKE '%.example']",
    "[domain-name:value MATCHES '.*']",
    "[domain-name:value ISSUBSET 'a.example']",
]


@pytest.mark.parametrize("pattern", NOT_ALONE)
def test_what_is_bad_only_together_or_by_a_wider_word_is_none(pattern: str) -> None:
    reading = entries_of(json.dumps(indicator(1, pattern=pattern)).encode(), now=NOW)
    assert (reading.entries, reading.left_out) == ((), "not-atomic")


LEFT_OUT = {
    "revoked": indicator(1, revoked=True),
    "expired": indicator(1, valid_until="2025-12-31T00:00:00Z"),
    "not-yet-valid": indicator(1, valid_from="2026-01-02T00:00:00Z"),
    "other-language": indicator(1, pattern_type="pcre", pattern="x"),
    "other-thing": indicator(1, pattern="[file:name = 'x.exe']"),
    "unusable-value": indicator(1, pattern="[ipv4-addr:value = '198.51.100.700']"),
    "not-an-indicator": stix_object("malware", 1, name="w", is_family=True),
}


@pytest.mark.parametrize(("reason", "item"), LEFT_OUT.items())
def test_what_is_left_out_has_a_reason(reason: str, item: dict[str, object]) -> None:
    assert entries_of(json.dumps(item).encode(), now=NOW).left_out == reason


@pytest.mark.parametrize(
    "value", ["a.example\n0.0.0.0/0", "a.example; rm -rf /", "$(reboot).example", "a b.example", "", "a\u2028b.example"]
)
def test_a_value_cannot_leave_its_line(value: str) -> None:
    for kind in ("domain-name", "ipv4-addr", "url", "email-addr"):
        for entry in entries_of(
            json.dumps(indicator(1, pattern=f"[{kind}:value = '{value}']")).encode(), now=NOW
        ).entries:
            assert not set(entry.value) & set("\n\r\t \u2028;"), entry


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"type":1,"id":2}', b'{"type":"indicator","id":"x","pattern":7}', b"\xff"]
)
def test_no_bytes_raise(raw: bytes) -> None:
    assert entries_of(raw, now=NOW).entries == ()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("ipv4", "198.51.100.7", False),
        ("ipv4", "10.1.2.3", True),
        ("ipv4", "0.0.0.0/0", True),
        ("ipv4", "198.0.0.0/7", True),
        ("ipv4", "198.51.100.0/24", False),
        ("ipv6", "fe80::1", True),
        ("ipv6", "::/0", True),
        ("ipv6", "2001:db8::1", False),
        ("domain", "com", True),
        ("domain", "bad.example", False),
        ("sha256", SHA256, False),
    ],
)
def test_some_things_no_list_blocks_by_itself(kind: str, value: str, expected: bool) -> None:
    assert is_never_blocked(Entry(kind, value, "indicator--1")) is expected


def test_every_feed_and_every_reason_is_explained() -> None:
    page = (ROOT / "docs" / "reference" / "feeds.md").read_text(encoding="utf-8")
    assert [name for name in feeds.names() if f"`{name}`" not in page] == []
    assert [reason for reason in REASONS if reason != "not-an-indicator" and f"`{reason}`" not in page] == []
