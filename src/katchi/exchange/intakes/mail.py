"""Reads a message: the text of its parts, and where its links lead, but not the way it took."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message

from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes.decoding import decode
from katchi.exchange.intakes.gathering import Gathering
from katchi.exchange.intakes.html import visible_text
from katchi.exchange.intakes.text import gather

_FIELDS = frozenset(("from", "to", "cc", "subject", "date", "received", "message-id", "mime-version", "return-path"))
_field = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,60}):").match
_boundary = re.compile(rb"boundary\s{0,5}=", re.IGNORECASE)
_SHOWN = ("From", "Reply-To", "Return-Path", "Received")
_PARTS = 100
"""The standard library compares each line with the boundary of every part around it."""


class Mail:
    """Messages (RFC 5322)."""

    name = "mail"
    title = "E-mail"

    def recognise(self, document: bytes, name: str) -> int:
        """High where the document begins with two or more header fields of messages."""
        known = set()
        for line in document[:16384].splitlines():
            field = _field(line)
            if field:
                known.add(field[1].lower())
            elif line[:1] not in (b" ", b"\t") and not line.startswith(b"From "):
                break
        sure = len({field.decode() for field in known} & _FIELDS)
        if name.lower().endswith(".eml") and sure:
            return 95
        return 85 if sure > 2 else 30 * (sure == 2)

    def read(self, document: bytes, choices: Choices) -> Found:
        """The indicators in the parts a person reads. Raises UnreadableDocumentError."""
        if len(_boundary.findall(document)) > _PARTS:
            raise _unreadable()
        gathering = Gathering(choices)
        try:
            message = message_from_bytes(document)
            _remark_way(message, gathering)
            for part in message.walk():
                _gather_part(part, gathering)
        except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            # What the library raises for malformed headers changes with its versions.
            raise _unreadable() from error
        return gathering.found(needs_confirmation=True)


def _unreadable() -> UnreadableDocumentError:
    return UnreadableDocumentError(
        "This message cannot be read.",
        expected=f"a message of at most {_PARTS} parts, as RFC 5322 has it",
        remedy="save it again as .eml, or hand in its text",
    )


def _remark_way(message: Message, gathering: Gathering) -> None:
    for field in _SHOWN:
        for value in message.get_all(field, []):
            gathering.remark(0, "mail-header", f"{field}: {value}")


def _gather_part(part: Message, gathering: Gathering) -> None:
    if part.is_multipart():
        return
    kind = part.get_content_type()
    if part.get_content_maintype() != "text":
        gathering.remark(0, "attachment", f"{part.get_filename() or ''} {kind}")
        return
    text = _text_of(part)
    gather(visible_text(text, with_links=True) if kind == "text/html" else text, gathering, numbered=False)


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    try:
        text = content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, ValueError):
        return decode(content)
    return text.replace("\r\n", "\n").replace("\0", " ")
