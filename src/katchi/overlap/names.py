"""By which names actors, malware, tools and campaigns go, in any script, spacing and case.

ATT&CK decides first: a name that it gives to one group or program means that one, whatever others call so too. Of other
tables (MISP's galaxies, Malpedia) an entry that speaks of one of ATT&CK's lends it its names; the rest stand for
themselves. A name that two of them claim is ambiguous: it is shown with what it may mean, and joins nothing.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import msgspec

Group = Literal["actor", "software", "campaign"]

GROUP_OF: Final[dict[str, Group]] = {
    "intrusion-set": "actor", "threat-actor": "actor", "malware": "software", "tool": "software",
    "campaign": "campaign",
}  # fmt: skip

# (table, group), in the order in which they are believed; the first two columns of each group are ATT&CK's own.
_ATTACK: Final[tuple[tuple[str, Group], ...]] = (
    ("mitre-intrusion-set", "actor"),
    ("mitre-malware", "software"),
    ("mitre-tool", "software"),
)
_OTHERS: Final[tuple[tuple[str, Group], ...]] = (
    ("threat-actor", "actor"),
    ("microsoft-activity-group", "actor"),
    ("360net", "actor"),
    ("malpedia", "software"),
    ("tool", "software"),
    ("rat", "software"),
    ("banker", "software"),
    ("ransomware", "software"),
    ("stealer", "software"),
    ("botnet", "software"),
    ("backdoor", "software"),
    ("tidal-campaigns", "campaign"),
)
# What says of what sort something is, and not what it is.
_NO_NAMES: Final = frozenset(
    " ".join(
        (
            "apt unknown none malware trojan backdoor dropper loader downloader ransomware rat bot botnet worm virus",
            "agent stealer infostealer keylogger rootkit implant webshell exploit generic group team actor tool hunter",
            "악성코드 랜섬웨어 트로이목마 백도어 해커 해킹그룹 공격자",
        )
    ).split()
)
_SORTS: Final = ("group", "team", "gang", "그룹", "조직", "팀", "랜섬웨어", "ransomware", "악성코드", "malware")
SHORTEST: Final = 3  # letters; of Hangul, where a letter is a syllable, one less


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody or something with names. `key` is stable: ATT&CK's number or the table's UUID."""

    key: str
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name means: one identity, or none, and then perhaps several that it may mean."""

    identity: Identity | None = None
    possible: tuple[Identity, ...] = ()


NOBODY: Final = Meaning()


def fold(name: str) -> str:
    """A name as it compares: NFKC, without case, spaces and signs. "APT-38", "Apt 38" and "ＡＰＴ３８" are apt38."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(mark for mark in unicodedata.normalize("NFKC", folded) if mark.isalnum())


def folds(name: str) -> Iterator[str]:
    """The forms by which a name is looked up: itself, without what stands in brackets, without what sort it is."""
    whole = fold(name)
    if whole in _NO_NAMES or whole.isdecimal() or len(whole) < SHORTEST - (not whole.isascii()):
        return
    yield whole
    plain = fold(re.sub(r"\s*[(\[].{0,80}?[)\]]\s*$", "", name[:300]))
    for text in dict.fromkeys((whole, plain)):
        for sort in ("", *_SORTS):
            short = text.removesuffix(sort) if sort else text
            if short != whole and len(short) >= 5 - 2 * (not short.isascii()) and short not in _NO_NAMES:
                yield short


class Names:
    """The tables as one."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        self._claims: dict[tuple[Group, str], dict[str, int]] = defaultdict(dict)
        self._identities: dict[str, list[str]] = {}
        self._titles: dict[str, str] = {}
        self._titled: dict[tuple[Group, str], set[str]] = defaultdict(set)
        for entry in entries:
            key = entry.key or self._known_as(entry) or f"{entry.group}:{entry.uuid}"
            self._titles.setdefault(key, entry.names[0])
            self._titled[entry.group, fold(entry.names[0])].add(key)
            self._identities.setdefault(key, []).extend(entry.names)
            for name in entry.names:
                for number, form in enumerate(folds(name)):
                    self._claim(entry.group, form, key, entry.rank + (number > 0))

    def meaning(self, group: Group, name: str) -> Meaning:
        """What a name means among actors, software or campaigns."""
        for form in folds(name[:300]):
            claims = self._claims.get((group, form))
            if claims:
                return self._settled(claims)
        return NOBODY

    def identity(self, key: str) -> Identity | None:
        """The identity of this key."""
        if key not in self._identities:
            return None
        return Identity(key, self._titles[key], tuple(dict.fromkeys(self._identities[key])))

    def _settled(self, claims: dict[str, int]) -> Meaning:
        best = min(claims.values())
        first = [key for key, rank in claims.items() if rank == best]
        found = [identity for identity in map(self.identity, first) if identity is not None]
        return Meaning(found[0]) if len(found) == 1 else Meaning(None, tuple(found))

    def _claim(self, group: Group, form: str, key: str, rank: int) -> None:
        claims = self._claims[group, form]
        claims[key] = min(rank, claims.get(key, rank))

    def _known_as(self, entry: _Entry) -> str:
        """The one known already that an entry of another table speaks of; empty for none, or several."""
        by_first = {key for form in folds(entry.names[0]) for key in self._attacks(entry.group, form, _FIRST + 1)}
        by_first = by_first or self._titled[entry.group, fold(entry.names[0])]  # another table's, of the same name
        if by_first:
            return min(by_first) if len(by_first) == 1 else ""
        titled = {
            key for name in entry.names[1:] for key in self._attacks(entry.group, fold(name), _FIRST)
            if fold(self._titles[key]) == fold(name)
        }  # fmt: skip
        return titled.pop() if len(titled) == 1 else ""

    def _attacks(self, group: Group, form: str, worst: int) -> list[str]:
        claims = self._claims.get((group, form), {})
        best = [key for key, rank in claims.items() if rank <= worst]
        return best if len(best) == 1 else []


_FIRST: Final = 0
_SECOND: Final = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    group: Group
    names: tuple[str, ...]
    rank: int
    uuid: str = ""
    key: str = ""


class _Meta(msgspec.Struct):
    external_id: Any = None
    synonyms: Any = None


class _Value(msgspec.Struct):
    value: str
    uuid: str = ""
    meta: _Meta = msgspec.field(default_factory=_Meta)


class _Cluster(msgspec.Struct):
    values: list[_Value] = []


@cache
def packaged() -> Names:
    """The tables of the installed package, and the Korean names that the project wrote."""
    return Names(_entries())


def _entries() -> Iterator[_Entry]:
    korean = tomllib.loads(resources.files("katchi.overlap").joinpath("korean.toml").read_text(encoding="utf-8"))
    ours: dict[str, list[str]] = {each["id"]: each["names"] for each in korean["name"]}
    for table, group in _ATTACK:
        for value in _values(table):
            number = value.meta.external_id if isinstance(value.meta.external_id, str) else ""
            title = value.value.removesuffix(f" - {number}")
            names = (title, *_synonyms(value), *ours.pop(number, ()))
            yield _Entry(group, tuple(dict.fromkeys(names)), _FIRST, value.uuid, f"{group}:{number or value.uuid}")
    for number, names_of in ours.items():  # of what ATT&CK has no number for: the table's own name is the id
        kind, _, title = number.partition(":")
        yield _Entry(_group(kind), (title, *names_of), _FIRST, "", f"{kind}:{fold(title)}")
    for table, group in _OTHERS:
        for value in _values(table):
            yield _Entry(group, tuple(dict.fromkeys((value.value, *_synonyms(value)))), _SECOND, value.uuid)


def _group(text: str) -> Group:
    if text not in ("actor", "software", "campaign"):
        raise ValueError(f"{text} is no group of names")
    return text  # type: ignore[return-value]


def _values(table: str) -> list[_Value]:
    place = resources.files("pymispgalaxies").joinpath(f"data/misp-galaxy/clusters/{table}.json")
    return msgspec.json.decode(place.read_bytes(), type=_Cluster).values if place.is_file() else []


def _synonyms(value: _Value) -> list[str]:
    found = value.meta.synonyms
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
