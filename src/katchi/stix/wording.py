"""Words: the vocabularies' short notation, and how findings speak of foreign data."""

from __future__ import annotations

from typing import Any


def excerpt(value: Any) -> str:
    """A short, printable piece of foreign data."""
    text = f"'{value}'" if isinstance(value, str) and value.isprintable() else ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


def join(path: str, name: str) -> str:
    """The path of a property within the property at `path`."""
    return f"{path}.{name}" if path else name


def words(text: str) -> frozenset[str]:
    """The words of a text, as a vocabulary."""
    return frozenset(text.split())
