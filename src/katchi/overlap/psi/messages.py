"""What two nodes say to each other in a private overlap: MessagePack, each message idempotent."""

from __future__ import annotations

import msgspec

from katchi.overlap.psi.party import Reveal
from katchi.overlap.psi.side import Core, Hello, RefusedError


class Propose(msgspec.Struct, frozen=True, tag=True):
    """The first word, and every question whether the other side is ready."""

    core: Core
    hello: Hello


class Put(msgspec.Struct, frozen=True, tag=True):
    """A part of elements or of tags."""

    session: str
    what: str  # "elements" or "tags"
    number: int
    content: bytes


class Get(msgspec.Struct, frozen=True, tag=True):
    """Asks for one."""

    session: str
    what: str  # "elements" or "tags"; in a lookup "elements" (the holder's tags) or "answers"
    number: int


class Agree(msgspec.Struct, frozen=True, tag=True):
    """Our person agrees to reveal; does yours?"""

    session: str


class Show(msgspec.Struct, frozen=True, tag=True):
    """The matches."""

    session: str
    reveal: Reveal


class Close(msgspec.Struct, frozen=True, tag=True):
    """It is over before it is done."""

    session: str
    why: str


class Status(msgspec.Struct, frozen=True, tag=True):
    """How far the answering side is. `hello` is there once its person has accepted."""

    state: str
    is_working: bool
    hello: Hello | None = None
    phase: int = 0
    missing: tuple[int, ...] = ()


class Content(msgspec.Struct, frozen=True, tag=True):
    """A part, as asked for."""

    content: bytes


class Shown(msgspec.Struct, frozen=True, tag=True):
    """The answering side's matches."""

    reveal: Reveal


Message = Propose | Put | Get | Agree | Show | Close
Answer = Status | Content | Shown

_messages = msgspec.msgpack.Decoder(Message)
_answers = msgspec.msgpack.Decoder(Answer)


def read_message(body: bytes) -> Message:
    """What a leading side says. Raises RefusedError."""
    try:
        found: Message = _messages.decode(body)
    except msgspec.DecodeError as problem:
        raise RefusedError("This is no message.", found=str(problem)[:200]) from problem
    return found


def read_answer(body: bytes) -> Answer:
    """What the answering side says. Raises RefusedError."""
    try:
        found: Answer = _answers.decode(body)
    except msgspec.DecodeError as problem:
        raise RefusedError("The other side's answer is none.", found=str(problem)[:200]) from problem
    return found


def written(message: Message | Answer) -> bytes:
    """As it goes over the wire."""
    return msgspec.msgpack.encode(message)
