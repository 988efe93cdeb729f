"""A new key takes the old one's place only if both say so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from katchi.errors import KatchiError
from katchi.policy.key_change import KeyChange, KeyChangeMismatchError, check_key_change, make_key_change
from katchi.policy.keys import BadSignatureError, NodeKey
from tests.policy.two_nodes import CHOI, NOW, PARK

NEW = NodeKey.generate(b"new" + bytes(29))
NODE = PARK.introduction.node_id
CHANGE = make_key_change(PARK.key, NEW, node_id=NODE, at=NOW, certificate=CHOI.introduction.certificate)


def test_the_new_key_follows_the_old_one() -> None:
    again = KeyChange.from_json(CHANGE.to_json())
    assert again == CHANGE
    assert check_key_change(again, node_id=NODE, known=PARK.key.public) == NEW.public


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"node_id": CHOI.introduction.node_id}, KeyChangeMismatchError),
        ({"old": CHOI.introduction.public_key}, KeyChangeMismatchError),
        ({"new": CHOI.introduction.public_key}, BadSignatureError),
        ({"new": PARK.introduction.public_key}, KeyChangeMismatchError),
        ({"at": NOW + 1}, BadSignatureError),
        ({"certificate": None}, BadSignatureError),
        ({"certificate": PARK.introduction.certificate}, BadSignatureError),
        ({"old_signature": bytes(64)}, BadSignatureError),
        ({"new_signature": bytes(64)}, BadSignatureError),
        ({"old_signature": CHANGE.new_signature}, BadSignatureError),
    ],
    ids=range(10),
)
def test_a_change_that_was_changed_is_refused(change: dict[str, Any], error: type[KatchiError]) -> None:
    with pytest.raises(error):
        check_key_change(msgspec.structs.replace(CHANGE, **change), node_id=NODE, known=PARK.key.public)


def test_choi_cannot_put_a_key_in_parks_place() -> None:
    forged = make_key_change(CHOI.key, NEW, node_id=NODE, at=NOW)
    with pytest.raises(KeyChangeMismatchError):
        check_key_change(forged, node_id=NODE, known=PARK.key.public)


def test_nobody_can_claim_a_key_that_is_not_theirs() -> None:
    """The old key says that Choi's key follows, but Choi does not: his signatures would count as Park's."""
    claimed = make_key_change(PARK.key, NEW, node_id=NODE, at=NOW)
    claimed = msgspec.structs.replace(claimed, new=CHOI.introduction.public_key)
    with pytest.raises(BadSignatureError):
        check_key_change(claimed, node_id=NODE, known=PARK.key.public)


TEXT = CHANGE.to_json().decode()


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        TEXT[:-1],
        TEXT.replace('"at"', '"when"'),
        TEXT.replace(CHANGE.new, "A" * 43),
        TEXT.replace("BEGIN CERTIFICATE", "BEGIN RUMOUR"),
    ],
)
def test_what_is_no_change_of_keys_is_refused(document: str) -> None:
    with pytest.raises(KatchiError):
        KeyChange.from_json(document)
