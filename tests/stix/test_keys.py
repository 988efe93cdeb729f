"""Things have one key each, however they are written: the vectors of the profile, and its laws."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from katchi.stix import canonical
from tests.conftest import ROOT
from tests.stix.small_objects import COMPUTED, MD5, made

VECTORS = json.loads((ROOT / "docs/reference/thing-keys-vectors.json").read_text(encoding="utf-8"))
"""What other implementations are held to as well."""

FORMS = {
    "address": canonical.address, "domain": canonical.domain, "url": canonical.url, "email": canonical.email,
    "path": canonical.path, "registry": canonical.registry_key,
}  # fmt: skip


def test_the_vectors_are_those_of_this_profile() -> None:
    assert VECTORS["profile"] == stix.PROFILE


@pytest.mark.parametrize(("form", "case"), [(form, case) for form in FORMS for case in VECTORS[form]])
def test_a_value_has_one_form(form: str, case: dict[str, Any]) -> None:
    assert FORMS[form](case["text"]) == case["key"]


@pytest.mark.parametrize("case", VECTORS["hash"])
def test_hashes_go_by_their_algorithm(case: dict[str, Any]) -> None:
    assert canonical.content_hash(case["algorithm"], case["text"]) == case["key"]


@pytest.mark.parametrize("case", VECTORS["name"])
def test_names_compare_in_one_form_per_letter(case: dict[str, Any]) -> None:
    assert canonical.name(case["text"]) == case["name"]


@pytest.mark.parametrize("case", VECTORS["object"])
def test_an_object_names_its_things(case: dict[str, Any]) -> None:
    assert list(stix.thing_keys(stix.read(json.dumps(case["object"]).encode()))) == case["keys"]


@pytest.mark.parametrize("case", VECTORS["pattern"])
def test_a_pattern_names_what_it_looks_for(case: dict[str, Any]) -> None:
    assert list(stix.thing_keys(made("indicator", pattern=case["pattern"]))) == case["keys"]


TEXTS = st.text(max_size=30) | st.text("[]().:/@-_%ah0129xnA ", max_size=30)


@given(TEXTS)
def test_no_text_makes_a_canonical_form_fail_and_each_form_is_its_own(text: str) -> None:
    for form in (canonical.address, canonical.domain, canonical.url, canonical.email, canonical.mac_address):
        key = form(text)
        if key is not None:
            kind, _, value = key.partition(":")
            again = canonical.address(value) if kind in ("ipv4", "ipv6") else form(value)
            assert again == key
    canonical.path(text)
    canonical.registry_key(text)
    assert canonical.name(canonical.name(text)) == canonical.name(text)


def test_patterns_in_other_languages_name_nothing() -> None:
    assert stix.thing_keys(made("indicator", pattern_type="snort", pattern="[ipv4-addr:value = '192.0.2.1']")) == ()


def test_embedded_observables_name_their_things() -> None:
    objects = {
        "0": {"type": "ipv4-addr", "value": "192.0.2.1"},
        "1": {"type": "file", "hashes": {"MD5": MD5}},
        "2": {"type": "x-odd"},
        "3": 5,
    }
    obj = made("observed-data", spec_version=None, object_refs=None, objects=objects)
    assert stix.thing_keys(obj) == ("ipv4:192.0.2.1", f"file:md5:{MD5}")


def test_an_observable_and_an_indicator_of_it_meet_in_one_key() -> None:
    observable = made("domain-name", id=f"domain-name--{COMPUTED}", value="한국.EXAMPLE.")
    indicator = made("indicator", pattern="[domain-name:value = 'xn--3e0b707e[.]example']")
    assert stix.thing_keys(observable) == stix.thing_keys(indicator)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("url", {"value": "https://a.example/" + "[.]" * 100_000}),
        ("domain-name", {"value": "[.]" * 100_000}),
        ("mutex", {"name": "x" * 100_000}),
        ("malware", {"name": "x" * 100_000}),
    ],
)
def test_what_is_too_long_to_be_a_name_has_no_key(kind: str, change: dict[str, Any]) -> None:
    assert stix.thing_keys(made(kind, **change)) == ()
