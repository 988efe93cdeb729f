"""Reads what a device can use out of a released object: a value that is bad by itself, or a rule in its language."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from katchi import stix
from katchi.stix import canonical
from katchi.stix.patterns import Comparison, Constant, parse_pattern

VALUES: Final = frozenset({"ipv4", "ipv6", "domain", "url", "email", "md5", "sha1", "sha256", "sha512"})
RULES: Final = frozenset({"yara", "sigma", "suricata", "snort"})
TECHNIQUE: Final = "technique"
NEWS: Final = "news"

REASONS: Final = (
    "not-an-indicator", "not-atomic", "other-language", "other-thing", "unusable-value",
    "revoked", "expired", "not-yet-valid", "confidence-too-low", "never-blocked", "twice", "not-carried",
)  # fmt: skip
"""Why something is not in a feed, as its heading counts it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a feed. Times are µs.

    `kind` is one of VALUES, RULES, TECHNIQUE or NEWS; `value` is canonical and never defanged, a rule's
    own text, an ATT&CK id, or the summary of a report.
    """

    kind: str
    value: str
    object_id: str
    name: str = ""
    confidence: int | None = None
    valid_from: int | None = None
    valid_until: int | None = None
    modified: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What an object gives: entries, or the reason why none. `marking` is its strictest TLP, "" for none."""

    entries: tuple[Entry, ...]
    left_out: str = ""
    marking: str = ""


class _Reference(msgspec.Struct):
    source_name: str = ""
    external_id: str = ""


class _Item(msgspec.Struct):
    type: str
    id: str
    pattern: str = ""
    pattern_type: str = "stix"  # STIX 2.0 knows no other
    name: str = ""
    description: str = ""
    revoked: bool = False
    confidence: int | None = None
    valid_from: str = ""
    valid_until: str = ""
    modified: str = ""
    object_marking_refs: list[str] = []
    external_references: list[_Reference] = []


_read = msgspec.json.Decoder(_Item).decode


def entries_of(raw: bytes, *, now: int) -> Reading:
    """What the object of these bytes gives to devices at a moment (µs). Never raises.

    An indicator counts only when its pattern says that any one of its values alone is bad: a list must
    never be wider than what it is made from. So AND, FOLLOWEDBY, NOT, qualifiers, LIKE and MATCHES are out.
    """
    try:
        item = _read(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Reading((), "not-an-indicator")
    marking = _strictest(item.object_marking_refs)
    if item.type != "indicator":
        return Reading(_of_others(item), "not-an-indicator", marking)
    reason = _out_of_force(item, now)
    if reason:
        return Reading((), reason, marking)
    if item.pattern_type != "stix":
        found, reason = _rule(item)
    else:
        found, reason = _values(item)
    return Reading(tuple(found) + tuple(_techniques(item)), reason, marking)


_RANK = {"": -1, "clear": 0, "green": 1, "amber": 2, "amber+strict": 3, "red": 4}


def stricter(one: str, other: str) -> str:
    """The stricter of two TLP labels."""
    return max(one, other, key=_RANK.__getitem__)


def _strictest(refs: list[str]) -> str:
    return max((stix.TLP_IDS[ref] for ref in refs if ref in stix.TLP_IDS), key=_RANK.__getitem__, default="")


def _out_of_force(item: _Item, now: int) -> str:
    if item.revoked:
        return "revoked"
    until = _moment(item.valid_until)
    if until is not None and until <= now:
        return "expired"
    begins = _moment(item.valid_from)
    return "not-yet-valid" if begins is not None and begins > now else ""


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        return stix.parse_timestamp(text)
    except (stix.InvalidError, ValueError):
        return None


def _entry(item: _Item, kind: str, value: str) -> Entry:
    return Entry(
        kind, value, item.id, item.name, item.confidence,
        _moment(item.valid_from), _moment(item.valid_until), _moment(item.modified),
    )  # fmt: skip


# --- Rules, techniques, news ---------------------------------------------------------------------


def _rule(item: _Item) -> tuple[list[Entry], str]:
    kind = item.pattern_type.lower()
    return ([_entry(item, kind, item.pattern)], "") if kind in RULES and item.pattern else ([], "other-language")


_is_technique = re.compile(r"T[0-9]{4}(?:\.[0-9]{3})?").fullmatch


def _techniques(item: _Item) -> Iterator[Entry]:
    for reference in item.external_references:
        if reference.source_name.startswith("mitre-") and _is_technique(reference.external_id):
            yield _entry(item, TECHNIQUE, reference.external_id)


def _of_others(item: _Item) -> tuple[Entry, ...]:
    if item.revoked:
        return ()
    if item.type == "attack-pattern":
        return tuple(_techniques(item))
    if item.type in ("report", "campaign", "incident", "malware", "intrusion-set", "vulnerability"):
        return (_entry(item, NEWS, item.description or item.name),)
    return ()


# --- Values --------------------------------------------------------------------------------------

_HASHES = {"md5": "md5", "sha1": "sha1", "sha-1": "sha1", "sha256": "sha256", "sha-256": "sha256",
           "sha512": "sha512", "sha-512": "sha512"}  # fmt: skip
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_is_hex = re.compile(r"[0-9A-Fa-f]+").fullmatch
_strings = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_narrowing = re.compile(r"\b(?:AND|FOLLOWEDBY|NOT|WITHIN|REPEATS|START|EXISTS)\b").search


def _values(item: _Item) -> tuple[list[Entry], str]:
    parsed = parse_pattern(item.pattern)
    if parsed.error:
        return [], "unusable-value"
    if len(parsed.comparisons) != 1 and _narrowing(_strings.sub("''", item.pattern)):
        return [], "not-atomic"
    found: list[Entry] = []
    reason = ""
    for comparison in parsed.comparisons:
        kind, why = _kind(comparison)
        reason = reason or why
        for value in comparison.values if kind else ():
            written = _written(kind, value)
            if written is None:
                reason = reason or "unusable-value"
            else:
                found.append(_entry(item, *written))
    # Of values any one of which is bad, those that devices understand are right without the others.
    return found, "" if found else reason


def _kind(comparison: Comparison) -> tuple[str, str]:
    """(kind, reason why it is none)."""
    if comparison.is_negated:
        return "", "not-atomic"
    kind = _PLAIN.get((comparison.type, comparison.path), "")
    if not kind and comparison.type == "file" and len(comparison.path) == 2 and comparison.path[0] == "hashes":
        kind = _HASHES.get(comparison.path[1].lower(), "")
    if not kind:
        return "", "other-thing"
    if comparison.operator in ("=", "IN") or (comparison.operator == "ISSUBSET" and kind == "address"):
        return kind, ""
    return "", "not-atomic"


_PLAIN: dict[tuple[str, tuple[str, ...]], str] = {
    ("ipv4-addr", ("value",)): "address",
    ("ipv6-addr", ("value",)): "address",
    ("domain-name", ("value",)): "domain",
    ("url", ("value",)): "url",
    ("email-addr", ("value",)): "email",
}


def _written(kind: str, value: Constant) -> tuple[str, str] | None:
    """(kind, canonical value); None for what no device should be given."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    if kind in _DIGITS:
        return (kind, value.lower()) if len(value) == _DIGITS[kind] and _is_hex(value) else None
    key = _CANONICAL[kind](value)
    if key is None:
        return None
    found, _, written = key.partition(":")
    # A host that is an address stands in a domain's place: it is one, for a device too.
    return (found, written) if " " not in written and written.isprintable() else None


_CANONICAL: dict[str, Callable[[str], str | None]] = {
    "address": canonical.address,
    "domain": canonical.domain,
    "url": canonical.url,
    "email": canonical.email,
}


def network_of(entry: Entry) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network that an entry of kind ipv4 or ipv6 names; of one address, the network of one."""
    return ipaddress.ip_network(entry.value)
