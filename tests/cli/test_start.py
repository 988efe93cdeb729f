"""What docs/start.md says is what happens: its commands are run as they stand there."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.node.wiring import Node, open_node
from katchi.web.serve import serving
from tests.cli.conftest import Katchi
from tests.conftest import ROOT
from tests.nodes import free_port, until

START = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
WENT = "indicator--7d0c1f0e-4b1f-4c56-9f0a-0d7a53b2a011"


def _statements() -> Iterator[str]:
    """The page's commands; a here-document is one with its lines."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", START, re.DOTALL | re.MULTILINE))
    for written in ("8471", "8472"):
        blocks = blocks.replace(written, str(free_port()))
    yield from (found[0] for found in re.finditer(r"^.*<<'(\w+)'\n(?:.*\n)*?\1$|^.+$", blocks, re.MULTILINE))


class Typist:
    """Types the page's commands in one folder, at both nodes."""

    def __init__(self, folder: Path, open_until: contextlib.ExitStack) -> None:
        self._folder = folder
        self._open = open_until
        self._served: dict[str, Node] = {}
        self.printed: dict[str, str] = {}

    def type(self, statement: str) -> None:
        """One command, with what its person does besides."""
        if statement.endswith(" serve &"):
            self._serve(shlex.split(statement)[2])
        elif statement.startswith("katchi "):
            self._katchi(statement)
        else:
            subprocess.run(["bash", "-euc", statement], cwd=self._folder, check=True)

    def _serve(self, folder: str) -> None:
        node = self._open.enter_context(open_node(self._folder / folder))
        self._open.enter_context(serving(node))
        self._served[folder] = node

    def _katchi(self, statement: str) -> None:
        if " search " in statement:  # a person is slower than the exchange; this is not
            us, kr = self._served["us"], self._served["kr"]
            until(lambda: bool(us.store.log.versions(WENT)))
            until(lambda: kr.store.releases.flows()["us-cert"].waiting == 0)
        words = shlex.split(statement)[1:]
        if "confirm" in words:  # the words were read out on the telephone
            words.append("--yes")
        self.printed[statement] = Katchi(Path("unused")).good(*words).out


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each of the page's commands printed."""
    folder = tmp_path_factory.mktemp("start")
    with contextlib.ExitStack() as stack, contextlib.chdir(folder):
        typist = Typist(folder, stack)
        for statement in _statements():
            typist.type(statement)
        yield typist.printed


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("kr init", "Node kr-cert is ready in kr."),
        ("partner join", "both sides must see the same:"),
        ("partner confirm us-cert", "us-cert is now active."),
        ("terms check", "for-us.toml: good terms for us-cert"),
        ("terms put", "Terms for us-cert are in force (no. 1"),
        ("import", "wiper.json: 3 objects: 3 new, 0 already held, 0 refused"),
        ("search", "Control server of the wiper"),
        ("explain indicator--7d0c1f0e-4b1f-4c56-9f0a-0d7a53b2a012", "stays; us-cert does not get it."),
        ("explain indicator--7d0c1f0e-4b1f-4c56-9f0a-0d7a53b2a013", "our victims"),
        ("terms try", "Released now: 2; under these terms: 2."),
        ("ledger show", WENT),
        ("reconcile", "Both books agree"),
        ("kr ledger verify", "Intact:"),
        ("check-proof", f"release of {WENT} to us-cert"),
        ("suspend", "us-cert is now suspended."),
        ("resume", "us-cert is now active."),
    ],
)
def test_the_page_says_what_happens(printed: dict[str, str], command: str, words: str) -> None:
    (answer,) = [out for statement, out in printed.items() if command in statement]
    assert words in answer


def test_what_must_stay_stayed(printed: dict[str, str]) -> None:
    (found,) = [out for statement, out in printed.items() if " search " in statement]
    assert "Still being watched" not in found
    assert "Nuri Bank" not in found
