"""Watches: saved searches, and what has come to match each since somebody last looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import search, watching
from katchi.node.wiring import Node
from katchi.store.watches import WatchExistsError, WatchHit, WatchRow
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of

_SHOWN: Final = 200  # things of one watch


def _read(node: Node) -> list[tuple[WatchRow, list[WatchHit]]]:
    return [(each, node.store.watches.news(each, _SHOWN) if each.news else []) for each in node.store.watches.all()]


async def _shown(
    request: Request[Any, Any, Any], problem: KatchiError | None, name: str = "", text: str = ""
) -> Response[str]:
    found = await sync_to_thread(_read, node_of(request))
    diagnostic = problem.diagnostic() if problem else None
    status = 400 if problem else 200
    return page(
        request, "watches.html", watches=found, problem=diagnostic, written={"name": name, "text": text}, status=status
    )


@get("/watches", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """All of them, with their news."""
    return await _shown(request, None)


@post("/watches", guards=[at_least("analyst")], status_code=200)
async def add(request: Request[Any, Any, Any]) -> Response[Any]:
    """Saves a search."""
    values = await form_of(request)
    name, text = str(values.get("name", "")), str(values.get("q", ""))
    person = person_of(request).name
    try:
        await sync_to_thread(lambda: watching.add(node_of(request), name, text, person=person))
    except (search.BadQueryError, WatchExistsError) as wrong:
        return await _shown(request, wrong, name=name, text=text)
    return Redirect("/watches", status_code=303)


@post("/watches/looked", guards=[at_least("analyst")])
async def looked(request: Request[Any, Any, Any]) -> Response[Any]:
    """Somebody has looked."""
    values = await form_of(request)
    await sync_to_thread(watching.looked, node_of(request), str(values.get("name", "")))
    return Redirect("/watches", status_code=303)


@post("/watches/drop", guards=[at_least("analyst")])
async def drop(request: Request[Any, Any, Any]) -> Response[Any]:
    """No longer watches."""
    values = await form_of(request)
    await sync_to_thread(node_of(request).store.watches.drop, str(values.get("name", "")))
    return Redirect("/watches", status_code=303)


HANDLERS: Sequence[Any] = [every, add, looked, drop]
