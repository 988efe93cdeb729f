"""Private overlaps: proposals that wait for somebody, numbers, consents, and what both have."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import overlap_after, overlapping
from katchi.node.overlap_after import Telling
from katchi.node.terms import NoTermsError
from katchi.node.wiring import Node
from katchi.overlap.psi import guard
from katchi.overlap.psi.side import Core, Mode
from katchi.store.overlaps import OverlapRow
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of

_SHOWN: Final = 500  # items of one session
STEPS: Final[Mapping[str, Sequence[str]]] = {
    "mutual": ("proposed", "comparing", "counted", "agreed", "revealed"),
    "lookup": ("proposed", "comparing", "revealed"),
}


@dataclass(frozen=True, slots=True)
class Session:
    """One session as the page shows it. `step` counts how far it is, `done` says how much of the work (percent)."""

    row: OverlapRow
    core: Core
    steps: Sequence[str]
    step: int
    done: int | None


def _session(node: Node, row: OverlapRow) -> Session:
    core = Core.from_bytes(row.core)
    steps = STEPS[core.mode]
    state = "proposed" if row.state == "asked" else row.state
    done = node.desk.progress(row.id)
    return Session(
        row, core, steps, steps.index(state) if state in steps else -1, done and 100 * done[0] // done[1]
    )  # fmt: skip


def _read(node: Node) -> tuple[list[Session], list[str]]:
    sessions = [_session(node, row) for row in node.store.overlaps.all()]
    partners = [each.name for each in node.store.partners.all() if each.kind == "node" and each.state == "active"]
    return sessions, partners


async def _shown(request: Request[Any, Any, Any], problem: KatchiError | None) -> Response[str]:
    node = node_of(request)
    sessions, partners = await sync_to_thread(_read, node)
    kinds = (*guard.STRONG, guard.EFFORTS, *node.settings.overlap_kinds)
    return page(
        request, "overlaps.html", sessions=sessions, partners=partners, kinds=kinds,
        problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


@get("/overlaps", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """All sessions, the latest first."""
    return await _shown(request, None)


@get("/overlap", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], session: FromQuery[str]) -> Response[str]:
    """One session: how far it is, what both have once it is revealed, and what to do then."""
    return await _one(request, session, None)


async def _one(request: Request[Any, Any, Any], session: str, problem: KatchiError | None) -> Response[str]:
    node = node_of(request)
    row = await sync_to_thread(node.store.overlaps.one, session)
    found = overlapping.found(row)
    telling = await sync_to_thread(_telling, node, row.id) if found else None
    return page(
        request, "overlap.html", each=_session(node, row), found=found, most=_SHOWN, telling=telling,
        problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


def _telling(node: Node, session: str) -> Telling | None:
    with contextlib.suppress(overlapping.StateError, NoTermsError):
        return overlap_after.telling(node, session)
    return None


@post("/overlaps/{act:str}", guards=[at_least("releaser")])
async def act(request: Request[Any, Any, Any], act: FromPath[str]) -> Response[Any]:
    """Proposes, accepts, agrees or declines; after a reveal, tells of what both have, or works on it together."""
    values = await form_of(request)
    node, person = node_of(request), person_of(request).name
    session, query = str(values.get("session", "")), str(values.get("query", ""))

    def done() -> str:
        if act == "propose":
            partner, kind = str(values.get("partner", "")), str(values.get("kind", ""))
            mode: Mode = "lookup" if values.get("mode") == "lookup" else "mutual"
            overlapping.propose(node, partner, kind, query=query, mode=mode, person=person)
        elif act == "accept":
            overlapping.accept(node, session, query=query, person=person)
        elif act == "agree":
            overlapping.agree(node, session, person=person)
        elif act == "decline":
            overlapping.decline(node, session, person=person)
        elif act == "tell":
            overlap_after.tell(node, session, person=person)
            return f"/overlap?session={session}"
        elif act == "together":
            title = str(values.get("title", "")).strip()
            return f"/effort?id={overlap_after.together(node, session, title, person=person).id}"
        return "/overlaps"

    try:
        return Redirect(await sync_to_thread(done), status_code=303)
    except KatchiError as wrong:
        return await (_one(request, session, wrong) if act in ("tell", "together") else _shown(request, wrong))


HANDLERS: Sequence[Any] = [every, one, act]
