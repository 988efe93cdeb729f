"""Opens connections only to addresses that may be reached, and lets none of them last longer than it may."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.policy.addresses import is_nobodys

# How long a wait may go on before we look whether somebody wants us to stop.
_SLICE = 0.5
_CONNECT = 10.0  # seconds for a connection, and for the handshake on it

Resolve = Callable[[str, int], list[str]]


class TooSlowError(KatchiError):
    """The server takes longer than anybody can wait for it."""

    code = "server-too-slow"


class StoppedError(KatchiError):
    """The node is stopping, or somebody asked to end this."""

    code = "stopped"


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, each once, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Patience:
    """How much longer one request may take: a deadline for all of it, and a limit for each silence."""

    def __init__(
        self, *, monotonic: Callable[[], float], total: float, silence: float, is_stopping: Callable[[], bool]
    ) -> None:
        self._monotonic = monotonic
        self._total = total
        self.silence = silence
        self._is_stopping = is_stopping
        self._deadline = monotonic() + total

    def begin(self) -> None:
        """A new request begins."""
        self._deadline = self._monotonic() + self._total

    def left(self) -> float:
        """Seconds that are left. Raises TooSlowError or StoppedError."""
        if self._is_stopping():
            raise StoppedError("This was stopped before it was done.", remedy="it goes on where it was, the next time")
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TooSlowError(
                "The server took too long to answer.",
                expected=f"a whole answer within {self._total:g} seconds",
                remedy="it is tried again later; ask for less at once if the server can",
            )
        return left


class Backend(httpcore.NetworkBackend):
    """Resolves a name once, looks at every address, and connects to one that it has looked at.

    The name could resolve otherwise a moment later, so it is not asked again (DNS rebinding). TLS still
    checks the certificate against the name.
    """

    def __init__(self, patience: Patience, *, allows_private: bool, resolve: Resolve = resolve) -> None:
        self._patience = patience
        self._allows_private = allows_private
        self._resolve = resolve
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the host. Raises PrivateAddressError, TooSlowError or httpcore's errors."""
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as problem:
            raise httpcore.ConnectError("the name does not resolve") from problem
        if self._allows_private:
            _require_reasonable(host, addresses)
        else:
            tls.require_public_addresses(host, addresses)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        within = min(self._patience.left(), _CONNECT)
        return _Stream(self._inner.connect_tcp(address, port, within), self._patience)


class _Stream(httpcore.NetworkStream):
    """A connection that waits no longer than there is patience, however the bytes trickle."""

    def __init__(self, inner: httpcore.NetworkStream, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        silence = self._patience.silence
        while True:
            wait = min(self._patience.left(), silence, _SLICE)
            try:
                return self._inner.read(max_bytes, wait)
            except httpcore.ReadTimeout:
                silence -= wait
                if silence <= 0:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, min(self._patience.left(), self._patience.silence))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = min(self._patience.left(), _CONNECT)
        # The handshake's own timeout begins anew with every byte, and it takes the socket over: hence a second handle.
        handle = self._inner.get_extra_info("socket").dup()
        hurry = threading.Timer(within, _hang_up, (handle,))
        hurry.daemon = True
        hurry.start()
        try:
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, within), self._patience)
        finally:
            hurry.cancel()
            handle.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _hang_up(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it came to its end just now
        handle.shutdown(socket.SHUT_RDWR)


def _require_reasonable(host: str, addresses: list[str]) -> None:
    """Inside an organisation too, nobody subscribes to a cloud's metadata service or to a group of hosts."""
    for address in addresses:
        if is_nobodys(address):
            raise tls.PrivateAddressError(
                "No server that one can subscribe to has such an address.", where=host, found=address,
                remedy="check the address",
            )  # fmt: skip
    if not addresses:
        raise httpcore.ConnectError("the name has no addresses")
