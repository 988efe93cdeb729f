"""A thing and its neighbours as a picture whose every part is a link; neighbours open to show theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from katchi.node.portrait import Portrait

MOST_OPEN: Final = 6
_NEIGHBOURS: Final = 16
_OF_A_NEIGHBOUR: Final = 8
_WIDTH: Final = 1100
_FEW: Final = 4


@dataclass(frozen=True, slots=True)
class _Size:
    """Half axes of the rings of neighbours and of theirs, and the height of the whole."""

    inner: tuple[int, int]
    outer: tuple[int, int]
    height: int


_SMALL: Final = _Size((260, 70), (0, 0), 220)
_PLAIN: Final = _Size((400, 150), (0, 0), 380)
_OPENED: Final = _Size((250, 150), (460, 290), 680)


@dataclass(frozen=True, slots=True)
class Spot:
    """One thing or object, in the picture's own units. `toggle` opens or closes it; empty where it is no thing."""

    x: int
    y: int
    name: str
    what: str
    kind: str
    href: str
    toggle: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two spots, and what relates them."""

    x1: int
    y1: int
    x2: int
    y2: int
    what: str


@dataclass(slots=True)
class Graph:
    """All of it; `left_out` counts the neighbours that found no place."""

    width: int
    height: int
    centre: tuple[int, int]
    spots: list[Spot] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Neighbour:
    name: str
    what: str
    kind: str
    key: str  # "" where it is no thing
    object_id: str

    @property
    def mark(self) -> str:
        return self.key or self.object_id


def graph_of(shown: Portrait, opened: Sequence[Portrait]) -> Graph:
    """`opened` are those of its neighbours that show theirs."""
    by_root = {each.root: each for each in opened}
    around = sorted(_neighbours(shown), key=lambda each: each.key not in by_root)
    size = _OPENED if by_root else _SMALL if len(around) <= _FEW else _PLAIN
    made = Graph(_WIDTH, size.height, (_WIDTH // 2, size.height // 2), left_out=max(0, len(around) - _NEIGHBOURS))
    around = _apart(around[:_NEIGHBOURS], sum(each.key in by_root for each in around))
    places: dict[str, tuple[int, int]] = {shown.root: made.centre}
    turns = {each.mark: 2 * math.pi * place / len(around) - math.pi / 2 for place, each in enumerate(around)}
    for each in around:
        places[each.mark] = _at(made.centre, size.inner, turns[each.mark])
        made.edges.append(Edge(*made.centre, *places[each.mark], each.what))
        made.spots.append(_spot(places[each.mark], each, shown.root, list(by_root)))
    for each in around:
        if each.key in by_root:
            _fan(made, shown.root, by_root[each.key], turns[each.mark], places, list(by_root))
    return made


def _apart(around: list[_Neighbour], opened: int) -> list[_Neighbour]:
    """With the opened ones, which come first, as far from each other as can be: theirs need room."""
    if opened < 2:
        return around
    rest, step = around[opened:], max(1, len(around) // opened)
    found: list[_Neighbour] = []
    for each in around[:opened]:
        found += [each, *rest[: step - 1]]
        rest = rest[step - 1 :]
    return found + rest


def _fan(
    made: Graph, root: str, opened: Portrait, turn: float, places: dict[str, tuple[int, int]], all_open: list[str]
) -> None:
    """Places the neighbours of a neighbour behind it; those that have their place already get a line."""
    theirs = [each for each in _neighbours(opened) if each.mark != root]
    fresh = [each for each in theirs if each.mark not in places]
    made.left_out += max(0, len(fresh) - _OF_A_NEIGHBOUR)
    fresh = fresh[:_OF_A_NEIGHBOUR]
    spread = math.pi / 2 if len(all_open) > 1 else 0.8 * math.pi
    start = places[opened.root]
    for place, each in enumerate(fresh):
        share = (place + 0.5) / len(fresh) - 0.5
        wide, high = _OPENED.outer
        nearer = 0.82 if place % 2 else 1  # so that names do not run into each other
        places[each.mark] = _at(made.centre, (round(nearer * wide), round(nearer * high)), turn + spread * share)
        made.spots.append(_spot(places[each.mark], each, root, all_open))
    for each in theirs:
        if each.mark in places:
            made.edges.append(Edge(*start, *places[each.mark], each.what))


def _neighbours(shown: Portrait) -> list[_Neighbour]:
    found = [
        _Neighbour(scored.row.name if scored else key, how, key.partition(":")[0], key, "")
        for how, scored, key in shown.linked
    ]
    found += [
        _Neighbour(each.other.name, each.what, each.other.type, each.key, each.other.object_id)
        for each in shown.relations
    ]
    return list({each.mark: each for each in reversed(found) if each.mark != shown.root}.values())[::-1]


def _at(centre: tuple[int, int], radius: tuple[int, int], turn: float) -> tuple[int, int]:
    return round(centre[0] + radius[0] * math.cos(turn)), round(centre[1] + radius[1] * math.sin(turn))


def _spot(at: tuple[int, int], each: _Neighbour, root: str, opened: list[str]) -> Spot:
    short = each.name if len(each.name) <= 22 else each.name[:21] + "…"
    is_open = each.key in opened
    after = [key for key in opened if key != each.key] if is_open else [*opened, each.key][-MOST_OPEN:]
    toggle = f"/thing?{urlencode([('key', root), *(('open', key) for key in after)])}#graph" if each.key else ""
    href = f"/thing?{urlencode({'key': each.key})}" if each.key else f"/objects/{each.object_id}"
    return Spot(*at, short, each.what, each.kind, href, toggle, is_open)
