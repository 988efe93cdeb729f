"""Responses on a node that is killed wherever a crash could be: everything once, nothing lost, nothing stuck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_killed_anywhere_a_response_is_as_if_nobody_had_been_killed(tmp_path: Path, killed_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.node.killing_responses", str(tmp_path / "kr"), killed_url], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout.split()
    assert int(said[2]) > 30
    assert done.stdout.endswith("0 wrong\n")


def test_killed_anywhere_no_service_is_asked_twice(tmp_path: Path, killed_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.node.killing_calls", str(tmp_path / "kr"), killed_url], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout.split()
    assert int(said[2]) > 20
    assert int(said[4]) > 1
    assert done.stdout.endswith("0 wrong\n")
