"""How long one decision takes, by kind of object: run with `python benchmarks/policy_speed.py`."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from katchi import policy, stix

GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
WHEN = "2016-02-15T01:02:03.000Z"
NOW = 1_456_000_000_000_000
PARK = policy.Recipient("park", is_active=True)


class DictWorld:
    """A node's memory in dicts, so that only the decision is measured."""

    copy_key = b"a secret of the node, 32 bytes.."

    def __init__(self) -> None:
        self.held: dict[str, stix.Object] = {}

    def object(self, object_id: str) -> stix.Object | None:
        return self.held.get(object_id)

    def origin(self, object_id: str) -> str | None:
        return "own"

    def added_at(self, object_id: str) -> int | None:
        return 0

    def released_before(self, object_id: str) -> bool:
        return False

    def is_taken_back(self, obj: stix.Object, origin: str) -> bool:
        return False

    def last_released(self, object_id: str) -> Sequence[stix.Object]:
        return ()

    def copy(self, copy_id: str) -> policy.Copy | None:
        return None


def made(kind: str, **properties: Any) -> stix.Object:
    whole = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.uuid4()}",
        "created": WHEN,
        "modified": WHEN,
        "object_marking_refs": [GREEN],
    }
    return stix.read(json.dumps(whole | properties).encode())


def indicator(**properties: Any) -> stix.Object:
    pattern = {"pattern": "[ipv4-addr:value = '192.0.2.1']", "pattern_type": "stix", "valid_from": WHEN}
    return made("indicator", name="Command and control", **pattern, **properties)


def terms(lines: str = "", more: str = "") -> policy.Terms:
    return policy.parse_terms(
        f'format = 1\npartner = "park"\n[[release]]\nname = "all"\ntypes = ["all"]\nup-to = "amber"\n{lines}\n{more}'
    )


def measure(work: Callable[[], object], rounds: int = 7, repeats: int = 3_000) -> float:
    """Median microseconds per call."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(repeats):
            work()
        times.append((time.perf_counter() - begin) / repeats * 1e6)
    return statistics.median(times)


def main() -> None:
    world = DictWorld()
    author = made("identity", name="Nuri CERT", identity_class="organization")
    plain = indicator(labels=["malicious-activity"], confidence=80)
    authored = indicator(created_by_ref=author.id)
    described = indicator(description="seen at a bank", external_references=[{"source_name": "siem"}])
    link = made("relationship", relationship_type="indicates", source_ref=plain.id, target_ref=authored.id)
    many = [indicator() for _ in range(100)]
    report = made("report", name="r", published=WHEN, object_refs=[each.id for each in many])
    world.held = {each.id: each for each in (author, plain, authored, described, link, report, *many)}
    naming = terms(more='[[withhold]]\nname = "v"\nnaming = ["Nuri Bank", "누리은행"]')
    strip = terms('strip = ["description", "external_references"]')
    cases = [
        ("indicator, as it is", plain, terms(), 3_000),
        ("indicator, words that must not leave", plain, naming, 3_000),
        ("indicator with an author held here", authored, terms(), 3_000),
        ("indicator, withheld", plain, terms("minimum-confidence = 90"), 3_000),
        ("relationship of two indicators", link, terms(), 2_000),
        ("indicator, redacted copy", described, strip, 500),
        ("report of 100 indicators", report, terms(), 50),
    ]
    for name, obj, under, repeats in cases:
        took = measure(lambda o=obj, t=under: policy.decide(o, "own", 0, PARK, t, world, NOW), 7, repeats)  # type: ignore[misc]
        print(f"{name:<40} {took:>8.1f} µs")


if __name__ == "__main__":
    main()
