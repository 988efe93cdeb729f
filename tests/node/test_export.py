"""Exports, trials and verification do the same on both databases; a suspension stops an export under way."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymisp import MISPEvent

from katchi.errors import KatchiError
from katchi.exchange.formats import named
from katchi.node import export, heads, misp, partnering, preview, proof, terms
from katchi.node.clock import SetClock
from katchi.node.wiring import Node
from katchi.policy.keys import verify
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


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_misp_feed_in_a_folder_is_written_anew_only_where_it_changed(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misp, "STRETCH", 2)
    node.clock = clock = SetClock((node.clock.now() // 1_000_000 + 1) * 1_000_000)
    folder = tmp_path / "feed"
    second = 1_000_000

    def exported_after(item: int, *, later: int) -> tuple[int, int]:
        hand_in(node, indicator(item))
        clock.forward(later)
        return export.export_misp(node, "park", folder)

    assert exported_after(0, later=100) == (1, 1)
    assert exported_after(1, later=100)[0] == 2
    assert exported_after(2, later=100)[0] == 2  # MISP counts in seconds: this one is missed by nobody
    clock.forward(second)
    export.export_misp(node, "park", folder)
    clock.forward(second)
    assert export.export_misp(node, "park", folder) == (2, 0)
    assert exported_after(3, later=second) == (3, 1)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    values = set()
    for name in manifest:
        event = MISPEvent()
        event.load_file(folder / f"{name}.json")
        values |= {attribute.value for attribute in event.attributes}
    assert values == {f"198.51.100.{number}" for number in range(4)}
    assert _names(folder) == {"manifest.json", "hashes.csv", *(f"{name}.json" for name in manifest)}


def test_a_folders_signatures_are_there_when_asked_and_never_stale(node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    hand_in(node, indicator(1))
    export.export_misp(node, "park", folder, is_signed=True)
    signed = [name for name in _names(folder) if not name.endswith(".sig") and name != "key.pem"]
    assert len(signed) == 3
    for name in signed:
        verify(node.key.public, (folder / f"{name}.sig").read_bytes(), (folder / name).read_bytes())
    hand_in(node, indicator(2))
    export.export_misp(node, "park", folder)
    assert not any(name.endswith("hashes.csv.sig") for name in _names(folder))


def test_a_folder_of_something_else_loses_nothing(node: Node, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"../x": {}, "mine": {}}')
    (tmp_path / "mine.json").write_text("{}")
    hand_in(node, indicator(1))
    export.export_misp(node, "park", tmp_path)
    assert (tmp_path / "mine.json").read_text() == "{}"
