"""The demo's intelligence: good STIX, in two languages, and each owner's terms do what a person expects."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from katchi import policy, stix
from katchi.cli import story
from katchi.policy import Recipient, Release, Withheld
from tests.policy.small_world import MARKED, SmallWorld

SIDES = ("kr", "us")
OTHER = {"kr": "us-cert", "us": "kr-cert"}
WHEN = stix.parse_timestamp("2016-04-01T00:00:00Z")
VICTIMS = ("Haneulgaram", "하늘가람", "Nuri Broadcasting", "누리방송", "Mirdam", "미르담", "Larkspur")


@cache
def held(side: str) -> dict[str, stix.Object]:
    """Every object that a side knows when the story begins."""
    slices = [raw for _, document in story.documents(side) for raw in stix.split(document)]
    found = {obj.id: obj for obj in map(stix.read, slices)}
    assert len(found) == len(slices), "an id is used twice"
    return found


@cache
def outcomes(side: str) -> dict[str, policy.Decision]:
    """What this side's terms make of each of them."""
    world = SmallWorld()
    world.hold(*held(side).values())
    terms = policy.parse_terms(story.terms(side))
    to = Recipient(OTHER[side], is_active=True)
    return {obj.id: policy.decide(obj, "own", 0, to, terms, world, WHEN) for obj in held(side).values()}


def released(side: str) -> dict[str, Release]:
    return {object_id: found for object_id, found in outcomes(side).items() if isinstance(found, Release)}


def one(side: str, kind: str, **properties: Any) -> stix.Object:
    """The only object of this type with these properties."""
    (found,) = [obj for obj in held(side).values() if obj.type == kind and properties.items() <= obj.properties.items()]
    return found


def extra(name: str) -> list[bytes]:
    return stix.split(story.document("kr", name))


# --- Good STIX ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_no_object_breaks_the_standard_or_is_merely_tolerated(side: str) -> None:
    wrong = [
        (obj.id, finding.code)
        for obj in held(side).values()
        for finding in stix.check(obj)
        if finding.level is not stix.Level.SHOULD or finding.code != "unhashed-url"
    ]
    assert wrong == []


@pytest.mark.parametrize("side", SIDES)
def test_what_an_object_points_to_is_held_by_the_same_side(side: str) -> None:
    known = set(held(side))
    lost = {
        (obj.id, reference.id)
        for obj in held(side).values()
        for reference in stix.references(obj)
        if reference.id not in known
    }
    marks = {ref for obj in held(side).values() for ref in obj.marking_refs if ref not in stix.TLP_IDS}
    assert lost == set()
    assert marks <= known


@pytest.mark.parametrize("side", SIDES)
def test_an_observable_has_the_id_that_its_contents_give_it(side: str) -> None:
    seen = [obj for obj in held(side).values() if obj.type in stix.OBSERVABLES]
    assert [obj.id for obj in seen] == [stix.deterministic_id(obj.type, obj.properties) for obj in seen]
    assert len(seen) >= 6


@pytest.mark.parametrize("side", SIDES)
def test_another_library_reads_it_too(side: str) -> None:
    stix2 = pytest.importorskip("stix2")
    for obj in held(side).values():
        assert stix2.parse(obj.raw.decode(), allow_custom=False).id == obj.id


@pytest.mark.parametrize("side", SIDES)
def test_addresses_are_published_ones_or_documentation(side: str) -> None:
    published = {
        "200.87.126.116", "203.131.222.102", "212.31.102.100", "217.96.33.164", "58.185.154.99", "88.53.215.64",
    }  # fmt: skip
    text = b"".join(document for _, document in story.documents(side)).decode()
    addresses = set(re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", text)) - published
    assert {address.rpartition(".")[0] for address in addresses} <= {"192.0.2", "198.51.100", "203.0.113"}
    names = [
        key for obj in held(side).values() for key in stix.thing_keys(obj) if key.startswith(("domain:", "email:"))
    ]
    assert [name for name in names if not name.endswith(".example")] == []


@pytest.mark.parametrize("side", SIDES)
def test_who_did_it_is_said_nowhere_but_in_opinions(side: str) -> None:
    attributed = {"attributed-to", "impersonates"}
    kinds = [obj.properties.get("relationship_type") for obj in held(side).values()]
    assert attributed.isdisjoint(kinds)
    text = b"".join(document for _, document in story.documents(side)).decode()
    assert re.findall(r"Lazarus|Kimsuky|G0032|G0094|북한|North Korea|DPRK", text) == []


@cache
def attack(folder: Path) -> dict[str, tuple[str, frozenset[str], str]]:
    """ATT&CK's own name, phases and address of each technique, by its number."""
    techniques: dict[str, tuple[str, frozenset[str], str]] = {}
    for name in ("enterprise-attack-18.1.stix21.json.gz", "mobile-attack-18.1.stix21.json.gz"):
        objects = json.loads(gzip.decompress((folder / "attack" / name).read_bytes()))["objects"]
        current = [obj for obj in objects if obj["type"] == "attack-pattern" and not obj.get("revoked")]
        techniques |= {technique(obj)[0]: technique(obj)[1:] for obj in current if not obj.get("x_mitre_deprecated")}
    return techniques


def technique(properties: dict[str, Any]) -> tuple[str, str, frozenset[str], str]:
    (reference,) = [each for each in properties["external_references"] if each["source_name"] == "mitre-attack"]
    phases = frozenset(phase["phase_name"] for phase in properties["kill_chain_phases"])
    return reference["external_id"], properties["name"], phases, reference["url"]


@pytest.mark.shared
@pytest.mark.parametrize("side", SIDES)
def test_techniques_are_named_as_attack_names_them(side: str, shared_data: Path) -> None:
    ours = [technique(obj.properties) for obj in held(side).values() if obj.type == "attack-pattern"]
    assert len(ours) >= 12
    assert [each for each in ours if attack(shared_data)[each[0]] != each[1:]] == []


@pytest.mark.parametrize("side", SIDES)
def test_the_organisations_say_that_they_are_fictional(side: str) -> None:
    texts = [obj.raw.decode() for obj in held(side).values() if obj.type in ("identity", "language-content")]
    for word in ("fictional", "가상"):
        assert any(word in text for text in texts)


# --- Two languages ------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "written", "translated"), [("kr", "ko", "en"), ("us", "en", "ko")])
def test_it_is_written_in_one_language_and_translated_into_the_other(side: str, written: str, translated: str) -> None:
    languages = Counter(obj.properties["lang"] for obj in held(side).values() if "lang" in obj.properties)
    translations = [obj for obj in held(side).values() if obj.type == "language-content"]
    assert languages[written] >= 20
    assert len(translations) >= 12
    for each in translations:
        original = held(side)[each.properties["object_ref"]]
        assert each.properties["object_modified"] == original.version_text
        (words,) = each.properties["contents"].values()
        assert list(each.properties["contents"]) == [translated]
        assert words.keys() <= original.properties.keys()


def test_the_terms_speak_both_languages_and_name_the_other_side() -> None:
    for side in SIDES:
        text = story.terms(side)
        assert policy.parse_terms(text).partner == OTHER[side]
        comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
        assert sum(bool(re.search("[가-힣]", comment)) for comment in comments) >= 10


# --- Markings -----------------------------------------------------------------------------------


def test_every_marking_occurs_in_kr() -> None:
    marks = Counter(ref for obj in held("kr").values() for ref in obj.marking_refs)
    assert set(MARKED.values()) <= set(marks)
    assert set(stix.TLP_1_IDS) & set(marks)
    unmarked = [obj.id for obj in held("kr").values() if not obj.marking_refs]
    assert unmarked == [story.UNMARKED_ID]


def test_the_red_note_is_red_and_alone_has_the_phrase() -> None:
    assert held("kr")[story.RED_ID].marking_refs == (MARKED["red"],)
    with_phrase = [
        object_id for side in SIDES for object_id, obj in held(side).items() if story.RED_PHRASE.encode() in obj.raw
    ]
    assert with_phrase == [story.RED_ID]


# --- What goes and what stays -------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_the_terms_decide_as_the_story_says(side: str) -> None:
    found = {}
    for object_id, outcome in outcomes(side).items():
        if isinstance(outcome, Release):
            found[object_id] = "copy" if outcome.copy else "full"
        else:
            assert isinstance(outcome, Withheld)
            found[object_id] = f"withheld:{outcome.code}"
    assert found == story.EXPECTED[side]
    assert set(found.values()) >= {"full", "copy", "withheld:tlp-too-strict", "withheld:withhold-rule"}


@pytest.mark.parametrize("side", SIDES)
def test_no_released_byte_has_the_red_phrase_a_victims_name_or_a_withheld_id(side: str) -> None:
    gone = b"\n".join(release.released.raw for release in released(side).values())
    assert story.RED_PHRASE.encode() not in gone
    assert [name for name in VICTIMS if name.encode() in gone] == []
    hidden = [object_id for object_id, outcome in story.EXPECTED[side].items() if outcome != "full"]
    assert [object_id for object_id in hidden if object_id.encode() in gone] == []


def test_a_report_that_names_a_victim_goes_without_it() -> None:
    bank = one("kr", "identity", name="하늘가람은행 (Haneulgaram Bank)")
    report = one("kr", "report", published="2013-07-15T00:00:00Z")
    assert bank.marking_refs == (MARKED["amber+strict"],)
    assert bank.id in report.properties["object_refs"]
    release = released("kr")[report.id]
    assert release.dropped == (bank.id,)
    kept = json.loads(release.released.raw)
    assert kept["id"] != report.id
    assert len(kept["object_refs"]) == len(report.properties["object_refs"]) - 1


def test_a_sighting_at_a_victim_goes_without_the_place() -> None:
    bank = one("kr", "identity", name="하늘가람은행 (Haneulgaram Bank)")
    sighting = one("kr", "sighting", where_sighted_refs=[bank.id])
    kept = json.loads(released("kr")[sighting.id].released.raw)
    assert "where_sighted_refs" not in kept
    assert kept["count"] == sighting.properties["count"]


def test_a_description_marked_red_is_cut_out_of_a_green_object_and_of_its_translation() -> None:
    for side, name in (("kr", "Wiper (Trojan.Jokra)"), ("us", "Destructive hard drive tool")):
        malware = one(side, "malware", name=name)
        translation = one(side, "language-content", object_ref=malware.id)
        kept = json.loads(released(side)[malware.id].released.raw)
        assert kept["name"] == name
        assert "description" not in kept
        (words,) = json.loads(released(side)[translation.id].released.raw)["contents"].values()
        assert "description" not in words


@pytest.mark.parametrize("key", story.SHARED_KEYS)
def test_both_sides_report_the_same_thing_with_indicators_of_their_own(key: str) -> None:
    ids = []
    for side in SIDES:
        (indicator,) = [obj for obj in held(side).values() if obj.type == "indicator" and key in stix.thing_keys(obj)]
        assert story.EXPECTED[side][indicator.id] == "full"
        ids.append(indicator.id)
    assert len(set(ids)) == 2


def test_two_files_are_the_same_bytes_on_both_sides_and_two_owners_decide_differently() -> None:
    both = held("kr").keys() & held("us").keys()
    assert [held("kr")[object_id].type for object_id in both] == ["file", "file"]
    for object_id in both:
        assert held("kr")[object_id].raw == held("us")[object_id].raw
        # One side keeps them: so neither can be handed back what it already has, whoever imports first.
        assert story.EXPECTED["kr"][object_id] == "withheld:tlp-too-strict"
        assert story.EXPECTED["us"][object_id] == "full"


# --- What comes later ---------------------------------------------------------------------------


def test_the_recall_is_a_later_version_of_something_released() -> None:
    (raw,) = extra("recall.json")
    recall, before = stix.read(raw), held("kr")[story.RECALLED_ID]
    assert (recall.id, recall.revoked, before.revoked) == (story.RECALLED_ID, True, False)
    assert before.version is not None
    assert recall.version is not None
    assert recall.version > before.version
    assert story.EXPECTED["kr"][story.RECALLED_ID] == "full"


def test_the_late_indicator_is_new_and_would_go() -> None:
    (raw,) = extra("late.json")
    late = stix.read(raw)
    assert late.id == story.LATE_ID
    assert late.id not in held("kr")
    world = SmallWorld()
    world.hold(*held("kr").values(), late)
    to = Recipient("us-cert", is_active=True)
    decision = policy.decide(late, "own", 0, to, policy.parse_terms(story.terms("kr")), world, WHEN)
    assert isinstance(decision, Release)
    assert decision.copy is None


def test_only_broken_json_is_broken_and_in_four_ways() -> None:
    for name in ("recall.json", "late.json"):
        for raw in extra(name):
            assert [found for found in stix.check(stix.read(raw)) if found.level is stix.Level.MUST] == []
    good, lying, *readable = extra("broken.json")
    assert list(stix.check(stix.read(good))) == []
    with pytest.raises(stix.LyingIdError):
        stix.read(lying)
    month, wrong, marked = [stix.read(raw) for raw in readable]
    for obj in (month, wrong):
        assert any(found.level is stix.Level.MUST for found in stix.check(obj))
    (mark,) = marked.marking_refs
    assert mark not in stix.TLP_IDS
    assert mark not in held("kr")


def test_a_document_that_is_not_there_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        story.document("us", "recall.json")
