"""A proof convinces somebody who has the node's public key and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from katchi import policy
from katchi.node import partnering, proof, terms
from katchi.node.wiring import Node
from katchi.policy.keys import PublicKey
from katchi.policy.ledger import ProofError, check_proof
from katchi.store.partners import UnknownPartnerError
from tests.node.test_verification import REDACTING, hand_in, judge_all
from tests.nodes import Pair, a_node, until
from tests.objects import indicator


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that released one indicator in full and one as a redacted copy."""
    with a_node(tmp_path / "node", "kr-cert") as made:
        partnering.add_tool(made, "park", person="kim")
        terms.put_terms(made, "park", REDACTING.format(partner="park"), "kim")
        hand_in(made, indicator(1), indicator(2, description="how we found it"))
        judge_all(made)
        yield made


def test_a_proof_is_checked_with_nothing_but_the_public_key(node: Node) -> None:
    made = proof.prove(node, indicator(1)["id"], "park")
    key = PublicKey.from_text(node.key.public.to_text())
    proven = check_proof(made.document, key)
    assert (proven.kind, proven.partner, proven.object_id) == ("release", "park", indicator(1)["id"])
    (entry,) = node.store.log.versions(indicator(1)["id"])
    assert proven.digest == entry.digest.hex()


def test_a_copy_is_found_by_the_id_of_its_original(node: Node) -> None:
    proven = proof.prove(node, indicator(2)["id"], "park").proves
    (gone,) = node.store.releases.of_object(indicator(2)["id"])
    assert proven.object_id == gone.object_id != indicator(2)["id"]


def test_a_withdrawal_is_proved_once_it_happened(node: Node) -> None:
    narrow = REDACTING.format(partner="park").replace('up-to = "amber"', 'up-to = "clear"')
    terms.put_terms(node, "park", narrow, "lee")
    judge_all(node)
    assert proof.prove(node, indicator(1)["id"], "park").proves.kind == "withdrawal"


def test_another_key_or_another_word_is_not_convinced(node: Node, tmp_path: Path) -> None:
    document = proof.prove(node, indicator(1)["id"], "park").document
    with a_node(tmp_path / "other", "us-cert") as other, pytest.raises(ProofError):
        proof.check(document, other.key.public.to_text())
    changed = msgspec.json.decode(document)
    changed["entry"] = changed["entry"].replace("park", "choi")
    with pytest.raises(ProofError):
        proof.check(msgspec.json.encode(changed), node.key.public.to_text())


def test_nothing_is_proved_that_never_happened(node: Node) -> None:
    with pytest.raises(proof.NeverReleasedError):
        proof.prove(node, indicator(7)["id"], "park")
    with pytest.raises(UnknownPartnerError):
        proof.prove(node, indicator(1)["id"], "choi")


def test_a_tool_keeps_no_books(node: Node) -> None:
    with pytest.raises(proof.NoBooksError):
        proof.reconcile(node, "park")


def test_both_books_agree_after_an_exchange_and_name_what_one_side_forgot(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1), indicator(2))
    until(lambda: len(joined.us.store.log.after(0, 10)) == 2)
    until(lambda: joined.kr.store.releases.flows()["us-cert"].waiting == 0)
    both = proof.reconcile(joined.kr, "us-cert")
    assert both.is_clean
    assert len(both.outgoing.agreed) == 2
    with joined.us.store.database.writing() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE received SET digest = x'00' WHERE object_id = ?", (indicator(1)["id"],)
        )
    both = proof.reconcile(joined.kr, "us-cert")
    assert not both.is_clean
    assert [fact.object_id for fact in both.outgoing.unexplained] == [indicator(1)["id"]]


def test_a_released_object_is_proved_to_the_partner_that_has_it(joined: Pair) -> None:
    hand_in(joined.kr, indicator(1))
    until(lambda: bool(joined.us.store.log.versions(indicator(1)["id"])))
    document = proof.prove(joined.kr, indicator(1)["id"], "us-cert").document
    known = partnering.one(joined.us, "kr-cert")
    head = policy.ledger.InclusionProof.from_json(document).head
    proven = check_proof(document, known.key(head.key_id))
    (theirs,) = joined.us.store.log.versions(indicator(1)["id"])
    assert proven.digest == theirs.digest.hex()
