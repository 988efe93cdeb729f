"""Terms as values: which rules there are, and of which objects each rule speaks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from katchi import stix
from katchi.policy.tlp import Tlp
from katchi.policy.types import DEFINITIONS

RECALL: Final = "recall"
"""The rule under which a recall goes that no release rule covers: a floor that no terms can lower."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The objects that a rule speaks of. None means any."""

    types: frozenset[str] | None = None
    sources: frozenset[str] | None = None
    labels: frozenset[str] = frozenset()
    objects: frozenset[str] | None = None  # their ids

    def covers(self, obj: stix.Object, origin: str, *, definitions_too: bool = False) -> bool:
        """Whether this rule speaks of that object.

        `definitions_too`: it also speaks of the markings and extensions that its objects may use.
        """
        if self.sources is not None and origin not in self.sources:
            return False
        if definitions_too and obj.type in DEFINITIONS:
            return True
        if self.types is not None and obj.type not in self.types:
            return False
        if self.objects is not None and obj.id not in self.objects:
            return False
        return not self.labels or self._has_label(obj)

    def _has_label(self, obj: stix.Object) -> bool:
        labels = obj.properties.get("labels")
        return labels.__class__ is list and any(
            label.__class__ is str and label in self.labels for label in labels or ()
        )


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """One `[[release]]`: what may go, up to which marking, and in what form."""

    name: str
    line: int
    scope: Scope
    up_to: Tlp
    forward_up_to: Tlp
    minimum_confidence: int | None = None
    accepts_unknown_confidence: bool = False
    granular: Literal["strip", "withhold"] = "strip"
    references: Literal["withhold", "drop"] = "withhold"
    unknown_references: Literal["keep", "withhold"] = "keep"
    delay: int = 0  # µs
    strip: tuple[str, ...] = ()
    generalise: tuple[str, ...] = ()
    public_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WithholdRule:
    """One `[[withhold]]`: what stays, whatever any release rule says."""

    name: str
    line: int
    scope: Scope
    naming: tuple[str, ...] = ()
    _pattern: re.Pattern[str] | None = None

    def word_in(self, obj: stix.Object) -> str | None:
        """The first forbidden word that appears in any text of the object; None when none does."""
        if self._pattern is None:
            return None
        found = self._pattern.search(fold("\0".join(texts(obj.properties))))
        return found[0] if found else None


def word_pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """What finds any of these words in folded text.

    A Latin word must stand by itself; Korean words take endings (은행 in 은행은), so only Latin letters
    and digits beside a word make it another one. Between the words of a name there may be a space, a
    hyphen or nothing, as in the names of hosts.
    """
    if not words:
        return None
    longest_first = sorted((fold(word) for word in words), key=len, reverse=True)
    spaced = (r"[\s_.-]*".join(re.escape(part) for part in word.split()) for word in longest_first)
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(spaced)})(?![a-z0-9])")


def fold(text: str) -> str:
    """Text as words are compared: width, composition and case do not matter."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, the names of properties too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one partner may have, as agreed. Made by `parse_terms`."""

    partner: str
    digest: str
    source: str
    own: bool
    agreed: str | None
    expires_at: int | None  # µs: from this instant on nothing goes
    unmarked: Tlp | None  # how unmarked objects count; None: they stay
    unknown_markings: frozenset[str]
    statements: Literal["carry", "withhold"]
    echo: bool
    withholds: tuple[WithholdRule, ...]
    releases: tuple[ReleaseRule, ...]

    @property
    def rules(self) -> tuple[WithholdRule | ReleaseRule, ...]:
        """Every rule in the order in which they are asked."""
        return (*self.withholds, *self.releases)
