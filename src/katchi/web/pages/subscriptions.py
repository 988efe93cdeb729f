"""Subscriptions: what is read from other servers, and how each of them does."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread

from katchi.node import subscriptions
from katchi.web.pages.shown import page
from katchi.web.session import at_least, node_of

# In words, and the colour that goes with them.
STATES = {
    "new": ("Not read yet", "wait"),
    "well": ("Reads well", "good"),
    "paused": ("Paused", "wait"),
    "refused": ("Not let in: waits for you", "bad"),
    "waiting": ("The server asks to wait", "wait"),
    "troubled": ("Has trouble", "bad"),
}


@get("/subscriptions", guards=[at_least("reader")])
async def everything(request: Request[Any, Any, Any]) -> Response[str]:
    """All subscriptions and their health."""
    found = await sync_to_thread(subscriptions.health, node_of(request))
    return page(request, "subscriptions.html", subscriptions=found, states=STATES)


HANDLERS = [everything]
