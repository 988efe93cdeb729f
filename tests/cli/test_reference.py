"""docs/reference/cli.md speaks of every command, and of no other."""

from __future__ import annotations

import re

from typer.main import get_command

from katchi.cli.app import app
from tests.conftest import ROOT

REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def _commands() -> set[str]:
    root = get_command(app)
    found = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        found |= {f"{name} {each}" for each in below} if below else {name}
    return found


def test_every_command_is_explained_and_no_other() -> None:
    headings = " ".join(line for line in REFERENCE.splitlines() if line.startswith("### `"))
    explained = re.findall(r"`katchi ([a-z]+(?: [a-z][a-z-]+)?)", headings)
    nouns = {name.split()[0] for name in _commands() if " " in name}
    assert {name if name.split()[0] in nouns else name.split()[0] for name in explained} == _commands()


def test_every_exit_code_is_explained() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", REFERENCE, re.MULTILINE)] == [0, 1, 2, 3, 4, 5, 130]


def test_links_lead_somewhere() -> None:
    for page in ("docs/reference/cli.md", "docs/start.md"):
        path = ROOT / page
        for target in re.findall(r"\]\(([^)#]+?\.md)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), (page, target)
