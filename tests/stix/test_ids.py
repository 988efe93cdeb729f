"""Observables' ids are computed as the standard says, and as the reference library does."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from tests.stix.small_objects import COMPUTED, MD5, NEEDED, SHA256

CASES: list[tuple[str, dict[str, Any]]] = [
    ("artifact", {"payload_bin": "dGVzdA=="}),
    ("artifact", {"url": "https://a.example/x", "hashes": {"SHA-256": SHA256, "MD5": MD5}}),
    ("autonomous-system", {"number": 64496}),
    ("directory", {"path": "C:\\Windows\\"}),
    ("domain-name", {"value": "한국.example"}),
    ("email-addr", {"value": "kim@mail.example", "display_name": "Kim"}),
    ("email-message", {"is_multipart": False, "subject": 'Re: "hello"\n', "body": "Hello"}),
    ("file", {"hashes": {"SHA-256": SHA256, "MD5": MD5}, "name": "a.exe", "size": 5}),
    ("file", {"hashes": {"SHA-256": SHA256}, "parent_directory_ref": f"directory--{COMPUTED}"}),
    ("file", {"hashes": {"SSDEEP": "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"}}),
    ("file", {"name": "a.exe", "extensions": {"ntfs-ext": {"sid": "1"}}}),
    (
        "file",
        {
            "name": "a.exe",
            "extensions": {
                "windows-pebinary-ext": {
                    "pe_type": "exe",
                    "sections": [{"name": ".text", "entropy": 7.5}, {"name": ".data", "entropy": 1e-7}],
                }
            },
        },
    ),
    ("ipv4-addr", {"value": "192.0.2.1"}),
    ("ipv6-addr", {"value": "2001:db8::1"}),
    ("mac-addr", {"value": "d2:fb:49:24:37:18"}),
    ("mutex", {"name": "\u2028é\u0007"}),
    (
        "network-traffic",
        {"protocols": ["tcp"], "src_ref": f"ipv4-addr--{COMPUTED}", "src_port": 1, "start": "2016-01-01T00:00:00Z"},
    ),
    ("software", {"name": "Word", "vendor": "V", "version": "1"}),
    ("url", {"value": "https://a.example/?a=1&b=2"}),
    ("user-account", {"user_id": "kim", "account_type": "unix"}),
    ("windows-registry-key", {"key": "HKEY_LOCAL_MACHINE\\X", "values": [{"name": "a", "data": "b"}]}),
    ("x509-certificate", {"serial_number": "36:f7", "hashes": {"SHA-1": "a" * 40}}),
]


@pytest.mark.parametrize(("kind", "properties"), CASES)
def test_ids_are_those_of_the_reference_library(kind: str, properties: dict[str, Any]) -> None:
    reference = stix2.parse({"type": kind, "spec_version": "2.1"} | properties, version="2.1")
    assert stix.deterministic_id(kind, json.loads(reference.serialize())) == reference.id


def test_an_id_once_computed_stays_what_it_is() -> None:
    # The standard's own example (§6.8) shows an id that its rule does not give; OASIS corrected it in 2024.
    assert stix.deterministic_id("ipv4-addr", {"value": "198.51.100.3"}) == (
        "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
    )


def test_only_what_contributes_matters_and_in_any_order() -> None:
    one = stix.deterministic_id("file", {"name": "a", "hashes": {"MD5": MD5, "SHA-256": SHA256}, "size": 1})
    other = stix.deterministic_id("file", {"hashes": {"SHA-256": "0" * 64, "MD5": MD5}, "name": "a"})
    assert one == other


@pytest.mark.parametrize(
    ("kind", "properties"), [("process", {"pid": 1}), ("file", {"size": 1}), ("malware", {"name": "X"})]
)
def test_where_nothing_contributes_there_is_no_id(kind: str, properties: dict[str, Any]) -> None:
    with pytest.raises(stix.NoDeterministicIdError):
        stix.deterministic_id(kind, properties)


def test_every_observable_is_known() -> None:
    assert {kind for kind in stix.OBSERVABLES if kind != "process"} == set(stix.CONTRIBUTING)
    for kind, needed in NEEDED.items():
        if kind in stix.CONTRIBUTING:
            assert stix.deterministic_id(kind, needed).startswith(f"{kind}--")


# --- The canonical form (RFC 8785) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        # RFC 8785 appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_ecmascript_does(bits: str, text: str) -> None:
    assert stix.canonical_json(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


def test_names_sort_by_utf_16_and_text_is_escaped_least() -> None:
    # RFC 8785 §3.2.3
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert stix.canonical_json(names) == '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'
    assert stix.canonical_json('\u000f\n"\\/€') == '"\\u000f\\n\\"\\\\/€"'


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.text(), inner))))  # fmt: skip
def test_the_canonical_form_means_the_same(value: Any) -> None:
    assert json.loads(stix.canonical_json(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(value: float) -> None:
    assert float(stix.canonical_json(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, {1}, b"x", 10**400])
def test_what_json_does_not_have_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(stix.NotCanonicalError):
        stix.canonical_json([value])
