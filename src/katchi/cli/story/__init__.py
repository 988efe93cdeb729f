"""The intelligence that the demo tells its story with: two fictional organisations, facts from public reports."""

from katchi.cli.story.story import (
    EXPECTED,
    LATE_ID,
    RECALLED_ID,
    RED_ID,
    RED_PHRASE,
    SHARED_KEYS,
    UNMARKED_ID,
    document,
    documents,
    internal_work,
    terms,
)

__all__ = [
    "EXPECTED",
    "LATE_ID",
    "RECALLED_ID",
    "RED_ID",
    "RED_PHRASE",
    "SHARED_KEYS",
    "UNMARKED_ID",
    "document",
    "documents",
    "internal_work",
    "terms",
]
