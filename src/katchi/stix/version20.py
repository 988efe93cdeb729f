"""What STIX 2.0 asked for otherwise than 2.1: which types it had, and what they required."""

from __future__ import annotations

from typing import Final

REQUIRED: Final[dict[str, frozenset[str]]] = {
    # STIX 2.0 part 2 §2 and §3; the properties that 2.1 requires too come from the types themselves.
    "attack-pattern": frozenset(),
    "campaign": frozenset(),
    "course-of-action": frozenset(),
    "identity": frozenset({"identity_class"}),
    "indicator": frozenset({"labels"}),
    "intrusion-set": frozenset(),
    "malware": frozenset({"labels", "name"}),
    "observed-data": frozenset({"objects"}),
    "report": frozenset({"labels"}),
    "threat-actor": frozenset({"labels"}),
    "tool": frozenset({"labels"}),
    "vulnerability": frozenset(),
    "relationship": frozenset(),
    "sighting": frozenset(),
    "marking-definition": frozenset({"definition_type", "definition"}),
}
"""The types of STIX 2.0, each with what it required and 2.1 does not."""
