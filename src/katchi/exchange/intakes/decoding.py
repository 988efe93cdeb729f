"""Turns the bytes of a text into characters, whatever the machine it was written on."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's mark does: asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(document: bytes) -> str:
    """The characters, with lines ending in `\\n`; what is no text shows as U+FFFD, and NUL as a space."""
    text = _characters(document)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", " ")


def _characters(document: bytes) -> str:
    for mark, encoding in _MARKS:
        if document.startswith(mark):
            return document[len(mark) :].decode(encoding, "replace")
    # Korean offices still write CP949; its lead bytes rarely form valid UTF-8.
    for encoding in ("utf-8", "cp949"):
        try:
            return document.decode(encoding)
        except UnicodeDecodeError:
            continue
    return document.decode("utf-8", "replace")
