"""Terms in force, explained and tried, as a node does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi import policy
from katchi.node import partnering, terms
from katchi.node.wiring import Node
from katchi.store.partners import UnknownPartnerError
from tests.node.test_verification import hand_in
from tests.nodes import TERMS, a_node
from tests.objects import indicator

GOOD = TERMS.format(partner="park")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with one partner and no terms."""
    with a_node(tmp_path / "node", "kr-cert") as made:
        partnering.add_tool(made, "park", person="kim")
        yield made


def test_terms_and_their_ledger_entry_come_together_or_not_at_all(node: Node) -> None:
    done = terms.put_terms(node, "park", GOOD, "kim")
    (entry,) = node.store.ledger.latest(10, "park", "terms")
    assert done.digest.encode() in entry.entry
    size, _ = node.store.ledger.root()
    for wrong in (GOOD.replace("up-to", "upto"), GOOD.replace('"park"', '"choi"')):
        with pytest.raises((policy.TermsError, terms.WrongPartnerError)):
            terms.put_terms(node, "park", wrong, "kim")
    with pytest.raises(UnknownPartnerError):
        terms.put_terms(node, "choi", GOOD.replace('"park"', '"choi"'), "kim")
    assert node.store.ledger.root()[0] == size
    assert terms.in_force(node, "park").digest == done.digest


def test_no_terms_is_said_plainly(node: Node) -> None:
    with pytest.raises(terms.NoTermsError):
        terms.in_force(node, "park")
    hand_in(node, indicator(1))
    with pytest.raises(terms.NoTermsError):
        terms.explain(node, indicator(1)["id"], "park")


def test_the_last_step_of_an_explanation_is_what_decided(node: Node) -> None:
    terms.put_terms(node, "park", GOOD, "kim")
    hand_in(node, indicator(1, tlp="amber+strict"))
    explained = terms.explain(node, indicator(1)["id"], "park")
    assert isinstance(explained.decision, policy.Withheld)
    last = explained.steps[-1]
    assert last.decided
    assert last.code == explained.decision.code


def test_a_suspended_partner_is_tried_as_if_it_were_active_but_explained_as_it_is(node: Node) -> None:
    terms.put_terms(node, "park", GOOD, "kim")
    hand_in(node, indicator(1))
    partnering.suspend(node, "park", person="lee")
    decision = terms.explain(node, indicator(1)["id"], "park").decision
    assert isinstance(decision, policy.Withheld)
    assert decision.code == "partner-suspended"
    assert terms.try_terms(node, GOOD, "park").released_then == 1


def test_a_trial_names_a_hundred_and_counts_all_and_can_be_cancelled(node: Node) -> None:
    hand_in(node, *[indicator(number) for number in range(1, 1201)])
    hand_in(node, *[indicator(number, second=3) for number in range(1, 51)])  # newer versions count once
    seen: list[tuple[int, int]] = []
    outlook = terms.try_terms(node, GOOD, "park", lambda done, total: seen.append((done, total)))
    assert (outlook.objects, outlook.would_go.count, len(outlook.would_go.first)) == (
        1200,
        1200,
        terms.LISTED,
    )
    assert seen[-1] == (1250, 1250)

    def cancel(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        terms.try_terms(node, GOOD, "park", cancel)
    assert node.store.partners.terms_in_force("park") is None


def test_a_delay_is_seen_before_it_holds_anything_up(node: Node) -> None:
    terms.put_terms(node, "park", GOOD, "kim")
    hand_in(node, indicator(1))
    outlook = terms.try_terms(node, GOOD + 'delay = "2h"\n', "park")
    assert outlook.would_wait.by_reason == {"delayed": 1}
