"""Small valid STIX objects for tests, built as a reader would write them."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

TLP = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}


def stix_object(
    kind: str, number: int, *, tlp: str | None = "green", second: int = 0, **properties: Any
) -> dict[str, Any]:
    """An object of the type, no. `number`, in the version of that second."""
    made: dict[str, Any] = {
        "type": kind,
        "spec_version": "2.1",
        # STIX 2.1 §2.9: a producer never uses one UUID twice, even for two types.
        "id": f"{kind}--{uuid.UUID(bytes=hashlib.sha256(f'{kind} {number}'.encode()).digest()[:16], version=4)}",
        "created": "2016-02-15T01:02:00.000Z",
        "modified": f"2016-02-15T01:02:{second:02d}.000Z",
    }
    if tlp is not None:
        made["object_marking_refs"] = [TLP[tlp]]
    return made | properties


def indicator(number: int, **properties: Any) -> dict[str, Any]:
    """An indicator of one address of the documentation range."""
    return stix_object(
        "indicator",
        number,
        **{
            "name": f"address {number}",
            "pattern": f"[ipv4-addr:value = '198.51.100.{number % 256}']",
            "pattern_type": "stix",
            "valid_from": "2016-02-15T00:00:00Z",
        }
        | properties,
    )


def bundle(*objects: dict[str, Any]) -> bytes:
    """A bundle of these."""
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.UUID(int=1, version=4)}", "objects": objects}).encode()
