"""What an indicator's pattern must be, beyond a text (STIX 2.1 §4.7.1 and §9)."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from katchi.stix.findings import Findings
from katchi.stix.observables import OBSERVABLES
from katchi.stix.patterns import Comparison, parse_pattern
from katchi.stix.rule import Between
from katchi.stix.tables import table_of
from katchi.stix.wording import excerpt, join

_is_object_type = re.compile("(?=.{3,250}$)-?[a-z0-9]+(?:-[a-z0-9]+)*-?").fullmatch
_is_property = re.compile("[a-z0-9_]{3,250}").fullmatch
_DIGITS = dict(
    [
        *(("MD5", 32), ("SHA1", 40), ("RIPEMD160", 40), ("SHA224", 56), ("SHA256", 64), ("SHA384", 96)),
        *(("SHA512", 128), ("SHA3224", 56), ("SHA3256", 64), ("SHA3384", 96), ("SHA3512", 128)),
        ("WHIRLPOOL", 128),
    ]
)
_are_digits = re.compile("[0-9a-fA-F]+").fullmatch


def _is_stix(members: dict[str, Any]) -> bool:
    # STIX 2.0 knew no other patterns, and no pattern_type.
    return members.get("pattern_type", "stix") == "stix" and members.get("pattern").__class__ is str


def _holds(members: dict[str, Any]) -> bool:
    if not _is_stix(members):
        return True
    parsed = parse_pattern(members["pattern"])
    if parsed.error:
        return False
    for comparison in parsed.comparisons:
        path = comparison.path
        if not _is_named_well(comparison.type, path[0]):
            return False
        if "hashes" in path and _bad_hash(comparison) is not None:
            return False
    return True


@lru_cache(maxsize=1024)  # a feed uses few names
def _is_named_well(kind: str, name: str) -> bool:
    return _is_type_name(kind) and _is_property_name(kind, name)


@cache
def _properties(kind: str) -> frozenset[str]:
    """The properties of a standard observable."""
    return frozenset(table_of(OBSERVABLES[kind]).rules)


def _is_type_name(kind: str) -> bool:
    return kind in OBSERVABLES or _is_object_type(kind) is not None


def _is_property_name(kind: str, name: str) -> bool:
    return (kind in OBSERVABLES and name in _properties(kind)) or _is_property(name) is not None


@lru_cache(maxsize=1024)
def _digits_of(name: str) -> int | None:
    """How many hexadecimal digits a hash of this algorithm has."""
    return _DIGITS.get(name.upper().replace("-", ""))


def _bad_hash(comparison: Comparison) -> str | None:
    """The first value compared with a hash that cannot be one; None when there is none.

    A part of a hash (LIKE, MATCHES) is not judged.
    """
    digits = _digits_of(comparison.path[-1])
    if digits is None or comparison.operator not in ("=", "!=", "IN"):
        return None
    for value in comparison.values:
        if not isinstance(value, str) or len(value) != digits or not _are_digits(value):
            return str(value)
    return None


def _explain(members: dict[str, Any], path: str, findings: Findings) -> None:
    at = join(path, "pattern")
    parsed = parse_pattern(members["pattern"])
    if parsed.error:
        findings.must(at, "pattern", f"This is not a STIX pattern: {parsed.error}.", "correct the pattern")
    for comparison in parsed.comparisons:
        _explain_names(comparison, at, findings)
        bad = _bad_hash(comparison) if "hashes" in comparison.path else None
        if bad is not None:
            findings.must(
                at,
                "hash",
                f"{excerpt(bad)} is not a {comparison.path[-1]} hash.",
                "correct the hash in the pattern",
            )


def _explain_names(comparison: Comparison, path: str, findings: Findings) -> None:
    kind, name = comparison.type, comparison.path[0]
    if not _is_type_name(kind):
        findings.must(path, "pattern-type", f"{excerpt(kind)} cannot be an observable's type.", "correct the pattern")
    if not _is_property_name(kind, name):
        findings.must(path, "pattern-property", f"{excerpt(name)} cannot be a property's name.", "correct the pattern")


PATTERN = Between(_holds, _explain)
