"""What every STIX object has in common (STIX 2.1 §3), as typed values."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

import msgspec

from katchi.stix.between import Members, at_least_one, in_order
from katchi.stix.containers import explain_insane, is_sane
from katchi.stix.findings import Findings
from katchi.stix.identifiers import reference
from katchi.stix.properties import (
    SINCE_2_1,
    Hashes,
    Id,
    Language,
    MarkingRef,
    PreciseTime,
    Uri,
)
from katchi.stix.rule import Between, Rule, whole
from katchi.stix.selectors import holds_selectors, report_selectors
from katchi.stix.vocabularies import EXTENSION_TYPE
from katchi.stix.wording import excerpt, join

# --- Kill chain phase, external reference, granular marking --------------------------------------


def _is_phase_name(text: str) -> bool:
    return text.islower() and "_" not in text and " " not in text


def _explain_phase_name(value: str, path: str, findings: Findings) -> None:
    findings.should(path, "kill-chain-name", f"{excerpt(value)} should be lower-case, with hyphens between words.")


PhaseName = Annotated[str, Rule(str, _is_phase_name, _explain_phase_name)]


class KillChainPhase(msgspec.Struct, frozen=True, kw_only=True):
    """A phase in a kill chain (STIX 2.1 §3.11)."""

    kill_chain_name: PhaseName
    phase_name: PhaseName


_CATALOGUE_IDS = {
    "cve": re.compile(r"CVE-\d{4}-(?:0\d{3}|[1-9]\d{3,})", re.ASCII).fullmatch,
    "capec": re.compile(r"CAPEC-\d+", re.ASCII).fullmatch,
}


def _holds_catalogue_id(members: Members) -> bool:
    source, number = members.get("source_name"), members.get("external_id")
    if source == "cve" or source == "capec":
        return isinstance(number, str) and bool(_CATALOGUE_IDS[source](number))
    return not isinstance(number, str) or number[:4] not in ("CVE-", "CAPE")


def _explain_catalogue_id(members: Members, path: str, findings: Findings) -> None:
    source, number = members.get("source_name"), members.get("external_id")
    at = join(path, "external_id")
    if source in ("cve", "capec"):
        form = "CVE-2016-1234" if source == "cve" else "CAPEC-163"
        findings.must(
            at,
            "external-id",
            f"Expected an id such as {form}; found {excerpt(number)}.",
            "correct the external_id",
        )
    elif any(form(str(number)) for form in _CATALOGUE_IDS.values()):
        findings.tolerated(
            at,
            "external-id",
            f"{excerpt(number)} belongs under the source_name 'cve' or 'capec', not {excerpt(source)}.",
        )


class ExternalReference(msgspec.Struct, frozen=True, kw_only=True):
    """A pointer to something outside STIX (STIX 2.1 §3.4)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one("description", "url", "external_id"),
        Between(_holds_catalogue_id, _explain_catalogue_id),
    )

    source_name: str
    description: str | None = None
    url: Uri | None = None
    hashes: Hashes | None = None
    external_id: str | None = None


_is_selector = re.compile(r"id|[a-z0-9_-]{3,249}(?:\.(?:\[\d+\]|[A-Za-z0-9_-]{1,250}))*", re.ASCII).fullmatch


def _explain_selector(value: str, path: str, findings: Findings) -> None:
    findings.must(
        path,
        "selector",
        f"{excerpt(value)} is not a selector such as description or external_references.[0].url.",
        "correct the selector",
    )


class GranularMarking(msgspec.Struct, frozen=True, kw_only=True):
    """A marking, or a language, of some of an object's properties (STIX 2.1 §7.2.3)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("marking_ref", "lang"),)

    selectors: tuple[Annotated[str, Rule(str, _is_selector, _explain_selector)], ...]
    marking_ref: MarkingRef | None = None
    lang: Language | None = None


# --- Common properties ---------------------------------------------------------------------------


def _explain_spec_version(value: str, path: str, findings: Findings) -> None:
    findings.must(
        path,
        "spec-version",
        f"Expected 2.1 or 2.0; found {excerpt(value)}.",
        "convert the object to STIX 2.1",
    )


SPEC_VERSION = Rule(str, frozenset({"2.0", "2.1"}).__contains__, _explain_spec_version)


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """An extension that an extension-definition defines (STIX 2.1 §7.3); its own properties are in `Object`."""

    extension_type: str


_is_extension_id = reference("extension-definition").sure or bool
_is_old_extension = re.compile("[a-z][a-z0-9]*(?:-[a-z0-9]+)*-ext").fullmatch


def _is_extension_type(value: Any) -> bool:
    return isinstance(value, str) and value in EXTENSION_TYPE


def _sure_of_extensions(members: Members) -> bool:
    for name, value in members.items():
        if not _is_extension_id(name) or value.__class__ is not dict:
            return False
        if not _is_extension_type(value.get("extension_type")) or not is_sane(value):
            return False
    return bool(members)


def explain_extensions(members: Members, path: str, findings: Findings) -> None:
    """Extensions that the standard does not define itself: which may be there, and in what form."""
    if not members:
        findings.must(path, "empty", "A dictionary is never empty in STIX.", "leave the property out")
    for name, value in members.items():
        at = join(path, name)
        if value.__class__ is not dict:
            findings.wrong_type(value, at, dict)
        elif not value:
            findings.must(at, "empty", "An extension is never empty.", "leave the extension out")
        elif _is_extension_id(name):
            _explain_extension_type(value, at, findings)
            explain_insane(value, at, findings)
        elif _is_old_extension(name):
            findings.tolerated(
                at, "custom-extension", f"The extension '{name}' has no extension-definition.", "define it"
            )
        else:
            findings.must(
                at,
                "extension-name",
                f"Expected the id of an extension-definition; found {excerpt(name)}.",
                "define the extension and use its id",
            )


def _explain_extension_type(value: Members, path: str, findings: Findings) -> None:
    kind = value.get("extension_type")
    if not _is_extension_type(kind):
        findings.must(
            join(path, "extension_type"),
            "extension-type",
            f"Expected one of {', '.join(sorted(EXTENSION_TYPE))}; found {excerpt(kind)}.",
            "add the extension's type",
        )


EXTENSIONS = Rule(dict, _sure_of_extensions, explain_extensions)
Extensions = Annotated[dict[str, Any], EXTENSIONS]


class PredefinedExtensions(msgspec.Struct, frozen=True, kw_only=True):
    """A dictionary of extensions that the standard itself defines; others are in `Object.properties`."""


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """The properties that every kind of STIX object may have (STIX 2.1 §3.2)."""

    between: ClassVar[tuple[Between, ...]] = (Between(holds_selectors, report_selectors),)

    type: str
    id: Id
    spec_version: Annotated[str, SPEC_VERSION] = "2.1"
    object_marking_refs: tuple[MarkingRef, ...] = ()
    granular_markings: tuple[GranularMarking, ...] = ()


def _hashes_its_urls(members: Members) -> bool:
    listed_references = members.get("external_references")
    if listed_references.__class__ is not list:
        return True
    for item in listed_references or ():
        if item.__class__ is dict and "url" in item and "hashes" not in item:
            return False
    return True


def _explain_unhashed(_: Members, path: str, findings: Findings) -> None:
    findings.should(
        join(path, "external_references"),
        "unhashed-url",
        "An external reference with a URL should have hashes of what the URL led to.",
    )


class Versioned(Common, frozen=True, kw_only=True):
    """The common properties of objects that have versions: all but observables and markings."""

    between: ClassVar[tuple[Between, ...]] = (
        in_order("created", "modified"),
        Between(_hashes_its_urls, _explain_unhashed),
    )

    spec_version: Annotated[str, SPEC_VERSION, SINCE_2_1] = "2.0"
    created: PreciseTime
    modified: PreciseTime
    created_by_ref: Annotated[str, reference("identity", binding=False)] | None = None
    revoked: bool = False
    labels: tuple[str, ...] = ()
    confidence: Annotated[int, whole(0, 100)] | None = None
    lang: Language | None = None
    external_references: tuple[ExternalReference, ...] = ()
    extensions: Extensions | None = None
