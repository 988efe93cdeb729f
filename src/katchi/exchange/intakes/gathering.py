"""Makes STIX objects of the values that a document holds: each value once, with the place it came from."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.exchange.intake import Choices, Found, Remark

NAMESPACE: Final = uuid.UUID("6f0f1bd4-64a5-5d0c-9d43-3d3d1a6f2b7e")
"""Ids of what is made here: UUIDv5 of who hands in and what it says, so that a second reading changes nothing."""

REMARKS: Final = 1000
"""More are counted, and the last remark says how many: a person reads no more."""

_LONGEST_SOURCE = 300
_LONGEST_TEXT = 5000
_LATEST = stix.parse_timestamp("9999-12-31T23:59:59Z")

_PATHS = {
    "ipv4": "ipv4-addr:value",
    "ipv6": "ipv6-addr:value",
    "domain": "domain-name:value",
    "url": "url:value",
    "email": "email-addr:value",
    "mac": "mac-addr:value",
}
_HASHES = {"md5": "MD5", "sha1": "'SHA-1'", "sha256": "'SHA-256'", "sha512": "'SHA-512'", "ssdeep": "SSDEEP"}
_HASHES |= {"sha3-256": "'SHA3-256'", "sha3-512": "'SHA3-512'"}
_WIDEST = {"ipv4": 8, "ipv6": 16}
_EMPTY = frozenset(
    {
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)


@dataclass(frozen=True, slots=True)
class Details:
    """What the source says about a value besides the value."""

    name: str = ""
    description: str = ""
    at: int | None = None
    confidence: int | None = None
    tags: tuple[str, ...] = ()


NOTHING_MORE = Details()


def comparison(key: str) -> str:
    """What a canonical key (`ipv4:192.0.2.1`) is in a STIX pattern, without brackets; empty if nothing."""
    kind, _, value = key.partition(":")
    if kind == "file":
        algorithm, _, value = value.partition(":")
        written = _HASHES.get(algorithm)
        return f"file:hashes.{written} = '{value}'" if written else ""
    path = _PATHS.get(kind)
    return equal(path, value) if path else ""


def equal(path: str, value: str) -> str:
    """A comparison of the pattern grammar (STIX 2.1 §9.6), with its literal escaped."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{path} = '{escaped}'"


def cve(number: str) -> dict[str, str]:
    """The external reference of STIX 2.1 §4.18 to a CVE."""
    return {"source_name": "cve", "external_id": number}


def reason_against(key: str) -> str:
    """Why a value would do harm as an indicator, as a code; empty if nothing speaks against it."""
    kind, _, value = key.partition(":")
    if kind in _WIDEST and "/" in value and int(value.rpartition("/")[2]) < _WIDEST[kind]:
        return "network-too-wide"
    if kind == "file":
        digits = value.rpartition(":")[2]
        if digits in _EMPTY:
            return "empty-file"
        return "placeholder" if len(set(digits)) < 3 else ""
    return ""


def plain(text: str, longest: int) -> str:
    """Text without control characters and halves of characters, cut to a length."""
    if len(text) <= longest and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = text[: longest * 4].encode("utf-8", "replace").decode()
    kept = "".join(mark if mark.isprintable() else " " for mark in text)
    return " ".join(kept.split())[:longest]


class Gathering:
    """The objects and remarks of one document under way."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self._objects: dict[str, bytes] = {}
        self._sources: dict[str, str] = {}
        self._remarks: dict[tuple[str, str], Remark] = {}
        self._more_remarks = 0
        self._keys: set[str] = set()

    def holds(self, key: str) -> bool:
        """Whether this key was added already."""
        return key in self._keys

    def add_key(self, key: str, source: str, line: int, details: Details = NOTHING_MORE) -> bool:
        """An indicator of a canonical key. False, with a remark, where it must not or cannot be one."""
        reason = reason_against(key)
        compared = comparison(key)
        if reason or not compared:
            self.remark(line, reason or "not-expressible", key.partition(":")[2])
            return False
        self._keys.add(key)
        self.add_pattern(f"[{compared}]", key.partition(":")[2], source, details)
        return True

    def add_pattern(self, pattern: str, title: str, source: str, details: Details = NOTHING_MORE) -> None:
        """An indicator of a pattern that is known to be well-formed."""
        name = plain(details.name or title, _LONGEST_SOURCE) or "indicator"
        members = {"name": name, "pattern": pattern, "pattern_type": "stix", "pattern_version": "2.1"}
        self.add("indicator", pattern, members, source, details)

    def add_rule(self, language: str, rule: str, source: str, details: Details) -> None:
        """An indicator that holds a rule word for word; `language` is of STIX 2.1 §10.7 (pattern-type-ov)."""
        members = {"name": plain(details.name, _LONGEST_SOURCE) or language, "pattern": rule, "pattern_type": language}
        self.add("indicator", f"{language}:{rule}", members, source, details)

    def add_vulnerability(self, number: str, source: str) -> None:
        """A vulnerability by its CVE number."""
        self.add("vulnerability", number, {"name": number, "external_references": [cve(number)]}, source)

    def add(self, kind: str, says: str, members: dict[str, Any], source: str, details: Details = NOTHING_MORE) -> str:
        """An object of its own members; `says` is what makes it this one and no other. Returns its id."""
        object_id = self._id(kind, says)
        if object_id not in self._objects:
            item = self._begun(kind, object_id, details)
            if kind == "indicator":
                item["valid_from"] = item["created"]
            self._keep(item | members, source, details)
        return object_id

    def remark(self, line: int, code: str, text: str) -> None:
        """Something was left out; the same thing is said once."""
        shown = plain(text, 120)
        if (code, shown) in self._remarks:
            return
        if len(self._remarks) >= REMARKS:
            self._more_remarks += 1
            return
        self._remarks[code, shown] = Remark(line, code, shown)

    def found(self, *, needs_confirmation: bool, mapping: dict[str, str] | None = None) -> Found:
        """All of it."""
        remarks = list(self._remarks.values())
        if self._more_remarks:
            remarks.append(Remark(0, "more-remarks", str(self._more_remarks)))
        return Found(list(self._objects.values()), remarks, self._sources, needs_confirmation, mapping or {})

    def _id(self, kind: str, says: str) -> str:
        return f"{kind}--{uuid.uuid5(NAMESPACE, self.choices.created_by_ref + says)}"

    def _begun(self, kind: str, object_id: str, details: Details) -> dict[str, Any]:
        at = self.choices.now if details.at is None else min(max(details.at, 0), _LATEST)
        written = stix.format_timestamp(at)
        item: dict[str, Any] = {"type": kind, "spec_version": "2.1", "id": object_id}
        item |= {"created_by_ref": self.choices.created_by_ref, "created": written, "modified": written}
        return item

    def _keep(self, item: dict[str, Any], source: str, details: Details) -> None:
        if details.description:
            item["description"] = plain(details.description, _LONGEST_TEXT)
        if details.confidence is not None:
            item["confidence"] = min(max(details.confidence, 0), 100)
        labels = [label for label in (plain(tag, 200) for tag in details.tags[:50]) if label]
        if labels:
            item["labels"] = list(dict.fromkeys(labels))
        if self.choices.marking:
            item["object_marking_refs"] = [self.choices.marking]
        self._objects[item["id"]] = msgspec.json.encode(item)
        self._sources[item["id"]] = plain(source, _LONGEST_SOURCE)
