"""`katchi search` and `katchi show`: what is held, and what happened to it."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator, stix_object


@pytest.fixture
def filled(with_tool: Katchi) -> Katchi:
    """A node with two indicators, a malware and what joins them; what is GREEN went to park-siem."""
    malware = stix_object("malware", 1, tlp="amber", name="Wiper", is_family=True)
    joins = stix_object(
        "relationship",
        1,
        relationship_type="indicates",
        source_ref=indicator(1)["id"],
        target_ref=malware["id"],
    )
    with_tool.good("import", "-", given=bundle(indicator(1), indicator(2, tlp="red"), malware, joins))
    with_tool.good("export", "--partner", "park-siem")
    return with_tool


def test_objects_are_found_by_words_type_marking_and_source(filled: Katchi) -> None:
    def names(*arguments: str) -> set[str]:
        return {each["name"] for each in filled.asked("search", *arguments)["objects"]}

    assert names("wiper") == {"Wiper"}
    assert names("--type", "indicator") == {"address 1", "address 2"}
    assert names("address", "--marking", "red") == {"address 2"}
    assert names("--origin", "choi") == set()


def test_a_value_is_found_as_the_thing_that_it_stands_for_defanged_or_not(filled: Katchi) -> None:
    for words in ("198.51.100.1", "198[.]51[.]100[.]1"):
        (found,) = filled.asked("search", words)["objects"]
        assert found["id"] == indicator(1)["id"]
    assert filled.asked("search", "198.51.100.1", "--origin", "choi")["objects"] == []
    assert filled.asked("search", "198.51.100.1", "--marking", "red")["objects"] == []


def test_many_are_found_beyond_one_page(katchi: Katchi) -> None:
    katchi.good("import", "-", given=bundle(*[indicator(number) for number in range(1, 131)]))
    found = katchi.asked("search", "address", "--limit", "120")
    assert (len({each["id"] for each in found["objects"]}), found["more"]) == (120, True)
    assert len(katchi.asked("search", "address", "--limit", "500")["objects"]) == 130


def test_others_about_the_same_thing_are_shown_beside_it(filled: Katchi) -> None:
    again = indicator(3, pattern=indicator(1)["pattern"])
    filled.good("import", "-", given=bundle(again))
    (other,) = filled.asked("show", indicator(1)["id"])["also_about_them"]
    assert other["id"] == again["id"]


def test_a_long_answer_says_that_there_is_more(filled: Katchi) -> None:
    answer = filled.asked("search", "--limit", "2")
    assert (len(answer["objects"]), answer["more"]) == (2, True)
    assert "--limit" in filled.good("search", "--limit", "2").out


def test_an_object_shows_where_it_came_from_and_to_whom_it_went_and_not(filled: Katchi) -> None:
    shown = filled.asked("show", indicator(1)["id"])
    assert shown["object"] == indicator(1)
    assert shown["things"] == ["ipv4:198.51.100.1"]
    assert [each["type"] for each in shown["referred_to_by"]] == ["relationship"]
    assert [(each["partner"], each["rule"]) for each in shown["released_to"]] == [("park-siem", "green")]
    assert filled.asked("show", indicator(2)["id"])["withheld_from"][0]["partner"] == "park-siem"
    text = filled.good("show", indicator(1)["id"]).out
    for word in ("address 1", "Versions", "Released to", "park-siem", "Referred to by"):
        assert word in text


def test_raw_is_byte_for_byte_what_came(katchi: Katchi) -> None:
    raw = json.dumps(indicator(1), indent=7, separators=(" ,", " : ")).encode()
    katchi.good("import", "-", given=raw)
    assert katchi.good("show", indicator(1)["id"], "--raw").out.encode() == raw


def test_every_version_is_listed_newest_first(katchi: Katchi) -> None:
    for second in (1, 2, 3):
        katchi.good("import", "-", given=bundle(indicator(1, second=second)))
    versions = [each["version"] for each in katchi.asked("show", indicator(1)["id"])["versions"]]
    assert versions == sorted(versions, reverse=True)
    assert len(versions) == 3
