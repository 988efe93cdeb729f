"""What import-linter cannot see of the house's rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "katchi"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
NAMES_WITHOUT_A_HOME = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LONGEST_FUNCTION = 60


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}"


def parsed() -> Iterator[tuple[Path, ast.Module]]:
    for path in FILES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def test_only_policy_makes_a_release() -> None:
    makers = {"Released", "policy.Released", "ReleasedPage", "policy.ReleasedPage", "object.__new__"}
    found = [
        f"{place(path, call)} {name}"
        for path, tree in parsed()
        if path.relative_to(SOURCE).parts[0] != "policy"
        for call, name in calls(tree)
        if name in makers or name.endswith("released.seal")
    ]
    assert found == []


@pytest.mark.parametrize("floor", ["stix", "policy"])
def test_the_cores_look_at_no_clock_roll_no_dice_and_open_no_file(floor: str) -> None:
    forbidden = {"open", "print", "input"}
    modules = {"random", "secrets", "os"}
    clocks = {"time.time", "time.time_ns", "time.monotonic", "time.sleep"}
    found = [
        f"{place(path, call)} {name}"
        for path, tree in parsed()
        if path.relative_to(SOURCE).parts[0] == floor
        for call, name in calls(tree)
        if name in forbidden
        or name.partition(".")[0] in modules
        or name in clocks | {"datetime.now", "datetime.utcnow", "uuid.uuid4", "uuid.uuid1", "uuid4", "datetime.today"}
    ]
    assert found == []


def test_every_module_has_a_home_and_says_what_it_is_for() -> None:
    homeless = [
        path.name for path in FILES if path.stem in NAMES_WITHOUT_A_HOME or path.parent.name in NAMES_WITHOUT_A_HOME
    ]
    silent = [str(path.relative_to(SOURCE)) for path, tree in parsed() if not ast.get_docstring(tree)]
    assert (homeless, silent) == ([], [])


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for path, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{place(path, node)} {node.name}: {lines}")
    assert long == []


def test_public_classes_and_functions_say_what_they_are_for() -> None:
    silent = [
        f"{place(path, node)} {node.name}"
        for path, tree in parsed()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []
