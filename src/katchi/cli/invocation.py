"""One call of the command line: which node, which language, for a person or for a script."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from katchi.cli import printing, words
from katchi.cli.words import Language
from katchi.errors import Diagnostic

if TYPE_CHECKING:
    from katchi.node.wiring import Node

DEFAULT_FOLDER = Path("katchi-node")


@dataclass(slots=True)
class Invocation:
    """What the options before the command say. `language` follows the node's until somebody asks for one."""

    folder: Path = DEFAULT_FOLDER
    as_json: bool = False
    is_quiet: bool = False
    asked_language: Language | None = None
    node_language: Language | None = None
    has_answered: bool = False

    @property
    def language(self) -> Language:
        """The language of messages: asked for, else the node's, else the shell's."""
        return self.asked_language or self.node_language or words.language_of_shell()

    @contextmanager
    def node(self) -> Iterator[Node]:
        """The node in the folder, opened. Raises NoNodeError, SettingsError or SchemaMismatchError."""
        # Imported here, as everywhere on this floor: `katchi --help` should not load a database driver.
        from katchi.node.wiring import open_node

        with open_node(self.folder) as node:
            self.node_language = node.settings.language
            yield node

    def word(self, key: str, /, **values: object) -> str:
        """One sentence in the language of messages."""
        return words.sentence(key, self.language, **{name: printing.safe(value) for name, value in values.items()})

    def say(self, key: str, /, **values: object) -> None:
        """Prints one sentence; not in --json, not with --quiet."""
        if not self.as_json and not self.is_quiet:
            printing.write([self.word(key, **values)], sys.stdout)

    def tell(self, text: str) -> None:
        """Prints what was asked for, which --quiet does not silence; the text must be safe."""
        if not self.as_json:
            printing.write([text], sys.stdout)

    def warn(self, key: str, /, **values: object) -> None:
        """Prints one sentence where errors go."""
        if not self.as_json:
            printing.write([self.word(key, **values)], sys.stderr)

    def answer(self, document: object) -> None:
        """Prints the one JSON document, if that is what was asked for; a second one would break the first."""
        if self.as_json and not self.has_answered:
            self.has_answered = True
            sys.stdout.buffer.write(printing.document(document))
            sys.stdout.flush()

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
        """Prints a table with headings in the language of messages; nothing for no rows."""
        if rows and not self.as_json:
            printing.table([self.word(f"col-{heading}") for heading in headings], rows, title=title)

    def report(self, problem: Diagnostic, status: int) -> int:
        """Says why the command ends here; returns the exit status."""
        if self.as_json and not self.has_answered:
            self.answer({"error": problem})
        else:
            self._lay_out(problem, "")
        return status

    def complain(self, problem: Diagnostic, *, indent: str = "") -> None:
        """Lays an error out where errors go; a script finds it in its document."""
        if not self.as_json:
            self._lay_out(problem, indent)

    def _lay_out(self, problem: Diagnostic, indent: str) -> None:
        printing.write([indent + line for line in printing.error_lines(problem, self.language)], sys.stderr)

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[int, int], None] | None]:
        """A progress bar on a terminal; None where nobody watches."""
        if self.as_json or self.is_quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(printing.safe(label), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def here(context: typer.Context) -> Invocation:
    """The invocation that a command belongs to."""
    return cast(Invocation, context.obj)


def person() -> str:
    """Who works at this terminal, as the ledger names it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in a container
        return "command line"
