"""Sends one HTTP request to an address that was looked at first: no redirects, no proxies, an end in time.

A name is resolved once and every address looked at; the connection goes to one of these (DNS rebinding). TLS still
checks the certificate against the name.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from katchi.errors import KatchiError
from katchi.policy.addresses import is_nobodys, parsed

LARGEST: Final = 1_048_576  # bytes of an answer
Resolve = Callable[[str, int], list[str]]
Refuse = Callable[[str, int], str]
"""Why nothing goes to an address and port, or ""."""


class NotSentError(KatchiError):
    """Nothing was sent: nobody is there, or nobody to whom this node speaks."""

    code = "not-sent"


class NoAnswerError(KatchiError):
    """It was sent, and what became of it is not known."""

    code = "no-answer"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent. `headers` may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; not whole where it was too large, or packed in a way that was not asked for."""

    status: int
    body: bytes
    is_whole: bool


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, each once, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def refuse_nobodys(address: str, _port: int) -> str:
    """What nobody means by a server: metadata services, groups of hosts."""
    return "no server that one means has such an address" if is_nobodys(address) else ""


def is_this_machine(address: str) -> bool:
    """Whether an address is one of this machine's own: only to such a socket can be bound."""
    found = parsed(address)
    if found is None or found.is_loopback or found.is_unspecified:
        return True
    kind = socket.AF_INET6 if found.version == 6 else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as tried:
        tried.bind((str(found), 0))
        return True
    return False


def send(
    request: Request, *, timeout: float, refuse: Refuse = refuse_nobodys, trust: ssl.SSLContext | None = None,
    resolve: Resolve = resolve, largest: int = LARGEST,
) -> Answer:  # fmt: skip
    """What is answered within so many seconds, whatever its status. Raises NotSentError or NoAnswerError."""
    parts = urlsplit(request.url)
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    address = httpcore.URL(scheme=parts.scheme, host=host, port=parts.port, target=target)
    headers = {"host": parts.netloc, "accept-encoding": "identity", "connection": "close", **request.headers}
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(request.body))
    told = {"where": f"{parts.scheme}://{parts.netloc}{parts.path}"[:300]}
    with (
        _Backend(refuse, resolve, timeout) as backend,
        httpcore.ConnectionPool(ssl_context=trust, network_backend=backend, retries=0) as pool,
    ):
        try:
            with pool.stream(
                request.method, address, headers=list(headers.items()), content=request.body or None
            ) as answer:
                found = Answer(answer.status, *_body(answer, largest))
            if backend.is_late:  # we hung up, which ends an answer without a length
                raise httpcore.ReadTimeout
            return found
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as problem:
            raise NotSentError("Nobody answers at the address.", **told, found=str(problem)[:200]) from problem
        except httpcore.LocalProtocolError:
            # What it says would show the header, and with it the secret.
            raise NotSentError("What would be sent is no HTTP.", **told, what="headers") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as problem:
            why = f"nothing within {timeout:g} s" if backend.is_late else type(problem).__name__
            raise NoAnswerError("The answer did not come.", **told, found=why) from problem


def _body(answer: httpcore.Response, largest: int) -> tuple[bytes, bool]:
    packed = next((value for name, value in answer.headers if name.lower() == b"content-encoding"), b"identity")
    if packed.strip().lower() not in (b"identity", b""):
        return b"", False
    pieces: list[bytes] = []
    came = 0
    for piece in answer.iter_stream():
        pieces.append(piece[: largest - came])
        came += len(piece)
        if came > largest:
            return b"".join(pieces), False
    return b"".join(pieces), True


class _Backend(httpcore.NetworkBackend):
    """Connects to an address that was looked at, and hangs up when the time is over, whatever trickles in."""

    def __init__(self, refuse: Refuse, resolve: Resolve, timeout: float) -> None:
        self._refuse, self._resolve, self._timeout = refuse, resolve, timeout
        self._inner = httpcore.SyncBackend()
        self._handle: socket.socket | None = None
        self._timer = threading.Timer(timeout, self._hang_up)
        self._timer.daemon = True
        self.is_late = False

    def __enter__(self) -> _Backend:
        self._timer.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        self._timer.cancel()
        if self._handle is not None:
            self._handle.close()

    def _hang_up(self) -> None:
        self.is_late = True
        if self._handle is not None:
            with contextlib.suppress(OSError):  # it came to its end just now
                self._handle.shutdown(socket.SHUT_RDWR)

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as problem:
            raise httpcore.ConnectError("the name does not resolve") from problem
        for address in addresses:
            if reason := self._refuse(address, port):
                raise NotSentError("This node does not send anything there.", where=host, found=f"{address}: {reason}")
        for address in addresses:
            if self.is_late:
                break
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._connected(self._inner.connect_tcp(address, port, self._timeout))
        raise httpcore.ConnectError("nobody listens" if addresses else "the name has no addresses")

    def _connected(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        # TLS takes the socket over: hence a second handle.
        self._handle = stream.get_extra_info("socket").dup()
        if self.is_late:
            raise httpcore.ConnectTimeout("the time is over")
        return stream
