"""The intelligence that the demo tells its story with: two fictional organisations, facts from public reports."""

from katchi.cli.story.story import (
    EXPECTED,
    HARMLESS,
    LATE_ID,
    RECALLED_ID,
    RED_ID,
    RED_PHRASE,
    RISING,
    SHARED_KEYS,
    UNMARKED_ID,
    document,
    documents,
    internal_work,
    outbreak,
    terms,
)

__all__ = [
    "EXPECTED",
    "HARMLESS",
    "LATE_ID",
    "RECALLED_ID",
    "RED_ID",
    "RED_PHRASE",
    "RISING",
    "SHARED_KEYS",
    "UNMARKED_ID",
    "document",
    "documents",
    "internal_work",
    "outbreak",
    "terms",
]
