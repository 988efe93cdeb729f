"""Partners: who they are, their terms, what flows; and the few things that a releaser decides here."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from litestar.response import Redirect

from katchi.node import look, partnering
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of

_DECISIONS = {"suspend": partnering.suspend, "resume": partnering.resume, "end": partnering.end}


@get("/partners", guards=[at_least("reader")])
async def everyone(request: Request[Any, Any, Any]) -> Response[str]:
    """All partners."""
    return page(request, "partners.html", partners=await sync_to_thread(look.partners, node_of(request)))


@get("/partners/{name:str}", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[str]:
    """One partner, and why an object would go to it or not, if one is asked about."""
    asked = (request.query_params.get("object") or "").strip()[:200]
    shown = await sync_to_thread(look.partner, node_of(request), name, asked)
    return page(request, "partner.html", shown=shown, asked=asked)


@post("/partners/{name:str}/confirm", guards=[at_least("releaser")])
async def confirm(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
    """A person compared the words, and types what was read out."""
    values = await form_of(request)
    heard = str(values.get("words", ""))[:300]
    person = person_of(request).name
    await sync_to_thread(lambda: partnering.confirm(node_of(request), name, person=person, read_out=heard))
    return Redirect(f"/partners/{name}", status_code=303)


@post("/partners/{name:str}/{decision:str}", guards=[at_least("releaser")])
async def decide(request: Request[Any, Any, Any], name: FromPath[str], decision: FromPath[str]) -> Response[Any]:
    """Suspends, resumes or ends."""
    await form_of(request)
    act = _DECISIONS.get(decision)
    if act is not None:
        person = person_of(request).name
        await sync_to_thread(lambda: act(node_of(request), name, person=person))
    return Redirect(f"/partners/{name}", status_code=303)


HANDLERS = [everyone, one, confirm, decide]
