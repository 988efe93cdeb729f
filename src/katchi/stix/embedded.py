"""The observables that an observed-data of STIX 2.0 holds within itself, and 2.1 deprecates."""

from __future__ import annotations

from typing import Any

from katchi.stix.findings import Findings
from katchi.stix.observables import OBSERVABLES
from katchi.stix.rule import Rule
from katchi.stix.tables import report_custom, table_of
from katchi.stix.wording import join

# Embedded observables have no id of their own in STIX 2.0 (part 3 §2.1).
_NOT_REQUIRED = frozenset({"id"})


def _explain_embedded(objects: dict[str, Any], path: str, findings: Findings) -> None:
    if not objects:
        findings.must(path, "empty", "A dictionary is never empty in STIX.", "add the observed objects")
    findings.local = objects
    for key, value in objects.items():
        at = join(path, key)
        if value.__class__ is not dict:
            findings.wrong_type(value, at, dict)
        else:
            _explain_one(value, at, findings)
    findings.local = None


def _explain_one(members: dict[str, Any], path: str, findings: Findings) -> None:
    kind = members.get("type")
    if not isinstance(kind, str):
        findings.must(join(path, "type"), "missing-property", "An observable must have a type.", "add the type")
    elif kind in OBSERVABLES:
        table = table_of(OBSERVABLES[kind])
        # Names that 2.0 had and 2.1 dropped (process.name, registry-key.modified) are left alone.
        names = table.explain_known(members, path, findings, table.required - _NOT_REQUIRED)
        if names and findings.strict_properties:
            report_custom(names, path, findings)


def _never(_: Any) -> bool:
    return False


EMBEDDED = Rule(dict, _never, _explain_embedded)
