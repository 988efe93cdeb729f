"""A document for people, as values: a title, a marking, and what stands in it from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from katchi.web.language import Language


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they have, one below the other."""

    title: str
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. `widths` are shares of the page's width."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]


@dataclass(frozen=True, slots=True)
class Report:
    """A document. `marking`, such as TLP:AMBER, stands on every page (TLP 2.0); `note` below the title."""

    title: str
    note: str
    marking: str
    language: Language
    blocks: Sequence[Text | Facts | Table]
    foot: str
