"""Reads every marking on an object: the TLP label, and the markings that are something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from katchi import stix
from katchi.policy import paths, tlp
from katchi.policy.decision import Withheld
from katchi.policy.paths import Path
from katchi.policy.rules import Terms
from katchi.policy.tlp import Tlp
from katchi.policy.world import World


def strictness(obj: stix.Object, terms: Terms, world: World) -> Tlp | Withheld:
    """How strictly the whole object must be handled under these terms, or the marking that keeps it here."""
    written = obj.properties.get("object_marking_refs")
    if written is not None and (written.__class__ is not list or len(written) != len(obj.marking_refs)):
        return Withheld("marking-unreadable", "object_marking_refs")
    strictest: Tlp | None = None
    for ref in obj.marking_refs:
        label = tlp.OF_ID.get(ref)
        if label is None:
            meaning = resolve(ref, terms, world)
            if isinstance(meaning, Withheld):
                return meaning
            label = meaning
        if label is not None and (strictest is None or label > strictest):
            strictest = label
    if strictest is None:
        strictest = _unmarked(obj, terms, world)
        if strictest is None:
            return Withheld("unmarked")
    labelled = tlp.of_labels(obj.properties)
    return strictest if labelled is None else max(strictest, labelled)


def _unmarked(obj: stix.Object, terms: Terms, world: World) -> Tlp | None:
    if obj.type == "marking-definition":
        return Tlp.CLEAR  # what it says is how to handle other objects
    if obj.type == "language-content":
        # A translation without a marking of its own is handled like what it translates.
        target = world.object(str(obj.properties.get("object_ref")))
        if target is not None and target.type != "language-content":
            followed = strictness(target, terms, world)
            return followed if isinstance(followed, Tlp) else None
    return terms.unmarked


def resolve(ref: str, terms: Terms, world: World) -> Tlp | Withheld | None:
    """What one marking means: a TLP label, a reason to stay, or (None) nothing that stops it."""
    label = tlp.OF_ID.get(ref)
    if label is not None:
        return label
    definition = world.object(ref)
    if definition is None:
        return Withheld("marking-unknown", ref, waits_for=ref)
    if definition.type != "marking-definition":
        return Withheld("marking-unreadable", ref, waits_for=ref)
    return of_definition(definition, terms)


def of_definition(definition: stix.Object, terms: Terms) -> Tlp | Withheld | None:
    """What a marking definition that is held means."""
    properties = definition.properties
    label = tlp.of_definition(properties)
    if label is not None:
        return label
    if not _names(definition).isdisjoint(terms.unknown_markings):
        return None
    if properties.get("definition_type") == "statement" and not properties.get("extensions"):
        if terms.statements == "carry" and not tlp.is_tlp_definition(properties):
            return None
        return Withheld("statement-marking", definition.id)
    return Withheld("marking-not-named", definition.id, waits_for=definition.id)


def _names(definition: stix.Object) -> set[str]:
    """What terms can call a marking: its id, its type, its name, or the extension that defines it."""
    names = {definition.id}
    for key in ("definition_type", "name"):
        value = definition.properties.get(key)
        if isinstance(value, str) and value != "statement":
            names.add(value)
    extensions = definition.properties.get("extensions")
    return names | set(extensions) if isinstance(extensions, dict) else names


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an object that granular markings keep from somebody."""

    cut: frozenset[Path]
    first: str  # the first of them as a selector, for the reason


def parts_above(obj: stix.Object, ceiling: Tlp, terms: Terms, world: World) -> Parts | Withheld | None:
    """The parts marked above `ceiling`, or with a marking that keeps objects here; None without any."""
    markings = obj.properties.get("granular_markings")
    if markings is None:
        return None
    if not isinstance(markings, list):
        return Withheld("marking-unreadable", "granular_markings")
    cut: set[Path] = set()
    for marking in markings:
        read = _selected(obj, marking)
        if isinstance(read, Withheld):
            return read
        if "marking_ref" in marking and not _may_go(marking["marking_ref"], ceiling, terms, world):
            cut |= read
    return Parts(frozenset(cut), min(map(paths.write_selector, cut))) if cut else None


def _selected(obj: stix.Object, marking: Any) -> set[Path] | Withheld:
    """The paths that one granular marking selects; every one must exist, or we have misread it."""
    unreadable = Withheld("marking-unreadable", "granular_markings")
    if not isinstance(marking, dict) or not ("marking_ref" in marking or "lang" in marking):
        return unreadable
    selectors = marking.get("selectors")
    if not isinstance(selectors, list) or not all(isinstance(each, str) for each in selectors):
        return unreadable
    selected = {paths.parse_selector(each) for each in selectors}
    if "marking_ref" not in marking:
        return selected  # it says which language the text is in, which keeps nothing from anybody
    return selected if selected and all(paths.exists(obj.properties, path) for path in selected) else unreadable


def _may_go(ref: Any, ceiling: Tlp, terms: Terms, world: World) -> bool:
    meaning = resolve(ref, terms, world) if isinstance(ref, str) else Withheld("marking-unreadable")
    return not isinstance(meaning, Withheld) and (meaning is None or meaning <= ceiling)
