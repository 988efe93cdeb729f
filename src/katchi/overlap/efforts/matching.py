"""Which efforts are about the same, and why: things that both name, techniques, and titles in either language."""

from __future__ import annotations

import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import fsum
from typing import Final, Literal

from katchi.overlap.names import GROUP_OF, fold, packaged

MOST: Final = 20  # suggestions for one effort
LEAST: Final = 2.0  # under which two are not called alike
NEAR: Final = 0.5  # from which on two titles are
_OF_WORK: Final = 0.2  # what a word for the work itself weighs
_OF_NAME: Final = 2.0  # and the name of somebody
_TELLING: Final = 1.5  # titles of less than this say little, however near
_SMALL: Final = frozenset(
    ["a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "the", "to", "with"]
)
_ENDINGS: Final = tuple(
    "에서의 으로의 에서 으로 에게 까지 부터 들의 들 의 을 를 은 는 이 가 에 로 와 과 도".split()  # noqa: SIM905
)
_LONGEST_NAME: Final = 4  # words
_GROUPS: Final = tuple(dict.fromkeys(GROUP_OF.values()))

What = Literal["thing", "technique", "title", "name", "word"]
_ORDER: Final[Mapping[What, int]] = {"thing": 0, "technique": 1, "title": 2, "name": 3, "word": 4}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an effort is about, ready to compare. `things` are roots that are worth something as evidence."""

    effort: str
    title: str
    things: frozenset[str] = frozenset()
    techniques: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One sign that two efforts are about the same: what it is, and how much it adds."""

    what: What
    value: str
    weight: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two efforts that may be one piece of work."""

    own: str
    other: str
    reasons: tuple[Reason, ...]

    @property
    def weight(self) -> float:
        """How much speaks for it."""
        return sum(each.weight for each in self.reasons)


@dataclass(frozen=True, slots=True)
class _Profile:
    """A subject, with what its words mean."""

    subject: Subject
    title: Mapping[str, float]
    words: frozenset[str]

    @classmethod
    def of(cls, subject: Subject) -> _Profile:
        return cls(subject, tokens(subject.title), frozenset(token for word in subject.words for token in tokens(word)))

    @property
    def signs(self) -> set[str]:
        """What another one has to share to be looked at at all: no word for the work itself is such a sign."""
        telling = {token for token, weight in self.title.items() if weight > _OF_WORK}
        return {*self.subject.things, *self.subject.techniques, *telling, *self.words}


def suggest(own: Sequence[Subject], others: Sequence[Subject]) -> list[Suggestion]:
    """Pairs that are about the same, the likeliest first; of each of ours `MOST` at most.

    Only pairs that share something are looked at.
    """
    rarity = _rarity([*own, *others])
    profiles = [_Profile.of(each) for each in others]
    by_sign: dict[str, set[int]] = defaultdict(set)
    for place, profile in enumerate(profiles):
        for sign in profile.signs:
            by_sign[sign].add(place)
    suggestions: list[Suggestion] = []
    for mine in map(_Profile.of, own):
        near = {place for sign in mine.signs for place in by_sign.get(sign, ())}
        found = (
            Suggestion(mine.subject.effort, profiles[place].subject.effort, _reasons(mine, profiles[place], rarity))
            for place in near
        )
        suggestions += sorted((each for each in found if each.weight >= LEAST), key=_likeliest)[:MOST]
    return sorted(suggestions, key=_likeliest)


def _likeliest(each: Suggestion) -> tuple[float, str, str]:
    return -each.weight, each.own, each.other


def _reasons(mine: _Profile, theirs: _Profile, rarity: Mapping[str, float]) -> tuple[Reason, ...]:
    one, other = mine.subject, theirs.subject
    found = [
        Reason("thing", key, 2.0 if key.partition(":")[0] in _GROUPS else 3.0) for key in one.things & other.things
    ]
    found += [Reason("technique", each, rarity[each]) for each in one.techniques & other.techniques]
    near = _likeness(mine.title, theirs.title)
    names = [token for token in mine.title.keys() & theirs.title.keys() if token.startswith("=")]
    if near >= NEAR:
        telling = min(1.0, fsum({**mine.title, **theirs.title}.values()) / _TELLING)
        found.append(Reason("title", other.title, 4 * near * telling))
    else:
        found += [Reason("name", name[1:], 2.0) for name in names]
    found += [Reason("word", word, 0.5) for word in mine.words & theirs.words]
    return tuple(sorted(found, key=lambda each: (_ORDER[each.what], each.value)))


def _rarity(subjects: Sequence[Subject]) -> dict[str, float]:
    """What a technique in common says: much where few have it, little where all do."""
    held = Counter(technique for each in subjects for technique in each.techniques)
    return {technique: min(1.0, 3 / count) for technique, count in held.items()}


def _likeness(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Jaccard's index by weight: 1 where the titles mean the same words, 0 where none."""
    whole = {**one, **other}
    total = fsum(whole.values())
    return fsum(whole[each] for each in one.keys() & other.keys()) / total if total else 0.0


def tokens(title: str) -> dict[str, float]:
    """What a title means, with weights: names by whose they are (`=actor:…`), known words by their meaning, others."""
    words = _split(title)
    found: dict[str, float] = {}
    place = 0
    while place < len(words):
        length, name = _named(words, place)
        if name:
            found[f"={name}"] = _OF_NAME
            place += length
            continue
        meaning, weight = _meaning(words[place])
        if meaning:
            found[meaning] = weight
        place += 1
    return found


def _split(title: str) -> list[str]:
    text = unicodedata.normalize("NFKC", title[:400]).casefold()
    return "".join(mark if mark.isalnum() or mark in "-&" else " " for mark in text).split()


def _named(words: Sequence[str], place: int) -> tuple[int, str]:
    """How many words from here are a name that the tables know, and whose; the longest first."""
    for length in range(min(_LONGEST_NAME, len(words) - place), 0, -1):
        phrase = " ".join(words[place : place + length])
        if length == 1 and (_meaning(phrase)[0] in _known().values() or (len(fold(phrase)) < 3 and phrase.isascii())):
            continue
        for form in (phrase, _bare(phrase)):
            for group in _GROUPS:
                identity = packaged().meaning(group, form).identity
                if identity is not None:
                    return length, identity.key
    return 0, ""


def _meaning(word: str) -> tuple[str, float]:
    known, work = _known(), _work()
    for form in dict.fromkeys((word, _bare(word), word.removesuffix("s"))):
        if form in known:
            return known[form], _OF_WORK if known[form] in work else 1.0
    plain = "" if word in _SMALL else fold(_bare(word))
    return (plain, 1.0) if len(plain) > 2 or (plain and not plain.isascii()) else ("", 0.0)


def _bare(word: str) -> str:
    """A Korean word without its ending."""
    if word.isascii():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            return word.removesuffix(ending)
    return word


@cache
def _tables() -> dict[str, list[list[str]]]:
    text = resources.files("katchi.overlap.efforts").joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _known() -> dict[str, str]:
    return {word: line[0] for lines in _tables().values() for line in lines for word in line}


@cache
def _work() -> frozenset[str]:
    return frozenset(line[0] for line in _tables()["work"])
