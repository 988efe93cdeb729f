"""Pictures of workflows as pages have them: each step a link to its row, with its state where it belongs to a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from katchi.node.playbooks import numbered
from katchi.node.progress import StepState
from katchi.respond.cacao import Playbook, drawing
from katchi.respond.cacao.drawing import Box, Line, Picture, TooDeepError
from katchi.web.language import Language
from katchi.web.pages.shown import rendered

MARKS = {
    "running": "▶", "asked": "!", "succeeded": "✓", "failed": "✗", "elsewhere": "⇢", "left-out": "–", "stopped": "■",
}  # fmt: skip
"""What stands in a step's corner, for those who do not see colours."""
_TEXT, _FIRST, _PAD = 18, 23, 14


@dataclass(frozen=True, slots=True)
class Shape:
    """A step as it is drawn: its outline, its lines of text with their places, where it leads, how far it is."""

    box: Box
    name: str
    outline: str
    text: tuple[tuple[int, int, str], ...]
    note: tuple[tuple[int, int, str], ...]
    href: str
    state: str
    mark: str
    times: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture for a page; without `picture` it is too deep to be drawn. `key` tells it from others of the page."""

    key: str
    name: str
    picture: Picture | None
    shapes: tuple[Shape, ...] = ()
    lines: tuple[tuple[str, str, str], ...] = ()
    """(kind, path, outline of the arrow head)"""


def drawn(
    playbook: Playbook, *, page: str = "", states: Mapping[str, StepState] | None = None, key: str = "0"
) -> Drawn:  # fmt: skip
    """The picture of a playbook. `page` has the rows to which steps lead: "" is the page itself, "-" is none."""
    try:
        picture = drawing.draw(playbook, numbered(playbook))
    except TooDeepError:
        return Drawn(key, playbook.name, None)
    shapes = tuple(_shape(playbook, each, page, (states or {}).get(each.step), key) for each in picture.boxes)
    return Drawn(key, playbook.name, picture, shapes, tuple(_line(each) for each in picture.lines))


def svg_file(playbook: Playbook, language: Language) -> str:
    """The picture as a file of its own, which has its style in itself. Raises TooDeepError."""
    drawing.draw(playbook)
    return rendered("workflow-file.svg", language, drawn=drawn(playbook, page="-"), style=_style())


def _style() -> str:
    """The rules of our style sheet that pictures need."""
    sheet = resources.files("katchi.web").joinpath("static/katchi.css").read_text(encoding="utf-8")
    return "\n".join(line for line in sheet.splitlines() if ":root" in line or line.startswith("svg.workflow"))


def _shape(playbook: Playbook, box: Box, page: str, state: StepState | None, key: str) -> Shape:
    step = playbook.workflow[box.step]
    href = f"{page}#step-{key}-{box.number}" if box.number and page != "-" else ""
    x, y = box.x + _PAD, box.y + (_FIRST if not box.is_reference else 20)
    lines = max(1, len(box.text))
    is_shown = state is not None and not box.is_reference
    return Shape(
        box, drawing.plain(step.name), _outline(box),
        tuple((x, y + place * _TEXT, text) for place, text in enumerate(box.text)),
        tuple((x, y + lines * _TEXT + place * 16 - 2, text) for place, text in enumerate(box.note)),
        href, state.state if state and is_shown else "", MARKS[state.state] if state and is_shown else "",
        state.times if state and is_shown else 0,
    )  # fmt: skip


def _outline(box: Box) -> str:
    """Ends are circles, starts are round, conditions have cut corners, all else is a rectangle."""
    left, top, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    if box.kind in ("end", "start") and not box.is_reference:
        r = min(box.width, box.height) // 2
        side = f"A{r} {r} 0 0 1"
        return f"M{left + r} {top}H{right - r}{side} {right - r} {bottom}H{left + r}{side} {left + r} {top}Z"
    cut = 10 if box.kind.endswith("-condition") and not box.is_reference else 0
    return (
        f"M{left + cut} {top}H{right - cut}L{right} {top + cut}V{bottom - cut}L{right - cut} {bottom}"
        f"H{left + cut}L{left} {bottom - cut}V{top + cut}Z"
    )


def _line(line: Line) -> tuple[str, str, str]:
    path = "M" + "L".join(f"{x} {y}" for x, y in line.points)
    x, y = line.points[-1]
    heads = {"down": f"M{x} {y}l-5 -8h10Z", "right": f"M{x} {y}l-8 -5v10Z", "": ""}
    return line.kind, path, heads[line.arrow]
