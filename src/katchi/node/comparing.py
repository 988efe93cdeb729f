"""Two things beside each other: what both have, and what only one of them has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from katchi.node.portrait import Portrait, portrait
from katchi.node.wiring import Node


@dataclass(frozen=True, slots=True)
class Line:
    """One aspect: its values, each once, in order."""

    aspect: str
    both: Sequence[str]
    only_one: Sequence[str]
    only_other: Sequence[str]

    @property
    def likeness(self) -> float | None:
        """Shared of all (Jaccard's index); None where there is nothing."""
        total = len(self.both) + len(self.only_one) + len(self.only_other)
        return len(self.both) / total if total else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two things. `objects` are ids of objects that speak of both."""

    one: Portrait
    other: Portrait
    lines: Sequence[Line]
    objects: Sequence[tuple[str, str]]  # id, name

    @property
    def are_one(self) -> bool:
        """Whether both names mean the same thing."""
        return self.one.root == self.other.root


def compare(node: Node, key: str, other: str) -> Comparison:
    """Two things by keys of theirs."""
    first, second = portrait(node, key), portrait(node, other)
    aspects = [
        ("sources", _sources(first), _sources(second)),
        ("authors", _authors(first), _authors(second)),
        ("names", _names(first), _names(second)),
        ("techniques", _techniques(first), _techniques(second)),
        ("neighbours", _neighbours(first, second.root), _neighbours(second, first.root)),
        ("warning lists", _lists(first), _lists(second)),
        ("released to", _partners(first), _partners(second)),
    ]
    there = {said.hit.object_id for said in second.said}
    shared = {said.hit.object_id: said.hit.name for said in first.said if said.hit.object_id in there}
    return Comparison(first, second, [_line(*each) for each in aspects], list(shared.items()))


def _line(aspect: str, one: Iterable[str], other: Iterable[str]) -> Line:
    first, second = dict.fromkeys(one), dict.fromkeys(other)
    return Line(
        aspect, [each for each in first if each in second], [each for each in first if each not in second],
        [each for each in second if each not in first],
    )  # fmt: skip


def _sources(shown: Portrait) -> list[str]:
    return sorted({said.hit.origin for said in shown.said})


def _authors(shown: Portrait) -> list[str]:
    return sorted({said.author for said in shown.said if said.author})


def _names(shown: Portrait) -> list[str]:
    written = [said.hit.name for said in shown.said if ":name:" in shown.root or shown.identity]
    return [*(shown.identity.names if shown.identity else ()), *written]


def _techniques(shown: Portrait) -> list[str]:
    return sorted({each.other.name for _, found in shown.matrix for each in found})


def _neighbours(shown: Portrait, but: str) -> list[str]:
    linked = [key for _, _, key in shown.linked]
    related = [each.other.name for each in shown.relations if not each.tactics and each.key != but]
    return list(dict.fromkeys([*(key for key in linked if key != but), *related]))


def _lists(shown: Portrait) -> list[str]:
    return [info.title for _, info in shown.lists]


def _partners(shown: Portrait) -> list[str]:
    return [name for name, _ in shown.releases]
