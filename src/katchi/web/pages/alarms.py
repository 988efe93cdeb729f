"""Alarms: what rises faster than its own past explains, until somebody has looked at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from litestar.response import Redirect

from katchi.node import emerging
from katchi.store.things import Alarm
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of

_HEIGHT = 34


def points(counts: Sequence[int]) -> str:
    """Counts as the points of a line, 6 units a day, `_HEIGHT` high."""
    most = max(counts, default=0) or 1
    return " ".join(f"{6 * day},{_HEIGHT - round(_HEIGHT * count / most)}" for day, count in enumerate(counts))


def shown_with_lines(found: Sequence[Alarm]) -> list[tuple[Alarm, str]]:
    """Each alarm and the line of its days."""
    return [(alarm, points(alarm.counts)) for alarm in found]


@get("/alarms", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """The last month's, those that wait for somebody first."""
    found = await sync_to_thread(emerging.alarms, node_of(request))
    ordered = sorted(found, key=lambda each: each.closed_at is not None)
    return page(request, "alarms.html", alarms=shown_with_lines(ordered))


@post("/alarms/{number:int}/close", guards=[at_least("analyst")])
async def close(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
    """Somebody has looked at it."""
    values = await form_of(request)
    why, person = str(values.get("why", "")), person_of(request).name
    await sync_to_thread(lambda: emerging.close(node_of(request), number, person=person, why=why))
    return Redirect("/alarms", status_code=303)


HANDLERS: Sequence[Any] = [every, close]
