"""Small valid STIX objects for the store's tests."""

from __future__ import annotations

import json
import uuid

from katchi import stix
from katchi.store import log
from katchi.store.log import Arrival

IDENTITY = "identity--3a1bb1f8-7e1c-4d0c-9c0c-0c5b8f6f3a10"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"


def indicator(number: int, *, second: int = 0, name: str = "", revoked: bool = False) -> bytes:
    """Indicator no. `number` in the version of that second."""
    moment = f"2016-02-15T01:02:{second:02d}.000Z"
    properties: dict[str, object] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=number, version=4)}",
        "created_by_ref": IDENTITY,
        "created": "2016-02-15T01:02:00.000Z",
        "modified": moment,
        "name": name or f"address {number}",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": "2016-02-15T00:00:00Z",
        "object_marking_refs": [GREEN],
    }
    if revoked:
        properties["revoked"] = True
    return json.dumps(properties).encode()


def address(value: str, **more: object) -> bytes:
    """An SCO: it has no version."""
    properties: dict[str, object] = {"type": "ipv4-addr", "spec_version": "2.1", "value": value, **more}
    properties["id"] = stix.deterministic_id("ipv4-addr", properties)
    return json.dumps(properties).encode()


def arrivals(*raws: bytes) -> list[Arrival]:
    """Objects as the log takes them."""
    return [log.arrive(stix.read(raw)) for raw in raws]
