"""Opens the demo's documents and terms, and names what its scenes look for in them."""

from __future__ import annotations

import hashlib
import json
import uuid
from importlib import resources
from types import MappingProxyType
from typing import Final

from katchi import stix

_FOLDER: Final = resources.files("katchi.cli.story")
_DOCUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "kr": ("2013-wiper.json", "2016-government.json"),
    "us": ("2014-film-studio.json",),
}
_TERMS: Final = {"kr": "terms-for-us.toml", "us": "terms-for-kr.toml"}

RED_PHRASE: Final = "the grey heron keeps the seventh key"
"""Stands in one TLP:RED note of KR-CERT (demo) and nowhere else."""

RED_ID: Final = "note--de747e35-da02-4085-84e1-03a4be8e6307"
"""That note."""

UNMARKED_ID: Final = "infrastructure--92d3e6a5-e646-492c-80a2-5f00e23ddf5e"
"""An object of KR-CERT (demo) that carries no marking."""

RECALLED_ID: Final = "indicator--ec0315a2-7039-4a19-8094-c7d148d70b76"
"""An indicator that is released, and that kr/recall.json revokes as a false positive."""

LATE_ID: Final = "indicator--d44bf2d5-ffcf-455a-aefc-ac18913770c7"
"""The indicator in kr/late.json, which comes in while the arrangement is suspended."""

SHARED_KEYS: Final = (
    "file:md5:d1c27ee7ce18675974edf42d4eea25c6",
    "file:md5:9263e40d9823aecf9388b64de34eae54",
    "ipv4:203.131.222.102",
)
"""Things that both sides report and release, each with an indicator of its own."""


def documents(side: str) -> list[tuple[str, bytes]]:
    """What a side, "kr" or "us", knows when the story begins: names and bytes of STIX bundles."""
    return [(name, document(side, name)) for name in _DOCUMENTS[side]]


def document(side: str, name: str) -> bytes:
    """One document by name; kr also has recall.json, late.json and broken.json.

    Raises: FileNotFoundError when there is none.
    """
    return _FOLDER.joinpath(side, name).read_bytes()


def terms(side: str) -> str:
    """What a side has agreed to give to the other."""
    return _FOLDER.joinpath(side, _TERMS[side]).read_text(encoding="utf-8")


def _expected() -> MappingProxyType[str, dict[str, str]]:
    return MappingProxyType(json.loads(_FOLDER.joinpath("expected.json").read_bytes()))


EXPECTED: Final = _expected()
"""By side, what its terms make of each object in `documents`: "full", "copy" or "withheld:<reason code>"."""


def internal_work(side: str) -> bytes:
    """Files of a case that an analyst still works on, which terms keep at home; six of them both sides have."""
    numbers = range(40) if side == "kr" else range(34, 70)
    return json.dumps(
        {
            "type": "bundle",
            "id": f"bundle--{uuid.uuid5(_CASE, side)}",
            "objects": [_sample(side, each) for each in numbers],
        }
    ).encode()


_CASE: Final = uuid.UUID("5c0f6f9e-9f0b-5d6e-8d6f-1b1c7f1f5f11")
_AMBER: Final = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"


def _sample(side: str, number: int) -> dict[str, object]:
    digest = hashlib.sha256(f"{_CASE} {number}".encode()).hexdigest()
    return {
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(_CASE, f'{side} {number}')}",
        "created": "2016-03-02T00:00:00.000Z", "modified": "2016-03-02T00:00:00.000Z",
        "name": f"sample {number} of a case in work", "indicator_types": ["malicious-activity"],
        "pattern": f"[file:hashes.'SHA-256' = '{digest}']", "pattern_type": "stix",
        "valid_from": "2016-03-02T00:00:00.000Z", "labels": ["internal"], "object_marking_refs": [_AMBER],
    }  # fmt: skip


RISING: Final = "domain:update-check.example"
"""A name that is seen now and then, and of a sudden more every day."""

HARMLESS: Final = "ipv4:203.0.113.80"
"""An address that is blocked with it, and turns out to be a customer's."""


def outbreak(now: int) -> bytes:
    """What sensors saw of RISING in the last weeks; `now` is µs."""
    made_at = stix.format_timestamp(now - 60 * _DAY)
    indicator = {
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(_CASE, RISING)}",
        "created": made_at, "modified": made_at, "name": "Update server of a wiper", "pattern_type": "stix",
        "indicator_types": ["malicious-activity"], "valid_from": made_at,
        "pattern": f"[domain-name:value = '{RISING.partition(':')[2]}']", "object_marking_refs": [_AMBER],
    }  # fmt: skip
    counts = dict.fromkeys(range(3, 60), 2) | {2: 9, 1: 14, 0: 21}
    seen = [_sighting(str(indicator["id"]), now - day * _DAY - _DAY // 1000, times) for day, times in counts.items()]
    objects = [indicator, *seen]
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid5(_CASE, made_at)}", "objects": objects}).encode()


_DAY: Final = 86_400_000_000


def _sighting(of: str, at: int, times: int) -> dict[str, object]:
    time = stix.format_timestamp(at)
    return {
        "type": "sighting", "spec_version": "2.1", "id": f"sighting--{uuid.uuid5(_CASE, time)}", "created": time,
        "modified": time, "first_seen": time, "last_seen": time, "count": times, "sighting_of_ref": of,
        "object_marking_refs": [_AMBER],
    }  # fmt: skip
