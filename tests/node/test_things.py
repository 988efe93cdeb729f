"""Things: the same whatever comes first, the same after a rebuild, and as people decided."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from katchi.node import rulings, telling, things
from katchi.node.receive import receive
from katchi.node.rulings import BadRulingError
from katchi.node.wiring import Node
from katchi.store.migrate import SchemaMismatchError, require_newest
from katchi.store.things import ThingRow, Wanted
from tests.nodes import a_node
from tests.objects import bundle, indicator, stix_object

MD5, SHA1, SHA256 = ("a" * 32, "b" * 40, "c" * 64)
OTHER256 = "d" * 64


@pytest.fixture
def node(database_url: str, tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "node", "kr-cert", database=database_url) as made:
        yield made


def take(node: Node, *objects: dict[str, Any], origin: str = "own") -> None:
    account = receive(node, bundle(*objects), origin=origin, via="test", submitter="kim")
    assert account.refused == 0, account.problems


def held(node: Node) -> dict[str, ThingRow]:
    return {row.key: row for row in node.store.things.newest(Wanted(), 10_000)}


def known(node: Node) -> dict[str, tuple[Any, ...]]:
    """What is known of each thing, without when it was first named."""
    return {key: (*row[3:8], *row[8:]) for key, row in held(node).items()}


def file(number: int, **hashes: str) -> dict[str, Any]:
    named = {name.replace("SHA", "SHA-"): value for name, value in hashes.items()}
    return {
        "type": "file", "spec_version": "2.1", "id": f"file--00000000-0000-4000-8000-{number:012x}", "hashes": named,
        "object_marking_refs": indicator(1)["object_marking_refs"],
    }  # fmt: skip


def about(number: int, pattern: str, **properties: Any) -> dict[str, Any]:
    return indicator(number, pattern=pattern, **properties)


def test_hashes_of_one_file_are_one_thing_whichever_came_first(node: Node) -> None:
    take(node, about(1, f"[file:hashes.MD5 = '{MD5}']"), about(2, f"[file:hashes.'SHA-1' = '{SHA1}']"))
    assert sorted(held(node)) == [f"file:md5:{MD5}", f"file:sha1:{SHA1}"]
    take(node, file(1, MD5=MD5, SHA1=SHA1), origin="us-cert")
    assert [(row.key, row.statements, row.sources) for row in held(node).values()] == [
        (f"file:sha1:{SHA1}", 4, ",own,us-cert,")
    ]
    take(node, file(2, SHA1=SHA1, SHA256=SHA256))
    ((row),) = held(node).values()
    assert (row.key, row.name, row.statements) == (f"file:sha256:{SHA256}", SHA256, 6)


def test_a_hash_that_was_seen_with_two_files_joins_neither(node: Node) -> None:
    take(node, file(1, MD5=MD5, SHA256=SHA256))
    assert sorted(held(node)) == [f"file:sha256:{SHA256}"]
    take(node, file(2, MD5=MD5, SHA256=OTHER256))
    assert sorted(held(node)) == [f"file:md5:{MD5}", f"file:sha256:{SHA256}", f"file:sha256:{OTHER256}"]


def test_a_pattern_with_or_may_mean_two_files(node: Node) -> None:
    both = "[file:hashes.MD5 = '{}' {} file:hashes.'SHA-256' = '{}']"
    take(node, about(1, both.format(MD5, "OR", SHA256)))
    assert len(held(node)) == 2
    take(node, about(2, both.format(MD5, "AND", SHA256)))
    assert sorted(held(node)) == [f"file:sha256:{SHA256}"]


def test_what_an_object_no_longer_says_is_gone(node: Node) -> None:
    take(node, about(1, "[domain-name:value = 'a.example']"), about(2, "[domain-name:value = 'b.example']"))
    take(node, about(1, "[domain-name:value = 'b.example']", modified="2016-02-15T02:00:00.000Z"))
    (row,) = held(node).values()
    assert (row.key, row.statements) == ("domain:b.example", 2)


def test_one_report_that_many_republish_counts_once(node: Node) -> None:
    report = [{"source_name": "vendor", "url": "https://vendor.example/report"}]
    for number, origin in enumerate(("feed-a", "feed-b", "feed-c")):
        take(node, about(number, "[domain-name:value = 'a.example']", external_references=report), origin=origin)
    for number, origin in enumerate(("feed-a", "feed-b"), 10):
        take(node, about(number, "[domain-name:value = 'b.example']"), origin=origin)
    take(node, about(20, "[domain-name:value = 'c.example']"), origin="feed-a")
    rows = held(node)
    once, twice = rows["domain:c.example"].base, rows["domain:b.example"].base
    assert rows["domain:a.example"].base == once == 30
    assert twice == 51  # 1 - 0.7²


def test_names_in_any_script_are_one_thing(node: Node) -> None:
    names = ["Lazarus Group", "HIDDEN COBRA", "라자루스", "Guardians of Peace"]
    take(node, *(stix_object("threat-actor", number, name=name) for number, name in enumerate(names)))
    take(node, stix_object("intrusion-set", 9, name="hidden-cobra"))
    (row,) = held(node).values()
    assert (row.key, row.name, row.statements) == ("actor:G0032", "Lazarus Group", 5)


def test_sightings_and_opinions_move_what_is_believed(node: Node) -> None:
    one = about(1, "[domain-name:value = 'a.example']")
    take(node, one)
    before = held(node)["domain:a.example"]
    seen = stix_object("sighting", 1, sighting_of_ref=one["id"], count=7, last_seen="2020-01-01T00:00:00Z")
    take(node, seen, origin="us-cert")
    after = held(node)["domain:a.example"]
    assert (after.sightings, after.base > before.base, after.fresh_at > before.fresh_at) == (7, True, True)
    opinion = stix_object("opinion", 1, opinion="strongly-disagree", object_refs=[one["id"]])
    take(node, opinion, origin="bank")
    assert held(node)["domain:a.example"].base < before.base
    take(node, {**opinion, "revoked": True, "modified": "2016-02-15T02:00:00.000Z"}, origin="bank")
    assert held(node)["domain:a.example"].base == after.base


def test_a_sighting_may_come_before_what_was_seen(node: Node) -> None:
    one = about(1, "[domain-name:value = 'a.example']")
    take(node, stix_object("sighting", 1, sighting_of_ref=one["id"], count=3))
    take(node, one)
    assert held(node)["domain:a.example"].sightings == 3


def test_warning_lists_take_from_it_and_delete_nothing(node: Node) -> None:
    folder = node.folder / telling.OWN_LISTS
    folder.mkdir()
    own = {"name": "ours", "type": "hostname", "list": ["ours.example"], "matching_attributes": ["domain"]}
    (folder / "ours.json").write_text(json.dumps(own))
    (folder / "broken.json").write_text("{")
    take(node, about(1, "[domain-name:value = 'www.ours.example']"), about(2, "[domain-name:value = 'x.example']"))
    rows = held(node)
    assert rows["domain:www.ours.example"].warned == ",own,"
    assert 0 < rows["domain:www.ours.example"].base < rows["domain:x.example"].base
    assert [problem.where for problem in telling.list_problems(node.folder)] == ["broken.json"]


def test_lists_that_change_count_for_what_is_held_too(node: Node) -> None:
    folder = node.folder / telling.OWN_LISTS
    folder.mkdir()
    pattern = f"[file:hashes.MD5 = '{MD5}' AND file:hashes.'SHA-256' = '{SHA256}']"
    take(node, about(1, "[domain-name:value = 'www.ours.example']"), about(2, pattern))
    rulings.renew_lists(node)
    before = known(node)
    own = {
        "name": "ours",
        "type": "string",
        "list": ["www.ours.example", MD5],
        "matching_attributes": ["domain", "md5"],
    }
    (folder / "ours.json").write_text(json.dumps(own))
    assert rulings.renew_lists(node) == 2
    assert [row.warned for row in held(node).values()] == [",own,", ",own,"]
    assert known(node) == rebuilt(node)
    (folder / "ours.json").unlink()
    assert rulings.renew_lists(node) == 2
    assert known(node) == before
    assert rulings.renew_lists(node) == 0


# ---- what people decide ------------------------------------------------------------------------------


def rebuilt(node: Node) -> dict[str, tuple[Any, ...]]:
    for _ in things.rebuild(node):
        pass
    return known(node)


def test_a_spoiled_cache_of_warning_lists_stops_nothing(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = Path(telling.lists_of(node.folder)[0]).name
    monkeypatch.setenv("KATCHI_CACHE", str(tmp_path))
    (tmp_path / "katchi").mkdir()
    (tmp_path / "katchi" / name).write_bytes(b"spoiled")
    take(node, about(1, "[ipv4-addr:value = '8.8.8.8']"))
    assert [row.warned for row in held(node).values()] == [""]
    assert "warning lists cannot be read" in caplog.text


def test_a_join_and_a_split_outlive_a_rebuild(node: Node) -> None:
    take(node, file(1, MD5=MD5, SHA256=SHA256), about(1, f"[file:hashes.MD5 = '{MD5}']"))
    take(node, stix_object("threat-actor", 1, name="Blue Mudang"), stix_object("threat-actor", 2, name="라자루스"))
    rulings.join(node, "actor:name:bluemudang", "actor:G0032", person="kim", why="our own analysis")
    rulings.split(node, f"file:md5:{MD5}", f"file:sha256:{SHA256}", person="kim", why="a collision")
    rows = held(node)
    assert sorted(rows) == ["actor:G0032", f"file:md5:{MD5}", f"file:sha256:{SHA256}"]
    assert (rows["actor:G0032"].statements, rows[f"file:md5:{MD5}"].statements) == (2, 2)
    before = known(node)
    assert rebuilt(node) == before
    rulings.withdraw(node, "actor:name:bluemudang", "actor:G0032", person="choi", why="we were wrong")
    rulings.withdraw(node, f"file:md5:{MD5}", f"file:sha256:{SHA256}", person="choi", why="one file after all")
    assert sorted(held(node)) == ["actor:G0032", "actor:name:bluemudang", f"file:sha256:{SHA256}"]


def test_a_name_can_be_split_from_whom_the_tables_say_it_means(node: Node) -> None:
    take(node, stix_object("threat-actor", 1, name="Zinc"), stix_object("threat-actor", 2, name="라자루스"))
    assert sorted(held(node)) == ["actor:G0032"]
    rulings.split(node, "actor:name:zinc", "actor:G0032", person="kim", why="here it is a code name")
    assert sorted(held(node)) == ["actor:G0032", "actor:name:zinc"]
    take(node, stix_object("intrusion-set", 3, name="ZINC"))
    assert held(node)["actor:name:zinc"].statements == 2
    before = known(node)
    assert rebuilt(node) == before


BAD = {
    "itself": ("actor:G0032", "actor:G0032", "why"),
    "another kind": ("actor:G0032", "software:S0366", "why"),
    "an address and a domain": ("ipv4:198.51.100.1", "domain:a.example", "why"),
    "no reason": ("actor:G0032", "actor:G0094", "  "),
}


@pytest.mark.parametrize(("key", "other", "why"), BAD.values(), ids=BAD)
def test_what_cannot_be_joined_is_refused(node: Node, key: str, other: str, why: str) -> None:
    with pytest.raises(BadRulingError):
        rulings.join(node, key, other, person="kim", why=why)


def test_two_are_not_joined_in_a_circle(node: Node) -> None:
    rulings.join(node, "actor:name:a", "actor:name:b", person="kim", why="x")
    with pytest.raises(BadRulingError):
        rulings.join(node, "actor:name:b", "actor:name:a", person="kim", why="x")


def test_a_source_that_is_graded_weighs_more(node: Node) -> None:
    take(node, about(1, "[domain-name:value = 'a.example']"), origin="us-cert")
    before = held(node)["domain:a.example"].base
    assert rulings.grade(node, "us-cert", "A", person="kim", why="ten good years") == 1
    assert held(node)["domain:a.example"].base > before
    with pytest.raises(BadRulingError):
        rulings.grade(node, "us-cert", "Z", person="kim", why="x")


# ---- laws ----------------------------------------------------------------------------------------------

HASHES = st.fixed_dictionaries(
    {},
    optional={
        "MD5": st.sampled_from([MD5, "1" * 32]),
        "SHA1": st.sampled_from([SHA1, "2" * 40]),
        "SHA256": st.sampled_from([SHA256, OTHER256]),
    },
).filter(bool)
NAME = st.sampled_from(["Lazarus", "라자루스", "Kimsuky", "Blue Mudang", "blue-mudang"])
HOST = st.sampled_from(["a.example", "A.example", "b.example", "x.duckdns.org"])


@st.composite
def objects(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Objects of several sources, each in one version."""
    made: list[tuple[str, dict[str, Any]]] = []
    for number in range(draw(st.integers(1, 8))):
        origin = draw(st.sampled_from(["own", "us-cert", "bank"]))
        which = draw(st.integers(0, 4))
        if which == 0:
            made.append((origin, file(number, **draw(HASHES))))
        elif which == 1:
            made.append((origin, stix_object("threat-actor", number, name=draw(NAME))))
        elif which == 2:
            made.append((origin, about(number, f"[domain-name:value = '{draw(HOST)}']")))
        elif which == 3:
            hashes = " AND ".join(
                f"file:hashes.'{name.replace('SHA', 'SHA-')}' = '{value}'" for name, value in draw(HASHES).items()
            )
            made.append((origin, about(number, f"[{hashes}]")))
        else:
            of = draw(st.sampled_from([item["id"] for _, item in made] or [indicator(1)["id"]]))
            if of.startswith(("indicator", "threat-actor")):
                made.append((origin, stix_object("sighting", number, sighting_of_ref=of, count=2)))
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=objects(), data=st.data())
def test_things_are_the_same_in_any_order_and_after_a_rebuild(
    made: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(made))
    found = []
    for order in (made, shuffled):
        with tempfile.TemporaryDirectory() as folder, a_node(Path(folder) / "node", "kr-cert") as node:
            for origin, item in order:
                take(node, item, origin=origin)
            found.append(settled(node))
            before = known(node)
            assert rebuilt(node) == before
    assert found[0] == found[1]


@st.composite
def revised(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Objects, some of which come again in a later version that says something else, or is revoked."""
    made = draw(objects())
    for number in range(draw(st.integers(0, 5))):
        able = [(origin, item) for origin, item in made if "modified" in item]
        if not able:
            break
        origin, item = draw(st.sampled_from(able))
        later = item | {"modified": f"2016-02-15T02:00:{number:02d}.000Z"}
        if item["type"] == "threat-actor":
            later["name"] = draw(NAME)
        elif item["type"] == "indicator":
            later["pattern"] = f"[domain-name:value = '{draw(HOST)}']"
        if draw(st.booleans()):
            later["revoked"] = True
        made.append((origin, later))
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=revised())
def test_a_rebuild_gives_the_same_whatever_was_revised(made: list[tuple[str, dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, a_node(Path(folder) / "node", "kr-cert") as node:
        for origin, item in made:
            receive(node, bundle(item), origin=origin, via="test", submitter="kim")
        before = known(node)
        assert rebuilt(node) == before


def settled(node: Node) -> dict[str, tuple[Any, ...]]:
    """What does not depend on when something was added: an observable's only date is that."""
    return {
        key: (row.kind, row.base, row.statements, row.sightings, row.sources, row.warned)
        for key, row in held(node).items()
    }


def test_a_database_whose_derived_tables_are_empty_is_not_opened_before_they_are_made(node: Node) -> None:
    take(node, indicator(1))
    with node.store.database.writing() as transaction:
        transaction.run("ledger", "put_setting", name="to-rebuild", value=b"x")
    with pytest.raises(SchemaMismatchError):
        require_newest(node.store.database)
    rebuilt(node)
    require_newest(node.store.database)


@pytest.mark.shared
def test_real_partners_have_in_common_what_the_truth_says(shared_data: Path, tmp_path: Path) -> None:
    """ESET and QiAnXin 673 files; ESET and Maltrail 1,301 addresses, domains and URLs."""
    iocs = shared_data / "iocs"
    with a_node(tmp_path / "node", "kr-cert") as node:
        for origin, name in (
            ("a", "partner_a_eset.csv"),
            ("b", "partner_b_qianxin.csv.gz"),
            ("c", "partner_c_maltrail.csv.gz"),
        ):
            document = bundle(
                *(about(number, pattern) for number, pattern in patterns(iocs / "normalised" / name, origin))
            )
            assert receive(node, document, origin=origin, via="test", submitter="kim").refused == 0
        rows = node.store.things.newest(Wanted(), 1_000_000)
        for other, truth in (("b", "overlap_a_b.csv"), ("c", "overlap_a_c.csv")):
            with open(iocs / "truth" / truth) as file:
                expected = {(row["type"], row["value"]) for row in csv.DictReader(file)}
            both = [row for row in rows if ",a," in row.sources and f",{other}," in row.sources]
            assert {row.name.removeprefix("http://").rstrip("/") for row in both} == {
                value.rstrip("/") for _, value in expected
            }
            assert len(both) == len(expected)


def patterns(path: Path, origin: str) -> Iterator[tuple[int, str]]:
    """A holding as patterns, numbered apart from those of others."""
    forms = {
        "md5": "file:hashes.MD5", "sha1": "file:hashes.'SHA-1'", "sha256": "file:hashes.'SHA-256'",
        "domain": "domain-name:value", "ipv4": "ipv4-addr:value", "url": "url:value",
    }  # fmt: skip
    document = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for number, row in enumerate(csv.DictReader(document.decode().splitlines()), ord(origin) * 1_000_000):
        yield number, "[{} = '{}']".format(forms[row["type"]], row["value"].replace("\\", "\\\\").replace("'", "\\'"))
