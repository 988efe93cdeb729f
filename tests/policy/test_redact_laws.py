"""What holds for every object under every terms, tried on many of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from katchi import policy, stix
from katchi.policy import Release, Terms, Tlp, tlp_of
from tests.policy.small_world import CHOI, MARKED, NOW, PARK, SmallWorld, made, newer, object_id, terms

LABELS = st.sampled_from([None, *MARKED])
CEILINGS = st.sampled_from(["clear", "green", "amber", "amber+strict"])
WORDS = [f"word{number}word" for number in range(6)]
WHERE = ["name", "description", "x_note", "labels", "external_references", "x_case"]


def filled(where: str, word: str) -> Any:
    """A property of this name in which `word` is the only word."""
    return {
        "labels": [word],
        "external_references": [{"source_name": word, "description": word}],
        "x_case": {"inner": {"text": word}},
    }.get(where, word)


@st.composite
def marked_indicators(draw: st.DrawFn) -> tuple[stix.Object, dict[str, str | None]]:
    """An indicator, and for each of its words the label of the granular marking on it."""
    present = draw(st.lists(st.sampled_from(WHERE), unique=True))
    words = {where: word for where, word in zip(WHERE, WORDS, strict=True) if where in present}
    labels = {where: draw(LABELS) for where in words}
    markings = [{"selectors": [where], "marking_ref": MARKED[label]} for where, label in labels.items() if label]
    properties: dict[str, Any] = {where: filled(where, word) for where, word in words.items()}
    if markings:
        properties["granular_markings"] = markings
    obj = made("indicator", tlp=draw(LABELS), **properties)
    return obj, {words[where]: label for where, label in labels.items()}


@st.composite
def any_terms(draw: st.DrawFn, partner: str = "park") -> Terms:
    stripped = draw(st.lists(st.sampled_from([*WHERE, "x_*", "x_case.inner"]), unique=True))
    lines = [f'up-to = "{draw(CEILINGS)}"', f'references = "{draw(st.sampled_from(["drop", "withhold"]))}"']
    lines += [f"strip = {stripped}"] if stripped else []
    lines += ['generalise = ["identities"]'] if draw(st.booleans()) else []
    lines += ['sources = ["any"]'] if draw(st.booleans()) else []
    unmarked = draw(st.sampled_from(["withhold", "green"]))
    return terms("\n".join(lines), top=f'unmarked = "{unmarked}"', partner=partner)


def is_stripped(word: str, under: Terms) -> bool:
    where = WHERE[WORDS.index(word)]
    patterns = under.releases[0].strip
    return where in patterns or ("x_*" in patterns and where.startswith("x_")) or (
        where == "x_case" and "x_case.inner" in patterns
    )  # fmt: skip


@given(marked_indicators(), any_terms())
def test_nothing_above_the_ceiling_and_nothing_stripped_is_in_the_bytes_that_go(
    marked: tuple[stix.Object, dict[str, str | None]], under: Terms
) -> None:
    obj, words = marked
    decision = policy.decide(obj, "own", 0, PARK, under, SmallWorld(), NOW)
    marked_as, ceiling = tlp_of(obj), under.releases[0].up_to
    label = under.unmarked if marked_as is None else marked_as
    if label is None or label > ceiling:
        assert not isinstance(decision, Release)
        return
    assert isinstance(decision, Release)
    for word, granular in words.items():
        is_above = granular is not None and Tlp.parse(granular) > ceiling
        assert (word.encode() in decision.released.raw) is not (is_above or is_stripped(word, under))


@given(marked_indicators(), any_terms())
def test_what_goes_is_the_original_or_a_valid_object_of_another_id(
    marked: tuple[stix.Object, dict[str, str | None]], under: Terms
) -> None:
    obj, _ = marked
    world = SmallWorld()
    decision = policy.decide(obj, "own", 0, PARK, under, world, NOW)
    if not isinstance(decision, Release):
        return
    released = decision.released
    body = stix.read(released.raw)
    assert (body.id, body.version, body.type) == (released.object_id, released.version, obj.type)
    assert (released.raw == obj.raw) is (body.id == obj.id) is not released.is_copy
    assert not [found for found in stix.check(body) if found.level is stix.Level.MUST]
    if released.is_copy:
        assert obj.id.partition("--")[2].encode() not in released.raw
    world.send(decision)
    assert policy.decide(obj, "own", 0, PARK, under, world, NOW) == decision


# --- Graphs -------------------------------------------------------------------------------------

KINDS = ["indicator", "malware", "identity", "report", "relationship", "x-case"]
IDS = [object_id(kind, number) for number in range(2) for kind in KINDS]


@st.composite
def objects(draw: st.DrawFn, chosen: str) -> tuple[stix.Object, str]:
    """An object of that id which points to any others, and where it came from."""
    kind = chosen.partition("--")[0]
    some = st.sampled_from(IDS)
    properties: dict[str, Any] = {"id": chosen, "description": draw(st.sampled_from([None, "hush"]))}
    if kind == "report":
        properties["object_refs"] = draw(st.lists(some, min_size=1, max_size=4, unique=True))
    if kind == "relationship":
        properties |= {"source_ref": draw(some), "target_ref": draw(some)}
    if kind == "x-case":
        properties["x_inner"] = {"case_refs": draw(st.lists(some, min_size=1, max_size=3))}
    if draw(st.booleans()):
        properties["created_by_ref"] = draw(st.sampled_from([each for each in IDS if "identity" in each]))
    label = draw(st.sampled_from(["green", "green", "green", "amber", "red", None]))
    return made(kind, tlp=label, **properties), draw(st.sampled_from(["own", "own", "choi", "park"]))


@st.composite
def nodes(draw: st.DrawFn) -> SmallWorld:
    world = SmallWorld()
    for chosen in draw(st.lists(st.sampled_from(IDS), unique=True)):
        obj, origin = draw(objects(chosen))
        world.hold(obj, origin=origin)
    return world


def all_decided(world: SmallWorld, under: Terms, to: policy.Recipient = PARK) -> dict[str, policy.Decision]:
    return {held: policy.decide(obj, origin, 0, to, under, world, NOW) for held, (obj, origin, _) in world.held.items()}


@settings(max_examples=300, deadline=None)
@given(nodes(), any_terms())
def test_whatever_goes_points_only_to_what_goes_or_came_from_there_under_the_id_under_which_it_goes(
    world: SmallWorld, under: Terms
) -> None:
    decisions = all_decided(world, under)
    gone = {each.released.object_id for each in decisions.values() if isinstance(each, Release)}
    for decision in decisions.values():
        if isinstance(decision, Release):
            for reference in stix.references(stix.read(decision.released.raw)):
                held = world.held.get(reference.id)
                assert reference.id in gone or held is None or held[1] == PARK.name


@settings(max_examples=150, deadline=None)
@given(nodes(), st.data())
def test_no_two_bodies_ever_go_under_one_id_and_version(world: SmallWorld, data: st.DataObject) -> None:
    bodies: dict[tuple[str, int | None], bytes] = {}
    views = {PARK: world, CHOI: world.beside()}
    agreed = {recipient: data.draw(any_terms(recipient.name)) for recipient in views}
    if data.draw(st.booleans()):  # the same rules for both, as between nodes that use one template
        agreed[CHOI] = replace(agreed[PARK], partner="choi")
    for _ in range(6):
        for recipient, view in views.items():
            for decision in all_decided(view, agreed[recipient], recipient).values():
                for each in decision.every if isinstance(decision, Release) else ():
                    key = (each.released.object_id, each.released.version)
                    assert bodies.setdefault(key, each.released.raw) == each.released.raw
                if isinstance(decision, Release):
                    view.send(decision)
        if not world.held:
            return
        changed = data.draw(st.sampled_from(sorted(world.held)))
        obj, origin, added_at = world.held[changed]
        news = data.draw(st.sampled_from(NEWS))
        world.held[changed] = (newer(obj, **news), origin, added_at)


NEWS: list[dict[str, Any]] = [
    {"revoked": True},
    {"x_news": 1},
    {"object_marking_refs": [MARKED["green"]]},
    {"object_marking_refs": [MARKED["red"]]},
]
