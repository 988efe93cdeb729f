"""Lays answers out on a terminal: tables, errors, moments; foreign text never reaches it as it came."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

import msgspec

from katchi.cli.words import Language, sentence
from katchi.errors import Diagnostic

if TYPE_CHECKING:
    from rich.console import Console

_PARTS = ("where", "what", "expected", "found", "remedy")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# Joiners inside words of several scripts, and emoji; they cannot move a cursor or turn text around.
_HARMLESS = frozenset("\u200c\u200d")


def safe(text: object) -> str:
    """Foreign text without anything that a terminal would obey or that would reorder what is read.

    An escape sequence in an object's name could otherwise rewrite the screen of whoever looks at it.
    """
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(_visible(character) for character in plain)


def _visible(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def document(value: object) -> bytes:
    """A value as the one JSON document of `--json`."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def error_lines(problem: Diagnostic, language: Language) -> list[str]:
    """An error laid out: the sentence, then where, what was expected, what was found, what to do."""
    lines = [f"{sentence('error', language)}: {safe(problem.sentence)}"]
    told = [(sentence(part, language), getattr(problem, part)) for part in _PARTS if getattr(problem, part)]
    width = max((columns(label) for label, _ in told), default=0)
    return lines + [f"  {label}:{' ' * (width - columns(label))} {safe(value)}" for label, value in told]


def columns(text: str) -> int:
    """How many columns of a terminal the text takes; Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Prints a table; into a pipe as wide as it needs to be, so that nothing is cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    laid_out = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        laid_out.add_column(Text(heading), overflow="fold")
    for row in rows:
        laid_out.add_row(*(Text(safe(cell)) for cell in row))
    _console().print(laid_out)


def _console() -> Console:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 4000
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def write(lines: Iterable[str], to: TextIO) -> None:
    """Prints lines; a character that the terminal's encoding lacks is shown by its number."""
    encoding = to.encoding or "utf-8"
    for line in lines:
        to.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    to.flush()


def moment(micros: int | None, otherwise: str = "") -> str:
    """A moment for people and scripts alike: UTC, to the second."""
    if micros is None:
        return otherwise
    from katchi import stix

    return stix.format_timestamp(micros)[:19] + "Z"
