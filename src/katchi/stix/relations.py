"""The two STIX Relationship Objects (STIX 2.1 §5) as typed values."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from katchi.stix.between import Members, in_order
from katchi.stix.core import Versioned
from katchi.stix.findings import Findings
from katchi.stix.identifiers import reference
from katchi.stix.properties import Time
from katchi.stix.rule import Between, Rule, whole
from katchi.stix.wording import excerpt, join

_NOT_RELATABLE = ("relationship", "sighting", "bundle", "marking-definition", "language-content")
EndRef = Annotated[str, reference(other_than=_NOT_RELATABLE)]


def _explain_relation(value: str, path: str, findings: Findings) -> None:
    findings.must(
        path,
        "relationship-type",
        f"Expected lower-case letters, digits and hyphens; found {excerpt(value)}.",
        "rename the relationship type",
    )


_ANY = ("derived-from", "duplicate-of", "related-to")
_OBSERVABLES = (
    "artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr"
    " mac-addr mutex network-traffic process software url user-account windows-registry-key"
    " x509-certificate"
)
# STIX 2.1 appendix B: source, type, targets.
_SUGGESTED = f"""
attack-pattern delivers malware
attack-pattern targets identity location vulnerability
attack-pattern uses malware tool
campaign attributed-to intrusion-set threat-actor
campaign compromises infrastructure
campaign originates-from location
campaign targets identity location vulnerability
campaign uses attack-pattern infrastructure malware tool
course-of-action investigates indicator
course-of-action mitigates attack-pattern indicator malware tool vulnerability
course-of-action remediates malware vulnerability
domain-name resolves-to domain-name ipv4-addr ipv6-addr
identity located-at location
indicator indicates attack-pattern campaign infrastructure intrusion-set malware threat-actor tool
indicator based-on observed-data
infrastructure communicates-with infrastructure ipv4-addr ipv6-addr domain-name url
infrastructure consists-of infrastructure observed-data {_OBSERVABLES}
infrastructure controls infrastructure malware
infrastructure delivers malware
infrastructure has vulnerability
infrastructure hosts tool malware
infrastructure located-at location
infrastructure uses infrastructure
intrusion-set attributed-to threat-actor
intrusion-set compromises infrastructure
intrusion-set hosts infrastructure
intrusion-set owns infrastructure
intrusion-set originates-from location
intrusion-set targets identity location vulnerability
intrusion-set uses attack-pattern infrastructure malware tool
ipv4-addr resolves-to mac-addr
ipv4-addr belongs-to autonomous-system
ipv6-addr resolves-to mac-addr
ipv6-addr belongs-to autonomous-system
malware authored-by threat-actor intrusion-set
malware beacons-to infrastructure
malware exfiltrates-to infrastructure
malware communicates-with ipv4-addr ipv6-addr domain-name url
malware controls malware
malware downloads malware tool file
malware drops malware tool file
malware exploits vulnerability
malware originates-from location
malware targets identity infrastructure location vulnerability
malware uses attack-pattern infrastructure malware tool
malware variant-of malware
malware-analysis characterizes malware
malware-analysis analysis-of malware
malware-analysis static-analysis-of malware
malware-analysis dynamic-analysis-of malware
threat-actor attributed-to identity
threat-actor compromises infrastructure
threat-actor hosts infrastructure
threat-actor owns infrastructure
threat-actor impersonates identity
threat-actor located-at location
threat-actor targets identity location vulnerability
threat-actor uses attack-pattern infrastructure malware tool
tool delivers malware
tool drops malware
tool has vulnerability
tool targets identity infrastructure location vulnerability
tool uses infrastructure
"""


def _suggested() -> frozenset[tuple[str, str, str]]:
    rows = (line.split() for line in _SUGGESTED.split("\n") if line)
    return frozenset((source, kind, target) for source, kind, *targets in rows for target in targets)


SUGGESTED_RELATIONS = _suggested()


def _ends(members: Members) -> tuple[str, str, str]:
    source, target = members.get("source_ref"), members.get("target_ref")
    return (
        source.partition("--")[0] if isinstance(source, str) else "",
        str(members.get("relationship_type")),
        target.partition("--")[0] if isinstance(target, str) else "",
    )


def _is_suggested(members: Members) -> bool:
    relation = _ends(members)
    return relation[1] in _ANY or relation in SUGGESTED_RELATIONS


def _explain_suggested(members: Members, path: str, findings: Findings) -> None:
    source, kind, target = _ends(members)
    findings.should(
        join(path, "relationship_type"),
        "relationship",
        f"'{kind}' from {source} to {target} is permitted, but is not among the standard's relationships.",
    )


class Relationship(Versioned, frozen=True, kw_only=True):
    """One object has something to do with another (STIX 2.1 §5.1)."""

    between: ClassVar[tuple[Between, ...]] = (
        in_order("start_time", "stop_time", apart=True),
        Between(_is_suggested, _explain_suggested),
    )

    relationship_type: Annotated[str, Rule(str, re.compile("[a-z0-9-]+").fullmatch, _explain_relation)]
    source_ref: EndRef
    target_ref: EndRef
    description: str | None = None
    start_time: Time | None = None
    stop_time: Time | None = None


class Sighting(Versioned, frozen=True, kw_only=True):
    """Something was seen (STIX 2.1 §5.2)."""

    between: ClassVar[tuple[Between, ...]] = (in_order("first_seen", "last_seen"),)

    sighting_of_ref: EndRef
    description: str | None = None
    first_seen: Time | None = None
    last_seen: Time | None = None
    count: Annotated[int, whole(0, 999_999_999)] | None = None
    observed_data_refs: tuple[Annotated[str, reference("observed-data")], ...] = ()
    where_sighted_refs: tuple[Annotated[str, reference("identity", "location")], ...] = ()
    summary: bool = False
