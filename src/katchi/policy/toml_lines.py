"""Finds the line on which each key of a TOML text stands, which the parser does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_header = re.compile(r"(\[\[?)\s*([^\]]+?)\s*\]").match
_key = re.compile(r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*""").match
_string = re.compile(
    # The longest quote first: three quotes begin a text that may hold lines and single quotes.
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'",
    re.DOTALL,
).match


@dataclass(frozen=True, slots=True)
class Lines:
    """Line numbers by table (with its place among tables of one name) and key; "" is the top level."""

    keys: dict[tuple[str, int, str], int] = field(default_factory=dict)
    headers: dict[tuple[str, int], int] = field(default_factory=dict)

    def of(self, table: str, index: int, key: str = "") -> int:
        """The line of a key, else of its table, else 1."""
        line = self.keys.get((table, index, key))
        if line is None and not table:
            line = self.headers.get((key, 0))
        return line or self.headers.get((table, index), 1)


def find_lines(text: str) -> Lines:
    """The lines of every table and key in a TOML text that the parser has accepted."""
    lines = Lines()
    counts: dict[str, int] = {}
    table, index = "", 0
    for at, line in _statements(text):
        header = _header(text, at)
        if header:
            table = _bare(header[2])
            index = counts.get(table, 0)
            counts[table] = index + 1
            lines.headers[table, index] = line
            continue
        key = _key(text, at)
        if key:
            lines.keys.setdefault((table, index, _first(key[0])), line)
            lines.keys.setdefault((table, index, _bare(key[0])), line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Where each header or assignment begins: (position, line)."""
    at, line, depth, is_open = 0, 1, 0, False
    while at < len(text):
        character = text[at]
        if character == "\n":
            line, at = line + 1, at + 1
            is_open = is_open and depth > 0
            continue
        if character == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if not is_open and not character.isspace():
            yield at, line
            is_open, depth = True, 0
        string = _string(text, at)
        if string:
            line += string[0].count("\n")
            at = string.end()
            continue
        depth += (character in "[{") - (character in "]}")
        at += 1


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def _first(name: str) -> str:
    return name.split(".")[0].strip().strip("\"'") if name[0] not in "\"'" else name.strip("\"'")
