"""A node's memory in a few dicts, objects to fill it with, and terms in one line: for the tests here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from katchi import policy, stix
from katchi.policy import Copy, Decision, Recipient, Release, Terms, parse_terms

DAY = 86_400_000_000
NOW = 1_456_000_000_000_000  # February 2016
CREATED = "2016-02-15T01:02:03.000Z"

MARKED = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

PARK = Recipient("park", is_active=True)
CHOI = Recipient("choi", is_active=True)


def object_id(kind: str, name: object) -> str:
    """The same id for the same name, so that a failing test reads the same twice."""
    digest = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {name}").bytes
    return f"{kind}--{uuid.UUID(bytes=digest, version=4)}"


def made(kind: str, which: object = "one", /, *, tlp: str | None = "green", **properties: Any) -> stix.Object:
    """An object of this type; what it must have and `properties` does not give is filled in."""
    whole: dict[str, Any] = {"type": kind, "spec_version": "2.1", "id": object_id(kind, which)}
    if kind not in policy.types.OBSERVABLES:
        whole |= {"created": CREATED, "modified": CREATED}
    if tlp is not None:
        whole["object_marking_refs"] = [MARKED[tlp]]
    whole |= _NEEDED.get(kind, {}) | properties
    return stix.read(json.dumps({name: value for name, value in whole.items() if value is not None}).encode())


_NEEDED: dict[str, dict[str, Any]] = {
    "indicator": {
        "pattern": "[ipv4-addr:value = '192.0.2.1']",
        "pattern_type": "stix",
        "valid_from": CREATED,
    },
    "identity": {"name": "Nuri Bank", "identity_class": "organization", "sectors": ["financial-services"]},
    "malware": {"is_family": True, "name": "Destover"},
    "report": {"name": "A report", "published": CREATED},
    "grouping": {"context": "suspicious-activity"},
    "note": {"content": "A note"},
    "campaign": {"name": "A campaign"},
    "location": {"country": "KR", "city": "Seoul", "latitude": 37.5, "longitude": 127.0},
    "relationship": {"relationship_type": "indicates"},
    "ipv4-addr": {"value": "192.0.2.1"},
    "file": {"name": "winword.exe"},
    "language-content": {},
    "marking-definition": {"modified": None},
}


def newer(obj: stix.Object, hours: int = 1, /, **properties: Any) -> stix.Object:
    """The next version of an object; a property given as None is left out."""
    assert obj.version is not None
    whole = obj.properties | {"modified": stix.format_timestamp(obj.version + hours * 3_600_000_000)} | properties
    return stix.read(json.dumps({name: value for name, value in whole.items() if value is not None}).encode())


def terms(release: str = "", *, top: str = "", more: str = "", partner: str = "park") -> Terms:
    """Terms with one rule; `release`, `top` and `more` add lines to the rule, above it and below it."""
    rule = {"types": '["all"]', "up-to": '"amber"'}
    for line in filter(None, map(str.strip, release.splitlines())):
        key, _, value = line.partition("=")
        rule[key.strip()] = value.strip()
    lines = "\n".join(f"{key} = {value}" for key, value in rule.items())
    return parse_terms(f'format = 1\npartner = "{partner}"\n{top}\n[[release]]\nname = "a rule"\n{lines}\n{more}\n')


@dataclass
class SmallWorld:
    """A `World` for one recipient."""

    copy_key: bytes = b"a secret of the node, 32 bytes.."
    held: dict[str, tuple[stix.Object, str, int]] = field(default_factory=dict)
    gone: dict[str, dict[str, stix.Object]] = field(default_factory=dict)
    copies: dict[str, Copy] = field(default_factory=dict)
    taken_back: set[str] = field(default_factory=set)

    def hold(self, *objects: stix.Object, origin: str = "own", added_at: int = 0) -> None:
        for obj in objects:
            self.held[obj.id] = (obj, origin, added_at)

    def beside(self) -> SmallWorld:
        """The same node's memory for another recipient."""
        return SmallWorld(self.copy_key, self.held, {}, self.copies)

    def send(self, decision: Decision) -> stix.Object:
        """What a node does with a release: remember it and let it go."""
        assert isinstance(decision, Release), decision
        for each in decision.every:
            body = stix.read(each.released.raw)
            self.gone.setdefault(each.released.of_id, {})[body.id] = body
            if each.copy is not None:
                self.copies[each.copy.copy_id] = each.copy
        return stix.read(decision.released.raw)

    def object(self, object_id: str) -> stix.Object | None:
        found = self.held.get(object_id)
        return found[0] if found else None

    def origin(self, object_id: str) -> str | None:
        found = self.held.get(object_id)
        return found[1] if found else None

    def added_at(self, object_id: str) -> int | None:
        found = self.held.get(object_id)
        return found[2] if found else None

    def released_before(self, object_id: str) -> bool:
        return object_id in self.gone

    def is_taken_back(self, obj: stix.Object, origin: str) -> bool:
        return obj.id in self.taken_back

    def last_released(self, object_id: str) -> Sequence[stix.Object]:
        return list(self.gone.get(object_id, {}).values())

    def copy(self, copy_id: str) -> Copy | None:
        return self.copies.get(copy_id)


def decided(
    obj: stix.Object,
    under: Terms,
    world: SmallWorld | None = None,
    *,
    origin: str = "own",
    to: Recipient = PARK,
    now: int = NOW,
) -> Decision:
    """What is decided about an object that the world then holds."""
    world = world or SmallWorld()
    world.hold(obj, origin=origin)
    return policy.decide(obj, origin, 0, to, under, world, now)
