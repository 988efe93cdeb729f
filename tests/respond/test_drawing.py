"""The picture of a workflow: everything is there once, nothing lies over anything, always the same."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from katchi.respond import cacao, library
from katchi.respond.cacao import Playbook, drawing
from katchi.respond.cacao.drawing import Box, Frame, Picture, TooDeepError
from tests.respond.pack import AGENT, CASES, build
from tests.respond.playbooks import name_of


def read(document: dict[str, Any]) -> Playbook:
    playbook, _ = cacao.check(json.dumps(document).encode())
    assert playbook is not None
    return playbook


def over(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width and other.x < one.x + one.width
        and one.y < other.y + other.height and other.y < one.y + one.height
    )  # fmt: skip


def within(one: Box | Frame, picture: Picture) -> bool:
    return (
        min(one.x, one.y) >= 0 and one.x + one.width <= picture.width and one.y + one.height <= picture.height
    )  # fmt: skip


def crosses(box: Box, start: tuple[int, int], end: tuple[int, int]) -> bool:
    """Whether a line, which is upright or level, goes through the inside of a box."""
    (x1, x2), (y1, y2) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return x1 < box.x + box.width and x2 > box.x and y1 < box.y + box.height and y2 > box.y


def require_good(playbook: Playbook, picture: Picture) -> None:
    boxes = [each for each in picture.boxes if not each.is_reference]
    drawn = [each.step for each in boxes if each.kind != "end"]
    assert sorted(drawn) == sorted(name for name, step in playbook.workflow.items() if step.type != "end")
    assert {each.step for each in boxes} == playbook.workflow.keys()
    assert not [(a, b) for a, b in itertools.combinations(picture.boxes, 2) if over(a, b)]
    assert all(within(each, picture) for each in picture.boxes)
    assert all(within(each, picture) for each in picture.frames)
    for line in picture.lines:
        assert all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in line.points)
        for start, end in itertools.pairwise(line.points):
            assert start[0] == end[0] or start[1] == end[1], line
            assert not [each for each in picture.boxes if crosses(each, start, end)], line


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_every_playbook_of_the_pack_has_its_picture(case: Any) -> None:
    playbook = read(build(case.name, case.lines, case.variables))
    require_good(playbook, drawing.draw(playbook))


@pytest.mark.parametrize("name", library.names())
def test_every_playbook_that_comes_along_has_its_picture(name: str) -> None:
    playbook, _ = cacao.check(library.document(name))
    assert playbook is not None
    require_good(playbook, drawing.draw(playbook))


SHARED = [
    ("oca/kestrel_openc2_hunting.json", 55), ("misp/malware_triage_with_misp.json", 28),
]  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("file", "steps"), SHARED)
def test_playbooks_of_others_have_their_pictures(shared_data: Path, file: str, steps: int) -> None:
    playbook, _ = cacao.check((shared_data / "cacao" / "examples" / file).read_bytes())
    assert playbook is not None
    assert len(playbook.workflow) == steps
    require_good(playbook, drawing.draw(playbook))


class Growing:
    """Builds workflows as people could have written them."""

    def __init__(self, choose: Any) -> None:
        self.choose, self.steps, self.count = choose, dict[str, dict[str, Any]](), 0

    def name(self, kind: str) -> str:
        self.count += 1
        return name_of(kind, str(self.count))

    def way(self, depth: int, after: str = "") -> str:
        """A few steps, then an end, or a step that comes after."""
        if not after:
            self.steps[after := self.name("end")] = {"type": "end"}
        for _ in range(self.choose(3)):
            after = self.step(depth, after)
        return after

    def step(self, depth: int, after: str) -> str:
        kind = ["action", "parallel", "if-condition", "while-condition", "switch-condition"][
            self.choose(4 if depth else 0)
        ]
        name, text = self.name(kind), ["", "x", "Ask the banks", "차단하고 지켜보기 " * 9, "w" * 90][self.choose(4)]
        step: dict[str, Any] = {"type": kind, "name": text, "on_completion": after}
        if kind == "action":
            step |= {"agent": AGENT, "commands": [{"type": "manual", "command": "do"}]}
        elif kind == "parallel":
            step["next_steps"] = [self.way(depth - 1) for _ in range(2 + self.choose(2))]
        elif kind == "switch-condition":
            step |= {"switch": "__x__:value", "cases": {f"{text}{n}": self.way(depth - 1) for n in range(3)}}
        else:
            step |= {"condition": "__x__:value = 'a'", "on_true": self.way(depth - 1)}
            if kind == "if-condition" and self.choose(1):
                step["on_false"] = step["on_true"] if self.choose(3) == 0 else self.way(depth - 1)
        failing = self.choose(3 if depth else 1)
        if failing:
            step |= {"on_success": step.pop("on_completion")}
            step["on_failure"] = after if failing == 1 else self.way(depth - 1, "" if failing == 2 else after)
        self.steps[name] = step
        return name

    def document(self) -> dict[str, Any]:
        first = self.way(2)
        start = self.name("start")
        self.steps[start] = {"type": "start", "on_completion": first}
        made = build("grown", "s: start then=e\ne: end", {"x": {"value": "a"}})
        made |= {"workflow": self.steps, "workflow_start": start}
        if self.choose(1):
            made["workflow_exception"] = self.way(1)
        return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_whatever_is_well_made_has_a_picture_that_can_be_read(data: st.DataObject) -> None:
    growing = Growing(lambda most: data.draw(st.integers(0, most)))
    playbook = read(growing.document())
    picture = drawing.draw(playbook)
    require_good(playbook, picture)
    assert picture == drawing.draw(playbook)


def test_a_failure_that_is_seen_to_comes_back_and_one_that_goes_elsewhere_says_where() -> None:
    lines = "s: start then=a\na: do ok=b fail=x\nb: do ok=c fail=y\nc: do then=e\nx: do then=b\ny: do then=x\ne: end"
    playbook = read(build("back", lines))
    picture = drawing.draw(playbook, {name: place for place, name in enumerate(playbook.workflow)})
    assert sum(each.kind == "failure" for each in picture.labels) == 2
    (elsewhere,) = [each for each in picture.boxes if each.is_reference]
    assert elsewhere.text == ("→ 4. x",)


def test_branches_carry_what_leads_into_them() -> None:
    lines = (
        "s: start then=i\ni: if when={__x__:value = '1'} yes=a no=b then=w\na: do then=e\nb: do then=f\n"
        "w: while when={__x__:value = '1'} yes=c then=k\nc: do then=g\n"
        "k: switch switch=x cases=one>d,default>h then=z\nd: do then=h\ne: end\nf: end\ng: end\nh: end\nz: end"
    )
    picture = drawing.draw(read(build("branches", lines, {"x": {"value": "1"}})))
    labels = [(each.kind, each.text) for each in picture.labels]
    assert labels == [("yes", ""), ("no", ""), ("round", ""), ("case", "one"), ("case", "default")]
    assert [each.kind for each in picture.lines].count("back") == 1


def test_a_workflow_with_errors_is_drawn_as_far_as_it_goes() -> None:
    document = build("odd", "s: start then=a\na: do then=b\nb: do then=a\nc: do then=a")
    first, *_ = document["workflow"]
    playbook = read(document)
    picture = drawing.draw(playbook)
    assert [each.is_reference for each in picture.boxes] == [False, False, False, True]
    gone = msgspec.structs.replace(playbook, workflow_start="start--nowhere")
    assert drawing.draw(gone).boxes == ()
    assert first in {each.step for each in picture.boxes}


def test_things_in_things_without_end_are_no_picture() -> None:
    lines = ["s: start then=i0"]
    lines += [f"i{n}: if when={{__x__:value = '1'}} yes=i{n + 1} then=e{n}\ne{n}: end" for n in range(99)]
    lines += ["i99: do then=f", "f: end"]
    playbook = read(build("deep", "\n".join(lines), {"x": {"value": "1"}}))
    with pytest.raises(TooDeepError):
        drawing.draw(playbook)
