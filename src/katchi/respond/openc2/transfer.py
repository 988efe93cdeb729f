"""OpenC2 over HTTPS (Specification for Transfer of OpenC2 Messages via HTTPS 1.1): messages as bodies, and their types.

A request is a POST to `/.well-known/openc2`; the response to the command is the body of the answer, and its status the
answer's status (§3.3). The message's own headers stand around the body.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from katchi.respond.openc2 import language
from katchi.respond.openc2.language import BadMessageError, Command, Response

PATH: Final = "/.well-known/openc2"
MEDIA: Final = "application/openc2+json;version=1.0"
COMMANDS_MEDIA: Final = "application/openc2-cmd+json"  # of 1.0: a command with nothing around it
RESPONSES_MEDIA: Final = "application/openc2-rsp+json;version=1.0"
TYPES: Final = ("application/openc2+json", COMMANDS_MEDIA, "application/json")
_Id = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,128}$")]


class Headers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """§3.1: which request this is, and of whom. `created` is milliseconds."""

    request_id: _Id = ""
    created: int = 0
    from_: str = msgspec.field(name="from", default="")
    to: str | list[str] = ""


class _Body(msgspec.Struct, frozen=True):
    openc2: dict[Literal["request", "response"], msgspec.Raw]


class _Message(msgspec.Struct, frozen=True):
    body: _Body
    headers: Headers = Headers()


def request(command: Command, headers: Headers) -> bytes:
    """A command as it is sent."""
    return _written("request", command.to_json(), headers)


def response(answer: Response, headers: Headers) -> bytes:
    """A response as it is sent."""
    return _written("response", answer.to_json(), headers)


def _written(kind: str, content: bytes, headers: Headers) -> bytes:
    body: dict[str, Any] = {"openc2": {kind: msgspec.Raw(content)}}
    return msgspec.json.encode({"headers": headers, "body": body})


def read_request(message: bytes) -> tuple[Command, Headers]:
    """A command; also one without anything around it, as senders of 1.0 wrote it. Raises BadMessageError."""
    content, headers = open_request(message)
    return language.read_command(content), headers


def open_request(message: bytes) -> tuple[bytes, Headers]:
    """The command as it was written, and what stands around it, which names it. Raises BadMessageError."""
    return _content(message, "request")


def read_response(message: bytes) -> tuple[Response, Headers]:
    """A response, alike. Raises BadMessageError."""
    content, headers = _content(message, "response")
    return language.read_response(content), headers


def _content(message: bytes, kind: Literal["request", "response"]) -> tuple[bytes, Headers]:
    if len(message) > language.LARGEST:
        raise BadMessageError("The message is too large.", expected=f"{language.LARGEST} bytes at most")
    try:
        found = msgspec.json.decode(message)
        if not isinstance(found, dict) or "body" not in found:
            return message, Headers()
        read = msgspec.json.decode(message, type=_Message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadMessageError("This is no message of OpenC2 over HTTPS.", found=str(problem)[:160]) from None
    content = read.body.openc2.get(kind)
    if content is None or len(read.body.openc2) != 1:
        raise BadMessageError("The message has not what was expected.", what="body.openc2", expected=kind)
    return bytes(content), read.headers
