"""Serves one node: the web application and the worker, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from granian.constants import Interfaces
from granian.server.embed import Server

from katchi.errors import KatchiError
from katchi.node.wiring import Node
from katchi.node.worker import Worker
from katchi.web.app import create_app


class AddressInUseError(KatchiError):
    """Something else listens at this address."""

    code = "address-in-use"
    exit_status = 4


def serve(node: Node, *, ready: Callable[[], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM; `ready` is called once the node listens.

    Raises AddressInUseError.
    """
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(node, ready))


async def _serve(node: Node, ready: Callable[[], None] | None) -> None:
    settings = node.settings
    secure = settings.is_secure
    server = Server(
        create_app(node),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        websockets=False,
        ssl_cert=node.folder / "tls.pem" if secure else None,
        ssl_key=node.folder / "tls.key" if secure else None,
    )
    worker = Worker(node)
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(kind, server.stop)
    worker.start()
    try:
        serving = asyncio.ensure_future(server.serve())
        await _listening(settings.host, settings.port, serving)
        if ready:
            ready()
        await serving
    finally:
        await asyncio.to_thread(worker.stop)


async def _listening(host: str, port: int, serving: asyncio.Future[None]) -> None:
    """Returns when the node answers at its address. Raises AddressInUseError when it ended instead."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    raise AddressInUseError(
        "The node cannot listen at its address.",
        where=f"{host}:{port}",
        remedy="stop what listens there, or set `listen`",
    ) from serving.exception()
