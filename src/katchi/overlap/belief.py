"""What to believe of a thing: a number from 0 to 100, and the sum that it is, part by part.

Each *voice* counts once: statements of one author, or that rest on one report, are one voice however many feeds repeat
them. A voice is as strong as its source is reliable (Admiralty scale, letters A to F) times its confidence. Voices that
say "bad" add up as independent evidence does, 1 - Π(1 - s); those that deny, and warning lists, take from it. What is
left halves every so many days after somebody last said it or saw it, by the kind of thing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

DAY: Final = 86_400_000_000  # µs

# Admiralty scale (STANAG 2511): how reliable a source is. F is "cannot be judged", not "worst".
RELIABILITY: Final[Mapping[str, float]] = {"A": 0.95, "B": 0.8, "C": 0.6, "D": 0.4, "E": 0.2, "F": 0.5}
UNJUDGED: Final = "F"
_UNSAID_CONFIDENCE: Final = 60
_SIGHTING: Final = 0.5  # of the strength that a report of the same source would have
_OPINION: Final = {-2: 0.8, -1: 0.5, 0: 0.0, 1: 0.3, 2: 0.5}

# Days after which half is left. Addresses change hands, files stay what they are.
HALF_LIFE: Final[Mapping[str, int]] = {
    "ipv4": 30, "ipv6": 30, "url": 45, "domain": 90, "email": 180, "mac": 365, "as": 365, "certificate": 365,
    "path": 730, "registry": 730, "mutex": 730, "file": 1095, "actor": 3650, "software": 3650, "campaign": 1825,
    "infrastructure": 365, "vulnerability": 3650, "attack-pattern": 3650,
}  # fmt: skip
_OTHER_HALF_LIFE: Final = 365

# What is left when a thing is on a list of this class. A hit never deletes: attackers live there too.
WARNED: Final[Mapping[str, float]] = {
    "private": 0.05, "benign-file": 0.1, "resolver": 0.15, "top-1000": 0.15, "registry": 0.1, "public-body": 0.3,
    "certificate-authority": 0.2, "look-up": 0.5, "popular": 0.6, "scanner": 0.6, "mail": 0.7, "cloud": 0.7,
    "vpn": 0.8, "own": 0.2, "hosting-of-others": 0.9, "dynamic-dns": 1.0,
}  # fmt: skip
_OTHER_WARNED: Final = 0.8
STOPS: Final = ("resolver", "top-1000", "registry", "certificate-authority", "benign-file")
"""Classes of warning lists that stop automatic blocking until a person decides; the owner can name others.

Private networks are not among them: `exchange.warned` keeps those out in any case.
"""


class Statement(NamedTuple):
    """One object that speaks of a thing. `author`, `report` and `source` are hashes; 0 is none. Times are µs."""

    stance: int  # 1: it is bad; 0: it exists; -1: it is harmless
    weight: int  # confidence, 0 to 100; -1: unsaid
    at: int
    until: int | None
    author: int
    report: int
    source: int


class Attestation(NamedTuple):
    """A sighting (`opinion` is None) or an opinion (-2, strongly disagrees, to 2) of an object that speaks of it."""

    opinion: int | None
    times: int
    last: int
    author: int
    source: int


class Voice(NamedTuple):
    """One independent voice: how strong, of how many statements, by which sources."""

    strength: float
    statements: int
    sources: tuple[int, ...]
    last: int


@dataclass(frozen=True, slots=True)
class Belief:
    """What to believe, and why. `base` (0 to 100) is before age; `fresh_at` (µs) is when it was last confirmed."""

    base: int
    fresh_at: int
    half_life: int  # µs
    voices: tuple[Voice, ...] = ()
    sightings: tuple[Voice, ...] = ()
    denials: tuple[Voice, ...] = ()
    warned: tuple[tuple[str, float], ...] = ()  # class, what it leaves
    reported: int = 0  # what all voices give together, before anything is taken away
    is_expired: bool = False  # nobody says that it still holds

    def score(self, now: int) -> int:
        """0 to 100 at this moment."""
        return score(self.base, self.fresh_at, self.half_life, now)

    def ageing(self, now: int) -> float:
        """What age leaves of it."""
        return _left(self.fresh_at, self.half_life, now)


def score(base: int, fresh_at: int, half_life: int, now: int) -> int:
    """`base` as it has aged."""
    return round(base * _left(fresh_at, half_life, now))


def _left(fresh_at: int, half_life: int, now: int) -> float:
    return 1.0 if now <= fresh_at else float(0.5 ** ((now - fresh_at) / half_life))


NEVER: Final = -(1 << 62)


def rank(base: int, fresh_at: int, half_life: int) -> int:
    """A number (µs) by which things of one kind are in order of score at every moment, without being scored anew.

    score(now) > s exactly when rank > `threshold(s, now)`: base · 2^(-(now - fresh)/h) > s, in logarithms. It does
    not hold for what is confirmed in the future, which counts as if it were now.
    """
    return fresh_at + int(half_life * math.log2(base / 100)) if base > 0 else NEVER


def threshold(least: float, half_life: int, now: int) -> int:
    """What `rank` a thing of this half-life has now with a score of `least` (0 to 100)."""
    return now + int(half_life * math.log2(least / 100)) if least > 0 else NEVER


def half_life_of(kind: str, own: Mapping[str, int]) -> int:
    """In µs. `own` are the owner's days."""
    return own.get(kind, HALF_LIFE.get(kind, _OTHER_HALF_LIFE)) * DAY


def assess(
    kind: str,
    statements: Sequence[Statement],
    attestations: Sequence[Attestation] = (),
    warned: Sequence[str] = (),
    *,
    grades: Mapping[int, str],
    now: int,
    half_lives: Mapping[str, int],
) -> Belief:
    """Weighs what was said. `grades` are letters by the hash of a source or of an author; the author's counts first."""
    classes = tuple((name, WARNED.get(name, _OTHER_WARNED)) for name in dict.fromkeys(warned)) if warned else ()
    if len(statements) == 1 and not attestations:
        return _of_one(statements[0], half_life_of(kind, half_lives), classes, grades, now)
    bad = [each for each in statements if each.stance > 0]
    current = [each for each in bad if each.until is None or each.until > now]
    voices = _voices(current or bad, grades)
    sightings = _attested([each for each in attestations if each.opinion is None and each.times], grades)
    agreed = [each for each in attestations if each.opinion is not None and each.opinion > 0]
    denied = [each for each in attestations if each.opinion is not None and each.opinion < 0]
    denials = (*_voices([each for each in statements if each.stance < 0], grades), *_attested(denied, grades))
    reported = _together(voices, sightings, _attested(agreed, grades))
    left = math.prod(1 - each.strength for each in denials)
    left *= _least(classes)
    is_expired = bool(bad) and not current
    if is_expired:
        left *= 0.3
    fresh_at = max((each.last for each in (*voices, *sightings)), default=0)
    fresh_at = fresh_at or max((each.at for each in statements), default=0)
    return Belief(
        round(100 * reported * left), fresh_at, half_life_of(kind, half_lives), voices, sightings, denials, classes,
        round(100 * reported), is_expired,
    )  # fmt: skip


Classes = tuple[tuple[str, float], ...]


def _least(classes: Classes) -> float:
    """What the strictest class of warning lists leaves."""
    return min(each for _, each in classes) if classes else 1.0


def _of_one(said: Statement, half_life: int, classes: Classes, grades: Mapping[int, str], now: int) -> Belief:
    """The same for what one object alone says, which is most of what comes in."""
    strength = _strength(said, grades)
    voices = (Voice(strength, 1, (said.source,), said.at),)
    if said.stance < 0:
        return Belief(0, said.at, half_life, denials=voices, warned=classes)
    if said.stance == 0:
        return Belief(0, said.at, half_life, warned=classes)
    is_expired = said.until is not None and said.until <= now
    left = _least(classes) * 0.3 if is_expired else _least(classes)
    return Belief(
        round(100 * strength * left), said.at, half_life, voices, (), (), classes, round(100 * strength), is_expired
    )


def _together(*groups: Iterable[Voice]) -> float:
    strengths = [each.strength for group in groups for each in group]
    return strengths[0] if len(strengths) == 1 else 1 - math.prod(1 - each for each in strengths)


def _grade(author: int, source: int, grades: Mapping[int, str]) -> float:
    return RELIABILITY[grades.get(author) or grades.get(source) or UNJUDGED]


def _strength(each: Statement, grades: Mapping[int, str]) -> float:
    confidence = each.weight if each.weight >= 0 else _UNSAID_CONFIDENCE
    return _grade(each.author, each.source, grades) * confidence / 100


def _voices(statements: Sequence[Statement], grades: Mapping[int, str]) -> tuple[Voice, ...]:
    if len(statements) == 1:
        each = statements[0]
        return (Voice(_strength(each, grades), 1, (each.source,), each.at),)
    found = []
    for group in _independent(statements):
        strength = max(_strength(each, grades) for each in group)
        sources = tuple(dict.fromkeys(each.source for each in group))
        found.append(Voice(strength, len(group), sources, max(each.at for each in group)))
    return tuple(sorted(found, reverse=True))


def _independent(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Statements that share an author or a report are of one group; one of neither is its source's."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(name: tuple[str, int]) -> tuple[str, int]:
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = parent[above]
            name = parent[name]
        return name

    def marks(each: Statement) -> list[tuple[str, int]]:
        own = [("author", each.author)] if each.author else []
        return [*own, *([("report", each.report)] if each.report else [])] or [("source", each.source)]

    for each in statements:
        first, *others = marks(each)
        for other in others:
            parent[root(other)] = root(first)
    groups: dict[tuple[str, int], list[Statement]] = defaultdict(list)
    for each in statements:
        groups[root(marks(each)[0])].append(each)
    return list(groups.values())


def _attested(attestations: Sequence[Attestation], grades: Mapping[int, str]) -> tuple[Voice, ...]:
    by_voice: dict[int, list[Attestation]] = defaultdict(list)
    for each in attestations:
        by_voice[each.author or each.source].append(each)
    found = []
    for group in by_voice.values():
        strength = max(
            (_SIGHTING if each.opinion is None else _OPINION[each.opinion])
            * _grade(each.author, each.source, grades)
            for each in group
        )  # fmt: skip
        sources = tuple(dict.fromkeys(each.source for each in group))
        found.append(Voice(strength, len(group), sources, max(each.last for each in group)))
    return tuple(sorted(found, reverse=True))
