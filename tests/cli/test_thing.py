"""`katchi thing`: looked up, shown, decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator, stix_object


@pytest.fixture
def filled(katchi: Katchi, tmp_path: Path) -> Katchi:
    report = [{"source_name": "vendor", "url": "https://vendor.example/x"}]
    objects = [
        indicator(1, pattern="[domain-name:value = 'evil.example']", external_references=report),
        indicator(2, pattern="[url:value = 'http://evil.example/a']"),
        stix_object("threat-actor", 1, name="라자루스"),
        stix_object("malware", 1, name="Manuscrypt", is_family=True),
    ]
    relation = stix_object(
        "relationship", 1, relationship_type="indicates", source_ref=objects[0]["id"], target_ref=objects[3]["id"]
    )
    path = tmp_path / "in.json"
    path.write_bytes(bundle(*objects, relation))
    katchi.good("import", str(path))
    return katchi


PASTED = b"seen: hxxp://evil[.]example/a, evil[.]example and 203.0.113[.]9."


def test_a_pasted_text_is_looked_up(filled: Katchi) -> None:
    found = filled.asked(
        "thing", "find", "-", given=b"seen: hxxp://evil[.]example/a, evil[.]example and 203.0.113[.]9."
    )
    assert {each["key"] for each in found["things"]} == {"domain:evil.example", "url:http://evil.example/a"}
    assert (found["looked_up"], found["unknown"]) == (3, ["203.0.113[.]9"])


def test_a_name_in_any_language_and_one_that_is_ambiguous(filled: Katchi) -> None:
    assert [each["key"] for each in filled.asked("thing", "find", "HIDDEN COBRA")["things"]] == ["actor:G0032"]
    assert [each["key"] for each in filled.asked("thing", "find", "evil")["things"]] != []
    ambiguous = filled.asked("thing", "find", "Manuscrypt")
    assert [each["key"] for each in ambiguous["things"]] == ["software:name:manuscrypt"]
    assert "Volgmer" in {each["title"] for each in ambiguous["possible"]}


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("kind:domain", ["domain:evil.example"]),
        ("kind:actor score:>0", ["actor:G0032"]),
        ("score:>99", []),
        ("score:<=100 kind:url", ["url:http://evil.example/a"]),
        ("from:nobody", []),
        ("seen:<7d", []),
        ("seen:<9999w kind:domain", ["domain:evil.example"]),
        ("list:none kind:domain", ["domain:evil.example"]),
        ("list:popular", []),
    ],
)
def test_a_query_chooses(filled: Katchi, query: str, keys: list[str]) -> None:
    assert [each["key"] for each in filled.asked("thing", "find", *query.split())["things"]] == keys


@pytest.mark.parametrize("query", ["kind:stone", "score:many", "score:>101", "seen:yesterday"])
def test_a_query_that_is_not_understood_is_refused(filled: Katchi, query: str) -> None:
    assert filled("thing", "find", query).status == 2


def test_a_thing_is_shown_with_its_sum(filled: Katchi) -> None:
    shown = filled.asked("thing", "show", "evil[.]example")
    assert (shown["key"], shown["base"], len(shown["voices"])) == ("domain:evil.example", 30, 1)
    assert [each["what"] for each in shown["relations"]] == ["indicates"]
    text = filled.good("thing", "show", "http://evil.example/a").out
    assert "domain:evil.example" in text
    assert "Score" in text
    assert filled.asked("thing", "show", "203.0.113.9")["statements"] == []
    assert filled("thing", "show", "no such thing at all").status == 2


def test_people_decide_and_take_it_back(filled: Katchi) -> None:
    filled.good("thing", "join", "software:name:manuscrypt", "software:S0180", "--why", "the same code")
    assert filled.asked("thing", "show", "software:name:manuscrypt")["key"] == "software:S0180"
    assert "the same code" in filled.good("thing", "show", "software:S0180").out
    filled.good("thing", "withdraw", "software:name:manuscrypt", "software:S0180", "--why", "it is not")
    assert filled.asked("thing", "show", "software:name:manuscrypt")["key"] == "software:name:manuscrypt"
    assert filled("thing", "join", "evil.example", "라자루스", "--why", "x").status == 1
    assert filled.asked("thing", "grade", "own", "A", "--why", "ours")["weighed"] == 4
    assert filled.asked("thing", "show", "evil.example")["base"] == 57


def test_the_lists_are_shown_and_a_broken_one_is_named(filled: Katchi) -> None:
    folder = filled.folder / "warning-lists"
    folder.mkdir()
    (folder / "mine.json").write_text(json.dumps({"type": "string"}))
    found = filled.asked("thing", "lists")
    assert any(each["class"] == "dynamic-dns" for each in found["lists"])
    assert [each["where"] for each in found["problems"]] == ["mine"]


def test_alarms_are_looked_for_listed_and_closed(filled: Katchi) -> None:
    assert filled.asked("alarm", "look")["alarms"] == []
    assert "Nothing rises" in filled.good("alarm", "list").out
    assert filled("alarm", "close", "1", "--why", "x").status == 3


def test_a_saved_search_tells_what_comes_to_match(katchi: Katchi, tmp_path: Path) -> None:
    assert katchi("watch", "news").status == 1
    katchi.good("watch", "add", "ours", "198.51.100.6", "198.51.100.7")
    (tmp_path / "one.json").write_bytes(bundle(indicator(7)))
    katchi.good("import", str(tmp_path / "one.json"))
    found = katchi.asked("watch", "news", "--looked")["news"]
    assert [(each["watch"], each["key"], each["sources"]) for each in found] == [("ours", "ipv4:198.51.100.7", ["own"])]
    assert katchi("watch", "news").status == 1
    assert [each["name"] for each in katchi.asked("watch", "list")["watches"]] == ["ours"]
    katchi.good("watch", "drop", "ours")
    assert katchi("watch", "drop", "ours").status == 3
    assert katchi("watch", "add", "x", "kind:nothing").status == 2


def test_two_things_are_shown_beside_each_other(filled: Katchi) -> None:
    found = filled.asked("thing", "compare", "evil.example", "http://evil.example/a")
    aspects = {each["aspect"]: each for each in found["aspects"]}
    assert (found["same"], aspects["sources"]["both"]) == (False, ["own"])
    assert aspects["neighbours"]["only_one"] == ["Manuscrypt"]
    assert filled.asked("thing", "compare", "라자루스", "HIDDEN COBRA")["same"] is True
    assert "neighbours" in filled.good("thing", "compare", "evil.example", "http://evil.example/a").out
    assert filled("thing", "compare", "evil.example", "no such thing").status == 2
