"""Every reason that the policy can give is in the table from which the edge takes its sentences."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import katchi.policy
from katchi.policy import REASON_CODES, STEP_CODES
from katchi.policy.reasons import describe


def given(function: str) -> Iterator[str]:
    """The first argument of every call of `function` in the package, where it is written out."""
    for path in Path(katchi.policy.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                first = node.args[0]
                if name == function and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def test_every_reason_is_in_the_table_and_every_one_in_the_table_is_given() -> None:
    computed = {"tlp-too-strict", "forwarding-too-strict"}  # one or the other, by a condition
    assert set(given("Withheld")) | computed == REASON_CODES


def test_every_step_is_in_the_table() -> None:
    assert set(given("note")) | set(given("Step")) <= STEP_CODES


def test_every_code_says_what_it_means() -> None:
    assert all(describe(code) for code in STEP_CODES)
