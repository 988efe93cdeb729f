"""Reads a report in PDF as text, in a process of its own that may take neither long nor much."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes import pdf_text
from katchi.exchange.intakes.gathering import Gathering
from katchi.exchange.intakes.text import gather

SECONDS: Final = 120
_START = 1024  # readers look for the header no further (ISO 32000-2, annex I)


class Pdf:
    """PDF with text in it; one that is only pictures of text gives nothing, and says so."""

    name = "pdf"
    title = "PDF"

    def recognise(self, document: bytes, name: str) -> int:
        """By its header."""
        return 98 if b"%PDF-" in document[:_START] else 0

    def read(self, document: bytes, choices: Choices) -> Found:
        """The indicators in its text. Raises UnreadableDocumentError, also where reading took too long or too much."""
        if b"%PDF-" not in document[:_START]:
            raise _unreadable("It has no PDF header.")
        pages, text = _text_of(document)
        gathering = Gathering(choices)
        gather(text, gathering, numbered=False)
        if not text.strip():
            gathering.remark(0, "no-text", f"{pages} pages, perhaps pictures of text")
        return gathering.found(needs_confirmation=True)


def _text_of(document: bytes) -> tuple[str, str]:
    """(number of pages, text)."""
    command = [sys.executable, "-I", "-m", pdf_text.__name__]
    try:
        done = subprocess.run(command, input=document, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as problem:
        raise _unreadable(f"Reading it took longer than {SECONDS} seconds.") from problem
    if done.returncode == pdf_text.LOCKED:
        raise _unreadable("It is locked with a password.", remedy="hand in a copy that opens without one")
    if done.returncode:
        raise _unreadable("It is damaged, or reading it takes more memory or time than a report should.")
    pages, _, text = done.stdout.decode("utf-8", "replace").partition("\n")
    return pages, text


def _unreadable(sentence: str, remedy: str = "save the report anew, or hand in its text") -> UnreadableDocumentError:
    return UnreadableDocumentError(f"This PDF cannot be read. {sentence}", expected="a PDF with text", remedy=remedy)
