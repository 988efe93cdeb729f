"""Documents are cut into objects, byte for byte."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from katchi.errors import KatchiError

A = b'{"type":"x-a", "id":"x-a--1"}'
B = b'{ "id":"x-b--1",\t"type":"x-b","n":1.0e+2,"text":"\\ud55c \xed\x95\x9c" }'
OBJECTS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text()), max_size=3), max_size=5)


@pytest.mark.parametrize(
    "document",
    [
        b'{"type":"bundle","id":"bundle--1","objects":[%s,%s]}',
        b'{"type":"bundle","id":"bundle--1","spec_version":"2.0","objects":[ %s ,\r\n %s ]}\n',
        b'{"more":false,"objects":[%s,%s]}',
        b'{"objects":[%s,%s],"next":"12"}',
        b"[%s,%s]",
        b"%s\n%s",
        b"\n%s\r\n\r\n%s\n",
        b"\xef\xbb\xbf[%s,%s]",
    ],
)
def test_each_object_comes_out_as_it_was_written(document: bytes) -> None:
    assert stix.split(document % (A, B)) == [A, B]


@given(OBJECTS, st.sampled_from([None, 2]))
def test_what_was_put_into_a_bundle_comes_out(objects: list[dict[str, Any]], indent: int | None) -> None:
    slices = [json.dumps(item, indent=indent).encode() for item in objects]
    assert stix.split(b'{"type":"bundle","objects":[' + b",".join(slices) + b"]}") == slices


@pytest.mark.parametrize(
    ("document", "slices"),
    [
        (A, [A]),
        (b" \n" + A + b"\n", [A]),
        (b"{}", []),
        (b'{"more":false}', []),
        (b'{"type":"bundle","id":"bundle--1"}', []),
        (b"[]", []),
        (b"", []),
        (b" \n ", []),
        (b'{"name":"who am I"}', [b'{"name":"who am I"}']),
        (b'{"id":"x--1","objects":{"0":{}}}', [b'{"id":"x--1","objects":{"0":{}}}']),
        (b'{"type":"observed-data","objects":{"0":{}}}', [b'{"type":"observed-data","objects":{"0":{}}}']),
    ],
)
def test_a_single_object_and_empty_envelopes_are_documents_too(document: bytes, slices: list[bytes]) -> None:
    assert stix.split(document) == slices


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (b'{"type":"bundle",\n "objects":[{"a":1},\n  {"b":}]}', "line 3, column 8"),
        (b'{"type":"bundle","objects":[{"a":NaN}]}', "line 1, column 34"),
        (b'{"type":"x"', "line 1, column 12"),
        (A + b"\n" + b'{"a":oops}', "line 2, column 6"),
        ('{"이름":"한"}\n{"이름":}'.encode(), "line 2, column 7"),
        (A + b" " + B, "line 1, column 31"),
        (b"<html>", "line 1, column 1"),
    ],
)
def test_broken_json_is_told_by_line_and_column(document: bytes, where: str) -> None:
    with pytest.raises(stix.UnreadableError) as refused:
        stix.split(document)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (b'{"type":"bundle","objects":[%s],"objects":[%s]}' % (A, B), "two lists"),
        (b'{"type":"bundle","objects":{"0":%s}}' % A, "not a list"),
        (b'{"type":"bundle","objects":null}', "not a list"),
        (b"5", "holds no objects"),
        (b'"text"', "holds no objects"),
        (b"[" * 10_000 + b"]" * 10_000, "too deeply"),
        (b'{"objects":[' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"]}", "too deeply"),
        (b"[" * 2_000_000, "too deeply"),
        (b'{"type":"bundle","\xed\xa0\x80":1,"objects":[]}', "not UTF-8"),
    ],
)
def test_what_is_no_document_is_refused(document: bytes, word: str) -> None:
    with pytest.raises(stix.UnreadableError, match=word):
        stix.split(document)


def test_the_limits_are_the_caller_s() -> None:
    with pytest.raises(stix.UnreadableError, match="too large"):
        stix.split(A, stix.Limits(document_bytes=10))
    with pytest.raises(stix.UnreadableError, match="too many"):
        stix.split(b"[%s,%s]" % (A, B), stix.Limits(objects=1))


@given(st.binary(max_size=100))
def test_no_bytes_do_more_than_be_refused(document: bytes) -> None:
    with contextlib.suppress(KatchiError):
        stix.split(document)
