"""Checks an object against the standard: what it must, what it should, and what is tolerated."""

from __future__ import annotations

from functools import cache
from typing import Any

from katchi.stix import version20
from katchi.stix.containers import explain_custom
from katchi.stix.core import Versioned
from katchi.stix.findings import Finding, Findings
from katchi.stix.identifiers import is_type_name
from katchi.stix.kinds import TYPES
from katchi.stix.objects import Object
from katchi.stix.observables import OBSERVABLES
from katchi.stix.patterns import parse_pattern
from katchi.stix.tables import Table, report_custom, table_of
from katchi.stix.wording import excerpt, join

Members = dict[str, Any]


def check(obj: Object, *, strict_properties: bool = False, strict_types: bool = False) -> tuple[Finding, ...]:
    """Everything that is to be said about the object; refuse it if a finding's level is MUST.

    An object of STIX 2.0 is checked by what 2.0 required. With `strict_properties` or
    `strict_types`, properties or types that the standard itself does not define are refused.
    """
    findings = Findings(obj.id, strict_properties=strict_properties)
    _examine(obj.type, obj.properties, "", findings)
    if strict_properties or strict_types:
        _examine_strictly(obj, findings, strict_properties, strict_types)
    return tuple(findings.found)


def _examine(kind: str, members: Members, path: str, findings: Findings) -> None:
    struct = TYPES.get(kind)
    if struct is None:
        _examine_custom(kind, members, path, findings)
        return
    table = table_of(struct)
    is_2_0 = members.get("spec_version", "2.0") == "2.0" and kind in version20.REQUIRED
    required = _required_in_2_0(kind) if is_2_0 else table.required
    unknown = table.explain_known(members, path, findings, required)
    if unknown:
        _examine_unknown(unknown, members, path, findings, is_2_0)
    object_id = members.get("id")
    if object_id.__class__ is str and object_id[-22:-21] != _uuid_version(kind):
        _examine_uuid(kind, object_id, path, findings)
    if kind == "bundle":
        _examine_bundle(members, path, findings)


@cache
def _required_in_2_0(kind: str) -> frozenset[str]:
    return table_of(TYPES[kind]).required_in_2_0 | version20.REQUIRED[kind]


# STIX 2.1 §3.1: names that are kept for later versions.
_RESERVED = frozenset({"action", "phone_numbers", "severity", "username"})


def _examine_unknown(names: list[str], members: Members, path: str, findings: Findings, is_2_0: bool) -> None:
    for name in names:
        if name in _RESERVED:
            findings.must(
                join(path, name),
                "reserved-name",
                f"The name '{name}' is reserved by STIX.",
                "rename the property",
            )
        else:
            explain_custom(name, members[name], join(path, name), findings)
    if is_2_0:
        # STIX 2.0 part 1 §7.1 allowed custom properties and asked for the prefix.
        names = [name for name in names if not name.startswith("x_")]
    if names and (findings.strict_properties or not _has_extension(members, "toplevel-property-extension")):
        report_custom(names, path, findings)


def _has_extension(members: Members, *types: str) -> bool:
    extensions = members.get("extensions")
    if not isinstance(extensions, dict):
        return False
    return any(isinstance(item, dict) and item.get("extension_type") in types for item in extensions.values())


def _examine_custom(kind: str, members: Members, path: str, findings: Findings) -> None:
    """An object of a type that the standard does not define keeps the rules for all objects."""
    at = join(path, "type")
    if not is_type_name(kind):
        findings.must(
            at,
            "type-name",
            f"A type is 3 to 250 lower-case letters, digits and single hyphens; found {excerpt(kind)}.",
            "rename the type",
        )
    elif kind in _RESERVED:
        findings.must(at, "reserved-name", f"The type '{kind}' is reserved by STIX.", "rename the type")
    elif not _has_extension(members, "new-sdo", "new-sco", "new-sro"):
        findings.tolerated(
            at,
            "custom-object",
            f"'{kind}' is not a type of the standard, and no extension defines it.",
            "define the type in an extension (STIX 2.1 §7.3)",
        )
    for name in _custom_table().explain_known(members, path, findings, _custom_required(members)):
        if name in _RESERVED:
            _examine_unknown([name], members, path, findings, is_2_0=True)
        else:
            explain_custom(name, members[name], join(path, name), findings)


def _custom_table() -> Table:
    return table_of(Versioned)


def _custom_required(members: Members) -> frozenset[str]:
    """A custom observable has no versions; any other object has both times."""
    if "created" in members or "modified" in members:
        return frozenset({"created", "modified"})
    return frozenset()


@cache
def _uuid_version(kind: str) -> str:
    """STIX 2.1 §2.9: observables' UUIDs are computed (version 5), all others random (version 4)."""
    return "5" if kind in OBSERVABLES and kind != "process" else "4"


def _examine_uuid(kind: str, object_id: str, path: str, findings: Findings) -> None:
    version, wanted = object_id[-22:-21], _uuid_version(kind)
    if version in ("1", "2", "3", "4", "5"):
        how = "computed from its properties" if wanted == "5" else "random"
        findings.should(
            join(path, "id"),
            "uuid-version",
            f"The UUID of {kind} should be {how} (version {wanted}); this one is of version {version}.",
        )


def _examine_bundle(members: Members, path: str, findings: Findings) -> None:
    objects = members.get("objects")
    seen: dict[tuple[str, str], int] = {}
    for index, item in enumerate(objects if isinstance(objects, list) else ()):
        if not isinstance(item, dict):
            continue
        at = f"{join(path, 'objects')}[{index}]"
        kind, object_id = item.get("type"), item.get("id")
        if not isinstance(kind, str) or not isinstance(object_id, str):
            findings.must(
                at,
                "missing-property",
                "Each object in a bundle must have a type and an id.",
                "add the property",
            )
            continue
        if not object_id.startswith(f"{kind}--"):
            findings.must(join(at, "id"), "lying-id", f"{excerpt(object_id)} is not the id of a {kind}.", "correct it")
        _examine(kind, item, at, findings)
        version = (object_id, str(item.get("modified")))
        if "modified" in item and version in seen:
            findings.should(at, "duplicate-version", f"This version is in the bundle already, at {seen[version]}.")
        seen.setdefault(version, index)


def _examine_strictly(obj: Object, findings: Findings, properties: bool, types: bool) -> None:
    """Refuse types, and properties named in patterns, that are not the standard's own."""
    if types and obj.type not in TYPES:
        findings.must("type", "custom-object", f"'{obj.type}' is not a type of the standard.", "use a standard type")
    pattern = obj.properties.get("pattern")
    if obj.type != "indicator" or obj.properties.get("pattern_type", "stix") != "stix" or not isinstance(pattern, str):
        return
    for comparison in parse_pattern(pattern).comparisons:
        struct = OBSERVABLES.get(comparison.type)
        if struct is None:
            if types:
                findings.must(
                    "pattern",
                    "custom-object",
                    f"'{comparison.type}' is not an observable of the standard.",
                    "use one",
                )
        elif properties and comparison.path[0] not in table_of(struct).rules:
            findings.must(
                "pattern",
                "custom-property",
                f"'{comparison.path[0]}' is not a property of {comparison.type}.",
                "use a property of the standard",
            )
