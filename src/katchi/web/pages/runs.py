"""A run of a playbook: its picture with where each step is, what people are asked, what happened when; its end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import progress, responding
from katchi.node.playbooks import numbered
from katchi.node.progress import Progress
from katchi.node.wiring import Node
from katchi.web.pages.playbooks import rows_of
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.pages.workflow import MARKS, Drawn, drawn
from katchi.web.session import at_least, node_of

STOP_ASKING: Final = 286
"""With this status htmx takes the answer and asks no more."""


def pictures(seen: Progress, *, page: str = "") -> list[Drawn]:
    """Of a run's playbook and of those that it calls, with where each step is."""
    return [
        drawn(each, page=page, states=seen.states, key=str(place)) for place, each in enumerate(seen.playbooks)
    ]  # fmt: skip


@get("/run", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], id: FromQuery[str]) -> Response[str]:
    """All of it."""
    return await _shown(request, id, None)


async def _shown(request: Request[Any, Any, Any], run: str, problem: KatchiError | None) -> Response[str]:
    seen = await sync_to_thread(progress.of_run, node_of(request), run)
    return _page(
        request, "run.html", seen, status=400 if problem else 200, problem=problem.diagnostic() if problem else None
    )


def _page(
    request: Request[Any, Any, Any], template: str, seen: Progress, *, status: int = 200, elsewhere: bool = False,
    **values: Any,
) -> Response[str]:  # fmt: skip
    base = f"/run?id={seen.shown.row.id}" if elsewhere else ""
    return page(
        request, template, status=status, seen=seen, drawings=pictures(seen, page=base), marks=MARKS,
        known=_known(seen), rows=[rows_of(each, numbered(each)) for each in seen.playbooks], **values,
    )  # fmt: skip


def _known(seen: Progress) -> str:
    """Tells one set of open questions from another."""
    return hashlib.sha256(" ".join(each.row.key for each in seen.asked).encode()).hexdigest()[:16]


@get("/run/picture", guards=[at_least("reader")])
async def picture(request: Request[Any, Any, Any], id: FromQuery[str], page: FromQuery[str] = "") -> Response[str]:
    """The part with the picture, which refreshes by itself; on another `page` than its own, steps lead to the run's."""
    seen = await sync_to_thread(progress.of_run, node_of(request), id)
    return _page(request, "run-picture.html", seen, status=_status(seen), elsewhere=bool(page))


@get("/run/told", guards=[at_least("reader")])
async def told(request: Request[Any, Any, Any], id: FromQuery[str]) -> Response[str]:
    """The part that tells what happened."""
    seen = await sync_to_thread(progress.of_run, node_of(request), id)
    return _page(request, "run-told.html", seen, status=_status(seen))


@get("/run/asked", guards=[at_least("reader")])
async def asked(request: Request[Any, Any, Any], id: FromQuery[str], known: FromQuery[str] = "") -> Response[Any]:
    """The part with what people are asked: nothing new where that is known, so that nobody's typing is lost."""
    seen = await sync_to_thread(progress.of_run, node_of(request), id)
    if known == _known(seen) and not seen.is_over:
        return Response(None, status_code=204)
    return _page(request, "run-asked.html", seen, status=_status(seen))


def _status(seen: Progress) -> int:
    return STOP_ASKING if seen.is_over else 200


@post("/run/{act:str}", guards=[at_least("releaser")])
async def act(request: Request[Any, Any, Any], act: FromPath[str]) -> Response[Any]:
    """Says what became of a step, or ends the run."""
    values = await form_of(request)
    run = str(values.get("run", ""))
    try:
        await sync_to_thread(_do, node_of(request), act, run, values, person_of(request).name)
    except KatchiError as wrong:
        return await _shown(request, run, wrong)
    return Redirect(f"/run?id={node_of(request).store.runs.one(run).id}", status_code=303)


def _do(node: Node, act: str, run: str, values: dict[str, Any], person: str) -> None:
    why = str(values.get("why", "")).strip()
    if act == "cancel":
        responding.cancel(node, run, reason=f"{person}: {why}" if why else person)
    elif act in ("done", "failed"):
        out = {name.removeprefix("out/"): str(value) for name, value in values.items() if name.startswith("out/")}
        order = str(values.get("order", ""))
        responding.answer(node, order, is_good=act == "done", out=out, reason=why, person=person)


HANDLERS: Sequence[Any] = [one, picture, told, asked, act]
