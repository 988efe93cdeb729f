"""One object is read strictly, and its bytes stay what they were."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from katchi.errors import KatchiError
from tests.stix.small_objects import AMBER, UUID, written

HEAD = f'{{"type":"indicator","id":"indicator--{UUID}"'.encode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_the_facts_that_everybody_asks_for_are_at_hand() -> None:
    raw = written(
        "indicator",
        modified="2016-05-01T00:00:00.500Z",
        confidence=80,
        revoked=True,
        created_by_ref=f"identity--{UUID}",
        object_marking_refs=[AMBER],
    )
    obj = stix.read(raw)
    assert (obj.raw, obj.type, obj.id, obj.spec_version) == (raw, "indicator", f"indicator--{UUID}", "2.1")
    assert obj.version == stix.parse_timestamp("2016-05-01T00:00:00.500Z")
    assert obj.version_text == "2016-05-01T00:00:00.500Z"
    assert (obj.revoked, obj.confidence, obj.created_by_ref) == (True, 80, f"identity--{UUID}")
    assert obj.marking_refs == (AMBER,)


def test_an_observable_has_no_version_and_needs_no_spec_version() -> None:
    obj = stix.read(written("ipv4-addr", spec_version=None))
    assert (obj.version, obj.version_text, obj.spec_version) == (None, None, "2.1")


def test_an_object_without_spec_version_is_one_of_stix_2_0() -> None:
    assert stix.read(written("malware", spec_version=None)).spec_version == "2.0"


def test_created_stands_for_modified_where_there_is_none() -> None:
    obj = stix.read(written("malware", modified=None))
    assert obj.version_text == "2016-04-06T20:03:48.000Z"


@given(st.dictionaries(st.text(min_size=1), JSON, max_size=4), st.sampled_from([None, 1, "\t"]))
def test_bytes_and_unknown_properties_survive(extra: dict[str, Any], indent: Any) -> None:
    properties = extra | {"type": "x-note", "id": f"x-note--{UUID}"}
    raw = json.dumps(properties, indent=indent, ensure_ascii=True).encode()
    obj = stix.read(raw)
    assert obj.raw == raw
    assert obj.properties == properties
    assert obj == stix.read(raw)


@pytest.mark.parametrize(
    ("tail", "word"),
    [
        (b',"a":1,"a":2}', "twice"),
        (b',"a":{"b":1,"b":2}}', "twice"),
        (b',"a":NaN}', "does not exist"),
        (b',"a":-Infinity}', "does not exist"),
        (b',"a":1e999}', "does not exist"),
        (b',"a":"\\ud800"}', "half a character"),
        (b',"\\uDc00":1}', "half a character"),
        (b',"a":"\xff"}', "UTF-8"),
        (b',"a":"\xed\xa0\x80"}', "UTF-8"),
        (b',"a":"\n"}', "not JSON"),
        (b',"a":tru}', "missing"),
        (b',"a":1,}', "not JSON"),
        (b',"a":01}', "not JSON"),
        (b"", "not JSON"),
        (b"} {}", "More data"),
        (b'}\n{"type":"x"}', "More data"),
        (b',"a":' + b"9" * 5000 + b"}", "too many digits"),
        (b',"a":' + b"[" * 64 + b"]" * 64 + b"}", "too deeply"),
        (b',"a":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}", "too deeply"),
        (b',"a":' + b"[" * 1_000_000, "too deeply"),
    ],
)
def test_what_could_be_understood_in_two_ways_is_refused(tail: bytes, word: str) -> None:
    with pytest.raises(stix.UnreadableError, match=word):
        stix.read(HEAD + tail)


@pytest.mark.parametrize("raw", [b"", b"[]", b"5", b'"x"', b"null", b"\xef\xbb\xbf{}", b"{", b"\x00"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(stix.UnreadableError):
        stix.read(raw)


def test_sixty_four_levels_are_read() -> None:
    assert stix.read(HEAD + b',"a":' + b"[" * 63 + b"1" + b"]" * 63 + b"}")


def test_brackets_within_text_are_not_levels() -> None:
    assert stix.read(HEAD + b',"a":"' + b"[{" * 500 + b'"}')


def test_the_limits_are_the_caller_s() -> None:
    with pytest.raises(stix.UnreadableError, match="too large"):
        stix.read(HEAD + b"}", stix.Limits(object_bytes=10))
    with pytest.raises(stix.UnreadableError, match="too deeply"):
        stix.read(HEAD + b',"a":[[1]]}', stix.Limits(depth=2))


def test_a_fault_is_told_by_line_and_column() -> None:
    with pytest.raises(stix.UnreadableError) as refused:
        stix.read(b'{\n  "type": "indicator",\n  "id": oops\n}')
    assert refused.value.where == "line 3, column 9"


def test_a_fault_after_korean_text_is_told_by_characters() -> None:
    with pytest.raises(stix.UnreadableError) as refused:
        stix.read('{"name":"라자루스" oops}'.encode())
    assert refused.value.where == "line 1, column 16"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"{}", stix.MissingTypeError),
        (b'{"type":""}', stix.MissingTypeError),
        (b'{"type":["indicator"],"id":"x"}', stix.MissingTypeError),
        (b'{"type":"indicator"}', stix.MissingIdError),
        (b'{"type":"indicator","id":7}', stix.MissingIdError),
        (b'{"type":"indicator","id":"malware--1"}', stix.LyingIdError),
        (b'{"type":"indicator","id":"indicator-1"}', stix.LyingIdError),
    ],
)
def test_an_object_that_does_not_say_what_it_is_is_refused(raw: bytes, error: type[stix.InvalidError]) -> None:
    with pytest.raises(error) as refused:
        stix.read(raw)
    assert refused.value.remedy


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    with contextlib.suppress(KatchiError):
        stix.read(raw)


@given(JSON)
def test_no_json_does_more_than_be_refused(value: Any) -> None:
    with contextlib.suppress(KatchiError):
        stix.read(json.dumps(value).encode())


def test_reading_deep_within_other_calls_is_still_a_clean_refusal() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        else:
            with pytest.raises(stix.UnreadableError):
                stix.read(HEAD + b',"a":' + b"[" * 5000 + b"]" * 5000 + b"}")

    deeper(sys.getrecursionlimit() // 3)
