"""Where each step of a run is, told from what was noted and ordered."""

from __future__ import annotations

import pytest

from katchi.node.progress import StepState, states
from katchi.node.responding import Asked
from katchi.respond.cacao import Command
from katchi.respond.machine import Order
from katchi.store.runs import NoteRow, OrderRow


def notes(text: str) -> list[NoteRow]:
    """`a` is entered, `a+` succeeded, `a-` failed."""
    what = {"+": "succeeded", "-": "failed"}
    return [
        NoteRow(place, place, what.get(word[-1], "entered"), word.strip("+-"), "")
        for place, word in enumerate(text.split())
    ]


def order(phase: str, reason: str = "") -> Asked:
    made = Order("k", "a", "a", Command(type="manual"), {}, None)
    return Asked(OrderRow("k", "r", 0, phase, b"", None, reason, 0), made, "p")


@pytest.mark.parametrize(
    ("said", "orders", "is_over", "state", "times"),
    [
        ("a", [], False, "running", 1),
        ("a", [order("asked")], False, "asked", 1),
        ("a", [order("done"), order("asked")], False, "asked", 1),
        ("a", [order("stopped")], True, "stopped", 1),
        ("a a+", [order("done", "said")], False, "succeeded", 1),
        ("a a-", [order("failed", "no access")], False, "failed", 1),
        ("a a+", [order("done", "elsewhere")], True, "elsewhere", 1),
        ("a a+", [order("done", "left-out"), order("done", "left-out")], True, "left-out", 1),
        ("a a+", [order("done", "left-out"), order("done")], True, "succeeded", 1),
        ("a a+ a a+ a", [order("done"), order("intended")], False, "running", 3),
        ("a a- a a+", [], False, "succeeded", 2),
    ],
)
def test_where_a_step_is(said: str, orders: list[Asked], is_over: bool, state: str, times: int) -> None:
    assert states(notes(said), orders, is_over=is_over) == {"a": StepState(state, times)}  # type: ignore[arg-type]


def test_what_was_never_begun_has_no_state() -> None:
    assert states([], [], is_over=True) == {}
