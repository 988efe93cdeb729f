"""Handing in a file by hand, and the account of what became of it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import UploadFile

from katchi.errors import KatchiError
from katchi.node.receive import receive
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of


@get("/import", guards=[at_least("analyst")])
async def form(request: Request[Any, Any, Any]) -> Response[str]:
    """The form."""
    return page(request, "import.html", account=None, problem=None)


@post("/import", guards=[at_least("analyst")])
async def take(request: Request[Any, Any, Any]) -> Response[str]:
    """Takes the file and says what became of each object."""
    values = await form_of(request)
    file = values.get("file")
    document = await file.read() if isinstance(file, UploadFile) else b""
    name = file.filename if isinstance(file, UploadFile) else ""
    try:
        account = await sync_to_thread(
            lambda: receive(node_of(request), document, via=name or "console", submitter=person_of(request).name)
        )
    except KatchiError as problem:
        return page(request, "import.html", status=422, account=None, problem=problem.diagnostic())
    return page(request, "import.html", account=account, problem=None)


HANDLERS = [form, take]
