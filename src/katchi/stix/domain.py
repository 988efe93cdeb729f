"""The nineteen STIX Domain Objects (STIX 2.1 §4) as typed values."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from katchi.stix import vocabularies as words
from katchi.stix.between import Members, at_least_one, exactly_one, in_order, needs
from katchi.stix.core import KillChainPhase, Versioned
from katchi.stix.embedded import EMBEDDED
from katchi.stix.findings import Findings
from katchi.stix.identifiers import reference
from katchi.stix.patternrules import PATTERN
from katchi.stix.properties import SINCE_2_1, AnyRef, Time
from katchi.stix.rule import Between, Rule, number, one_of, suggested, whole
from katchi.stix.wording import excerpt, join

Motivation = Annotated[str, suggested(words.ATTACK_MOTIVATION)]
ResourceLevel = Annotated[str, suggested(words.ATTACK_RESOURCE_LEVEL)]
SoftwareRef = Annotated[str, reference("software")]
SEEN = in_order("first_seen", "last_seen")


def typed_by_labels(name: str, values: frozenset[str]) -> Between:
    """STIX 2.0 told the kinds of a malware or a tool in `labels`; 2.1 has a property for it."""

    def holds(members: Members) -> bool:
        return "labels" not in members or name in members or members.get("spec_version") != "2.1"

    def explain(members: Members, path: str, findings: Findings) -> None:
        labels = members["labels"] if isinstance(members["labels"], list) else []
        used = [label for label in labels if isinstance(label, str) and label in values]
        if used:
            findings.tolerated(
                join(path, "labels"),
                "labels-as-types",
                f"In STIX 2.1, {excerpt(', '.join(used))} belongs into '{name}'.",
            )

    return Between(holds, explain)


class AttackPattern(Versioned, frozen=True, kw_only=True):
    """A way in which adversaries try to compromise targets (STIX 2.1 §4.1)."""

    name: str
    description: str | None = None
    aliases: tuple[str, ...] = ()
    kill_chain_phases: tuple[KillChainPhase, ...] = ()


class Campaign(Versioned, frozen=True, kw_only=True):
    """Malicious activity over a time against specific targets (STIX 2.1 §4.2)."""

    between: ClassVar[tuple[Between, ...]] = (SEEN,)

    name: str
    description: str | None = None
    aliases: tuple[str, ...] = ()
    first_seen: Time | None = None
    last_seen: Time | None = None
    objective: str | None = None


class CourseOfAction(Versioned, frozen=True, kw_only=True):
    """What can be done against an attack (STIX 2.1 §4.3)."""

    name: str
    description: str | None = None


class Grouping(Versioned, frozen=True, kw_only=True):
    """Objects that share a context (STIX 2.1 §4.4)."""

    context: Annotated[str, suggested(words.GROUPING_CONTEXT)]
    object_refs: tuple[AnyRef, ...]
    name: str | None = None
    description: str | None = None


class Identity(Versioned, frozen=True, kw_only=True):
    """A person, an organisation, a group or a class of them (STIX 2.1 §4.5)."""

    name: str
    description: str | None = None
    roles: tuple[str, ...] = ()
    identity_class: Annotated[str, suggested(words.IDENTITY_CLASS)] | None = None
    sectors: tuple[Annotated[str, suggested(words.INDUSTRY_SECTOR)], ...] = ()
    contact_information: str | None = None


class Incident(Versioned, frozen=True, kw_only=True):
    """A stub for incidents, which STIX 2.1 leaves to extensions (STIX 2.1 §4.6)."""

    name: str
    description: str | None = None


def _is_named(members: Members) -> bool:
    return "name" in members and "description" in members


def _explain_unnamed(_: Members, path: str, findings: Findings) -> None:
    findings.should(join(path, "name"), "unnamed-indicator", "An indicator should have both a name and a description.")


class Indicator(Versioned, frozen=True, kw_only=True):
    """A pattern by which malicious activity is detected (STIX 2.1 §4.7)."""

    between: ClassVar[tuple[Between, ...]] = (
        in_order("valid_from", "valid_until", apart=True),
        PATTERN,
        typed_by_labels("indicator_types", words.INDICATOR_TYPE),
        Between(_is_named, _explain_unnamed),
    )

    pattern: str
    valid_from: Time
    pattern_type: Annotated[str, suggested(words.PATTERN_TYPE), SINCE_2_1] = "stix"
    pattern_version: str | None = None
    name: str | None = None
    description: str | None = None
    indicator_types: tuple[Annotated[str, suggested(words.INDICATOR_TYPE)], ...] = ()
    valid_until: Time | None = None
    kill_chain_phases: tuple[KillChainPhase, ...] = ()


class Infrastructure(Versioned, frozen=True, kw_only=True):
    """Systems and services that serve a purpose, such as command and control (STIX 2.1 §4.8)."""

    between: ClassVar[tuple[Between, ...]] = (SEEN,)

    name: str
    description: str | None = None
    infrastructure_types: tuple[Annotated[str, suggested(words.INFRASTRUCTURE_TYPE)], ...] = ()
    aliases: tuple[str, ...] = ()
    kill_chain_phases: tuple[KillChainPhase, ...] = ()
    first_seen: Time | None = None
    last_seen: Time | None = None


class IntrusionSet(Versioned, frozen=True, kw_only=True):
    """Adversarial behaviour that one organisation is thought to be behind (STIX 2.1 §4.9)."""

    between: ClassVar[tuple[Between, ...]] = (SEEN,)

    name: str
    description: str | None = None
    aliases: tuple[str, ...] = ()
    first_seen: Time | None = None
    last_seen: Time | None = None
    goals: tuple[str, ...] = ()
    resource_level: ResourceLevel | None = None
    primary_motivation: Motivation | None = None
    secondary_motivations: tuple[Motivation, ...] = ()


def _is_country(text: str) -> bool:
    return text.upper() in words.COUNTRY


def _explain_country(value: str, path: str, findings: Findings) -> None:
    findings.should(path, "country", f"{excerpt(value)} should be an ISO 3166-1 alpha-2 code such as KR.")


class Location(Versioned, frozen=True, kw_only=True):
    """A place on Earth (STIX 2.1 §4.10)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one("region", "country", "latitude"),
        needs("latitude", "longitude"),
        needs("longitude", "latitude"),
        needs("precision", "latitude", "longitude"),
    )

    name: str | None = None
    description: str | None = None
    latitude: Annotated[float, number(-90, 90)] | None = None
    longitude: Annotated[float, number(-180, 180)] | None = None
    precision: float | None = None
    region: Annotated[str, suggested(words.REGION)] | None = None
    country: Annotated[str, Rule(str, _is_country, _explain_country)] | None = None
    administrative_area: str | None = None
    city: str | None = None
    street_address: str | None = None
    postal_code: str | None = None


def _named_if_family(members: Members) -> bool:
    return members.get("is_family") is not True or "name" in members


def _explain_unnamed_family(_: Members, path: str, findings: Findings) -> None:
    findings.must(join(path, "name"), "missing-property", "A malware family must have a name.", "add the family's name")


class Malware(Versioned, frozen=True, kw_only=True):
    """Malicious code, a family of it or one instance (STIX 2.1 §4.11)."""

    between: ClassVar[tuple[Between, ...]] = (
        SEEN,
        Between(_named_if_family, _explain_unnamed_family),
        typed_by_labels("malware_types", words.MALWARE_TYPE),
    )

    is_family: Annotated[bool, SINCE_2_1] = False
    name: str | None = None
    description: str | None = None
    malware_types: tuple[Annotated[str, suggested(words.MALWARE_TYPE)], ...] = ()
    aliases: tuple[str, ...] = ()
    kill_chain_phases: tuple[KillChainPhase, ...] = ()
    first_seen: Time | None = None
    last_seen: Time | None = None
    operating_system_refs: tuple[SoftwareRef, ...] = ()
    architecture_execution_envs: tuple[Annotated[str, suggested(words.PROCESSOR_ARCHITECTURE)], ...] = ()
    implementation_languages: tuple[Annotated[str, suggested(words.IMPLEMENTATION_LANGUAGE)], ...] = ()
    capabilities: tuple[Annotated[str, suggested(words.MALWARE_CAPABILITY)], ...] = ()
    sample_refs: tuple[Annotated[str, reference("file", "artifact")], ...] = ()


def _explain_product(value: str, path: str, findings: Findings) -> None:
    findings.should(path, "product-name", f"{excerpt(value)} should be lower-case, with hyphens between words.")


class MalwareAnalysis(Versioned, frozen=True, kw_only=True):
    """What an analysis of malware found (STIX 2.1 §4.12)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("result", "analysis_sco_refs"),)

    product: Annotated[str, Rule(str, re.compile("[a-z0-9-]+").fullmatch, _explain_product)]
    version: str | None = None
    host_vm_ref: SoftwareRef | None = None
    operating_system_ref: SoftwareRef | None = None
    installed_software_refs: tuple[SoftwareRef, ...] = ()
    configuration_version: str | None = None
    modules: tuple[str, ...] = ()
    analysis_engine_version: str | None = None
    analysis_definition_version: str | None = None
    submitted: Time | None = None
    analysis_started: Time | None = None
    analysis_ended: Time | None = None
    result_name: str | None = None
    result: Annotated[str, suggested(words.MALWARE_RESULT)] | None = None
    analysis_sco_refs: tuple[AnyRef, ...] = ()
    sample_ref: Annotated[str, reference("artifact", "file", "network-traffic")] | None = None


class Note(Versioned, frozen=True, kw_only=True):
    """A text about other objects (STIX 2.1 §4.13)."""

    content: str
    object_refs: tuple[AnyRef, ...]
    abstract: str | None = None
    authors: tuple[str, ...] = ()


# STIX 2.1 §4.14: an observation is of observables and of the relations between them.
ObservedRef = Annotated[
    str,
    reference(
        other_than=(
            *("attack-pattern", "campaign", "course-of-action", "grouping", "identity", "incident"),
            *("indicator", "infrastructure", "intrusion-set", "location", "malware", "malware-analysis"),
            *("note", "observed-data", "opinion", "report", "threat-actor", "tool", "vulnerability"),
        )
    ),
]


def _refers(members: Members) -> bool:
    return "objects" not in members or members.get("spec_version") != "2.1"


def _explain_embedding(_: Members, path: str, findings: Findings) -> None:
    findings.tolerated(
        join(path, "objects"),
        "embedded-objects",
        "'objects' is deprecated in STIX 2.1; observables are objects of their own there.",
        "use object_refs",
    )


class ObservedData(Versioned, frozen=True, kw_only=True):
    """That something was seen, when, and how often (STIX 2.1 §4.14)."""

    between: ClassVar[tuple[Between, ...]] = (
        in_order("first_observed", "last_observed"),
        exactly_one("objects", "object_refs"),
        Between(_refers, _explain_embedding),
    )

    first_observed: Time
    last_observed: Time
    number_observed: Annotated[int, whole(1, 999_999_999)]
    objects: Annotated[dict[str, Any], EMBEDDED] | None = None
    object_refs: tuple[ObservedRef, ...] = ()


class Opinion(Versioned, frozen=True, kw_only=True):
    """How far somebody agrees with other objects (STIX 2.1 §4.15)."""

    opinion: Annotated[str, one_of(words.OPINION)]
    object_refs: tuple[AnyRef, ...]
    explanation: str | None = None
    authors: tuple[str, ...] = ()


class Report(Versioned, frozen=True, kw_only=True):
    """Threat intelligence about one or more topics, published together (STIX 2.1 §4.16)."""

    between: ClassVar[tuple[Between, ...]] = (typed_by_labels("report_types", words.REPORT_TYPE),)

    name: str
    published: Time
    object_refs: tuple[AnyRef, ...]
    description: str | None = None
    report_types: tuple[Annotated[str, suggested(words.REPORT_TYPE)], ...] = ()


class ThreatActor(Versioned, frozen=True, kw_only=True):
    """People or organisations that are thought to act with malicious intent (STIX 2.1 §4.17)."""

    between: ClassVar[tuple[Between, ...]] = (
        SEEN,
        typed_by_labels("threat_actor_types", words.THREAT_ACTOR_TYPE),
    )

    name: str
    description: str | None = None
    threat_actor_types: tuple[Annotated[str, suggested(words.THREAT_ACTOR_TYPE)], ...] = ()
    aliases: tuple[str, ...] = ()
    first_seen: Time | None = None
    last_seen: Time | None = None
    roles: tuple[Annotated[str, suggested(words.THREAT_ACTOR_ROLE)], ...] = ()
    goals: tuple[str, ...] = ()
    sophistication: Annotated[str, suggested(words.THREAT_ACTOR_SOPHISTICATION)] | None = None
    resource_level: ResourceLevel | None = None
    primary_motivation: Motivation | None = None
    secondary_motivations: tuple[Motivation, ...] = ()
    personal_motivations: tuple[Motivation, ...] = ()


class Tool(Versioned, frozen=True, kw_only=True):
    """Legitimate software that can serve an attack (STIX 2.1 §4.18)."""

    between: ClassVar[tuple[Between, ...]] = (typed_by_labels("tool_types", words.TOOL_TYPE),)

    name: str
    description: str | None = None
    tool_types: tuple[Annotated[str, suggested(words.TOOL_TYPE)], ...] = ()
    aliases: tuple[str, ...] = ()
    kill_chain_phases: tuple[KillChainPhase, ...] = ()
    tool_version: str | None = None


class Vulnerability(Versioned, frozen=True, kw_only=True):
    """A weakness that attackers can use (STIX 2.1 §4.19)."""

    name: str
    description: str | None = None
