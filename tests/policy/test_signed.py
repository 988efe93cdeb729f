"""What is signed has one form in bytes: that of RFC 8785."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.policy import signed

names = st.text(st.characters(codec="ascii"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


class Note(msgspec.Struct, frozen=True):
    """Something to sign."""

    text: str
    signature: bytes = b""


@given(value=values)
def test_canonical_json_is_that_of_rfc_8785(value: object) -> None:
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert signed.canonical(value) == expected.encode()


def test_what_is_signed_names_its_kind_and_leaves_the_signature_out() -> None:
    assert signed.payload("note", Note("가", b"xx"), "signature") == 'katchi/note/1\n{"text":"가"}'.encode()


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"text":1}', b"\xff", '{"text":"\ud800"}', b"[" * 99_999])
def test_a_document_of_another_form_is_refused(document: bytes | str) -> None:
    with pytest.raises(signed.UnreadableDocumentError, match="not a note"):
        signed.read(document, Note, what="a note")


def test_the_error_names_the_property() -> None:
    with pytest.raises(signed.UnreadableDocumentError) as caught:
        signed.read(b'[{"text":"a"},{"text":1}]', list[Note], what="a list")
    assert caught.value.found == "Expected `str`, got `int` - at `$[1].text`"
    with pytest.raises(signed.UnreadableDocumentError) as caught:
        signed.read(b'{"text":1}', Note, what="a note")
    assert caught.value.what == "text"
