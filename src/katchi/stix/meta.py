"""The objects that speak of other objects (STIX 2.1 §7) and the bundle that carries them (§8)."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

import msgspec

from katchi.stix.between import Members
from katchi.stix.containers import DICTIONARY
from katchi.stix.core import SPEC_VERSION, Common, Extensions, ExternalReference, Versioned
from katchi.stix.findings import Findings
from katchi.stix.identifiers import reference
from katchi.stix.languages import is_language_tag
from katchi.stix.markings import TLP_1_IDS, TLP_IDS
from katchi.stix.properties import SINCE_2_1, Id, Time
from katchi.stix.rule import Between, Rule, nothing_more, one_of
from katchi.stix.vocabularies import EXTENSION_TYPE
from katchi.stix.wording import excerpt, join

# --- Marking definition --------------------------------------------------------------------------


def _never(_: Members) -> bool:
    return False


def _explain_definition(members: Members, path: str, findings: Findings) -> None:
    kind, definition = members.get("definition_type"), members.get("definition")
    if "extensions" in members and kind is None and definition is None:
        return
    if kind is None or definition is None:
        findings.must(
            path or "definition",
            "missing-property",
            "A marking has definition_type and definition, or an extension that defines it.",
            "add the two properties",
        )
    elif kind == "tlp":
        _explain_tlp(members, path, findings)
    elif kind == "statement":
        if not isinstance(definition, dict) or not isinstance(definition.get("statement"), str):
            findings.must(
                join(path, "definition.statement"),
                "missing-property",
                "A statement marking must have a statement.",
                "add the statement",
            )
    else:
        findings.tolerated(
            join(path, "definition_type"),
            "custom-marking",
            f"{excerpt(kind)} is neither tlp nor statement; other markings should be extensions.",
        )


_TLP_1_LABELS = {"clear": "white"}


def _explain_tlp(members: Members, path: str, findings: Findings) -> None:
    """STIX 2.1 §7.2.1.4: TLP markings are four fixed objects, byte for byte."""
    definition = members.get("definition")
    label = definition.get("tlp") if isinstance(definition, dict) else None
    meant = TLP_IDS.get(str(members.get("id")))
    written = {meant, _TLP_1_LABELS.get(meant or "", meant)}
    at = join(path, "definition.tlp")
    if not isinstance(label, str):
        findings.must(
            at,
            "tlp",
            f"Expected a TLP label such as amber; found {excerpt(label)}.",
            "use the standard's TLP object",
        )
    elif meant and label.lower().removeprefix("tlp:") not in written:
        findings.must(
            at,
            "tlp",
            f"This id is that of TLP {meant}, but the object says {excerpt(label)}.",
            "use the standard's TLP object",
        )
    elif not _is_standard_tlp(members, label):
        findings.tolerated(
            path or "id",
            "redefined-tlp",
            "This TLP marking is not, property for property, the one that the standard defines.",
            "refer to the standard's TLP object instead of sending one",
        )


_TLP_PROPERTIES = frozenset({"type", "spec_version", "id", "created", "definition_type", "name", "definition"})


def _is_standard_tlp(members: Members, label: str) -> bool:
    return (
        str(members.get("id")) in TLP_1_IDS
        and members.get("created") == "2017-01-20T00:00:00.000Z"
        and members.get("name", f"TLP:{label.upper()}") == f"TLP:{label.upper()}"
        and members.keys() <= _TLP_PROPERTIES
    )


def _points_elsewhere(members: Members) -> bool:
    return not _own_references(members)


def _own_references(members: Members) -> list[str]:
    """Where a marking definition marks itself."""
    own, places = members.get("id"), []
    marked = members.get("object_marking_refs")
    if isinstance(marked, list) and own in marked:
        places.append("object_marking_refs")
    granular = members.get("granular_markings")
    for item in granular if isinstance(granular, list) else ():
        if isinstance(item, dict) and item.get("marking_ref") == own:
            places.append("granular_markings")
    return places


def _explain_circle(members: Members, path: str, findings: Findings) -> None:
    for place in _own_references(members):
        findings.must(
            join(path, place),
            "circular-marking",
            "A marking definition must not mark itself.",
            "remove the reference",
        )


class MarkingDefinition(Common, frozen=True, kw_only=True):
    """How an object may be used and shared (STIX 2.1 §7.2.1)."""

    between: ClassVar[tuple[Between, ...]] = (
        Between(_never, _explain_definition),
        Between(_points_elsewhere, _explain_circle),
    )

    spec_version: Annotated[str, SPEC_VERSION, SINCE_2_1] = "2.0"
    created: Time
    created_by_ref: Annotated[str, reference("identity", binding=False)] | None = None
    name: str | None = None
    external_references: tuple[ExternalReference, ...] = ()
    definition_type: str | None = None
    definition: Annotated[dict[str, Any], DICTIONARY] | None = None
    extensions: Extensions | None = None


# --- Language content ----------------------------------------------------------------------------

_is_property = re.compile("id|[a-z0-9_]{3,250}").fullmatch


def _sure_of_contents(contents: Members) -> bool:
    for language, translation in contents.items():
        if not is_language_tag(language) or translation.__class__ is not dict:
            return False
        if not translation or not all(map(_is_property, translation)):
            return False
    return bool(contents)


def _explain_contents(contents: Members, path: str, findings: Findings) -> None:
    if not contents:
        findings.must(path, "empty", "A dictionary is never empty in STIX.", "add a translation")
    for language, translation in contents.items():
        at = join(path, language)
        if not is_language_tag(language):
            findings.must(at, "language", f"{excerpt(language)} is not an RFC 5646 language tag.", "correct the tag")
        if translation.__class__ is not dict:
            findings.wrong_type(translation, at, dict)
            continue
        for name in translation:
            if not _is_property(name):
                findings.must(
                    join(at, name),
                    "property-name",
                    f"{excerpt(name)} cannot be a property's name.",
                    "correct the name",
                )


class LanguageContent(Versioned, frozen=True, kw_only=True):
    """An object's texts in other languages (STIX 2.1 §7.1)."""

    object_ref: Annotated[str, reference(other_than=("bundle", "language-content"))]
    contents: Annotated[dict[str, Any], Rule(dict, _sure_of_contents, _explain_contents)]
    object_modified: Time | None = None


# --- Extension definition ------------------------------------------------------------------------


def _explain_extension(members: Members, path: str, findings: Findings) -> None:
    if "description" not in members:
        findings.should(
            join(path, "description"),
            "undescribed-extension",
            "An extension definition should have a description.",
        )
    kinds = members.get("extension_types")
    adds_properties = isinstance(kinds, list) and "toplevel-property-extension" in kinds
    if adds_properties and "extension_properties" not in members:
        findings.should(
            join(path, "extension_properties"),
            "unnamed-properties",
            "An extension that adds properties at the top level should name them.",
        )
    if not adds_properties and "extension_properties" in members:
        findings.must(
            join(path, "extension_properties"),
            "conflicting-properties",
            "Only a toplevel-property-extension has extension_properties.",
            "remove the property",
        )


class ExtensionDefinition(Versioned, frozen=True, kw_only=True):
    """How somebody extends STIX (STIX 2.1 §7.3)."""

    between: ClassVar[tuple[Between, ...]] = (Between(_never, _explain_extension),)

    name: str
    schema: str
    version: str
    extension_types: tuple[Annotated[str, one_of(EXTENSION_TYPE)], ...]
    description: str | None = None
    extension_properties: tuple[str, ...] = ()


# --- Bundle --------------------------------------------------------------------------------------


_ANY_OBJECT = Rule(dict, bool, nothing_more)  # each is checked as an object of its own


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A container for transport; what it holds is not related by that (STIX 2.1 §8)."""

    type: str
    id: Id
    objects: tuple[Annotated[dict[str, Any], _ANY_OBJECT], ...] = ()
    spec_version: Annotated[str, SPEC_VERSION] | None = None
