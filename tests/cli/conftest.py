"""The command line as a person or a script uses it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from katchi.cli.app import app


@dataclass(frozen=True)
class Answer:
    """What one command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document of --json."""
        return json.loads(self.out)


class Katchi:
    """Runs `katchi` on one node's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: object, given: bytes = b"") -> Answer:
        """One command. A bug's traceback fails the test."""
        words = ["--node", str(self.folder), *(str(argument) for argument in arguments)]
        result = CliRunner(env={"LANG": "en_US.UTF-8", "LC_ALL": None}).invoke(
            app, words, input=given, catch_exceptions=False
        )
        return Answer(result.exit_code, result.stdout, result.stderr)

    def good(self, *arguments: object, given: bytes = b"") -> Answer:
        """One command that must end well."""
        answer = self(*arguments, given=given)
        assert answer.status == 0, answer.err or answer.out
        return answer

    def asked(self, *arguments: object, given: bytes = b"") -> Any:
        """The JSON document of one command that must end well."""
        return self.good("--json", *arguments, given=given).document


@pytest.fixture(scope="session")
def made_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that nobody has used yet; tests copy it, which is quicker than making one."""
    folder = tmp_path_factory.mktemp("made") / "node"
    Katchi(folder).good("init", "--name", "kr-cert", "--administrator", "kim")
    return folder


@pytest.fixture
def katchi(made_node: Path, tmp_path: Path) -> Katchi:
    """`katchi` on a fresh node."""
    folder = tmp_path / "node"
    shutil.copytree(made_node, folder)
    return Katchi(folder)


@pytest.fixture
def with_tool(katchi: Katchi, tmp_path: Path) -> Katchi:
    """A node with a partner, park-siem, whose tool may have what is at most TLP:GREEN."""
    katchi.good("partner", "add-tool", "park-siem")
    terms = tmp_path / "park.toml"
    terms.write_text(TERMS, encoding="utf-8")
    katchi.good("terms", "put", terms, "park-siem")
    return katchi


TERMS = """\
format = 1
partner = "park-siem"

[[withhold]]
name = "our victims"
naming = ["Nuri Bank"]

[[release]]
name = "green"
types = ["all"]
up-to = "green"
references = "drop"
"""
