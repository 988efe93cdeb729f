"""The check of an object: each rule broken once, told with its place, its code and its level."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi import stix
from katchi.stix import Level
from katchi.stix.tables import table_of
from tests.conftest import ROOT
from tests.stix.small_objects import AMBER, MD5, NEEDED, SHA256, UUID, made, members

IDENTITY = f"identity--{UUID}"
EXTENSION = f"extension-definition--{UUID}"
TLP_GREEN = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"


@pytest.mark.parametrize("kind", NEEDED)
def test_an_object_in_order_is_not_spoken_of(kind: str) -> None:
    assert stix.check(made(kind)) == ()


def found(obj: stix.Object) -> set[tuple[Level, str, str]]:
    return {(finding.level, finding.path, finding.code) for finding in stix.check(obj)}


MUST_NOT: list[tuple[str, dict[str, Any], str, str]] = [
    # The common properties
    ("malware", {"id": "malware--blablabla"}, "id", "not-an-id"),
    ("malware", {"id": "malware--00000000-0000-0000-0000-000000000000"}, "id", "not-an-id"),
    ("malware", {"spec_version": "3.1"}, "spec_version", "spec-version"),
    ("malware", {"spec_version": "1.2"}, "spec_version", "spec-version"),
    ("malware", {"spec_version": 2.1}, "spec_version", "wrong-type"),
    ("grouping", {"spec_version": None}, "spec_version", "missing-property"),
    ("malware", {"created": None}, "created", "missing-property"),
    ("malware", {"modified": None}, "modified", "missing-property"),
    ("malware", {"modified": "2015-01-01T00:00:00.000Z"}, "modified", "time-order"),
    ("malware", {"created": "2016-02-30T00:00:00.000Z"}, "created", "timestamp"),
    ("malware", {"modified": "12016-02-01T00:00:00.000Z"}, "modified", "timestamp"),
    ("malware", {"modified": 1459972800}, "modified", "wrong-type"),
    ("malware", {"confidence": 101}, "confidence", "out-of-range"),
    ("malware", {"confidence": -1}, "confidence", "out-of-range"),
    ("malware", {"confidence": 50.5}, "confidence", "wrong-type"),
    ("malware", {"confidence": True}, "confidence", "wrong-type"),
    ("malware", {"revoked": "yes"}, "revoked", "wrong-type"),
    ("malware", {"labels": []}, "labels", "empty"),
    ("malware", {"labels": ["a", 1]}, "labels[1]", "wrong-type"),
    ("malware", {"lang": "klingon"}, "lang", "language"),
    ("malware", {"created_by_ref": "Kim"}, "created_by_ref", "not-an-id"),
    ("malware", {"object_marking_refs": []}, "object_marking_refs", "empty"),
    ("malware", {"object_marking_refs": [IDENTITY]}, "object_marking_refs[0]", "wrong-reference"),
    ("malware", {"object_marking_refs": AMBER}, "object_marking_refs", "wrong-type"),
    ("malware", {"external_references": [{"source_name": "x"}]}, "external_references[0]", "missing-property"),
    (
        "malware",
        {"external_references": [{"external_id": "1"}]},
        "external_references[0].source_name",
        "missing-property",
    ),
    (
        "vulnerability",
        {"external_references": [{"source_name": "cve", "external_id": "CVE-20161234"}]},
        "external_references[0].external_id",
        "external-id",
    ),
    (
        "malware",
        {"external_references": [{"source_name": "x", "url": "www.a.example"}]},
        "external_references[0].url",
        "uri",
    ),
    # Granular markings
    (
        "malware",
        {"granular_markings": [{"marking_ref": AMBER, "selectors": ["description"]}]},
        "granular_markings[0].selectors[0]",
        "empty-selector",
    ),
    (
        "malware",
        {"granular_markings": [{"marking_ref": AMBER, "selectors": ["name.[0]"]}]},
        "granular_markings[0].selectors[0]",
        "empty-selector",
    ),
    (
        "malware",
        {"granular_markings": [{"marking_ref": AMBER, "selectors": ["N A M E"]}]},
        "granular_markings[0].selectors[0]",
        "selector",
    ),
    ("malware", {"granular_markings": [{"selectors": ["name"]}]}, "granular_markings[0]", "missing-property"),
    (
        "malware",
        {"granular_markings": [{"marking_ref": IDENTITY, "selectors": ["name"]}]},
        "granular_markings[0].marking_ref",
        "wrong-reference",
    ),
    # Names and values of any property
    ("malware", {"9lives": 1}, "9lives", "property-name"),
    ("malware", {"action": 1}, "action", "reserved-name"),
    ("malware", {"x_foo": [{"a": [2**60]}]}, "x_foo[0].a[0]", "out-of-range"),
    ("malware", {"foo_bin": "not base64"}, "foo_bin", "base64"),
    ("malware", {"foo_hex": "abc"}, "foo_hex", "hex"),
    # Extensions
    ("malware", {"extensions": {}}, "extensions", "empty"),
    ("malware", {"extensions": {"Mine": {"a": 1}}}, "extensions.Mine", "extension-name"),
    ("malware", {"extensions": {EXTENSION: {"a": 1}}}, f"extensions.{EXTENSION}.extension_type", "extension-type"),
    ("file", {"extensions": {"ntfs-ext": {}}}, "extensions.ntfs-ext", "missing-property"),
    ("file", {"extensions": {"pdf-ext": {"version": 1}}}, "extensions.pdf-ext.version", "wrong-type"),
    # Single types
    ("malware", {"name": None}, "name", "missing-property"),
    ("malware", {"is_family": None}, "is_family", "missing-property"),
    (
        "malware",
        {"kill_chain_phases": [{"kill_chain_name": "x"}]},
        "kill_chain_phases[0].phase_name",
        "missing-property",
    ),
    ("indicator", {"pattern": None}, "pattern", "missing-property"),
    ("indicator", {"pattern_type": None}, "pattern_type", "missing-property"),
    ("indicator", {"pattern": "[file:name = ]"}, "pattern", "pattern"),
    ("indicator", {"pattern": "[" * 5000}, "pattern", "pattern"),
    ("indicator", {"pattern": "[ab:cde = 1]"}, "pattern", "pattern-type"),
    ("indicator", {"pattern": "[file:yz = 1]"}, "pattern", "pattern-property"),
    ("indicator", {"pattern": "[file:hashes.MD5 = 'abc']"}, "pattern", "hash"),
    ("indicator", {"valid_until": "2016-04-06T20:03:48Z"}, "valid_until", "time-order"),
    ("opinion", {"opinion": "meh"}, "opinion", "not-allowed-value"),
    ("report", {"object_refs": []}, "object_refs", "empty"),
    ("location", {"country": None}, "region", "missing-property"),
    ("location", {"latitude": 37.5}, "longitude", "missing-property"),
    ("location", {"latitude": 97.5, "longitude": 1}, "latitude", "out-of-range"),
    ("observed-data", {"number_observed": 0}, "number_observed", "out-of-range"),
    ("observed-data", {"object_refs": [f"malware--{UUID}"]}, "object_refs[0]", "wrong-reference"),
    ("observed-data", {"object_refs": None}, "objects", "missing-property"),
    ("relationship", {"relationship_type": "Uses"}, "relationship_type", "relationship-type"),
    ("relationship", {"source_ref": TLP_GREEN}, "source_ref", "wrong-reference"),
    ("relationship", {"source_ref": "x"}, "source_ref", "not-an-id"),
    ("sighting", {"sighting_of_ref": f"sighting--{UUID}"}, "sighting_of_ref", "wrong-reference"),
    ("sighting", {"where_sighted_refs": [f"malware--{UUID}"]}, "where_sighted_refs[0]", "wrong-reference"),
    ("sighting", {"count": 10**9}, "count", "out-of-range"),
    ("language-content", {"contents": {"xx": {"name": "?"}}}, "contents.xx", "language"),
    ("language-content", {"contents": {"ko": {"a": "?"}}}, "contents.ko.a", "property-name"),
    ("extension-definition", {"extension_types": ["new"]}, "extension_types[0]", "not-allowed-value"),
    ("extension-definition", {"extension_properties": ["x"]}, "extension_properties", "conflicting-properties"),
    # Observables
    ("ipv4-addr", {"value": "192.0.2.256"}, "value", "ipv4"),
    ("ipv4-addr", {"value": "192.0.2.1/33"}, "value", "ipv4"),
    ("ipv4-addr", {"value": "192.0.2.01"}, "value", "ipv4"),
    ("ipv6-addr", {"value": "2001:db8::1/129"}, "value", "ipv6"),
    ("ipv6-addr", {"value": "2001:db8::1/"}, "value", "ipv6"),
    ("ipv6-addr", {"value": "2001:db8::1/064"}, "value", "ipv6"),
    ("ipv6-addr", {"value": "2001:db8::1/" + "9" * 5000}, "value", "ipv6"),
    ("domain-name", {"value": "https://a.example"}, "value", "domain"),
    ("email-addr", {"value": "Kim <kim@mail.example>"}, "value", "email"),
    ("mac-addr", {"value": "d2:fb:49:24:37"}, "value", "mac-address"),
    ("url", {"value": "a.example/x"}, "value", "uri"),
    ("file", {"hashes": {"MD5": SHA256}}, "hashes.MD5", "hash"),
    ("file", {"hashes": {"SHA-1": MD5}}, "hashes.SHA-1", "hash"),
    ("file", {"hashes": {"MD": MD5}}, "hashes.MD", "dictionary-key"),
    ("file", {"hashes": {}}, "hashes", "empty"),
    ("file", {"hashes": None}, "hashes", "missing-property"),
    ("file", {"size": -1}, "size", "out-of-range"),
    ("file", {"name_enc": "bla.bla.bla"}, "name_enc", "charset"),
    ("artifact", {"url": "https://a.example"}, "payload_bin", "conflicting-properties"),
    ("artifact", {"payload_bin": "failing test"}, "payload_bin", "base64"),
    ("artifact", {"mime_type": "plain"}, "mime_type", "media-type"),
    ("process", {"id": f"process--{UUID[:14]}5{UUID[15:]}"}, "id", "uuid-version"),
    ("process", {"pid": None}, "extensions", "missing-property"),
    ("network-traffic", {"src_port": 65536}, "src_port", "out-of-range"),
    ("network-traffic", {"is_active": True, "end": "2016-04-06T20:03:48Z"}, "end", "conflicting-properties"),
    ("email-message", {"is_multipart": True}, "body", "conflicting-properties"),
    ("software", {"cpe": "word"}, "cpe", "cpe"),
    ("windows-registry-key", {"key": "HKLM\\System"}, "key", "registry-key"),
    ("windows-registry-key", {"values": [{"data_type": "REG_TEXT"}]}, "values[0].data_type", "not-allowed-value"),
]


@pytest.mark.parametrize(("kind", "change", "path", "code"), MUST_NOT)
def test_what_the_standard_forbids_is_named(kind: str, change: dict[str, Any], path: str, code: str) -> None:
    obj = made(kind, **change)
    assert (Level.MUST, path, code) in found(obj)
    for finding in stix.check(obj):
        assert finding.object_id == obj.id
        assert finding.message.endswith(".")


SHOULD_NOT: list[tuple[str, dict[str, Any], str, str]] = [
    ("malware", {"malware_types": ["Bad Ware"]}, "malware_types[0]", "vocabulary"),
    ("malware", {"malware_types": ["Bad Ware"]}, "malware_types[0]", "vocabulary-form"),
    ("malware", {"id": f"malware--{UUID[:14]}1{UUID[15:]}"}, "id", "uuid-version"),
    ("ipv4-addr", {"id": f"ipv4-addr--{UUID}"}, "id", "uuid-version"),
    (
        "malware",
        {"external_references": [{"source_name": "x", "url": "https://a.example"}]},
        "external_references",
        "unhashed-url",
    ),
    (
        "malware",
        {"kill_chain_phases": [{"kill_chain_name": "A B", "phase_name": "c"}]},
        "kill_chain_phases[0].kill_chain_name",
        "kill-chain-name",
    ),
    ("indicator", {"description": None}, "name", "unnamed-indicator"),
    ("location", {"country": "Korea"}, "country", "country"),
    ("malware-analysis", {"product": "Our Box"}, "product", "product-name"),
    ("relationship", {"relationship_type": "likes"}, "relationship_type", "relationship"),
    ("extension-definition", {"description": None}, "description", "undescribed-extension"),
    ("file", {"hashes": {"SHA256": SHA256}}, "hashes.SHA256", "hash-algorithm"),
    ("file", {"mime_type": "zip"}, "mime_type", "media-type"),
    ("network-traffic", {"dst_port": None}, "src_port", "ports"),
    ("network-traffic", {"protocols": ["foo_bar"]}, "protocols[0]", "protocol"),
    (
        "file",
        {"extensions": {"pdf-ext": {"document_info_dict": {"Foo": "x"}}}},
        "extensions.pdf-ext.document_info_dict",
        "pdf-info",
    ),
    (
        "process",
        {"extensions": {"windows-process-ext": {"priority": "HIGH"}}},
        "extensions.windows-process-ext.priority",
        "process-priority",
    ),
]


@pytest.mark.parametrize(("kind", "change", "path", "code"), SHOULD_NOT)
def test_what_the_standard_advises_against_is_said_and_accepted(
    kind: str, change: dict[str, Any], path: str, code: str
) -> None:
    findings = found(made(kind, **change))
    assert (Level.SHOULD, path, code) in findings
    assert all(level is not Level.MUST for level, _, _ in findings)


TOLERATED: list[tuple[str, dict[str, Any], str, str]] = [
    ("malware", {"x_mitre_version": "1.0"}, "x_mitre_version", "custom-property"),
    ("malware", {"fooBar": 1}, "fooBar", "property-name"),
    ("malware", {"x_foo": []}, "x_foo", "empty"),
    ("malware", {"labels": ["ransomware"]}, "labels", "labels-as-types"),
    ("malware", {"created": "2016-04-06T20:03:48Z"}, "created", "timestamp-precision"),
    ("malware", {"created_by_ref": f"malware--{UUID}"}, "created_by_ref", "wrong-reference"),
    ("malware", {"id": f"malware--{UUID[:14]}7{UUID[15:]}"}, "id", "newer-uuid"),
    (
        "vulnerability",
        {"external_references": [{"source_name": "NVD", "external_id": "CVE-2016-1234"}]},
        "external_references[0].external_id",
        "external-id",
    ),
    ("x-mitre-tactic", {"name": "Impact"}, "type", "custom-object"),
    ("malware", {"extensions": {"x-mine-ext": {"a": 1}}}, "extensions.x-mine-ext", "custom-extension"),
    ("file", {"extensions": {"ntfs-ext": {"sid": "1", "x_a": 1}}}, "extensions.ntfs-ext.x_a", "custom-property"),
    ("mac-addr", {"value": "D2-FB-49-24-37-18"}, "value", "mac-address"),
    ("domain-name", {"value": "_dmarc.a-.example"}, "value", "domain"),
    ("url", {"value": "http://a.example/<x>"}, "value", "uri"),
    ("software", {"cpe": "cpe:/a:word:word:1"}, "cpe", "cpe"),
    ("ipv4-addr", {"resolves_to_refs": [f"domain-name--{UUID}"]}, "resolves_to_refs[0]", "wrong-reference"),
    ("network-traffic", {"src_ref": f"ipv4-addr--{UUID[:-1]}"}, "src_ref", "not-an-id"),
]


@pytest.mark.parametrize(("kind", "change", "path", "code"), TOLERATED)
def test_what_publishers_do_all_the_same_is_tolerated_and_said(
    kind: str, change: dict[str, Any], path: str, code: str
) -> None:
    findings = found(made(kind, **change))
    assert (Level.TOLERATED, path, code) in findings
    assert all(level is not Level.MUST for level, _, _ in findings)


# --- Extensions that define what they add ---------------------------------------------------------


def test_an_extension_s_own_properties_are_in_order() -> None:
    extensions = {EXTENSION: {"extension_type": "toplevel-property-extension"}}
    assert stix.check(made("malware", rank=5, extensions=extensions)) == ()


def test_an_extension_s_own_type_is_in_order() -> None:
    extensions = {EXTENSION: {"extension_type": "new-sdo"}}
    assert stix.check(made("our-new-thing", extensions=extensions)) == ()


def test_a_new_observable_has_no_versions() -> None:
    extensions = {EXTENSION: {"extension_type": "new-sco"}}
    assert stix.check(made("our-new-thing", created=None, modified=None, extensions=extensions)) == ()


@pytest.mark.parametrize("change", [{"modified": None}, {"created": None}])
def test_a_custom_object_has_both_times_or_none(change: dict[str, Any]) -> None:
    assert any(finding.code == "missing-property" for finding in stix.check(made("x-our-thing", **change)))


@pytest.mark.parametrize("kind", ["X-thing", "xx", "x--thing", "x_thing", "-thing", "x" * 251])
def test_a_type_s_name_is_lower_case_letters_digits_and_hyphens(kind: str) -> None:
    assert any(finding.code == "type-name" for finding in stix.check(made(kind)))


def test_strictness_refuses_what_is_not_the_standard_s_own() -> None:
    custom = made("malware", x_rank=5)
    assert not refused(custom)
    assert any(finding.level is Level.MUST for finding in stix.check(custom, strict_properties=True))
    assert not any(finding.level is Level.MUST for finding in stix.check(custom, strict_types=True))
    thing = made("x-our-thing")
    assert any(finding.level is Level.MUST for finding in stix.check(thing, strict_types=True))
    pattern = made("indicator", pattern="[x-our-thing:value = 1 AND file:x_rank = 5]")
    assert stix.check(pattern) == ()
    assert {finding.code for finding in stix.check(pattern, strict_types=True, strict_properties=True)} == {
        "custom-object",
        "custom-property",
    }


def refused(obj: stix.Object) -> bool:
    return any(finding.level is Level.MUST for finding in stix.check(obj))


# --- Markings -------------------------------------------------------------------------------------


def marking(**changes: Any) -> stix.Object:
    standard = {
        "id": TLP_GREEN,
        "created": "2017-01-20T00:00:00.000Z",
        "modified": None,
        "definition_type": "tlp",
        "name": "TLP:GREEN",
        "definition": {"tlp": "green"},
    }
    return made("marking-definition", **standard | changes)


def test_the_standard_s_own_tlp_marking_is_in_order() -> None:
    assert stix.check(marking()) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"created": "2020-01-01T00:00:00.000Z"},
        {"created_by_ref": IDENTITY},
        {"name": "Green"},
        {"id": f"marking-definition--{UUID}"},
        {"definition": {"tlp": "TLP:GREEN"}},
        {"id": AMBER, "definition": {"tlp": "amber"}, "name": "TLP:AMBER"},
    ],
)
def test_a_redefined_tlp_marking_is_tolerated(change: dict[str, Any]) -> None:
    assert found(marking(**change)) >= {(Level.TOLERATED, "id", "redefined-tlp")}
    assert not refused(marking(**change))


@pytest.mark.parametrize("definition", [{"tlp": "red"}, {"tlp": "white"}, {"tlp": 21}, {"a": "b"}])
def test_a_tlp_marking_that_says_another_label_than_its_id_is_refused(definition: dict[str, Any]) -> None:
    assert (Level.MUST, "definition.tlp", "tlp") in found(marking(definition=definition))


def test_white_is_what_clear_was_called() -> None:
    white = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
    assert stix.check(marking(id=white, name="TLP:WHITE", definition={"tlp": "white"})) == ()


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"definition": None}, "definition", "missing-property"),
        ({"definition_type": "statement"}, "definition.statement", "missing-property"),
        ({"object_marking_refs": [TLP_GREEN]}, "object_marking_refs", "circular-marking"),
        (
            {"granular_markings": [{"marking_ref": TLP_GREEN, "selectors": ["name"]}]},
            "granular_markings",
            "circular-marking",
        ),
    ],
)
def test_a_marking_that_marks_nothing_or_itself_is_refused(change: dict[str, Any], path: str, code: str) -> None:
    assert (Level.MUST, path, code) in found(marking(**change))


def test_a_statement_and_a_marking_by_extension_are_in_order() -> None:
    own = {"id": f"marking-definition--{UUID}", "name": None}
    assert stix.check(marking(**own, definition_type="statement", definition={"statement": "Ours"})) == ()
    extensions = {EXTENSION: {"extension_type": "property-extension", "level": 3}}
    assert stix.check(marking(**own, definition_type=None, definition=None, extensions=extensions)) == ()


# --- STIX 2.0 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, "2.0"])
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("indicator", {"labels": ["malicious-activity"], "pattern_type": None}),
        ("malware", {"labels": ["ransomware"], "is_family": None}),
        ("tool", {"labels": ["remote-access"]}),
        ("report", {"labels": ["threat-report"]}),
        ("threat-actor", {"labels": ["nation-state"]}),
        ("malware", {"labels": ["ransomware"], "is_family": None, "x_rank": 5}),
    ],
)
def test_objects_of_stix_2_0_are_checked_by_what_2_0_required(
    kind: str, change: dict[str, Any], label: str | None
) -> None:
    assert stix.check(made(kind, spec_version=label, **change)) == ()


@pytest.mark.parametrize("kind", ["indicator", "malware", "tool", "report", "threat-actor"])
def test_stix_2_0_required_labels(kind: str) -> None:
    assert (Level.MUST, "labels", "missing-property") in found(made(kind, spec_version=None))


def observation(objects: Any) -> stix.Object:
    return made("observed-data", spec_version=None, object_refs=None, objects=objects)


def test_embedded_observables_refer_to_one_another_by_key() -> None:
    objects = {
        "0": {"type": "file", "name": "a.exe", "parent_directory_ref": "1"},
        "1": {"type": "directory", "path": "C:\\"},
        "2": {"type": "process", "name": "a.exe", "pid": 1, "binary_ref": "0"},
    }
    assert stix.check(observation(objects)) == ()


@pytest.mark.parametrize(
    ("objects", "path", "code"),
    [
        ({}, "objects", "empty"),
        ([], "objects", "wrong-type"),
        ({"0": 5}, "objects.0", "wrong-type"),
        ({"0": {"name": "a"}}, "objects.0.type", "missing-property"),
        ({"0": {"type": "ipv4-addr", "value": "x"}}, "objects.0.value", "ipv4"),
        (
            {"0": {"type": "file", "name": "a", "parent_directory_ref": "7"}},
            "objects.0.parent_directory_ref",
            "dangling-reference",
        ),
        (
            {"0": {"type": "file", "name": "a", "parent_directory_ref": "0"}},
            "objects.0.parent_directory_ref",
            "wrong-reference",
        ),
    ],
)
def test_what_is_wrong_with_an_embedded_observable_is_named(objects: Any, path: str, code: str) -> None:
    assert (Level.MUST, path, code) in found(observation(objects))


def test_embedding_is_tolerated_in_stix_2_1() -> None:
    obj = made("observed-data", object_refs=None, objects={"0": {"type": "ipv4-addr", "value": "192.0.2.1"}})
    assert found(obj) == {(Level.TOLERATED, "objects", "embedded-objects")}


# --- Bundles --------------------------------------------------------------------------------------


def bundle(*objects: Any) -> stix.Object:
    return made("bundle", spec_version=None, objects=list(objects))


def test_a_bundle_is_checked_with_what_it_holds() -> None:
    assert stix.check(bundle(members("malware"), members("ipv4-addr"))) == ()
    broken = found(bundle(members("malware"), members("malware", confidence=500)))
    assert (Level.MUST, "objects[1].confidence", "out-of-range") in broken
    assert (Level.SHOULD, "objects[1]", "duplicate-version") in broken


@pytest.mark.parametrize("item", [{"id": "x--1"}, {"type": "malware"}, {"type": "malware", "id": "tool--1"}])
def test_each_object_in_a_bundle_says_what_it_is(item: dict[str, Any]) -> None:
    assert refused(bundle(item))


# --- Laws -----------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([UUID, AMBER]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
KINDS = [*stix.TYPES, "x-our-thing"]


@st.composite
def spoiled(draw: st.DrawFn) -> stix.Object:
    """An object, some of whose properties hold anything at all."""
    kind = draw(st.sampled_from(KINDS))
    properties = members(kind)
    struct = stix.TYPES.get(kind)
    names = sorted(table_of(struct).rules) if struct else ["extensions", "granular_markings", "x_rank"]
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        properties[name] = draw(ANYTHING)
    return _object(kind, properties)


def _object(kind: str, properties: dict[str, Any]) -> stix.Object:
    """Built without reading, so that values that no JSON text holds are tried too."""
    return stix.Object(b"", properties, kind, f"{kind}--{UUID}", "2.1", None, None, False, None, None, ())


@settings(max_examples=400)
@given(spoiled())
def test_no_object_makes_the_check_fail(obj: stix.Object) -> None:
    stix.check(obj)
    stix.check(obj, strict_properties=True, strict_types=True)
    stix.references(obj)
    stix.thing_keys(obj)
    assert len(stix.display_name(obj)) <= 200
    assert len(stix.search_text(obj)) <= 4000


@settings(max_examples=200)
@given(spoiled())
def test_checking_changes_nothing_and_says_the_same_again(obj: stix.Object) -> None:
    before = repr(obj.properties)
    assert stix.check(obj) == stix.check(obj)
    assert repr(obj.properties) == before


def test_every_code_is_in_the_reference() -> None:
    """The edge words each code in another language; the reference lists what there is to word."""
    reference = (ROOT / "docs" / "reference" / "stix.md").read_text()
    for kind, change, _, code in MUST_NOT + SHOULD_NOT + TOLERATED:
        codes = {finding.code for finding in stix.check(made(kind, **change))}
        assert {code for code in codes if f"`{code}`" not in reference} == set(), code
