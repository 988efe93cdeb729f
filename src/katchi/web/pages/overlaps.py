"""Private overlaps: proposals that wait for somebody, numbers, consents, and what both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import overlapping
from katchi.node.wiring import Node
from katchi.overlap.psi import guard
from katchi.overlap.psi.party import Core
from katchi.store.overlaps import OverlapRow
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of

_SHOWN: Final = 500  # items of one session
STEPS: Final = ("proposed", "comparing", "counted", "agreed", "revealed")


@dataclass(frozen=True, slots=True)
class Session:
    """One session as the page shows it. `step` counts how far it is."""

    row: OverlapRow
    kind: str
    step: int
    found: Sequence[str]


def _read(node: Node) -> tuple[list[Session], list[str]]:
    sessions = []
    for row in node.store.overlaps.all():
        state = "proposed" if row.state == "asked" else row.state
        step = STEPS.index(state) if state in STEPS else -1
        kind = msgspec.json.decode(row.core, type=Core).kind
        sessions.append(Session(row, kind, step, overlapping.found(row)))
    partners = [each.name for each in node.store.partners.all() if each.kind == "node" and each.state == "active"]
    return sessions, partners


async def _shown(request: Request[Any, Any, Any], problem: KatchiError | None) -> Response[str]:
    node = node_of(request)
    sessions, partners = await sync_to_thread(_read, node)
    kinds = (*guard.STRONG, *node.settings.overlap_kinds)
    return page(
        request, "overlaps.html", sessions=sessions, partners=partners, kinds=kinds, most=_SHOWN,
        steps=STEPS, problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


@get("/overlaps", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """All sessions, the latest first."""
    return await _shown(request, None)


@post("/overlaps/{act:str}", guards=[at_least("releaser")])
async def act(request: Request[Any, Any, Any], act: FromPath[str]) -> Response[Any]:
    """Proposes, accepts, agrees or declines."""
    values = await form_of(request)
    node, person = node_of(request), person_of(request).name
    session, query = str(values.get("session", "")), str(values.get("query", ""))

    def done() -> None:
        if act == "propose":
            partner, kind = str(values.get("partner", "")), str(values.get("kind", ""))
            overlapping.propose(node, partner, kind, query=query, person=person)
        elif act == "accept":
            overlapping.accept(node, session, query=query, person=person)
        elif act == "agree":
            overlapping.agree(node, session, person=person)
        elif act == "decline":
            overlapping.decline(node, session, person=person)

    try:
        await sync_to_thread(done)
    except KatchiError as wrong:
        return await _shown(request, wrong)
    return Redirect("/overlaps", status_code=303)


HANDLERS: Sequence[Any] = [every, act]
