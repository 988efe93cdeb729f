"""The ledger as people read it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread

from katchi.node import look
from katchi.web.pages.shown import page
from katchi.web.session import at_least, node_of


@get("/ledger", guards=[at_least("reader")])
async def entries(request: Request[Any, Any, Any]) -> Response[str]:
    """The latest entries, of one partner or kind if asked."""
    partner = (request.query_params.get("partner") or "")[:100]
    kind = (request.query_params.get("kind") or "")[:40]
    shown = await sync_to_thread(look.ledger, node_of(request), partner, kind)
    return page(request, "ledger.html", shown=shown, partner=partner, kind=kind)


HANDLERS = [entries]
