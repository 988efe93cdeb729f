"""Speaks to a program of the operator's own over HTTP: signed, without redirects and proxies, with little patience.

What is signed (HMAC-SHA256, with a secret that both sides hold) is a line for each of `katchi/hook/1`, the time in
seconds, the id of the message and the method, and then the body as it is. It goes along as `Katchi-Signature: v1=…`
beside `Katchi-Timestamp` and `Katchi-Id`. A message that is sent again has the same id.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from katchi.errors import KatchiError

MOST_PATIENCE: Final = 20.0  # seconds for all of an answer
MOST_BYTES: Final = 8_388_608  # of an answer
SHORTEST_SECRET: Final = 16  # bytes


class HookError(KatchiError):
    """The program cannot be reached, or did not take it."""

    code = "hook"


@dataclass(frozen=True, slots=True)
class Hook:
    """Where the program is, and the file with the secret that is shared with it."""

    url: str
    secret_file: Path
    ca_file: Path | None = None  # who vouches for its certificate, where that is nobody public


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def require_safe(url: str) -> None:
    """That what is said to this address can be read by nobody else. Raises ValueError, for settings that say it."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("no secret belongs into a url: put it into secret-file")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError("a url begins with https://, or on this machine with http://")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("a url is https; http only on this machine itself")


def is_loopback(host: str) -> bool:
    """Whether what goes to this host does not leave the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_secret(path: Path) -> bytes:
    """The secret in a file, without the end of its line. Raises HookError."""
    try:
        secret = path.read_bytes().strip()
    except OSError as problem:
        raise HookError(
            "The file with a secret cannot be read.", where=path.name, found=problem.strerror or "",
            remedy="put it into the node's folder, readable by the node alone",
        ) from None  # fmt: skip
    if len(secret) < SHORTEST_SECRET:
        raise HookError("A secret is too short.", where=path.name, expected=f"{SHORTEST_SECRET} bytes or more")
    return secret


def sign(secret: bytes, method: str, body: bytes, *, at: int, message: str) -> str:
    """The signature of a message; `at` is in seconds."""
    signed = f"katchi/hook/1\n{at}\n{message}\n{method}\n".encode() + body
    return f"v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


def ask(hook: Hook, method: str, body: bytes = b"", *, now: int, message: str) -> Answer:
    """Says it, and returns what came back, whatever its status; `now` is µs. Raises HookError."""
    # Imported here: who has no hook does not pay for it.
    import httpx

    from katchi.respond import connecting

    host = urlsplit(hook.url).hostname or ""
    at = now // 1_000_000
    headers = {
        "Katchi-Timestamp": str(at), "Katchi-Id": message,
        "Katchi-Signature": sign(read_secret(hook.secret_file), method, body, at=at, message=message),
        "User-Agent": "katchi", "Accept": "application/json", "Accept-Encoding": "identity",
    }  # fmt: skip
    if body:
        headers["Content-Type"] = "application/json"
    try:
        request = connecting.Request(method, str(httpx.URL(hook.url)), headers, body)
        answer = connecting.send(
            request, timeout=MOST_PATIENCE, refuse=lambda _address, _port: "", trust=_context(hook), largest=MOST_BYTES
        )
    except (connecting.NotSentError, connecting.NoAnswerError, httpx.InvalidURL, OSError) as problem:
        # The address may have a secret in it: of it only the host is said.
        why = type(problem.__cause__ or problem).__name__
        raise HookError("A hook cannot be reached.", where=host, found=why) from None
    if answer.body and not answer.is_whole:
        raise HookError("An answer has no end.", where=host, expected=f"{MOST_BYTES} bytes at most")
    return Answer(answer.status, answer.body)


def require_taken(answer: Answer, hook: Hook) -> None:
    """Raises HookError unless it was taken (2xx). A redirect is not followed: what is signed goes to nobody else."""
    if not 200 <= answer.status < 300:
        raise HookError(
            "A hook did not take it.", where=urlsplit(hook.url).hostname or "", found=f"HTTP {answer.status}",
            expected="2xx",
        )  # fmt: skip


def _context(hook: Hook) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=str(hook.ca_file)) if hook.ca_file is not None else None
