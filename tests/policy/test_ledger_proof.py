"""A proof convinces whoever has the node's public key, offline; every change to it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from katchi.policy.keys import BadSignatureError, NodeKey
from katchi.policy.ledger import (
    Entry,
    ProofError,
    SignedHead,
    Tree,
    check_growth,
    check_proof,
    leaf_hash,
    make_proof,
    release_entry,
    sign_head,
    state_entry,
    verify_head,
    withdrawal_entry,
)
from katchi.policy.signed import UnreadableDocumentError
from tests.policy.two_nodes import CHOI, KIM, NOW

NODE = KIM.introduction.node_id


def entry(number: int, kind: str = "release") -> Entry:
    told = {
        "partner": "us-node", "object_id": f"indicator--{number}", "digest": f"{number:064x}",
        "terms_digest": "cd" * 32,
    }  # fmt: skip
    salt = number.to_bytes(16, "big")
    if kind == "withdrawal":
        return withdrawal_entry(**told, reason="revoked", at=NOW + number, salt=salt)
    if kind == "state":
        return state_entry("us-node", "suspend", "suspended", "kim", at=NOW, salt=salt)
    return release_entry(**told, version="2016-02-15T01:02:03Z", rule="green", at=NOW + number, salt=salt)


ENTRIES = [entry(0), entry(1), entry(2, "withdrawal"), entry(3, "state"), entry(4), entry(5), entry(6)]
LEAVES = [leaf_hash(one.to_bytes()) for one in ENTRIES]
TREE = Tree(LEAVES)


def head(size: int = 7, key: NodeKey = KIM.key) -> SignedHead:
    return sign_head(key, node=NODE, size=size, root=TREE.root(size), at=NOW + 100)


def proof(index: int, size: int = 7) -> bytes:
    return make_proof(ENTRIES[index].to_bytes(), index, TREE, head(size)).to_json()


def test_park_learns_from_the_document_alone_what_kim_wrote_down() -> None:
    proven = check_proof(proof(1), KIM.key.public)
    assert (proven.node, proven.partner, proven.kind) == (NODE, "us-node", "release")
    assert (proven.object_id, proven.version, proven.digest) == (
        "indicator--1", "2016-02-15T01:02:03Z", f"{1:064x}",
    )  # fmt: skip
    assert (proven.at, proven.index, proven.size, proven.head_at) == (NOW + 1, 1, 7, NOW + 100)


def test_a_withdrawal_is_proven_too() -> None:
    assert check_proof(proof(2), KIM.key.public).kind == "withdrawal"


@pytest.mark.parametrize("size", range(1, 8))
def test_proofs_hold_under_every_head_that_covers_the_entry(size: int) -> None:
    for index in [index for index in (0, 1, 2, 4, 5, 6) if index < size]:
        assert check_proof(proof(index, size), KIM.key.public).index == index


def flip(text: str) -> str:
    return ("B" if text[0] != "B" else "C") + text[1:]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another entry": lambda d: d.update(entry=ENTRIES[4].to_bytes().decode()),
    "another object": lambda d: d.update(entry=d["entry"].replace("indicator--1", "indicator--9")),
    "a later time": lambda d: d.update(entry=d["entry"].replace(str(NOW + 1), str(NOW + 2))),
    "not canonical": lambda d: d.update(entry=d["entry"].replace(",", ", ")),
    "another place": lambda d: d.update(index=0),
    "outside the tree": lambda d: d.update(index=7),
    "before the tree": lambda d: d.update(index=-1),
    "a step changed": lambda d: d["path"].__setitem__(0, flip(d["path"][0])),
    "a step less": lambda d: d["path"].pop(),
    "a step more": lambda d: d["path"].append(d["path"][0]),
    "a short step": lambda d: d["path"].__setitem__(0, "AAAA"),
    "another root": lambda d: d["head"].update(root=flip(d["head"]["root"])),
    "another size": lambda d: d["head"].update(size=8),
    "another time of the head": lambda d: d["head"].update(at=NOW),
    "another node": lambda d: d["head"].update(node="identity--somebody"),
    "another signature": lambda d: d["head"].update(signature=flip(d["head"]["signature"])),
    "another key's name": lambda d: d["head"].update(key_id=CHOI.key.public.id),
    "another version": lambda d: d.update(proof="katchi/proof/2"),
    "something unknown": lambda d: d.update(note="trust me"),
    "no head": lambda d: d.pop("head"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_to_a_proof_is_found(change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(proof(1))
    change(document)
    with pytest.raises(ProofError):
        check_proof(json.dumps(document), KIM.key.public)


@pytest.mark.parametrize("document", [b"", b"{", b"\xff", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_proof_is_refused(document: bytes) -> None:
    with pytest.raises(ProofError):
        check_proof(document, KIM.key.public)


def test_choi_cannot_sign_for_kim() -> None:
    forged = make_proof(ENTRIES[1].to_bytes(), 1, TREE, head(key=CHOI.key)).to_json()
    with pytest.raises(ProofError):
        check_proof(forged, KIM.key.public)


def test_an_entry_that_is_not_about_a_release_proves_no_release() -> None:
    with pytest.raises(ProofError, match="not about a release"):
        check_proof(proof(3), KIM.key.public)


@pytest.mark.parametrize(
    ("number", "index", "size"), [(1, 0, 7), (1, 7, 7), (6, 6, 6)], ids=["wrong place", "no place", "young"]
)
def test_no_proof_is_made_that_would_not_hold(number: int, index: int, size: int) -> None:
    with pytest.raises(ProofError):
        make_proof(ENTRIES[number].to_bytes(), index, TREE, head(size))


def test_no_proof_is_made_under_a_head_of_a_longer_ledger() -> None:
    with pytest.raises(ProofError):
        make_proof(ENTRIES[1].to_bytes(), 1, Tree(LEAVES[:3]), head())


def test_a_head_is_read_as_it_was_written_and_signed() -> None:
    again = SignedHead.from_json(head().to_json())
    verify_head(again, KIM.key.public)
    assert again == head()


@pytest.mark.parametrize(
    "change",
    [{"size": 6}, {"root": bytes(32)}, {"at": 1}, {"node": "x"}, {"signature": bytes(64)}, {"key_id": "x"}],
)
def test_a_changed_head_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadSignatureError):
        verify_head(msgspec.structs.replace(head(), **change), KIM.key.public)


@pytest.mark.parametrize(
    "document", [b"{}", head().to_json()[:-1], head().to_json().replace(b'"size":7', b'"size":-7')]
)
def test_what_is_no_head_is_refused(document: bytes) -> None:
    with pytest.raises(UnreadableDocumentError):
        SignedHead.from_json(document)


def test_park_sees_the_ledger_grow() -> None:
    check_growth(head(3), head(7), TREE.consistency_proof(3, 7))
    check_growth(head(7), head(7), ())


def test_park_finds_out_when_kim_rewrites_the_past() -> None:
    rewritten = Tree([LEAVES[0], leaf_hash(b"as if it had never gone"), *LEAVES[2:]])
    later = sign_head(KIM.key, node=NODE, size=7, root=rewritten.root(), at=NOW + 200)
    with pytest.raises(ProofError):
        check_growth(head(3), later, rewritten.consistency_proof(3, 7))


def test_park_finds_out_when_kim_restores_an_old_backup() -> None:
    with pytest.raises(ProofError, match="does not shrink"):
        check_growth(head(7), head(3), ())


def test_two_heads_of_one_size_must_be_one() -> None:
    other = sign_head(KIM.key, node=NODE, size=7, root=bytes(32), at=NOW + 200)
    with pytest.raises(ProofError):
        check_growth(head(7), other, ())


def test_heads_of_two_nodes_say_nothing_about_each_other() -> None:
    other = sign_head(CHOI.key, node=CHOI.introduction.node_id, size=7, root=TREE.root(), at=NOW)
    with pytest.raises(ProofError):
        check_growth(head(7), other, ())
