"""Finding objects, and one readable page for each."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request, Response, get
from litestar.concurrency import sync_to_thread
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from katchi.node import look
from katchi.store.search import Wanted
from katchi.web.pages.shown import page
from katchi.web.session import at_least, language_of, node_of

_position = re.compile(r"[0-9]{1,18}").fullmatch


@get("/objects", guards=[at_least("reader")])
async def found(request: Request[Any, Any, Any]) -> Response[str]:
    """What matches, latest first."""
    asked = {
        name: (request.query_params.get(name) or "")[:300] for name in ("q", "type", "origin", "marking", "before")
    }
    before = int(asked["before"]) if _position(asked["before"]) else Wanted().before
    wanted = Wanted(asked["q"].strip(), asked["type"], asked["origin"], asked["marking"], before)
    result = await sync_to_thread(look.find, node_of(request), wanted)
    return page(request, "objects.html", found=result, asked=asked)


@get("/objects/{object_id:str}", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], object_id: FromPath[str]) -> Response[str]:
    """Everything that the node knows about one object."""
    language = language_of(request, request.state.person)
    shown = await sync_to_thread(look.show, node_of(request), object_id, language)
    if shown is None:
        raise NotFoundException
    return page(request, "object.html", shown=shown)


HANDLERS = [found, one]
