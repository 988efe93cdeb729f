"""The socket for how people are told: by mail, by a webhook.

A plug is a class with the method below, in `respond/notifiers/`. It is given a notice that is said already, in the
language of whoever gets it and with nothing that may not leave, and sends it. It may be asked to send the same one
again: then the receiver must be able to tell by the notice's id.

To write one: add the class with its settings (a struct whose `tag` is the kind), name it in `respond/notifiers/`, and
give tests/contracts/test_notifiers.py a way to open one.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final, Literal, Protocol

import msgspec

from katchi.errors import KatchiError

Event = Literal[
    "proposal", "approval", "step", "failed", "in-force", "recalled", "over", "unanswered", "ends-soon", "device",
]  # fmt: skip
"""What people can be told of."""

_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


class NotifierError(KatchiError):
    """A notice could not be sent, or its settings cannot be used."""

    code = "notifier"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one event to one target. `key` is stable: all that is said of one matter has it.

    `thread` is the matter's whole id; `at` is when it happened, RFC 3339.
    """

    id: str
    event: str
    key: str
    thread: str
    headline: str
    text: str
    link: str
    at: str
    node: str
    is_exercise: bool = False

    @property
    def subject(self) -> str:
        """The headline with the key, by which ticket systems put together what belongs together."""
        return one_line(f"[Katchi #{self.key}] {self.headline}")


def one_line(text: str, at_most: int = 200) -> str:
    """Foreign text as it can stand in a header or in a line of ours: nothing in it ends the line or turns it round."""
    plain = "".join(" " if unicodedata.category(each) in _UNPRINTABLE else each for each in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= at_most else f"{plain[: at_most - 1]}…"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", kw_only=True, tag_field="kind"):
    """What an operator says of every target in katchi.toml.

    `about` empty: everything, or with `roles` the steps alone that these roles play. `details` is the strictest TLP
    label that may go this way with what it marks; empty: nothing that is marked.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")]
    about: tuple[Event, ...] = ()
    roles: tuple[str, ...] = ()
    language: Literal["", "en", "ko"] = ""
    details: Literal["", "clear", "green", "amber", "amber+strict"] = ""


class Notifier(Protocol):
    """Sends notices to one target."""

    def send(self, notice: Notice, *, now: int) -> str:
        """Sends it; `now` is µs. Returns what was not as it should be though it was taken. Raises KatchiError."""
        ...
