"""Every other object that an object points to is found, wherever it is said."""

from __future__ import annotations

from typing import Any

import pytest

from katchi import stix
from katchi.stix import Reference
from tests.stix.small_objects import AMBER, COMPUTED, UUID, made

ID = f"malware--{UUID}"
EXTENSION = f"extension-definition--{UUID}"


@pytest.mark.parametrize(
    ("kind", "change", "found"),
    [
        ("malware", {}, []),
        ("malware", {"created_by_ref": f"identity--{UUID}"}, [("created_by_ref", f"identity--{UUID}")]),
        ("relationship", {}, [("source_ref", f"indicator--{UUID}"), ("target_ref", ID)]),
        ("report", {"object_refs": [ID, EXTENSION]}, [("object_refs[0]", ID), ("object_refs[1]", EXTENSION)]),
        ("language-content", {}, [("object_ref", ID)]),
        ("malware", {"x_mine_ref": ID, "x_others_refs": [ID]}, [("x_mine_ref", ID), ("x_others_refs[0]", ID)]),
        ("malware", {"x_parts": [{"a": {"b_ref": ID}}]}, [("x_parts[0].a.b_ref", ID)]),
        ("malware", {"x_odd_ref": {"deep": [ID]}}, [("x_odd_ref.deep[0]", ID)]),
        (
            "malware",
            {"extensions": {EXTENSION: {"extension_type": "property-extension", "twin_ref": ID}}},
            [(f"extensions.{EXTENSION}.twin_ref", ID)],
        ),
        (
            "file",
            {"extensions": {"archive-ext": {"contains_refs": [f"file--{COMPUTED}"]}}},
            [("extensions.archive-ext.contains_refs[0]", f"file--{COMPUTED}")],
        ),
        (
            "email-message",
            {"body": None, "is_multipart": True, "body_multipart": [{"body_raw_ref": f"artifact--{COMPUTED}"}]},
            [("body_multipart[0].body_raw_ref", f"artifact--{COMPUTED}")],
        ),
    ],
)
def test_references_are_found_at_any_depth(kind: str, change: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert stix.references(made(kind, **change)) == tuple(Reference(path, id) for path, id in found)


def test_markings_are_no_references() -> None:
    granular = [{"marking_ref": AMBER, "selectors": ["name"]}]
    assert stix.references(made("malware", object_marking_refs=[AMBER], granular_markings=granular)) == ()


def test_keys_within_one_observed_data_are_no_references() -> None:
    objects = {"0": {"type": "directory", "path": "/"}, "1": {"type": "file", "parent_directory_ref": "0"}}
    assert stix.references(made("observed-data", object_refs=None, objects=objects)) == ()
