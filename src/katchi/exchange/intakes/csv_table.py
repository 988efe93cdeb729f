"""Reads tables (CSV, TSV, semicolons) by a mapping of columns that is guessed, shown and confirmed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from katchi.errors import KatchiError
from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes.columns import ROLES, guess, has_titles, key_of, reader_of
from katchi.exchange.intakes.dates import moment
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Details, Gathering

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 25
_SAMPLE = 1 << 15
_MOST_COLUMNS = 500
_FORMULA = ("=", "+", "-", "@", "\t")
_CONFIDENCE = {
    "none": 0,
    "low": 15,
    "medium": 50,
    "med": 50,
    "high": 85,
    "낮음": 15,
    "보통": 50,
    "높음": 85,
}  # STIX 2.1 App. A

_rule = re.compile(r"\s*(?::?-+:?)?\s*").fullmatch  # what stands between titles and rows in Markdown
_markdown_link = re.compile(r"\[([^\[\]]{1,4096})\]\([^()]{1,4096}\)").fullmatch

Row = tuple[int, list[str]]


class MappingError(KatchiError):
    """The mapping of columns does not fit this table."""

    code = "mapping"
    exit_status = 2


class CsvTable:
    """Tables as text."""

    name = "csv"
    title = "CSV"

    def recognise(self, document: bytes, name: str) -> int:
        """High where the lines have equally many cells, and some cell is a value."""
        sample = decode(document[:_SAMPLE])
        if sample.lstrip()[:1] in ("<", "{", "["):
            return 0
        delimiter, share = _delimiter(sample)
        is_named = name.lower().endswith((".csv", ".tsv"))
        if not delimiter:
            return 0
        rows = [row for _, row in _sample_rows(sample, delimiter)]
        if share < 0.8 or not any(key_of(cell) for row in rows for cell in row[:50]):
            return 45 * is_named
        return 60 + 30 * is_named

    def read(self, document: bytes, choices: Choices) -> Found:
        """An indicator for each value; rows without one are remarked. Raises UnreadableDocumentError, MappingError."""
        text = decode(document)
        delimiter, _ = _delimiter(text[:_SAMPLE])
        titles, body = _titled(_rows(text, delimiter or ","), _comment_titles(text, delimiter or ","))
        mapping = dict(choices.mapping) or guess(titles, [row for _, row in body[:50]])
        _check_mapping(mapping, titles)
        gathering = Gathering(choices)
        columns = [(at, mapping.get(title, "ignore"), title) for at, title in enumerate(titles)]
        for line, row in body:
            _gather_row(line, row, columns, gathering)
        shown = {title: mapping.get(title, "ignore") for title in titles}
        return gathering.found(needs_confirmation=not choices.mapping, mapping=shown)


# --- Rows ----------------------------------------------------------------------------------------


def _delimiter(sample: str) -> tuple[str, float]:
    """The character that cuts the lines into equally many cells, and the share of the lines that agree."""
    best, best_score = "", (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(row) for _, row in _sample_rows(sample, delimiter)]
        usual = max(set(widths), key=widths.count) if widths else 0
        score = (widths.count(usual) / len(widths) if widths else 0.0, usual)
        if usual > 1 and score > best_score:
            best, best_score = delimiter, score
    return best, best_score[0]


def _sample_rows(sample: str, delimiter: str) -> list[Row]:
    whole = sample.rpartition("\n")[0] or sample  # the last line may be cut
    found = []
    try:
        for row in _rows(whole, delimiter):
            found.append(row)
            if len(found) >= _SAMPLE_LINES:
                break
    except UnreadableDocumentError:
        return []
    return found


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """The rows with the line each begins at, without empty ones and comments."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    before = 0
    try:
        for row in reader:
            line, before = before + 1, reader.line_num
            if len(row) > _MOST_COLUMNS:
                raise _unreadable(line, f"at most {_MOST_COLUMNS} columns")
            if any(cell.strip() for cell in row) and not row[0].startswith("#"):
                row = row if delimiter != "|" else [_without_link(cell) for cell in row]
                if delimiter != "|" or not all(_rule(cell) for cell in row):
                    yield line, row
    except csv.Error as error:
        raise _unreadable(reader.line_num, "cells of less than 128 KiB, and every quote closed") from error


def _without_link(cell: str) -> str:
    """Tables in Markdown link their values to some scanner: the value is meant."""
    link = _markdown_link(cell.strip())
    return link[1] if link else cell


def _unreadable(line: int, expected: str) -> UnreadableDocumentError:
    return UnreadableDocumentError(
        "This table cannot be read.",
        where=f"line {line}",
        expected=expected,
        remedy="correct the table, or export anew",
    )


def _comment_titles(text: str, delimiter: str) -> list[str]:
    """Feeds put their titles in the last comment before the rows: `# "first_seen","ioc"`."""
    last = ""
    for line in text[:_SAMPLE].split("\n"):
        if line.strip() and not line.startswith("#"):
            break
        last = line if line.startswith("#") else last
    titles = next(csv.reader([last.lstrip("# ")], delimiter=delimiter, skipinitialspace=True), [])
    return titles if len(titles) > 1 and has_titles(titles) else []


def _titled(rows: Iterator[Row], comment: Sequence[str]) -> tuple[list[str], list[Row]]:
    body = list(rows)
    width = max((len(row) for _, row in body), default=0)
    titles = list(comment)
    if not titles and body and has_titles(body[0][1], [row for _, row in body[1:20]]):
        titles = body.pop(0)[1]
    titles = [title.strip()[:100] for title in titles[:width]]
    named: dict[str, None] = {}
    for at in range(width):
        title = (titles[at] if at < len(titles) else "") or str(at + 1)
        named[title if title not in named else f"{title} ({at + 1})"] = None
    return list(named), body


def _check_mapping(mapping: Mapping[str, str], titles: Sequence[str]) -> None:
    unknown = [title for title in mapping if title not in titles]
    wrong = [role for role in mapping.values() if role not in ROLES]
    if unknown and titles:
        raise MappingError(
            "The mapping names a column that the table lacks.",
            expected=" or ".join(titles)[:300],
            found=unknown[0][:60],
            remedy="take the titles as the preview shows them",
        )
    if wrong:
        raise MappingError("The mapping names an unknown role.", expected=" or ".join(ROLES), found=wrong[0][:60])


# --- Cells ---------------------------------------------------------------------------------------


def _gather_row(line: int, row: list[str], columns: Sequence[tuple[int, str, str]], gathering: Gathering) -> None:
    cells: dict[str, list[str]] = {}
    values: list[tuple[str, str]] = []
    for at, role, title in columns:
        cell = row[at].strip() if at < len(row) else ""
        if not cell or role == "ignore":
            continue
        if role == "value":
            values.append((title, cell))
        elif cell.startswith(_FORMULA) and not cell[1:2].isdigit():
            gathering.remark(line, "formula", cell)  # somebody's spreadsheet would run it
        else:
            cells.setdefault(role, []).append(cell)
    if not values:
        gathering.remark(line, "no-value", " ".join(row))
    details = _details(line, cells, gathering)
    kind = " ".join(cells.get("type", []))
    for title, cell in values:
        _gather_value(line, cell, kind or title, " | ".join(row), details, gathering)


def _gather_value(line: int, cell: str, kind: str, source: str, details: Details, gathering: Gathering) -> None:
    reader = reader_of(kind)
    told = key_of(cell)
    key = reader(cell) if reader else told
    if key is None and told and told.startswith("file:"):
        key = told  # a hash is nothing else: the type told what the file is (`Email`)
    if key is None:
        gathering.remark(line, "formula" if cell.startswith(_FORMULA) else "type-differs" if told else "no-value", cell)
    elif key.startswith("vulnerability:"):
        gathering.add_vulnerability(key.partition(":")[2], source)
    else:
        gathering.add_key(key, source, line, details)


def _details(line: int, cells: Mapping[str, list[str]], gathering: Gathering) -> Details:
    at = None
    for written in cells.get("date", []):
        read = moment(written)
        if read is None:
            gathering.remark(line, "no-date", written)
        at = at if at is not None else read
    tags = [
        tag.strip() for cell in cells.get("tags", []) for tag in cell.replace(";", ",").replace("|", ",").split(",")
    ]
    return Details(
        name=" ".join(cells.get("name", [])),
        description="; ".join(cells.get("description", [])),
        at=at,
        confidence=_confidence(line, cells.get("confidence", []), gathering),
        tags=tuple(tags),
    )


def _confidence(line: int, cells: Sequence[str], gathering: Gathering) -> int | None:
    for cell in cells:
        text = cell.lower().removesuffix("%").strip()
        if text in _CONFIDENCE:
            return _CONFIDENCE[text]
        if text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= 100:
            return int(text)
        gathering.remark(line, "no-confidence", cell)
    return None
