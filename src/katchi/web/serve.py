"""Serves one node: the web application and the worker, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from granian.constants import Interfaces
from granian.server.embed import Server

from katchi.errors import KatchiError
from katchi.node.acting import Responder
from katchi.node.notifying import Teller
from katchi.node.wiring import Node
from katchi.node.worker import Worker
from katchi.web.app import create_app


class AddressInUseError(KatchiError):
    """Something else listens at this address."""

    code = "address-in-use"
    exit_status = 4


def serve(node: Node, *, ready: Callable[[], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM; `ready` is called once the node listens. Raises AddressInUseError."""

    async def until_signalled() -> None:
        server = _server(node)
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(kind, server.stop)
        await _serve(node, server, ready or (lambda: None))

    asyncio.run(until_signalled())


@contextlib.contextmanager
def serving(node: Node) -> Iterator[None]:
    """Serves beside the caller, in threads of this process, until the block is left. Raises AddressInUseError."""
    server_made: list[tuple[Server, asyncio.AbstractEventLoop]] = []
    ready = threading.Event()
    failures: list[BaseException] = []

    async def beside() -> None:
        server = _server(node)
        server_made.append((server, asyncio.get_running_loop()))
        await _serve(node, server, ready.set)

    def run() -> None:
        try:
            asyncio.run(beside())
        except BaseException as failure:
            failures.append(failure)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name=f"katchi-{node.settings.name}", daemon=True)
    thread.start()
    ready.wait()
    if failures:
        raise failures[0]
    try:
        yield
    finally:
        server, loop = server_made[0]
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(server.stop)
        thread.join(timeout=60)


def _server(node: Node) -> Server:
    settings = node.settings
    secure = settings.is_secure
    return Server(
        create_app(node),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        websockets=False,
        ssl_cert=node.folder / "tls.pem" if secure else None,
        ssl_key=node.folder / "tls.key" if secure else None,
    )


def _require_free(node: Node) -> None:
    """Raises AddressInUseError where another program listens; Granian would panic, and `_listening` take it for us."""
    address = (node.settings.host, node.settings.port)
    try:
        socket.create_server(address, family=_family(node.settings.host)).close()
    except OSError as problem:
        raise _in_use(node) from problem


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def _serve(node: Node, server: Server, ready: Callable[[], None]) -> None:
    _require_free(node)
    serving_it = asyncio.ensure_future(server.serve())
    try:
        await _listening(node, serving_it)
        node.elsewhere.keep()
        worker, responder, teller = Worker(node), Responder(node), Teller(node)
        worker.start()
        responder.start()
        teller.start()
        try:
            ready()
            await serving_it
        finally:
            await asyncio.to_thread(teller.stop)
            await asyncio.to_thread(responder.stop)
            await asyncio.to_thread(worker.stop)
            node.elsewhere.rest(after=0)
    finally:
        serving_it.cancel()


async def _listening(node: Node, serving_it: asyncio.Future[None]) -> None:
    """Returns when the node answers at its address. Raises AddressInUseError when it ended instead."""
    host, port = node.settings.host, node.settings.port
    while not serving_it.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise _in_use(node) from serving_it.exception()


def _in_use(node: Node) -> AddressInUseError:
    return AddressInUseError(
        "The node cannot listen at its address.",
        where=node.settings.listen,
        remedy="stop what listens there, or set `listen` in katchi.toml",
    )
