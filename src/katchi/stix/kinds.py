"""Which type of STIX object is which class, and an object as a value of its class."""

from __future__ import annotations

from typing import Any

import msgspec

from katchi.stix import domain, meta, relations
from katchi.stix.core import Versioned
from katchi.stix.objects import Object
from katchi.stix.observables import OBSERVABLES
from katchi.stix.refusals import InvalidError

DOMAIN_OBJECTS: dict[str, type[Versioned]] = {
    "attack-pattern": domain.AttackPattern,
    "campaign": domain.Campaign,
    "course-of-action": domain.CourseOfAction,
    "grouping": domain.Grouping,
    "identity": domain.Identity,
    "incident": domain.Incident,
    "indicator": domain.Indicator,
    "infrastructure": domain.Infrastructure,
    "intrusion-set": domain.IntrusionSet,
    "location": domain.Location,
    "malware": domain.Malware,
    "malware-analysis": domain.MalwareAnalysis,
    "note": domain.Note,
    "observed-data": domain.ObservedData,
    "opinion": domain.Opinion,
    "report": domain.Report,
    "threat-actor": domain.ThreatActor,
    "tool": domain.Tool,
    "vulnerability": domain.Vulnerability,
}
RELATIONSHIP_OBJECTS: dict[str, type[Versioned]] = {
    "relationship": relations.Relationship,
    "sighting": relations.Sighting,
}
META_OBJECTS: dict[str, type[msgspec.Struct]] = {
    "marking-definition": meta.MarkingDefinition,
    "language-content": meta.LanguageContent,
    "extension-definition": meta.ExtensionDefinition,
}
TYPES: dict[str, type[msgspec.Struct]] = {
    **DOMAIN_OBJECTS,
    **RELATIONSHIP_OBJECTS,
    **OBSERVABLES,
    **META_OBJECTS,
    "bundle": meta.Bundle,
}


class Custom(msgspec.Struct, frozen=True, kw_only=True):
    """An object of a type that the standard does not define; all it says is in `properties`."""

    type: str
    id: str
    properties: dict[str, Any]


class UntypedError(InvalidError):
    """The object's properties are not of the types that the standard gives them."""

    code = "untyped"


def typed(obj: Object) -> Any:
    """The object as a value of its class (`Indicator`, `File`, …); `Custom` for types of others.

    Properties that the class does not know are in `obj.properties`.
    Raises: UntypedError when a property has another JSON type than the standard's.
    """
    struct = TYPES.get(obj.type)
    if struct is None:
        return Custom(type=obj.type, id=obj.id, properties=obj.properties)
    try:
        return msgspec.convert(obj.properties, struct)
    except msgspec.ValidationError as error:
        raise UntypedError(
            "This object is not what its type says.",
            where=obj.id,
            what=str(error),
            remedy="correct the property",
        ) from error
