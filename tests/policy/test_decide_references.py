"""What an object points to must be releasable too: what stays, what is left out, what goes as a copy."""

from __future__ import annotations

from typing import Any

import pytest

from katchi import policy, stix
from katchi.policy import Delayed, Recipient, Release, Withheld
from tests.policy.small_world import CHOI, NOW, PARK, SmallWorld, decided, made, newer, object_id, terms

DROP = 'references = "drop"'


def world_of(*objects: stix.Object) -> SmallWorld:
    world = SmallWorld()
    world.hold(*objects)
    return world


def sent(obj: stix.Object, under: policy.Terms, world: SmallWorld, to: Recipient = PARK) -> stix.Object:
    return world.send(decided(obj, under, world, to=to))


FINE = made("indicator", "fine")
ALSO_FINE = made("malware", "also fine")
SECRET = made("malware", "secret", tlp="red")


# --- What stays ---------------------------------------------------------------------------------


def test_a_relationship_between_releasable_objects_goes_as_it_is() -> None:
    link = made("relationship", source_ref=FINE.id, target_ref=ALSO_FINE.id)
    decision = decided(link, terms(), world_of(FINE, ALSO_FINE))
    assert isinstance(decision, Release)
    assert decision.released.raw is link.raw


@pytest.mark.parametrize("mode", ["", DROP])
@pytest.mark.parametrize(
    "properties",
    [
        {"source_ref": FINE.id, "target_ref": SECRET.id},
        {"source_ref": SECRET.id, "target_ref": FINE.id},
    ],
)
def test_a_relationship_stays_when_one_of_its_ends_does(properties: dict[str, str], mode: str) -> None:
    link = made("relationship", **properties)
    expected = Withheld("reference-withheld", SECRET.id, "a rule", waits_for=SECRET.id)
    assert decided(link, terms(mode), world_of(FINE, SECRET)) == expected


def test_it_goes_once_what_it_waits_for_may_go() -> None:
    world = world_of(FINE, SECRET)
    link = made("relationship", source_ref=FINE.id, target_ref=SECRET.id)
    assert isinstance(decided(link, terms(), world), Withheld)
    world.hold(newer(SECRET, object_marking_refs=FINE.properties["object_marking_refs"]))
    assert isinstance(decided(link, terms(), world), Release)


@pytest.mark.parametrize("mode", ["", DROP])
def test_a_sighting_of_something_withheld_stays(mode: str) -> None:
    sighting = made("sighting", sighting_of_ref=SECRET.id)
    assert isinstance(decided(sighting, terms(mode), world_of(SECRET)), Withheld)


def test_a_chain_stays_from_its_weakest_link_up() -> None:
    link = made("relationship", source_ref=FINE.id, target_ref=SECRET.id)
    report = made("report", object_refs=[FINE.id, link.id])
    assert decided(report, terms(), world_of(FINE, SECRET, link)) == Withheld(
        "reference-withheld", link.id, "a rule", waits_for=link.id
    )


def test_what_is_not_held_here_is_covered_by_the_marking_of_what_names_it() -> None:
    link = made("relationship", source_ref=FINE.id, target_ref=object_id("malware", "elsewhere"))
    assert isinstance(decided(link, terms(), world_of(FINE)), Release)


def test_unless_the_terms_withhold_such_objects() -> None:
    elsewhere = object_id("malware", "elsewhere")
    link = made("relationship", source_ref=FINE.id, target_ref=elsewhere)
    strict = terms('unknown-references = "withhold"')
    assert decided(link, strict, world_of(FINE)) == Withheld("reference-unknown", elsewhere, "a rule", elsewhere)


@pytest.mark.parametrize("more", ['sources = ["any"]', 'unknown-references = "withhold"', 'references = "drop"'])
def test_what_came_from_the_recipient_itself_may_be_named_to_it(more: str) -> None:
    world = world_of(FINE)
    world.hold(ALSO_FINE, origin="park")
    link = made("relationship", source_ref=FINE.id, target_ref=ALSO_FINE.id)
    found = decided(link, terms(more), world)
    assert isinstance(found, Release)
    assert (found.copy, found.dropped) == (None, ())


def test_what_came_from_somebody_else_may_not() -> None:
    world = world_of(FINE)
    world.hold(ALSO_FINE, origin="choi")
    link = made("relationship", source_ref=FINE.id, target_ref=ALSO_FINE.id)
    assert decided(link, terms(), world) == Withheld(
        "reference-withheld", ALSO_FINE.id, "a rule", waits_for=ALSO_FINE.id
    )


def test_what_points_to_something_delayed_waits_with_it() -> None:
    world = world_of(ALSO_FINE)
    world.hold(FINE, added_at=NOW - 1)
    under = terms(
        'types = ["relationships", "malware"]',
        more='[[release]]\nname = "later"\ntypes = ["indicator"]\nup-to = "amber"\ndelay = "1h"',
    )
    link = made("relationship", source_ref=FINE.id, target_ref=ALSO_FINE.id)
    assert decided(link, under, world) == Delayed(NOW - 1 + 3_600_000_000, "a rule")


# --- What is left out ---------------------------------------------------------------------------


def test_a_report_goes_without_what_may_not_go_where_the_rule_says_so() -> None:
    world = world_of(FINE, SECRET, ALSO_FINE)
    report = made("report", object_refs=[FINE.id, SECRET.id, ALSO_FINE.id])
    decision = decided(report, terms(DROP), world)
    assert isinstance(decision, Release)
    assert decision.dropped == (SECRET.id,)
    copied = world.send(decision)
    assert copied.properties["object_refs"] == [FINE.id, ALSO_FINE.id]
    assert copied.id != report.id
    assert SECRET.id.encode() not in copied.raw


def test_a_report_with_nothing_left_in_it_stays() -> None:
    report = made("report", object_refs=[SECRET.id])
    assert decided(report, terms(DROP), world_of(SECRET)) == Withheld(
        "reference-withheld", SECRET.id, "a rule", waits_for=SECRET.id
    )


def test_an_author_who_may_not_be_named_is_left_out() -> None:
    author = made("identity", tlp="red")
    world = world_of(author)
    indicator = made("indicator", created_by_ref=author.id)
    assert isinstance(decided(indicator, terms(), world), Withheld)
    assert "created_by_ref" not in sent(indicator, terms(DROP), world).properties


@pytest.mark.parametrize("name", ["where_sighted_refs", "observed_data_refs"])
def test_where_something_was_seen_is_left_out(name: str) -> None:
    place = made("identity" if name == "where_sighted_refs" else "observed-data", tlp="red")
    where: dict[str, Any] = {name: [place.id]}
    sighting = made("sighting", sighting_of_ref=FINE.id, **where)
    assert name not in sent(sighting, terms(DROP), world_of(FINE, place)).properties


def test_a_reference_deep_inside_is_left_out_too() -> None:
    indicator = made("indicator", x_case={"evidence": [{"malware_ref": SECRET.id, "note": "n"}]})
    copied = sent(indicator, terms(DROP), world_of(SECRET))
    assert copied.properties["x_case"] == {"evidence": [{"note": "n"}]}


def test_a_left_out_id_does_not_remain_in_some_other_property() -> None:
    report = made("report", object_refs=[FINE.id, SECRET.id], x_links=f"see {SECRET.id.upper()}", labels=["a"])
    copied = sent(report, terms(DROP), world_of(FINE, SECRET))
    assert SECRET.id[-36:].upper().encode() not in copied.raw.upper()
    assert copied.properties["labels"] == ["a"]


def test_nor_does_the_original_s_id() -> None:
    indicator = made("indicator", description="d", x_id=object_id("indicator", "one"))
    copied = sent(indicator, terms('strip = ["description"]'), SmallWorld())
    assert "x_id" not in copied.properties


def test_a_copy_that_needs_the_original_s_id_is_not_made() -> None:
    indicator = made("indicator", description="d", name="n", pattern=f"[x:y = '{object_id('indicator', 'one')[-36:]}']")
    assert decided(indicator, terms('strip = ["description"]')) == Withheld("copy-names-original", "pattern", "a rule")


def test_when_what_was_left_out_becomes_releasable_the_copy_gets_a_new_version() -> None:
    world = world_of(FINE, SECRET)
    report = made("report", object_refs=[FINE.id, SECRET.id])
    before = sent(report, terms(DROP), world)
    world.hold(newer(SECRET, object_marking_refs=FINE.properties["object_marking_refs"]))
    after = sent(report, terms(DROP), world)
    assert after.id == before.id
    assert after.properties["object_refs"] == [FINE.id, SECRET.id]
    assert before.version is not None
    assert after.version == before.version + 1_000


# --- What goes as a copy ------------------------------------------------------------------------


def test_what_names_a_copy_names_it_by_the_copy_s_id() -> None:
    under = terms('strip = ["description"]')
    malware = made("malware", description="hush")
    world = world_of(FINE, malware)
    link = made("relationship", source_ref=FINE.id, target_ref=malware.id)
    copy, copied_link = sent(malware, under, world), sent(link, under, world)
    assert copied_link.properties["source_ref"] == FINE.id
    assert copied_link.properties["target_ref"] == copy.id
    assert copied_link.id != link.id
    assert malware.id[-36:].encode() not in copied_link.raw


def test_copies_of_copies_follow_all_the_way_up() -> None:
    under = terms('generalise = ["identities"]')
    victim = made("identity")
    world = world_of(FINE, victim)
    link = made("relationship", relationship_type="targets", source_ref=FINE.id, target_ref=victim.id)
    report = made("report", object_refs=[link.id, FINE.id])
    world.hold(link)
    copies = [sent(each, under, world) for each in (victim, link, report)]
    assert copies[1].properties["target_ref"] == copies[0].id
    assert copies[2].properties["object_refs"] == [copies[1].id, FINE.id]


def test_two_objects_that_name_one_another_are_decided_alike_in_any_order() -> None:
    one_id, two_id = object_id("x-case", "one"), object_id("x-case", "two")
    one, two = made("x-case", "one", other_ref=two_id), made("x-case", "two", other_ref=one_id)
    assert isinstance(decided(one, terms(), world_of(one, two)), Release)
    secret = made("x-case", "two", other_ref=one_id, tlp="red")
    assert decided(one, terms(), world_of(one, secret)) == Withheld("reference-withheld", two_id, "a rule", two_id)
    hushed = made("x-case", "two", other_ref=one_id, description="hush")
    world = world_of(one, hushed)
    under = terms('strip = ["description"]')
    copies = sent(one, under, world), sent(hushed, under, world)
    assert copies[0].properties["other_ref"] == copies[1].id
    assert copies[1].properties["other_ref"] == copies[0].id


def test_in_a_ring_with_one_withheld_object_everything_that_needs_it_stays() -> None:
    ids = [object_id("x-case", n) for n in range(4)]
    ring = [made("x-case", n, next_ref=ids[(n + 1) % 4], tlp="red" if n == 2 else "green") for n in range(4)]
    world = world_of(*ring)
    for each in ring:
        assert isinstance(decided(each, terms(), world), Withheld)


def test_a_very_long_chain_is_followed_without_breaking() -> None:
    ids = [object_id("x-case", n) for n in range(2_000)]
    chain = [made("x-case", n, next_ref=ids[n + 1]) for n in range(1_999)]
    assert isinstance(decided(chain[0], terms(), world_of(*chain)), Release)
    end = made("x-case", 1_999, tlp="red")
    assert isinstance(decided(chain[0], terms(), world_of(*chain, end)), Withheld)


def test_what_leads_to_too_many_objects_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("katchi.policy.reach.MAX_REACH", 10)
    chain = [made("x-case", n, next_ref=object_id("x-case", n + 1)) for n in range(20)]
    assert decided(chain[0], terms(), world_of(*chain)) == Withheld("references-too-many", "10", "a rule")


def test_a_copy_that_points_to_others_belongs_to_one_recipient() -> None:
    # Park may not see SECRET, Choi may: under one id their copies would be two bodies.
    report = made("report", object_refs=[FINE.id, SECRET.id, ALSO_FINE.id])
    world = world_of(FINE, SECRET, ALSO_FINE)
    park = sent(report, terms(DROP), world)
    world.hold(made("malware", "secret", tlp="green"))
    world.hold(ALSO_FINE, origin="choi")
    choi = sent(report, terms(f'{DROP}\nsources = ["any"]', partner="choi"), world.beside(), CHOI)
    assert park.id != choi.id


# --- Translations -------------------------------------------------------------------------------


def translation(of: stix.Object, **words: str) -> stix.Object:
    return made(
        "language-content",
        tlp=None,
        object_ref=of.id,
        object_modified=of.version_text,
        contents={"ko": words},
    )


def test_a_translation_goes_with_what_it_translates() -> None:
    korean = translation(ALSO_FINE, name="데스토버")
    assert isinstance(decided(korean, terms('types = ["malware"]'), world_of(ALSO_FINE)), Release)
    assert decided(korean, terms('types = ["indicator"]'), world_of(ALSO_FINE)) == Withheld("no-rule")


def test_a_translation_of_something_withheld_stays() -> None:
    assert isinstance(decided(translation(SECRET, name="비밀"), terms(), world_of(SECRET)), Withheld)
    marked = made("language-content", object_ref=SECRET.id, contents={"ko": {"name": "비밀"}})
    assert isinstance(decided(marked, terms(), world_of(SECRET)), Withheld)


def test_a_translation_of_a_copy_says_only_what_the_copy_says() -> None:
    under = terms('strip = ["description"]')
    malware = made("malware", description="hush")
    world = world_of(malware)
    copy = sent(malware, under, world)
    korean = sent(translation(malware, name="데스토버", description="쉿"), under, world)
    assert korean.properties["contents"] == {"ko": {"name": "데스토버"}}
    assert korean.properties["object_ref"] == copy.id
    assert korean.properties["object_modified"] == copy.version_text


def test_a_translation_of_which_nothing_remains_stays() -> None:
    malware = made("malware", description="hush")
    under = terms('strip = ["description"]')
    assert isinstance(decided(translation(malware, description="쉿"), under, world_of(malware)), Withheld)
