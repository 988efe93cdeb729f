"""What may leave: marking by marking, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from katchi import policy, stix
from katchi.policy import Delayed, Recipient, Release, Terms, Tlp, Withheld
from tests.policy.small_world import DAY, MARKED, NOW, PARK, SmallWorld, decided, made, object_id, terms

TLP_1 = {
    "clear": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
CEILINGS = [label for label in Tlp if label is not Tlp.RED]


def code(decision: object) -> str:
    return decision.code if isinstance(decision, Withheld) else type(decision).__name__


# --- Markings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ceiling", "marking"), [(c, m) for c in CEILINGS for m in Tlp])
def test_nothing_goes_above_the_ceiling_and_everything_up_to_it(ceiling: Tlp, marking: Tlp) -> None:
    decision = decided(made("indicator", tlp=str(marking)), terms(f'up-to = "{ceiling}"'))
    if marking <= ceiling:
        assert isinstance(decision, Release)
    else:
        assert decision == Withheld("tlp-too-strict", str(marking), "a rule")


@pytest.mark.parametrize("marking", TLP_1)
def test_the_markings_of_tlp_1_count_like_those_of_tlp_2(marking: str) -> None:
    old = made("indicator", object_marking_refs=[TLP_1[marking]])
    for ceiling in CEILINGS:
        under = terms(f'up-to = "{ceiling}"')
        assert code(decided(old, under)) == code(decided(made("indicator", tlp=marking), under))


def test_of_several_markings_the_strictest_counts() -> None:
    mixed = made("indicator", object_marking_refs=[MARKED["green"], TLP_1["red"], MARKED["clear"]])
    assert decided(mixed, terms()) == Withheld("tlp-too-strict", "red", "a rule")


def test_an_unmarked_object_stays() -> None:
    assert decided(made("indicator", tlp=None), terms()) == Withheld("unmarked")


@pytest.mark.parametrize(("unmarked", "expected"), [("green", "Release"), ("amber+strict", "tlp-too-strict")])
def test_terms_may_say_how_unmarked_objects_count(unmarked: str, expected: str) -> None:
    under = terms(top=f'unmarked = "{unmarked}"')
    assert code(decided(made("indicator", tlp=None), under)) == expected


@pytest.mark.parametrize("markings", [MARKED["green"], [MARKED["green"], 7], {"ref": MARKED["red"]}, [None]])
def test_markings_that_cannot_be_read_are_not_read_as_none(markings: object) -> None:
    strange = made("indicator", object_marking_refs=markings)
    assert code(decided(strange, terms(top='unmarked = "clear"'))) == "marking-unreadable"


def test_a_marking_that_points_to_nothing_held_keeps_the_object_here_until_it_comes() -> None:
    marking = made("marking-definition", "late", tlp=None, definition_type="statement", definition={"statement": "©"})
    marked = made("indicator", object_marking_refs=[MARKED["green"], marking.id])
    world = SmallWorld()
    assert decided(marked, terms(), world) == Withheld("marking-unknown", marking.id, waits_for=marking.id)
    world.hold(marking)
    assert isinstance(decided(marked, terms(), world), Release)


def test_a_marking_in_other_letters_is_not_the_one_we_know() -> None:
    shouting = made(
        "indicator",
        object_marking_refs=[MARKED["red"].upper().replace("MARKING-DEFINITION", "marking-definition")],
    )
    assert code(decided(shouting, terms(top='unmarked = "clear"'))) == "marking-unknown"


def redefined(**properties: Any) -> stix.Object:
    return made("marking-definition", "redefined", tlp=None, **properties)


@pytest.mark.parametrize(
    ("marking", "expected"),
    [
        (redefined(definition_type="tlp", definition={"tlp": "white"}), "Release"),
        (redefined(definition_type="tlp", definition={"tlp": "amber"}), "Release"),
        (redefined(definition_type="tlp", definition={"tlp": "RED"}), "tlp-too-strict"),
        (
            redefined(name="TLP:RED", definition_type="statement", definition={"statement": "x"}),
            "tlp-too-strict",
        ),
        (redefined(definition_type="tlp", definition={"tlp": "orange"}), "marking-not-named"),
        (redefined(name="TLP:GREEN", definition_type="tlp", definition={"tlp": "red"}), "tlp-too-strict"),
        (
            redefined(extensions={object_id("extension-definition", "tlp"): {"tlp_2_0": "amber+strict"}}),
            "tlp-too-strict",
        ),
        (redefined(extensions={object_id("extension-definition", "tlp"): {"tlp_2_0": "green"}}), "Release"),
        (
            redefined(extensions={object_id("extension-definition", "acs"): {"policy": "NOFORN"}}),
            "marking-not-named",
        ),
        (redefined(definition_type="iep", definition={"name": "IEP"}), "marking-not-named"),
    ],
)
def test_a_redefined_tlp_marking_means_what_it_says(marking: stix.Object, expected: str) -> None:
    world = SmallWorld()
    world.hold(marking)
    marked = made("indicator", object_marking_refs=[marking.id])
    assert code(decided(marked, terms(), world)) == expected
    # A laxer marking beside it changes nothing for the worse one.
    both = made("indicator", object_marking_refs=[MARKED["clear"], marking.id])
    assert code(decided(both, terms(), world)) == expected


@pytest.mark.parametrize("name", ["iep", "ACS 3.0", redefined().id])
def test_a_custom_marking_goes_only_where_terms_name_it_and_then_tlp_still_counts(name: str) -> None:
    world = SmallWorld()
    world.hold(redefined(definition_type="iep", definition={"a": 1}, name="ACS 3.0"))
    under = terms(top=f'unknown-markings = ["{name}"]')
    assert isinstance(
        decided(made("indicator", object_marking_refs=[redefined().id, MARKED["amber"]]), under, world),
        Release,
    )
    assert (
        code(decided(made("indicator", object_marking_refs=[redefined().id, MARKED["red"]]), under, world))
        == "tlp-too-strict"
    )
    assert code(decided(made("indicator", object_marking_refs=[redefined().id]), under, world)) == "unmarked"


def test_statements_are_carried_unless_terms_withhold_them() -> None:
    statement = redefined(definition_type="statement", definition={"statement": "© Nuri CERT"})
    world = SmallWorld()
    world.hold(statement)
    marked = made("indicator", object_marking_refs=[MARKED["green"], statement.id])
    assert isinstance(decided(marked, terms(), world), Release)
    assert isinstance(decided(statement, terms(), world), Release)
    refused = terms(top='statements = "withhold"')
    assert decided(marked, refused, world) == Withheld("statement-marking", statement.id)
    assert decided(statement, refused, world) == Withheld("statement-marking", statement.id)


def test_tlp_written_as_a_label_can_only_make_it_stricter() -> None:
    assert code(decided(made("indicator", labels=["tlp:red"]), terms())) == "tlp-too-strict"
    assert code(decided(made("indicator", labels=["TLP:Purple"]), terms())) == "tlp-too-strict"
    assert code(decided(made("indicator", tlp=None, labels=["tlp:clear"]), terms())) == "unmarked"
    assert code(decided(made("indicator", tlp="red", labels=["tlp:clear"]), terms())) == "tlp-too-strict"


def test_what_everybody_has_is_not_sent() -> None:
    green = made("marking-definition", tlp=None, id=MARKED["green"], definition_type="tlp", definition={"tlp": "green"})
    assert decided(green, terms()) == Withheld("known-everywhere")


# --- Granular markings --------------------------------------------------------------------------


def granular(marking: str, *selectors: str, **properties: Any) -> stix.Object:
    return made(
        "indicator",
        granular_markings=[{"selectors": list(selectors), "marking_ref": MARKED[marking]}],
        **properties,
    )


def test_a_part_marked_more_strictly_is_cut_out() -> None:
    secret = granular("red", "description", description="seen at Nuri Bank")
    decision = decided(secret, terms())
    assert isinstance(decision, Release)
    assert b"Nuri Bank" not in decision.released.raw
    assert decision.released.is_copy
    assert "granular_markings" not in stix.read(decision.released.raw).properties


def test_or_keeps_the_whole_here_where_the_rule_says_so() -> None:
    secret = granular("red", "description", description="seen at Nuri Bank")
    assert decided(secret, terms('granular = "withhold"')) == Withheld("granular-too-strict", "description", "a rule")


def test_selectors_reach_into_lists_and_those_that_stay_move_up() -> None:
    sources = [{"source_name": name, "external_id": "1"} for name in ("first", "second", "third")]
    mixed = made(
        "indicator",
        external_references=sources,
        labels=["a", "b"],
        granular_markings=[
            {"selectors": ["external_references.[0]", "labels.[0]"], "marking_ref": MARKED["red"]},
            {"selectors": ["external_references.[2].source_name"], "marking_ref": MARKED["clear"]},
            {"selectors": ["labels"], "lang": "ko"},
        ],
    )
    decision = decided(mixed, terms())
    assert isinstance(decision, Release)
    properties = stix.read(decision.released.raw).properties
    assert properties["external_references"] == sources[1:]
    assert properties["labels"] == ["b"]
    assert properties["granular_markings"] == [
        {"selectors": ["external_references.[1].source_name"], "marking_ref": MARKED["clear"]},
        {"selectors": ["labels"], "lang": "ko"},
    ]


def test_a_part_marked_up_to_the_ceiling_stays_and_so_does_the_object_s_id() -> None:
    fine = granular("amber", "description", description="fine")
    decision = decided(fine, terms())
    assert isinstance(decision, Release)
    assert decision.released.raw is fine.raw


def test_a_language_is_not_a_marking() -> None:
    korean = made("indicator", name="지표", granular_markings=[{"selectors": ["name"], "lang": "ko"}])
    decision = decided(korean, terms())
    assert isinstance(decision, Release)
    assert decision.released.raw is korean.raw


@pytest.mark.parametrize(
    "markings",
    [
        "red",
        [7],
        [{"selectors": ["description"]}],
        [{"selectors": [], "marking_ref": MARKED["red"]}],
        [{"selectors": "description", "marking_ref": MARKED["red"]}],
        [{"selectors": ["descriptoin"], "marking_ref": MARKED["red"]}],
        [{"selectors": ["labels.[9]"], "marking_ref": MARKED["red"]}],
        [{"selectors": [7], "lang": "ko"}],
    ],
)
def test_granular_markings_that_we_might_misread_keep_the_object_here(markings: object) -> None:
    strange = made("indicator", description="x", labels=["y"], granular_markings=markings)
    assert decided(strange, terms()) == Withheld("marking-unreadable", "granular_markings")


@pytest.mark.parametrize("marking", [object_id("marking-definition", "nowhere"), 7])
def test_a_part_under_a_marking_that_nobody_knows_is_cut_out(marking: object) -> None:
    secret = made(
        "indicator",
        description="hush",
        granular_markings=[{"selectors": ["description"], "marking_ref": marking}],
    )
    decision = decided(secret, terms())
    assert isinstance(decision, Release)
    assert b"hush" not in decision.released.raw


def test_a_part_without_which_the_object_is_none_keeps_it_here() -> None:
    assert decided(granular("red", "pattern"), terms()) == Withheld("cannot-redact", "pattern", "a rule")
    assert decided(granular("red", "id"), terms()) == Withheld("cannot-redact", "id", "a rule")


# --- Where it came from, and where it goes ------------------------------------------------------


def test_nothing_is_echoed_to_where_it_came_from() -> None:
    assert decided(made("indicator"), terms('sources = ["any"]'), origin="park") == Withheld("came-from-them")


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ("", "no-rule"),
        ('sources = ["own"]', "no-rule"),
        ('sources = ["choi"]', "Release"),
        ('sources = ["any"]', "Release"),
    ],
)
def test_another_partner_s_object_goes_only_where_the_rule_names_its_source(sources: str, expected: str) -> None:
    assert code(decided(made("indicator"), terms(sources), origin="choi")) == expected


def test_another_partner_s_amber_is_not_forwarded_unless_its_source_agreed() -> None:
    amber = made("indicator", tlp="amber")
    assert decided(amber, terms('sources = ["choi"]'), origin="choi") == Withheld(
        "forwarding-too-strict", "amber", "a rule"
    )
    agreed = terms('sources = ["choi"]\nforward-up-to = "amber"')
    assert isinstance(decided(amber, agreed, origin="choi"), Release)


def test_a_forwarded_part_marked_amber_is_cut_out() -> None:
    mixed = granular("amber", "description", description="only for you")
    decision = decided(mixed, terms('sources = ["choi"]'), origin="choi")
    assert isinstance(decision, Release)
    assert b"only for you" not in decision.released.raw


SIEM = Recipient("siem", is_active=True, own=True)


def test_a_tool_of_our_own_may_have_more() -> None:
    under = terms('up-to = "amber+strict"\nsources = ["any"]', top="own = true\necho = true", partner="siem")
    strict = made("indicator", tlp="amber+strict")
    for origin in ("own", "choi", "siem"):
        assert isinstance(decided(strict, under, origin=origin, to=SIEM), Release)
    assert code(decided(made("indicator", tlp="red"), under, to=SIEM)) == "tlp-too-strict"


def test_terms_for_a_tool_of_our_own_are_void_for_a_partner() -> None:
    under = terms(top="own = true")
    assert decided(made("indicator"), under) == Withheld("not-our-own-tool")


def test_to_a_suspended_partner_nothing_goes() -> None:
    assert decided(made("indicator"), terms(), to=Recipient("park", is_active=False)) == Withheld("partner-suspended")


def test_terms_made_for_another_partner_release_nothing() -> None:
    assert decided(made("indicator"), terms(partner="choi")) == Withheld("terms-for-another", "choi")


def test_after_the_last_day_nothing_goes() -> None:
    under = terms(top="expires = 2016-02-20")
    last = stix.parse_timestamp("2016-02-20T23:59:59.999999Z")
    assert isinstance(decided(made("indicator"), under, now=last), Release)
    assert code(decided(made("indicator"), under, now=last + 1)) == "terms-expired"


# --- Rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("types", "kind", "goes"),
    [
        ('["indicator"]', "indicator", True),
        ('["indicator"]', "malware", False),
        ('["observables"]', "ipv4-addr", True),
        ('["observables"]', "indicator", False),
        ('["relationships"]', "ipv4-addr", False),
        ('["intelligence"]', "malware", True),
        ('["all"]', "x-nuri-thing", True),
        ('["x-nuri-thing"]', "x-nuri-thing", True),
        ('["intelligence", "observables"]', "x-nuri-thing", False),
    ],
)
def test_a_rule_speaks_of_types_and_groups_of_them(types: str, kind: str, goes: bool) -> None:
    decision = decided(made(kind), terms(f"types = {types}"))
    assert decision == Withheld("no-rule") if not goes else isinstance(decision, Release)


def test_a_rule_may_name_its_objects() -> None:
    one, other = made("indicator"), made("indicator", id="indicator--0b8e1d3e-0a5f-4d5b-8d9a-3b5e2c1f7a60")
    under = terms(f'objects = ["{one.id}"]')
    assert isinstance(decided(one, under), Release)
    assert decided(other, under) == Withheld("no-rule")


def test_a_rule_may_speak_of_labels() -> None:
    under = terms('labels = ["shareable"]')
    assert isinstance(decided(made("indicator", labels=["other", "shareable"]), under), Release)
    assert decided(made("indicator", labels=["other"]), under) == Withheld("no-rule")
    assert decided(made("indicator", labels="shareable"), under) == Withheld("no-rule")


@pytest.mark.parametrize(
    ("confidence", "unknown", "expected"),
    [
        (50, "withhold", "Release"),
        (49, "withhold", "confidence-too-low"),
        (None, "withhold", "confidence-unknown"),
        (None, "accept", "Release"),
        (0, "accept", "confidence-too-low"),
    ],
)
def test_an_object_below_the_minimum_confidence_stays(confidence: int | None, unknown: str, expected: str) -> None:
    under = terms(f'minimum-confidence = 50\nunknown-confidence = "{unknown}"')
    assert code(decided(made("indicator", confidence=confidence), under)) == expected


def test_the_first_release_rule_whose_conditions_hold_decides() -> None:
    under = terms(
        'up-to = "green"',
        more='[[release]]\nname = "the rest, redacted"\ntypes = ["all"]\nup-to = "amber"\nstrip = ["description"]',
    )
    green = decided(made("indicator", tlp="green", description="d"), under)
    amber = decided(made("indicator", tlp="amber", description="d"), under)
    assert isinstance(green, Release)
    assert isinstance(amber, Release)
    assert (green.rule, green.released.is_copy) == ("a rule", False)
    assert (amber.rule, amber.released.is_copy) == ("the rest, redacted", True)


def test_of_all_reasons_the_one_that_came_closest_is_told() -> None:
    under = terms(
        'up-to = "clear"',
        more='[[release]]\nname = "sure"\ntypes = ["all"]\nup-to = "amber"\nminimum-confidence = 90',
    )
    assert decided(made("indicator", confidence=1), under) == Withheld("confidence-too-low", "1", "sure")


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        ('types = ["indicator"]', True),
        ('types = ["malware"]', False),
        ('labels = ["internal"]', True),
        ('labels = ["internal"]\ntypes = ["malware"]', False),
        ('sources = ["own"]', True),
        ('sources = ["choi"]', False),
    ],
)
def test_withholding_wins_over_releasing(rule: str, stays: bool) -> None:
    under = terms(more=f'[[withhold]]\nname = "stays"\n{rule}')
    decision = decided(made("indicator", labels=["internal"]), under)
    assert decision == Withheld("withhold-rule", "", "stays") if stays else isinstance(decision, Release)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seen at NURI BANK yesterday", "nuri bank"),
        ("host nuri-bank.example", "nuri-bank"),
        ("nuribank", "nuribank"),
        ("누리은행은 공격을 받았다", "누리은행"),
        ("누리 은행의 서버", "누리 은행"),
        ("ＮＵＲＩ ｂａｎｋ", "nuri bank"),
        ("manuribank", None),
        ("nuri. Another bank", None),
        ("nothing", None),
    ],
)
def test_a_word_that_must_not_leave_is_found_wherever_it_stands(text: str, found: str | None) -> None:
    under = terms(more='[[withhold]]\nname = "victims"\nnaming = ["Nuri Bank", "누리 은행"]')
    for where in ({"name": text}, {"x_notes": [{"deep": {"text": text}}]}):
        decision = decided(made("indicator", **where), under)
        assert decision == Withheld("withhold-rule", found, "victims") if found else isinstance(decision, Release)


def test_a_delay_lets_the_owner_act_first() -> None:
    under = terms('delay = "2d"')
    obj = made("indicator")
    world = SmallWorld()
    assert policy.decide(obj, "own", NOW - DAY, PARK, under, world, NOW) == Delayed(NOW + DAY, "a rule")
    assert isinstance(policy.decide(obj, "own", NOW - 2 * DAY, PARK, under, world, NOW), Release)


# --- Explanations -------------------------------------------------------------------------------


def steps(obj: stix.Object, under: Terms, world: SmallWorld | None = None) -> list[tuple[str, str | None]]:
    world = world or SmallWorld()
    world.hold(obj)
    found = policy.explain(obj, "own", 0, PARK, under, world, NOW)
    assert [step.decided for step in found] == [False] * (len(found) - 1) + [True]
    assert {step.code for step in found} <= policy.STEP_CODES
    return [(step.code, step.rule) for step in found]


def test_an_explanation_names_every_rule_in_order_and_ends_with_the_decision() -> None:
    under = terms(
        'types = ["malware"]',
        more=(
            '[[release]]\nname = "second"\ntypes = ["all"]\nup-to = "clear"\n'
            '[[release]]\nname = "third"\ntypes = ["all"]\nup-to = "green"\nstrip = ["description"]\n'
            '[[withhold]]\nname = "victims"\nnaming = ["Nuri Bank"]'
        ),
    )
    assert steps(made("indicator", description="d"), under) == [
        ("marking-read", None),
        ("withhold-does-not-apply", "victims"),
        ("not-in-scope", "a rule"),
        ("tlp-too-strict", "second"),
        ("redacted", "third"),
        ("released", "third"),
    ]


def test_an_explanation_gives_the_line_of_the_rule() -> None:
    found = policy.explain(made("indicator"), "own", 0, PARK, terms(), SmallWorld(), NOW)
    assert found[-1].line == 4


def test_an_explanation_says_how_each_reference_stands() -> None:
    world = SmallWorld()
    fine, secret = made("indicator"), made("malware", tlp="red")
    world.hold(fine, secret)
    link = made("relationship", source_ref=fine.id, target_ref=secret.id)
    assert steps(link, terms(), world) == [
        ("marking-read", None),
        ("reference-allowed", "a rule"),
        ("tlp-too-strict", "a rule"),
        ("reference-withheld", "a rule"),
    ]


# --- Trying terms -------------------------------------------------------------------------------


def test_trying_terms_shows_what_they_would_change() -> None:
    world = SmallWorld()
    objects = [
        made("indicator", n, tlp=tlp, description="d") for n, tlp in enumerate(["clear", "green", "amber", "red"])
    ]
    world.hold(*objects)
    old = terms('up-to = "green"')
    new = terms(
        'up-to = "clear"',
        more='[[release]]\nname = "b"\ntypes = ["all"]\nup-to = "amber"\nstrip = ["description"]',
    )
    tried = policy.try_terms(old, new, [(obj, "own") for obj in objects], PARK, world, NOW)
    assert [trial.change for trial in tried] == [
        "no-change",
        "would-go-in-another-form",
        "would-go",
        "no-change",
    ]
    first = policy.try_terms(None, old, [(obj, "own") for obj in objects], PARK, world, NOW)
    assert [trial.change for trial in first] == ["would-go", "would-go", "no-change", "no-change"]
    back = policy.try_terms(old, terms('up-to = "green"\ndelay = "999999h"'), [(objects[0], "own")], PARK, world, NOW)
    assert [trial.change for trial in back] == ["would-wait"]


def test_a_translation_is_not_asked_for_a_confidence_of_its_own() -> None:
    """Real publishers give translations none; what they translate must pass for them to go at all."""
    sure = made("indicator", confidence=90)
    translation = made("language-content", object_ref=sure.id, contents={"ko": {"name": "지표"}})
    world = SmallWorld()
    world.hold(sure)
    assert isinstance(decided(translation, terms("minimum-confidence = 50"), world), Release)
