"""A workflow as a picture: where each step, line and word stands. Nothing here knows colours, languages or SVG.

CACAO workflows are structured: what a step branches into comes back to it. So a picture is laid out by recursion. Steps
go downwards; what a step branches into stands in a frame below it, side by side; what follows a failure stands to its
right. Each thing keeps to its own room, so nothing lies over anything else. A way that leads to a step which has its
place already ends in a reference to it, and an end is drawn wherever a way ends.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from katchi.errors import KatchiError
from katchi.respond.cacao.playbook import Playbook, Step

WIDTH: Final = 216  # of a step
DEEPEST: Final = 60  # things in things; deeper is no picture any more
_SPACE_X, _SPACE_Y = 28, 30
_PAD, _CORNER = 14, 18  # round the text; for a mark in the upper right corner
_TEXT, _NOTE = 18, 16  # line heights
_END: Final = 14
_FRAME, _LOOP = 14, 22
_UNDER = 18  # so far a frame reaches up behind its step
_LABEL = 84  # room for what is said at a way
_MARGIN: Final = 16

LineKind = Literal["next", "failure", "back"]
Arrow = Literal["down", "right", ""]
LabelKind = Literal["yes", "no", "round", "case", "failure", "exception"]


class TooDeepError(KatchiError):
    """The workflow is nested too deeply for a picture."""

    code = "too-deep"


@dataclass(frozen=True, slots=True)
class Box:
    """A step. Without `text` it has no name. `is_reference` stands for a step whose box is elsewhere."""

    step: str
    kind: str
    number: int
    x: int
    y: int
    width: int
    height: int
    text: tuple[str, ...] = ()
    note: tuple[str, ...] = ()
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Round what a step branches into, or, without a step, round the handler of exceptions."""

    step: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """From one to another; `arrow` is the way in which it comes in."""

    kind: LineKind
    points: tuple[tuple[int, int], ...]
    arrow: Arrow = "down"


@dataclass(frozen=True, slots=True)
class Label:
    """What is said at a line: which way this is; `text` is of a case."""

    kind: LabelKind
    x: int
    y: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it, in units of which a text line has about 18."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    frames: tuple[Frame, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]


def draw(playbook: Playbook, numbers: Mapping[str, int] | None = None) -> Picture:
    """The picture of a playbook's workflow, also of one that has errors. `numbers` are those of its steps in a list.

    The same playbook always makes the same picture. Raises TooDeepError.
    """
    made = _Drawer(playbook, numbers or {})
    whole = made.way(playbook.workflow_start, "", 0)
    if playbook.workflow_exception in playbook.workflow:
        whole.near(made.exception())
    dx, dy = _MARGIN - whole.left, _MARGIN
    placed = _Block()
    placed.put(whole, dx, dy)
    return Picture(
        whole.right - whole.left + 2 * _MARGIN, whole.height + 2 * _MARGIN, tuple(placed.boxes), tuple(placed.frames),
        tuple(placed.lines), tuple(placed.labels),
    )  # fmt: skip


@dataclass(slots=True)
class _Block:
    """A part of the picture, round a middle line of its own, x = 0."""

    left: int = 0
    right: int = 0
    height: int = 0
    main: int = 0  # the height of what stands on the middle line
    boxes: list[Box] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    joins: bool = False  # its middle line leads into what its maker said
    failure: tuple[int, int] | None = None  # where a failure that was seen to comes back to the middle line

    def put(self, other: _Block, dx: int, dy: int) -> None:
        """Takes another one in, moved."""
        self.boxes += [replace(each, x=each.x + dx, y=each.y + dy) for each in other.boxes]
        self.frames += [replace(each, x=each.x + dx, y=each.y + dy) for each in other.frames]
        self.labels += [replace(each, x=each.x + dx, y=each.y + dy) for each in other.labels]
        self.lines += [
            replace(each, points=tuple((x + dx, y + dy) for x, y in each.points)) for each in other.lines
        ]  # fmt: skip
        self.left, self.right = min(self.left, other.left + dx), max(self.right, other.right + dx)
        self.height = max(self.height, other.height + dy)

    def near(self, other: _Block) -> None:
        """Takes another one in: to the right of all, or below where one would have to look for it there."""
        if self.right - self.left < 3 * WIDTH:
            self.put(other, self.right + 2 * _SPACE_X - other.left, 0)
        else:
            self.put(other, self.left - other.left, self.height + _SPACE_Y)


class _Drawer:
    def __init__(self, playbook: Playbook, numbers: Mapping[str, int]) -> None:
        self.playbook, self.steps, self.numbers = playbook, playbook.workflow, numbers
        self.placed: set[str] = set()

    def way(self, entry: str, into: str, depth: int) -> _Block:
        """From a step down to an end, to a step that is placed already, or to `into`, where the caller goes on."""
        if depth > DEEPEST:
            raise TooDeepError("The workflow is nested too deeply for a picture.", expected=f"{DEEPEST} at most")
        names, rest = self._chain(entry, into)
        made, y, at = _Block(joins=bool(into) and rest == into), 0, 0
        parts = [self._part(name, [*names, rest][place + 1], depth) for place, name in enumerate(names)]
        if rest and not made.joins:
            parts.append(self._reference(rest))
        failure: tuple[int, int] | None = None
        for place, part in enumerate(parts):
            if place:
                y += _SPACE_Y
                made.lines.append(Line("next", ((0, at), (0, y))))
                if failure:
                    x, bottom = failure
                    made.lines.append(
                        Line("failure", ((x, bottom), (x, y - _SPACE_Y // 2), (0, y - _SPACE_Y // 2)), "")
                    )
            made.put(part, 0, y)
            at = y + part.main
            failure = (part.failure[0], y + part.failure[1]) if part.failure else None
            y += part.height
        if made.joins and parts:
            made.lines.append(Line("next", ((0, at), (0, y)), ""))
            if failure:
                made.lines.append(Line("failure", (failure, (failure[0], y), (0, y)), ""))
        made.main = y if made.joins else at
        return made

    def exception(self) -> _Block:
        """The handler of failures that nothing else takes care of."""
        inner = self.way(self.playbook.workflow_exception, "", 0)
        made = _Block()
        made.put(inner, 0, _FRAME + _TEXT)
        made.labels.append(Label("exception", made.left, _TEXT))
        made.frames.append(_frame("", made, 0, _FRAME))
        return _grown(made, _FRAME)

    def _chain(self, entry: str, into: str) -> tuple[list[str], str]:
        """The steps one below the other that are to be placed here, and where that goes on, if it does."""
        names: list[str] = []
        name = entry
        while name in self.steps and name != into:
            is_end = self.steps[name].type == "end"
            if name in self.placed and not is_end:
                return names, name
            self.placed.add(name)
            names.append(name)
            if is_end:
                return names, ""
            name = self.steps[name].after
        return names, name if name in self.steps else ""

    def _part(self, name: str, after: str, depth: int) -> _Block:
        """A step with all that it branches into and what follows its failure; `after` is what comes below it."""
        made = self._box(name)
        box = made.boxes[0]
        step = self.steps[name]
        ways = [(member, other) for member, other in step.branches if other in self.steps]
        if ways:
            self._branch(made, name, step, ways, depth)
        made.main = made.height
        if step.on_failure in self.steps:
            other = self.way(step.on_failure, after, depth + 1)
            middle = min(box.height // 2, box.height - _UNDER - 10)  # above the frame
            x, y = made.right + max(_SPACE_X - other.left, _LABEL), middle + _SPACE_Y
            is_there = bool(other.boxes)
            points = ((box.x + box.width, middle), (x, middle), (x, y))
            made.lines.append(Line("failure", points, "down" if is_there else ""))
            made.labels.append(Label("failure", box.x + box.width + 6, middle - 6))
            made.put(other, x, y)
            made.right = max(made.right, x + _SPACE_X)
            if other.joins:
                made.lines.append(Line("failure", ((x, y + other.main), (x, made.height)), ""))
                made.failure = (x, made.height)
        return made

    def _branch(self, made: _Block, name: str, step: Step, ways: Iterable[tuple[str, str]], depth: int) -> None:
        box = made.boxes[0]
        inner = [(member, self.way(other, "", depth + 1)) for member, other in ways]
        room = _FRAME + (_LOOP if step.type == "while-condition" else 0)
        places, x = [], 0
        for _, each in inner:
            each.right = max(each.right, _LABEL if step.type != "parallel" else 0)
            places.append(x - each.left)
            x = places[-1] + each.right + _SPACE_X
        middle = places[0]  # the first branch stays on the line, so that the way down is what one sees first
        top, bus = box.height + _SPACE_Y + _TEXT, box.height + 12
        framed = _Block()
        for (member, each), place in zip(inner, places, strict=True):
            at = place - middle
            framed.put(each, at, top)
            made.lines.append(Line("next", ((0, box.height), (0, bus), (at, bus), (at, top))))
            made.labels += _label(member, step, at + 7, bus + _TEXT)
        framed.left, framed.right = min(framed.left, box.x), max(framed.right, box.x + box.width)
        made.frames.append(_frame(name, framed, box.height - _UNDER, room))
        if step.type == "while-condition":
            last, left = framed.boxes[-1], framed.left - room + 12
            if last.kind == "end":
                back, again = last.y + last.height // 2, box.height - _UNDER + 6
                points = ((last.x, back), (left, back), (left, again), (box.x, again))
                made.lines.append(Line("back", points, "right"))
        made.put(_grown(framed, room), 0, 0)

    def _box(self, name: str) -> _Block:
        step = self.steps[name]
        if step.type == "end":
            box = Box(name, "end", 0, -_END, 0, 2 * _END, 2 * _END)
        else:
            number = self.numbers.get(name, 0)
            text = _wrapped(f"{number}. {step.name}" if number and step.name else step.name, 4)
            note = _wrapped(_note(self.playbook, step), 3 if step.condition else 1)
            height = 2 * 10 + _TEXT * max(1, len(text)) + _NOTE * len(note)
            box = Box(name, step.type, number, -WIDTH // 2, 0, WIDTH, height, text, note)
        return _around(box)

    def _reference(self, name: str) -> _Block:
        step, number = self.steps[name], self.numbers.get(name, 0)
        text = _wrapped(f"→ {number}. {step.name}" if number else f"→ {step.name or step.type}", 1)
        box = Box(name, step.type, number, -WIDTH // 2, 0, WIDTH, 2 * 7 + _TEXT, text, is_reference=True)
        return _around(box)


def _around(box: Box) -> _Block:
    return _Block(box.x, box.x + box.width, box.height, box.height, [box])


def _frame(step: str, inner: _Block, top: int, room: int) -> Frame:
    width, height = inner.right - inner.left + 2 * room, inner.height + _FRAME - top
    return Frame(step, inner.left - room, top, width, height)


def _grown(inner: _Block, room: int) -> _Block:
    inner.left, inner.right, inner.height = inner.left - room, inner.right + room, inner.height + _FRAME
    return inner


def _label(member: str, step: Step, x: int, y: int) -> list[Label]:
    if step.type == "while-condition":
        return [Label("round", x, y)]
    if step.type == "if-condition":
        return [Label("yes" if member == "on_true" else "no", x, y)]
    if step.type == "switch-condition":
        return [Label("case", x, y, _shortened(member.removeprefix("cases."), _LABEL))]
    return []


def _note(playbook: Playbook, step: Step) -> str:
    """The one thing that one wants to know of a step beside its name."""
    if step.type == "action":
        return str(playbook.agent_definitions.get(step.agent, {}).get("name", ""))
    return step.condition or step.switch or step.playbook_id


# ---- words -----------------------------------------------------------------------------------------------


def _width(mark: str) -> float:
    """About how wide a letter is at 13 px, whatever the font."""
    if unicodedata.east_asian_width(mark) in "WF":
        return 13.0
    if mark in " iljtfIr.,:;'|!()[]":
        return 5.0
    return 9.4 if mark.isupper() or mark in "mw@%—…" else 7.6


def plain(text: str) -> str:
    """A text in one line, without what no font shows or what turns others round."""
    return " ".join("".join(mark for mark in text if mark.isprintable() or mark.isspace()).split())


def _shortened(text: str, room: float) -> str:
    """As much as there is room for."""
    text = plain(text[:400])
    if sum(map(_width, text)) <= room:
        return text
    kept, used = "", _width("…")
    for mark in text:
        used += _width(mark)
        if used > room:
            break
        kept += mark
    return f"{kept.rstrip()}…"


def _wrapped(text: str, most: int) -> tuple[str, ...]:
    """In lines that fit into a box, `most` at most; what is left over is cut off."""
    room = WIDTH - 2 * _PAD - _CORNER
    lines: list[str] = []
    rest = plain(text[:400])
    while rest and len(lines) < most:
        if len(lines) == most - 1 or sum(map(_width, rest)) <= room:
            lines.append(_shortened(rest, room))
            break
        cut, used = 0, 0.0
        for mark in rest:
            used += _width(mark)
            if used > room:
                break
            cut += 1
        space = rest.rfind(" ", 1, cut + 1)
        cut = space if space > cut // 2 else max(1, cut)
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return tuple(lines)
