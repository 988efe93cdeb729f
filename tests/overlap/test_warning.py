"""Warning lists: what is on one, held to MISP's own library, and lists that are none."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymispwarninglists.api import WarningList

from katchi.overlap.warning import BadListError, Compiled, WarningLists, compile_lists, own_lists, package_lists
from katchi.stix import canonical

DOMAINS = ["domain", "hostname", "url"]
ADDRESSES = ["ip-src", "ip-dst"]


def a_list(form: str, entries: list[str], kinds: list[str]) -> dict[str, Any]:
    return {
        "name": form, "type": form, "list": entries, "matching_attributes": kinds, "version": 1, "description": "x",
    }  # fmt: skip


def made(*lists: dict[str, Any]) -> WarningLists:
    document = compile_lists((f"list-{number}", "own", each) for number, each in enumerate(lists))
    return WarningLists(Compiled.from_bytes(document))


def names(lists: WarningLists, key: str) -> list[str]:
    return [info.name for info in lists.matching(key)]


EVERY_FORM = made(
    a_list("string", ["Exact.example", "d41d8cd98f00b204e9800998ecf8427e", "http://a.example/x"], [*DOMAINS, "md5"]),
    a_list("hostname", [".dyn.example", "*.star.example", "한국.example"], DOMAINS),
    a_list("substring", ["sandbox"], DOMAINS),
    a_list("cidr", ["198.51.100.0/24", "198.51.100.128/25", "203.0.113.7", "2001:db8::/32"], ADDRESSES),
    a_list("regex", [r"/^(abuse|noc)\@/i"], ["email-src"]),
    a_list("string", ["mail.example"], ["email-src"]),
)
ON_THEM = {
    "domain:exact.example": ["list-0"],
    "domain:below.exact.example": [],
    "domain:dyn.example": ["list-1"],
    "domain:a.b.dyn.example": ["list-1"],
    "domain:notdyn.example": [],
    "domain:x.star.example": ["list-1"],
    "domain:xn--3e0b707e.example": ["list-1"],
    "domain:a.xn--3e0b707e.example": ["list-1"],
    "domain:my-sandbox-1.example": ["list-2"],
    "domain:example": [],
    "url:https://a.dyn.example:8080/x": ["list-1"],
    "url:http://a.example/x": ["list-0"],
    "url:http://198.51.100.1/x": [],
    "url:http://[2001:db8::1]/": [],
    "ipv4:198.51.100.1": ["list-3"],
    "ipv4:198.51.101.0": [],
    "ipv4:203.0.113.7": ["list-3"],
    "ipv4:198.51.100.0/25": ["list-3"],
    "ipv4:198.51.0.0/16": [],
    "ipv4:0.0.0.0": [],
    "ipv4:255.255.255.255": [],
    "ipv6:2001:db8::1": ["list-3"],
    "ipv6:2001:db8::/33": ["list-3"],
    "ipv6:2001:db9::1": [],
    "email:Abuse@a.example": ["list-4"],
    "email:kim@mail.example": ["list-5"],
    "email:kim@sub.mail.example": ["list-5"],
    "email:kim@hotmail.example": [],
    "file:md5:d41d8cd98f00b204e9800998ecf8427e": ["list-0"],
    "file:sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709": [],
    "name:malware:sandbox": [],
    "vulnerability:CVE-2016-1234": [],
}


@pytest.mark.parametrize(("key", "expected"), ON_THEM.items(), ids=ON_THEM)
def test_what_is_on_a_list(key: str, expected: list[str]) -> None:
    assert names(EVERY_FORM, key) == expected


def test_several_sets_are_one_and_each_list_is_named_once() -> None:
    one, two = (
        a_list("hostname", ["example", "a.example", "b.a.example"], DOMAINS),
        a_list("string", ["a.example"], DOMAINS),
    )
    parts = [Compiled.from_bytes(compile_lists([(name, "own", each)])) for name, each in (("one", one), ("two", two))]
    lists = WarningLists(*parts)
    assert names(lists, "domain:a.example") == ["one", "two"]
    assert names(lists, "domain:b.a.example") == ["one"]
    assert [info.entries for info in lists.lists] == [3, 1]


LABEL = st.sampled_from(["a", "b", "dyn", "x-1"])
HOST = st.lists(LABEL, min_size=2, max_size=4).map(".".join)
ADDRESS = st.integers(0, 2**32 - 1).map(lambda n: ".".join(str(n >> shift & 255) for shift in (24, 16, 8, 0)))
NEAR = st.integers(0, 1023).map(lambda n: f"198.51.{n >> 8}.{n & 255}")
NETWORK = st.tuples(NEAR, st.integers(20, 32)).map(lambda each: f"{each[0]}/{each[1]}")


@settings(max_examples=200)
@given(form=st.sampled_from(["string", "hostname"]), entries=st.lists(HOST, max_size=8), host=HOST)
def test_names_are_found_as_misp_finds_them(form: str, entries: list[str], host: str) -> None:
    ours = names(made(a_list(form, entries, DOMAINS)), f"domain:{host}")
    assert bool(ours) == (host in WarningList(a_list(form, entries, DOMAINS), slow_search=True))


def is_within(address: str, networks: list[str]) -> bool:
    import ipaddress

    return any(ipaddress.ip_address(address) in ipaddress.ip_network(each, strict=False) for each in networks)


@settings(max_examples=200)
@given(entries=st.lists(NETWORK, max_size=8), address=st.one_of(ADDRESS, NEAR))
def test_addresses_are_found_wherever_ranges_begin_and_end(entries: list[str], address: str) -> None:
    assert bool(names(made(a_list("cidr", entries, ADDRESSES)), f"ipv4:{address}")) == is_within(address, entries)


BROKEN = {
    "no JSON": b"{",
    "no object": b"[]",
    "unknown type": json.dumps(a_list("fuzzy", ["a"], DOMAINS)).encode(),
    "no list": json.dumps(a_list("string", ["a"], DOMAINS) | {"list": "a"}).encode(),
    "no texts": json.dumps(a_list("string", ["a"], DOMAINS) | {"list": [1]}).encode(),
    "nothing it speaks of": json.dumps(a_list("string", ["a"], DOMAINS) | {"matching_attributes": None}).encode(),
    "no expression": json.dumps(a_list("regex", ["/(/"], DOMAINS)).encode(),
    "a deep one": b"[" * 100_000,
}


@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_a_list_that_is_none_is_named(tmp_path: Path, document: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(document)
    with pytest.raises(BadListError) as caught:
        compile_lists(own_lists(tmp_path))
    assert caught.value.where.startswith("bad")


@pytest.mark.parametrize("damage", [b"", b"KWL1", b"nothing at all", b"KWL1" + b"\xff" * 40])
def test_a_compiled_file_that_is_none_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError):
        Compiled.from_bytes(damage)


def test_a_compiled_file_that_is_cut_off_is_refused() -> None:
    document = compile_lists([("a", "own", a_list("string", ["a.example"], DOMAINS))])
    for end in range(len(document)):
        with pytest.raises(ValueError):
            Compiled.from_bytes(document[:end])


@pytest.mark.shared
def test_the_real_values_of_partners_are_on_the_lists_that_misp_says(shared_data: Path) -> None:
    """Where a list of the pack's edition names a value and ours does not, MISP's own library has to say so too."""
    packaged = {name: document for name, _, document in package_lists()}
    lists = WarningLists(
        Compiled.from_bytes(compile_lists((name, category, document) for name, category, document in package_lists()))
    )
    with gzip.open(shared_data / "iocs" / "truth" / "warninglist_hits.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    missed = []
    for row in rows:
        found = names(lists, key_of(row["type"], row["value"]))
        missed += [(name, row["value"]) for name in row["lists"].split(";") if name in packaged and name not in found]
    assert len(rows) == 25_429
    assert len(missed) < 50
    for name, value in missed:
        assert value not in WarningList(packaged[name], slow_search=True), (name, value)


def key_of(kind: str, value: str) -> str:
    canonicalise = {"domain": canonical.domain, "ipv4": canonical.address, "url": canonical.url}.get(kind)
    key = canonicalise(value) if canonicalise else canonical.content_hash(kind, value)
    assert key is not None
    return key
