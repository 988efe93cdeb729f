"""An entry has one form in bytes, and nothing else is read as one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.policy import signed
from katchi.policy.ledger import (
    Entry,
    EntryError,
    digest_of,
    head_entry,
    key_entry,
    leaf_hash,
    receipt_entry,
    received_entry,
    release_entry,
    state_entry,
    terms_entry,
    withdrawal_entry,
)
from tests.policy.two_nodes import NOW

SALT = b"0123456789abcdef"
OBJECT = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
ALL = [
    release_entry(
        partner="park", object_id=OBJECT, version="2016-02-15T01:02:03Z", digest="ab" * 32, rule="green",
        terms_digest="cd" * 32, at=NOW, salt=SALT,
    ),
    withdrawal_entry(
        partner="park", object_id=OBJECT, digest="ab" * 32, reason="tlp-too-strict", terms_digest="cd" * 32,
        at=NOW, salt=SALT,
    ),
    receipt_entry("park", "ab" * 32, 3, at=NOW, salt=SALT),
    received_entry("park", "ab" * 32, 3, at=NOW, salt=SALT),
    terms_entry("park", "cd" * 32, "lee", at=NOW, salt=SALT),
    state_entry("park", "suspend", "suspended", "kim", at=NOW, salt=SALT),
    key_entry("park", "old", "new", at=NOW, salt=SALT),
    head_entry("park", 7, bytes(32), at=NOW, salt=SALT),
]  # fmt: skip


def test_each_kind_of_thing_that_happens_has_an_entry() -> None:
    kinds = ["release", "withdrawal", "receipt", "receipt-sent", "terms", "state", "key", "head"]
    assert [entry.kind for entry in ALL] == kinds


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: str(entry.kind))
def test_an_entry_is_read_as_it_was_written(entry: Entry) -> None:
    raw = entry.to_bytes()
    assert Entry.from_bytes(raw) == entry
    assert raw == signed.canonical(json.loads(raw))


def test_the_bytes_of_a_release_never_change() -> None:
    assert ALL[0].to_bytes() == (
        b'{"at":1456000000000000,"body":{"digest":"' + b"ab" * 32 + b'","object_id":"' + OBJECT.encode() + b'",'
        b'"rule":"green","terms":"' + b"cd" * 32 + b'","version":"2016-02-15T01:02:03Z"},"kind":"release",'
        b'"partner":"park","salt":"MDEyMzQ1Njc4OWFiY2RlZg=="}'
    )


@given(
    body=st.dictionaries(st.text(st.characters(codec="ascii")), st.text() | st.integers(0, 2**53)),
    partner=st.text(),
)
def test_any_entry_has_the_canonical_form_of_rfc_8785(body: dict[str, str | int], partner: str) -> None:
    entry = Entry(NOW, body, "state", partner, SALT)
    plain = {"at": NOW, "body": body, "kind": "state", "partner": partner, "salt": "MDEyMzQ1Njc4OWFiY2RlZg=="}
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert entry.to_bytes() == canonical.encode()
    assert Entry.from_bytes(entry.to_bytes()) == entry


def test_equal_events_hash_apart_so_that_no_neighbour_can_be_guessed() -> None:
    first = receipt_entry("park", "ab" * 32, 3, at=NOW, salt=b"a" * 16)
    second = receipt_entry("park", "ab" * 32, 3, at=NOW, salt=b"b" * 16)
    assert leaf_hash(first.to_bytes()) != leaf_hash(second.to_bytes())


GOOD = ALL[2].to_bytes()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        GOOD + b" ",
        GOOD.replace(b",", b", "),
        GOOD.replace(b'"count":3', b'"count":3,"count":3'),
        GOOD.replace(b'"count":3', b'"count":3.5'),
        GOOD.replace(b'"kind":"receipt"', b'"kind":"rumour"'),
        GOOD.replace(b'"salt"', b'"pepper"'),
        GOOD.replace(b"MDEyMzQ1", b""),
        GOOD.replace(b'{"at":1456000000000000,', b"{")[:-1] + b',"at":1456000000000000}',
    ],
)
def test_anything_else_is_not_an_entry(raw: bytes) -> None:
    with pytest.raises(EntryError):
        Entry.from_bytes(raw)


def test_objects_and_documents_are_named_by_sha_256() -> None:
    assert digest_of(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
