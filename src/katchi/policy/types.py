"""The STIX types as terms name them, in groups, and which properties a type cannot do without."""

from __future__ import annotations

from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a text as a set: how this package writes lists of names."""
    return frozenset(text.split())


OBSERVABLES: Final = words(
    # STIX 2.1 §6
    "artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr "
    "mac-addr mutex network-traffic process software url user-account windows-registry-key "
    "x509-certificate"
)
RELATIONSHIPS: Final = frozenset({"relationship", "sighting"})  # STIX 2.1 §5
INTELLIGENCE: Final = words(
    # STIX 2.1 §4
    "attack-pattern campaign course-of-action grouping identity incident indicator infrastructure "
    "intrusion-set location malware malware-analysis note observed-data opinion report threat-actor tool "
    "vulnerability"
)
DEFINITIONS: Final = frozenset({"marking-definition", "extension-definition"})
"""What other objects need in order to be understood; they go wherever something that uses them may go."""

KNOWN: Final = OBSERVABLES | RELATIONSHIPS | INTELLIGENCE | DEFINITIONS | {"language-content"}

GROUPS: Final = {
    "observables": OBSERVABLES,
    "relationships": RELATIONSHIPS,
    "intelligence": INTELLIGENCE,
    "all": KNOWN,
}
"""Group names in terms. "all" also means custom types, which no list can hold."""

COMMON: Final = words("type id spec_version created modified revoked object_marking_refs granular_markings")
"""What every copy keeps: without it an object is none, or loses its handling instructions."""

_REQUIRED: Final = {
    "attack-pattern": "name",
    "autonomous-system": "number",
    "campaign": "name",
    "course-of-action": "name",
    "directory": "path",
    "domain-name": "value",
    "email-addr": "value",
    "email-message": "is_multipart",
    "extension-definition": "name schema version extension_types created_by_ref",
    "grouping": "context object_refs",
    "identity": "name",
    "incident": "name",
    "indicator": "pattern pattern_type valid_from",
    "infrastructure": "name",
    "intrusion-set": "name",
    "ipv4-addr": "value",
    "ipv6-addr": "value",
    "language-content": "object_ref contents",
    "mac-addr": "value",
    "malware": "is_family",
    "malware-analysis": "product",
    "marking-definition": "definition_type definition",
    "mutex": "name",
    "network-traffic": "protocols",
    "note": "content object_refs",
    "observed-data": "first_observed last_observed number_observed",
    "opinion": "opinion object_refs",
    "relationship": "relationship_type source_ref target_ref",
    "report": "name published object_refs",
    "sighting": "sighting_of_ref",
    "software": "name",
    "threat-actor": "name",
    "tool": "name",
    "url": "value",
    "vulnerability": "name",
}
_REQUIRED_2_0: Final = {
    # STIX 2.0 part 2 asks for these besides.
    "identity": "identity_class",
    "indicator": "labels",
    "malware": "name labels",
    "observed-data": "objects",
    "report": "labels",
    "threat-actor": "labels",
    "tool": "labels",
}


def _split(table: dict[str, str]) -> dict[str, frozenset[str]]:
    return {kind: words(names) for kind, names in table.items()}


_REQUIRED_SETS: Final = _split(_REQUIRED)
_REQUIRED_2_0_SETS: Final = _split(_REQUIRED_2_0)
_NONE: Final[frozenset[str]] = frozenset()


def required(kind: str, spec_version: str = "2.1") -> frozenset[str]:
    """The properties that an object of this type cannot do without, besides the common ones.

    None are known for custom types. The check of the finished copy has the last word.
    """
    names = _REQUIRED_SETS.get(kind, _NONE)
    return names | _REQUIRED_2_0_SETS.get(kind, _NONE) if spec_version == "2.0" else names
