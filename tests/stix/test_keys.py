"""Things have one key each, however they are written: the vectors of the profile, and its laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from katchi.stix import canonical
from tests.stix.small_objects import COMPUTED, MD5, SHA256, made

SHA1 = "a" * 40
SHA512 = "b" * 128


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("192.0.2.1", "ipv4:192.0.2.1"),
        ("192[.]0[.]2[.]1", "ipv4:192.0.2.1"),
        (" 192.0.2(.)1 ", "ipv4:192.0.2.1"),
        ("192.0.2.1/32", "ipv4:192.0.2.1"),
        ("192.0.2.77/24", "ipv4:192.0.2.0/24"),
        ("2001:0DB8:0000::0001", "ipv6:2001:db8::1"),
        ("2001:db8::/32", "ipv6:2001:db8::/32"),
        ("2001:db8::1/128", "ipv6:2001:db8::1"),
        ("::ffff:192.0.2.1", "ipv4:192.0.2.1"),
        ("fe80::1%eth0", "ipv6:fe80::1"),
        ("192.0.2.01", None),
        ("192.0.2.1:80", None),
        ("192.0.2.0/255.255.255.0", None),
        ("3221225985", None),
        ("a.example", None),
        ("", None),
    ],
)
def test_addresses_and_networks(text: str, key: str | None) -> None:
    assert canonical.address(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a.example", "domain:a.example"),
        ("A.EXAMPLE.", "domain:a.example"),
        ("a[.]example", "domain:a.example"),
        ("a(dot)example", "domain:a.example"),
        ("한국.example", "domain:xn--3e0b707e.example"),
        ("xn--3e0b707e.example", "domain:xn--3e0b707e.example"),
        ("XN--3E0B707E.example", "domain:xn--3e0b707e.example"),
        ("straße.example", "domain:xn--strae-oqa.example"),
        ("a。example", "domain:a.example"),
        ("ａ.example", "domain:a.example"),
        ("☃.example", "domain:xn--n3h.example"),
        ("_dmarc.a_b.example", "domain:_dmarc.a_b.example"),
        ("192.0.2.1", "ipv4:192.0.2.1"),
        ("0x7f.1", None),
        ("a.example/x", None),
        ("*.a.example", None),
        ("a..example", None),
        ("a example", None),
        ("x" * 64 + ".example", None),
        ("a." * 200 + "example", None),
        ("", None),
    ],
)
def test_domains(text: str, key: str | None) -> None:
    assert canonical.domain(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://a.example", "url:https://a.example/"),
        ("HTTPS://A.Example:443/X?b=C#d", "url:https://a.example/X?b=C#d"),
        ("hxxp://a[.]example/x", "url:http://a.example/x"),
        ("hXXps[:]//a[.]example/x", "url:https://a.example/x"),
        ("http://a.example:80/../x", "url:http://a.example/x"),
        ("http://a.example/?q=[.]", "url:http://a.example/?q=[.]"),
        ("http://[2001:DB8::1]:8080/", "url:http://[2001:db8::1]:8080/"),
        ("http://한국.example/가", "url:http://xn--3e0b707e.example/%EA%B0%80"),
        ("a.example/x", "url:http://a.example/x"),
        ("a.example:8080/x", "url:http://a.example:8080/x"),
        ("ftp://a.example:21/x", "url:ftp://a.example/x"),
        ("http://", None),
        ("http://a b/", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_urls(text: str, key: str | None) -> None:
    assert canonical.url(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Kim@Mail.EXAMPLE", "email:Kim@mail.example"),
        ("kim[@]mail[.]example", "email:kim@mail.example"),
        ("kim@한국.example", "email:kim@xn--3e0b707e.example"),
        ("Kim <kim@mail.example>", None),
        ("kim", None),
        ("@mail.example", None),
        ("kim@", None),
        ("kim@192.0.2.1", None),
    ],
)
def test_email_addresses(text: str, key: str | None) -> None:
    assert canonical.email(text) == key


@pytest.mark.parametrize(
    ("algorithm", "value", "key"),
    [
        ("MD5", MD5.upper(), f"file:md5:{MD5}"),
        ("md5", MD5, f"file:md5:{MD5}"),
        ("SHA-1", SHA1, f"file:sha1:{SHA1}"),
        ("SHA-256", SHA256, f"file:sha256:{SHA256}"),
        ("SHA256", SHA256, f"file:sha256:{SHA256}"),
        ("SHA-512", SHA512, f"file:sha512:{SHA512}"),
        ("SHA3-256", SHA256, f"file:sha3-256:{SHA256}"),
        ("SSDEEP", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "file:ssdeep:3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"),
        ("IMPHASH", MD5, None),
        ("SHA-256", MD5, None),
        ("MD5", SHA1, None),
        ("MD5", "z" * 32, None),
    ],
)
def test_hashes_go_by_their_algorithm(algorithm: str, value: str, key: str | None) -> None:
    assert canonical.content_hash(algorithm, value) == key


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("HKLM\\Software\\X", "HKEY_LOCAL_MACHINE\\SOFTWARE\\x\\"),
        ("hkcu\\Run", "HKEY_CURRENT_USER\\run"),
    ],
)
def test_registry_keys_do_not_tell_cases_apart(written: str, same: str) -> None:
    assert canonical.registry_key(written) == canonical.registry_key(same)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("C:\\Windows\\Temp\\", "path:c:\\windows\\temp"),
        ("c:/windows/temp", "path:c:\\windows\\temp"),
        ("%TEMP%\\X", "path:%temp%\\x"),
        ("/tmp/X/", "path:/tmp/X"),
        ("/", "path:/"),
        ("temp", None),
    ],
)
def test_windows_paths_do_not_tell_cases_apart_and_others_do(text: str, key: str | None) -> None:
    assert canonical.path(text) == key


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  HIDDEN   Cobra\n", "hidden cobra"),
        ("Ｌａｚａｒｕｓ", "lazarus"),
        ("라자루스", "라자루스"),
        ("라자루스".encode().decode(), "라자루스"),
        ("\u1105\u1161\u110c\u1161\u1105\u116e\u1109\u1173", "라자루스"),
        ("APT\u00a038", "apt 38"),
        ("", ""),
    ],
)
def test_names_compare_in_one_form_per_letter(text: str, name: str) -> None:
    assert canonical.name(text) == name


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


@pytest.mark.parametrize(
    ("kind", "change", "keys"),
    [
        ("ipv4-addr", {}, ("ipv4:192.0.2.1",)),
        ("ipv6-addr", {}, ("ipv6:2001:db8::1",)),
        ("domain-name", {"value": "A[.]example"}, ("domain:a.example",)),
        ("url", {}, ("url:https://a.example/x",)),
        ("email-addr", {}, ("email:kim@mail.example",)),
        ("mac-addr", {"value": "D2-FB-49-24-37-18"}, ("mac:d2:fb:49:24:37:18",)),
        ("mutex", {}, ("mutex:__CLEANSWEEP__",)),
        ("autonomous-system", {}, ("as:64496",)),
        ("directory", {}, ("path:c:\\windows",)),
        ("windows-registry-key", {}, ("registry:hkey_local_machine\\system\\foo",)),
        ("file", {"hashes": {"MD5": MD5, "SHA-256": SHA256}}, (f"file:md5:{MD5}", f"file:sha256:{SHA256}")),
        ("file", {"hashes": None, "name": "a.exe"}, ()),
        ("artifact", {"hashes": {"MD5": MD5}}, (f"file:md5:{MD5}",)),
        ("x509-certificate", {"hashes": {"SHA-1": SHA1}}, (f"certificate:sha1:{SHA1}",)),
        ("process", {}, ()),
        ("malware", {"name": "WannaCry"}, ("name:malware:wannacry",)),
        (
            "intrusion-set",
            {"name": "Lazarus Group", "aliases": ["HIDDEN COBRA", "라자루스", "lazarus  group"]},
            ("name:intrusion-set:lazarus group", "name:intrusion-set:hidden cobra", "name:intrusion-set:라자루스"),
        ),
        ("malware", {"name": "X", "x_mitre_aliases": ["X", "Y"]}, ("name:malware:x", "name:malware:y")),
        ("vulnerability", {"name": "cve-2016-1234"}, ("vulnerability:CVE-2016-1234",)),
        (
            "vulnerability",
            {"name": "EternalBlue", "external_references": [{"source_name": "cve", "external_id": "CVE-2017-0144"}]},
            ("vulnerability:CVE-2017-0144",),
        ),
        (
            "attack-pattern",
            {"external_references": [{"source_name": "mitre-attack", "external_id": "T1059.003"}]},
            ("attack-pattern:T1059.003",),
        ),
        ("identity", {}, ()),
        ("relationship", {}, ()),
        ("x-thing", {"value": "a.example"}, ()),
    ],
)
def test_an_object_names_its_things(kind: str, change: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert stix.thing_keys(made(kind, **change)) == keys


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("[domain-name:value = 'A.example']", ("domain:a.example",)),
        (
            "[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2', '192.0.2.1')]",
            ("ipv4:192.0.2.1", "ipv4:192.0.2.2"),
        ),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ("ipv4:198.51.100.0/24",)),
        (
            f"[file:hashes.MD5 = '{MD5}' OR file:hashes.'SHA-256' = '{SHA256}']",
            (f"file:md5:{MD5}", f"file:sha256:{SHA256}"),
        ),
        (f"[process:image_ref.hashes.MD5 = '{MD5}']", (f"file:md5:{MD5}",)),
        ("[network-traffic:dst_ref.value = '192.0.2.1']", ("ipv4:192.0.2.1",)),
        ("[network-traffic:dst_ref.value = 'a.example' AND network-traffic:dst_port = 443]", ("domain:a.example",)),
        ("[email-message:from_ref.value = 'kim@mail.example']", ("email:kim@mail.example",)),
        ("[url:value = 'hxxp://a[.]example/']", ("url:http://a.example/",)),
        ("[autonomous-system:number = 64496]", ("as:64496",)),
        ("[domain-name:value = 'a.example'] FOLLOWEDBY [mutex:name = 'M']", ("domain:a.example", "mutex:M")),
        ("[domain-name:value != 'a.example']", ()),
        ("[domain-name:value NOT = 'a.example']", ()),
        ("[domain-name:value NOT IN ('a.example')]", ()),
        ("[domain-name:value LIKE '%.example']", ()),
        ("[url:value MATCHES '^http']", ()),
        ("[file:name = 'a.exe']", ()),
        (f"[file:extensions.'windows-pebinary-ext'.sections[*].hashes.MD5 = '{MD5}']", ()),
        ("[domain-name:value = 5]", ()),
        ("[oops", ()),
    ],
)
def test_a_pattern_names_what_it_looks_for(pattern: str, keys: tuple[str, ...]) -> None:
    assert stix.thing_keys(made("indicator", pattern=pattern)) == keys


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
