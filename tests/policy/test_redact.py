"""What a redacted copy says, what it no longer says, and under which id."""

from __future__ import annotations

from typing import Any

import pytest

from katchi import policy, stix
from katchi.policy import Recipient, Release, Withheld, types
from katchi.policy.copies import WeakKeyError
from katchi.policy.paths import matching
from katchi.stix.kinds import TYPES
from katchi.stix.tables import table_of
from tests.policy.small_world import (
    CHOI,
    CREATED,
    MARKED,
    PARK,
    SmallWorld,
    decided,
    made,
    newer,
    object_id,
    terms,
)


def sent(obj: stix.Object, under: policy.Terms, world: SmallWorld, to: Recipient = PARK) -> stix.Object:
    return world.send(decided(obj, under, world, to=to))


def copy_of(obj: stix.Object, rule: str) -> stix.Object:
    return sent(obj, terms(rule), SmallWorld())


STRIP = 'strip = ["description"]'


# --- Stripping ----------------------------------------------------------------------------------


def test_nothing_to_strip_means_the_original_bytes() -> None:
    obj = made("indicator")
    decision = decided(obj, terms(STRIP))
    assert isinstance(decision, Release)
    assert decision.released.raw is obj.raw
    assert decision.copy is None


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("description", ["description"]),
        ("x_*", ["x_a", "x_b"]),
        ("external_references", ["external_references"]),
        ("external_references.url", ["https://siem.example/1"]),
        ("external_references.*.url", ["https://siem.example/1"]),
        ("x_a.inner", ["inner"]),
        ("x_a.*", ["x_a"]),
        ("*.inner", ["inner"]),
        ("*", ["description", "x_a", "x_b", "external_references"]),
    ],
)
def test_a_pattern_names_what_is_stripped(pattern: str, gone: list[str]) -> None:
    obj = made(
        "indicator",
        description="our words",
        x_a={"inner": 1},
        x_b=2,
        external_references=[
            {"source_name": "siem", "url": "https://siem.example/1"},
            {"source_name": "other"},
        ],
    )
    copied = copy_of(obj, f'strip = ["{pattern}"]')
    for text in gone:
        assert text.encode() not in copied.raw
    assert copied.properties["pattern"] == obj.properties["pattern"]
    if pattern != "*":
        assert len(copied.properties) >= len(obj.properties) - 2


def test_a_container_that_becomes_empty_goes_too() -> None:
    obj = made("indicator", external_references=[{"url": "https://siem.example"}], x_a={"b": {"c": 1}}, labels=["l"])
    copied = copy_of(obj, 'strip = ["external_references.url", "x_a.b.c"]')
    assert "external_references" not in copied.properties
    assert "x_a" not in copied.properties
    assert copied.properties["labels"] == ["l"]


def test_what_stripping_leaves_broken_goes_too() -> None:
    sources = [
        {"source_name": "siem", "url": "https://siem.example/1"},
        {"source_name": "x", "external_id": "7"},
    ]
    markings = [{"selectors": ["external_references.[1].external_id"], "marking_ref": MARKED["clear"]}]
    obj = made("indicator", external_references=sources, granular_markings=markings)
    copied = copy_of(obj, 'strip = ["external_references.url"]')
    # STIX 2.1 §2.5.2: a source with nothing but its name is none.
    assert copied.properties["external_references"] == [sources[1]]
    assert copied.properties["granular_markings"][0]["selectors"] == ["external_references.[0].external_id"]


def test_a_name_that_a_type_needs_is_replaced() -> None:
    under = 'types = ["all"]\nstrip = ["name"]'
    assert copy_of(made("campaign"), under).properties["name"] == "campaign (name withheld)"
    assert copy_of(made("identity"), under).properties["name"] == "A financial-services organisation"
    assert copy_of(made("identity", identity_class="class"), under).properties["name"] != "Nuri Bank"
    assert copy_of(made("malware"), under).properties["name"] == "malware (name withheld)"
    assert "name" not in copy_of(made("malware", is_family=False), under).properties


def test_anything_else_that_a_type_needs_keeps_the_object_here() -> None:
    assert decided(made("indicator"), terms('strip = ["pattern"]')) == Withheld("cannot-redact", "pattern", "a rule")


def test_a_wildcard_means_only_what_can_be_missing() -> None:
    copied = copy_of(made("indicator", purpose="x"), 'strip = ["p*"]')
    assert "purpose" not in copied.properties
    assert copied.properties["pattern_type"] == "stix"


def test_stix_2_0_needs_its_labels() -> None:
    old = made("indicator", spec_version=None, pattern_type=None, labels=["malicious-activity"])
    assert decided(old, terms('strip = ["labels"]')) == Withheld("cannot-redact", "labels", "a rule")


def test_what_a_pattern_finds_never_lies_outside_the_object() -> None:
    properties = {"a": [{"b": {"c": 1}}, {"b": 2}], "d": 3}
    assert set(matching(properties, "a.b.c")) == {("a", 0, "b", "c")}
    assert set(matching(properties, "a.*")) == {("a", 0), ("a", 1), ("a", 0, "b"), ("a", 1, "b")}
    assert set(matching(properties, "d.e")) == set()


# --- Generalising -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({}, "A financial-services organisation"),
        ({"sectors": ["energy", "utilities"]}, "An energy organisation"),
        ({"sectors": ["Nuri Bank's own sector"]}, "An organisation"),
        ({"sectors": None}, "An organisation"),
        ({"identity_class": "individual"}, "A financial-services person"),
        ({"identity_class": "system", "sectors": None}, "A system"),
        ({"identity_class": "unspecified"}, "A financial-services organisation"),
        ({"identity_class": None}, "A financial-services organisation"),
        ({"identity_class": "Nuri's own class"}, "A financial-services organisation"),
        ({"identity_class": "Nuri's own class", "spec_version": "2.0"}, "A financial-services organisation"),
        ({"sectors": "Nuri", "identity_class": ["Nuri"]}, "An organisation"),
    ],
)
def test_a_victim_becomes_its_sector(properties: dict[str, Any], name: str) -> None:
    victim = made(
        "identity",
        **{
            "description": "hush",
            "contact_information": "hush",
            "x_hush": 1,
            "roles": ["hush"],
            **properties,
        },
    )
    copied = copy_of(victim, 'generalise = ["identities"]')
    assert copied.properties["name"] == name
    assert b"hush" not in copied.raw
    assert b"Nuri" not in copied.raw


def test_public_names_stay() -> None:
    ours = made("identity", name="Nuri CERT")
    decision = decided(ours, terms('generalise = ["identities"]\npublic-names = ["Nuri CERT"]'))
    assert isinstance(decision, Release)
    assert decision.released.raw is ours.raw
    by_id = decided(ours, terms(f'generalise = ["identities"]\npublic-names = ["{ours.id}"]'))
    assert isinstance(by_id, Release)
    assert not by_id.released.is_copy


def test_a_class_of_people_is_nobody() -> None:
    everybody = made("identity", identity_class="class", name="Domain administrators")
    assert decided(everybody, terms('generalise = ["identities"]')) == decided(everybody, terms())


def test_a_place_becomes_its_country() -> None:
    copied = copy_of(made("location", name="head office", region="eastern-asia"), 'generalise = ["locations"]')
    assert copied.properties["country"] == "KR"
    assert not {"city", "latitude", "longitude", "name"} & copied.properties.keys()


def test_a_place_without_a_country_stays() -> None:
    nameless = made("location", country=None)
    assert decided(nameless, terms('generalise = ["locations"]')) == Withheld("cannot-redact", "country", "a rule")


def test_an_instant_becomes_its_day() -> None:
    seen = made("campaign", first_seen="2016-02-15T13:14:15.678Z", last_seen="2016-02-16T00:00:00Z")
    copied = copy_of(seen, 'generalise = ["times"]')
    assert copied.properties["first_seen"] == "2016-02-15T00:00:00Z"
    assert copied.properties["last_seen"] == "2016-02-16T00:00:00Z"
    assert copied.properties["modified"] == CREATED


def test_a_relationship_still_ends_after_it_began() -> None:
    link = made(
        "relationship",
        source_ref=object_id("malware", "a"),
        target_ref=object_id("malware", "b"),
        start_time="2016-02-15T01:00:00Z",
        stop_time="2016-02-15T02:00:00Z",
    )
    copied = copy_of(link, 'generalise = ["times"]')
    assert copied.properties["start_time"] == "2016-02-15T00:00:00Z"
    assert copied.properties["stop_time"] == "2016-02-16T00:00:00Z"


# --- The copy's id and versions -----------------------------------------------------------------


def test_a_copy_is_an_object_of_its_own() -> None:
    obj = made("indicator", description="hush")
    copied = copy_of(obj, STRIP)
    assert copied.id != obj.id
    assert copied.id.startswith("indicator--")
    assert copied.id.removeprefix("indicator--")[14] == "4"
    assert copied.version == obj.version
    assert obj.id[-36:].encode() not in copied.raw


def test_the_next_version_of_the_original_is_the_next_version_of_the_copy() -> None:
    world = SmallWorld()
    first = made("indicator", description="hush")
    second = newer(first, name="better")
    copies = [sent(each, terms(STRIP), world) for each in (first, second)]
    assert copies[0].id == copies[1].id
    assert [each.version for each in copies] == [first.version, second.version]


def test_deciding_again_gives_the_same_bytes() -> None:
    world = SmallWorld()
    obj = made("indicator", description="hush")
    assert sent(obj, terms(STRIP), world).raw == sent(obj, terms(STRIP), world).raw


def test_two_partners_with_the_same_recipe_get_the_same_copy() -> None:
    world = SmallWorld()
    obj = made("indicator", description="hush")
    park = sent(obj, terms(f'{STRIP}\nup-to = "green"'), world)
    choi = sent(obj, terms(f'{STRIP}\nup-to = "amber"', partner="choi"), world.beside(), CHOI)
    assert park.raw == choi.raw


def test_another_recipe_gives_another_copy() -> None:
    obj = made("indicator", description="hush", x_a=1)
    ids = {
        copy_of(obj, f"strip = {patterns}").id for patterns in ('["description"]', '["x_a"]', '["description", "x_a"]')
    }
    assert len(ids) == 3


def test_another_node_s_copies_cannot_be_matched_with_ours() -> None:
    obj = made("indicator", description="hush")
    ours, theirs = SmallWorld(), SmallWorld(copy_key=b"another node's secret, 32 bytes.")
    assert sent(obj, terms(STRIP), ours).id != sent(obj, terms(STRIP), theirs).id


def test_without_a_good_key_no_copy_is_made() -> None:
    with pytest.raises(WeakKeyError):
        sent(made("indicator", description="hush"), terms(STRIP), SmallWorld(copy_key=b"short"))


def test_once_a_copy_always_a_copy() -> None:
    world = SmallWorld()
    first = made("indicator", description="hush")
    copied = sent(first, terms(STRIP), world)
    cleaned = newer(first, description=None)
    decision = decided(cleaned, terms(STRIP), world)
    assert isinstance(decision, Release)
    assert decision.released.object_id == copied.id
    # Choi has never seen the first version: there is nothing to hide from her.
    fresh = decided(cleaned, terms(STRIP, partner="choi"), world.beside(), to=CHOI)
    assert isinstance(fresh, Release)
    assert fresh.released.object_id == first.id


def test_an_older_version_never_follows_a_newer_copy() -> None:
    world = SmallWorld()
    first = made("indicator", description="hush")
    sent(newer(first), terms(STRIP), world)
    assert decided(first, terms(STRIP), world) == Withheld("superseded", rule="a rule")


def test_a_copy_that_was_moved_ahead_stays_ahead_of_the_original() -> None:
    world = SmallWorld()
    first = made("indicator", description="hush")
    copied = sent(first, terms(STRIP), world)
    bumped = policy.Copy(copied.id, first.id, first.version, (first.version or 0) + 7_200_000_000, b"")
    world.copies[copied.id] = policy.Copy(
        bumped.copy_id, bumped.of_id, bumped.of_version, bumped.version,
        copied.raw.replace(CREATED.encode(), stix.format_timestamp(bumped.version or 0).encode()),
    )  # fmt: skip
    after = sent(newer(first, 1), terms(STRIP), world)
    assert after.version == (bumped.version or 0) + 1_000


def test_an_observable_keeps_its_id_unless_something_was_taken_from_it() -> None:
    untouched = made("file", tlp="green")
    decision = decided(untouched, terms('strip = ["x_*"]'))
    assert isinstance(decision, Release)
    assert decision.released.object_id == untouched.id
    one = copy_of(made("file", x_path="a", size=1), 'strip = ["x_*"]')
    other = copy_of(made("file", x_path="b", size=2), 'strip = ["x_*"]')
    assert one.id.removeprefix("file--")[14] == "4"
    assert len({untouched.id, one.id, other.id}) == 3  # no version tells these bodies apart, so their ids do


# --- Recalls ------------------------------------------------------------------------------------


def test_a_revoked_object_that_never_went_does_not_go_now() -> None:
    revoked = made("indicator", revoked=True)
    assert decided(revoked, terms()) == Withheld("revoked-before-release")


def test_a_recall_follows_the_object_in_full_where_terms_let_it() -> None:
    world = SmallWorld()
    obj = made("indicator")
    sent(obj, terms(), world)
    revoked = newer(obj, revoked=True)
    decision = decided(revoked, terms(), world)
    assert isinstance(decision, Release)
    assert decision.recall
    assert decision.released.is_recall
    assert decision.released.raw == revoked.raw


def test_a_recall_follows_even_where_the_terms_withhold_the_object_now_but_tells_nothing_new() -> None:
    world = SmallWorld()
    obj = made("indicator", description="as agreed", name="n")
    sent(obj, terms(), world)
    revoked = newer(obj, revoked=True, tlp=None, description="seen at Nuri Bank", pattern="[x:y = 'secret']")
    for under in (terms('types = ["malware"]'), terms('up-to = "clear"'), terms('delay = "999999h"')):
        decision = decided(revoked, under, world)
        assert isinstance(decision, Release)
        recall = stix.read(decision.released.raw)
        assert recall.revoked
        assert recall.id == obj.id
        assert recall.version is not None
        assert revoked.version is not None
        assert recall.version == revoked.version + 1_000
        assert recall.properties["pattern"] == obj.properties["pattern"]
        assert "description" not in recall.properties
        assert decision.rule == "recall"


def test_a_recall_is_the_same_each_time_it_is_decided() -> None:
    world = SmallWorld()
    obj = made("indicator")
    sent(obj, terms(), world)
    revoked, strict = newer(obj, revoked=True), terms('types = ["malware"]')
    first = sent(revoked, strict, world)
    assert sent(revoked, strict, world).raw == first.raw
    # Terms that now release it in full do not send an older version after the recall.
    assert sent(revoked, terms(), world).raw == first.raw


def test_a_copy_is_recalled_under_its_own_id() -> None:
    world = SmallWorld()
    obj = made("indicator", description="hush")
    copied = sent(obj, terms(STRIP), world)
    recall = sent(newer(obj, revoked=True), terms(STRIP), world)
    assert (recall.id, recall.revoked) == (copied.id, True)
    smallest = sent(newer(obj, 2, revoked=True), terms('types = ["malware"]'), world)
    assert (smallest.id, smallest.revoked) == (copied.id, True)


def test_everything_that_ever_stood_for_the_object_is_recalled() -> None:
    world = SmallWorld()
    obj = made("indicator", description="hush", x_a="hush")
    whole = sent(obj, terms(), world)
    copy = sent(newer(obj, 1), terms(STRIP), world)
    other = sent(newer(obj, 2), terms('strip = ["description", "x_a"]'), world)
    decision = decided(newer(obj, 3, revoked=True), terms(STRIP), world)
    assert isinstance(decision, Release)
    recalled = {stix.read(each.released.raw).id: stix.read(each.released.raw).revoked for each in decision.every}
    assert recalled == {whole.id: True, copy.id: True, other.id: True}
    assert decision.released.object_id == copy.id
    assert all(each.recall and each.released.is_recall for each in decision.every)


def test_a_recall_under_a_new_recipe_names_only_ids_that_the_recipient_knows() -> None:
    world = SmallWorld()
    obj = made("indicator", description="hush")
    whole = sent(obj, terms(), world)
    decision = decided(newer(obj, revoked=True), terms(STRIP), world)
    assert isinstance(decision, Release)
    assert [each.released.object_id for each in decision.every] == [whole.id]


def test_a_suspended_partner_or_expired_terms_get_no_recall() -> None:
    world = SmallWorld()
    obj = made("indicator")
    sent(obj, terms(), world)
    revoked = newer(obj, revoked=True)
    assert decided(revoked, terms(), world, to=Recipient("park", is_active=False)) == Withheld("partner-suspended")
    assert isinstance(decided(revoked, terms(top="expires = 2016-01-01"), world), Withheld)


def test_a_recall_whose_past_is_lost_stays_rather_than_tell_something_new() -> None:
    world = SmallWorld()
    obj = made("indicator", revoked=True)
    world.gone[obj.id] = {}
    assert decided(obj, terms('types = ["malware"]'), world) == Withheld("recall-body-unknown", waits_for=obj.id)


def test_what_a_type_needs_is_what_the_standard_says() -> None:
    for kind in types.KNOWN:
        asked = table_of(TYPES[kind]).required - types.COMMON
        assert asked <= types.required(kind), kind
