"""The first page: what came, what went, what was withheld and why, and how the flows are."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread

from katchi.node import look
from katchi.web.pages.shown import page
from katchi.web.session import at_least, node_of


@get("/", guards=[at_least("reader")])
async def situation(request: Request[Any, Any, Any]) -> Response[str]:
    """The whole page."""
    return page(request, "situation.html", seen=await sync_to_thread(look.situation, node_of(request)))


@get("/situation", guards=[at_least("reader")])
async def part(request: Request[Any, Any, Any]) -> Response[str]:
    """The part of it that refreshes by itself."""
    return page(request, "situation-part.html", seen=await sync_to_thread(look.situation, node_of(request)))


HANDLERS = [situation, part]
