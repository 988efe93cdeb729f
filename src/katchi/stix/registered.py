"""The extensions of STIX that this project defines (STIX 2.1 §7.3)."""

from __future__ import annotations

from typing import Any, Final

EFFORT: Final = "extension-definition--3b0c7b5e-6c5b-4c0e-9d0a-5f2f6e1d7a41"
"""Of a grouping: the piece of work that it is about. See docs/reference/efforts.md."""

RESPONSE: Final = "extension-definition--8d4f1c0a-2b7e-4f53-9a61-6c0e5b7d9e13"
"""Of a course of action: the response that it is part of. See docs/reference/responses.md."""

SIGNED_WHOLE: Final = {EFFORT: ("changes",), RESPONSE: ("entries", "playbooks")}
"""What of an extension is signed as a whole: it goes as it is, or not at all."""

_PROJECT: Final = "identity--5d5f7e0a-3f43-4d0c-8d5e-7d0f6d1c9b52"
_AT: Final = "2026-11-24T00:00:00.000Z"
_CLEAR: Final = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"


def definitions() -> list[dict[str, Any]]:
    """The objects that define the extensions, for those who want to know what they read."""
    of_both = {
        "spec_version": "2.1", "created": _AT, "modified": _AT, "object_marking_refs": [_CLEAR],
    }  # fmt: skip
    return [
        {"type": "identity", "id": _PROJECT, **of_both, "name": "Katchi", "identity_class": "organization"},
        {
            "type": "extension-definition", "id": EFFORT, **of_both, "created_by_ref": _PROJECT,
            "name": "effort", "version": "1.0.0", "extension_types": ["property-extension"],
            "description": "Somebody's work in progress: what it is about, how far it is, what it costs.",
            "schema": "docs/reference/efforts.md in the documentation of Katchi",
        },
        {
            "type": "extension-definition", "id": RESPONSE, **of_both, "created_by_ref": _PROJECT,
            "name": "response", "version": "1.0.0", "extension_types": ["property-extension"],
            "description": "A playbook that several nodes run together, and what each of them said and did.",
            "schema": "docs/reference/responses.md in the documentation of Katchi",
        },
    ]  # fmt: skip
