"""Exports, trials and verification do the same on both databases; a suspension stops an export under way."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.errors import KatchiError
from katchi.exchange.formats import named
from katchi.node import export, heads, partnering, preview, proof, terms
from katchi.node.wiring import Node
from tests.node.test_verification import REDACTING, hand_in, judge_all
from tests.nodes import a_node
from tests.objects import bundle, indicator

BUNDLE = named("stix-bundle")


@pytest.fixture
def node(database_url: str, tmp_path: Path) -> Iterator[Node]:
    """A node with terms for park, on each kind of database."""
    with a_node(tmp_path / "node", "kr-cert", database=database_url) as made:
        partnering.add_tool(made, "park", person="kim")
        terms.put_terms(made, "park", REDACTING.format(partner="park"), "kim")
        yield made


def _exported(node: Node) -> dict[str, dict[str, object]]:
    out = io.BytesIO()
    export.export_for(node, "park", BUNDLE, out)
    return {each["id"]: each for each in json.loads(out.getvalue()).get("objects", [])}


def test_a_preview_keeps_nothing_and_says_what_an_import_says(node: Node) -> None:
    given = bundle(indicator(1), indicator(1), indicator(2) | {"pattern": 3})
    before = node.store.log.end()
    account = preview.preview(node, given, via="test", submitter="kim")
    assert (account.stored, account.held, account.refused) == (1, 1, 1)
    assert node.store.log.end() == before
    assert node.store.submissions.latest(1) == []


def test_a_copy_goes_instead_of_what_must_be_hidden(node: Node) -> None:
    hand_in(node, indicator(1), indicator(2, description="how we found it"))
    went = _exported(node)
    assert indicator(1)["id"] in went
    assert indicator(2)["id"] not in went
    assert all("description" not in each for each in went.values())
    assert len(went) == 2


def test_an_export_again_is_the_same_and_releases_nothing_twice(node: Node) -> None:
    hand_in(node, indicator(1), indicator(2, description="how we found it"))
    first = _exported(node)
    size, _ = node.store.ledger.root()
    assert _exported(node) == first
    assert node.store.ledger.root()[0] == size


def test_a_suspension_stops_an_export_under_way(node: Node) -> None:
    hand_in(node, *[indicator(number) for number in range(1, 2501)])
    out = io.BytesIO()

    def suspend(done: int, _total: int) -> None:
        if done == export.PAGE:
            partnering.suspend(node, "park", person="lee")

    with pytest.raises(KatchiError):
        export.export_for(node, "park", BUNDLE, out, suspend)
    assert out.getvalue().count(b'"indicator--') == export.PAGE


def test_terms_that_narrow_take_things_out_of_the_next_export(node: Node) -> None:
    hand_in(node, indicator(1), indicator(2, tlp="amber"))
    assert len(_exported(node)) == 2
    narrow = REDACTING.format(partner="park").replace('up-to = "amber"', 'up-to = "green"')
    assert terms.try_terms(node, narrow, "park").would_stay.count == 1
    terms.put_terms(node, "park", narrow, "lee")
    assert set(_exported(node)) == {indicator(1)["id"]}


def test_a_backup_holds_each_object_once_in_its_newest_version(node: Node) -> None:
    hand_in(node, indicator(1), indicator(2, tlp="red"))
    hand_in(node, indicator(1, second=9))
    out = io.BytesIO()
    done = export.unsafe_export_everything(node, BUNDLE, out)
    held = json.loads(out.getvalue())["objects"]
    assert held == [indicator(2, tlp="red"), indicator(1, second=9)]
    assert (done.objects, done.size) == (2, len(out.getvalue()))


def test_everything_is_verified_and_a_changed_row_named(node: Node) -> None:
    hand_in(node, indicator(1), indicator(2, description="how we found it"))
    judge_all(node)
    heads.sign(node)
    assert proof.verify(node).is_intact
    with node.store.database.writing() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE release SET digest = (SELECT digest FROM object WHERE seq = 1) WHERE raw IS NOT NULL"
        )
    assert {each.code for each in proof.verify(node).tampering} == {"release-changed", "release-differs"}
