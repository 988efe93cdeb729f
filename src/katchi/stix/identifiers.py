"""The form of ids (`type--UUID`), and of the properties that refer to other objects by id."""

from __future__ import annotations

import re

from katchi.stix.findings import Findings
from katchi.stix.rule import Rule
from katchi.stix.wording import excerpt

# RFC 4122 §4.1: versions 1 to 5, variant 10x.
UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_TYPE = "[a-z][a-z0-9]*(?:-[a-z0-9]+)*"

is_id = re.compile(f"{_TYPE}--{UUID}").fullmatch
# RFC 9562 of 2024 added versions 6 to 8; STIX 2.1 of 2021 could not know them.
_is_newer_id = re.compile(
    f"{_TYPE}--[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-[6-8][0-9a-fA-F]{{3}}-[89abAB][0-9a-fA-F]{{3}}-[0-9a-fA-F]{{12}}"
).fullmatch
is_type_name = re.compile(r"[a-z](?:-?[a-z0-9]){2,249}-?").fullmatch


def _explain_id(value: str, path: str, findings: Findings) -> None:
    if is_id(value):
        return
    if _is_newer_id(value):
        findings.tolerated(path, "newer-uuid", "The UUID is of a version that STIX 2.1 does not name.")
        return
    findings.must(
        path,
        "not-an-id",
        f"Expected a type, two hyphens and an RFC 4122 UUID; found {excerpt(value)}.",
        "write the object's id",
    )


ID = Rule(str, is_id, _explain_id)


def reference(*types: str, other_than: tuple[str, ...] = (), binding: bool = True) -> Rule:
    """The id of an object of one of these types (or of none of those in `other_than`).

    With `binding` False another type is tolerated: real publishers write it and it does no harm.
    """
    allowed = "|".join(map(re.escape, types)) if types else _TYPE
    barred = f"(?!(?:{'|'.join(other_than)})--)" if other_than else ""
    quick = re.compile(f"{barred}(?:{allowed})--{UUID}").fullmatch
    wanted = f"the id of {_either(types)}" if types else f"an id other than of {_either(other_than)}"

    def explain(value: str, path: str, findings: Findings) -> None:
        if findings.local is not None and "--" not in value:
            _explain_local(value, path, findings, types)
            return
        kind = value.partition("--")[0]
        if (types and kind not in types) or kind in other_than:
            say = findings.must if binding else findings.tolerated
            say(
                path,
                "wrong-reference",
                f"Expected {wanted}; found {excerpt(value)}.",
                "correct the reference",
            )
        _explain_id(value, path, findings)

    return Rule(str, quick, explain)


def observable_reference(*types: str) -> Rule:
    """A reference between observables: what it names is tolerated outside STIX 2.0's embedded objects.

    The official validator judges such references only there, and publishers rely on it.
    """
    strict = reference(*types, binding=False)

    def explain(value: str, path: str, findings: Findings) -> None:
        if "--" in value and not is_id(value):
            findings.tolerated(
                path,
                "not-an-id",
                f"{excerpt(value)} is not an id: its UUID is malformed.",
                "correct the UUID",
            )
        else:
            strict.explain(value, path, findings)

    return Rule(str, strict.sure, explain)


def _explain_local(value: str, path: str, findings: Findings, types: tuple[str, ...]) -> None:
    """STIX 2.0 part 3 §2.8: an object reference names a key of the same observed-data."""
    embedded = (findings.local or {}).get(value)
    if embedded is None:
        findings.must(
            path,
            "dangling-reference",
            f"There is no embedded object {excerpt(value)}.",
            "add the object or remove the reference",
        )
    elif types and isinstance(embedded, dict) and embedded.get("type") not in types:
        findings.must(
            path,
            "wrong-reference",
            f"Expected a reference to {_either(types)}; {excerpt(value)} is {excerpt(embedded.get('type'))}.",
            "correct the reference",
        )


def _either(types: tuple[str, ...]) -> str:
    return " or ".join(types) if len(types) <= 4 else ", ".join(types)
