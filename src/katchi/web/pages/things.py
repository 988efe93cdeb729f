"""Things: one box for whatever an analyst has, and one page for each real-world thing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import advising, comparing, effort_board, portrait, rulings, search
from katchi.node.documents import UnmarkedError
from katchi.node.portrait import Portrait
from katchi.overlap.things import is_key
from katchi.web.pages.graph import MOST_OPEN, graph_of
from katchi.web.pages.shown import HEADERS, form_of, moment, page, person_of
from katchi.web.session import at_least, node_of

_position = re.compile(r"[0-9]{1,18}").fullmatch
_MONTHS: Final = 24
_DECISIONS: Final = {"join": rulings.join, "split": rulings.split, "withdraw": rulings.withdraw}
_MEANING: Final = {"join": True, "split": False, "withdraw": None}


@dataclass(frozen=True, slots=True)
class Bar:
    """One month of a timeline, in the picture's own units."""

    month: str
    x: int
    said: int
    seen: int
    said_height: int
    seen_height: int


@get("/things", guards=[at_least("reader")])
async def found(request: Request[Any, Any, Any]) -> Response[str]:
    """What the box's text means."""
    asked = (request.query_params.get("q") or "")[:2000]
    before = request.query_params.get("before") or ""
    return await _looked_up(request, asked, int(before) if _position(before) else None)


@get("/things.csv", guards=[at_least("reader")])
async def as_table(request: Request[Any, Any, Any]) -> Response[Any]:
    """The same as a table for a spreadsheet, a thousand at most."""
    asked = (request.query_params.get("q") or "")[:2000]
    node = node_of(request)
    result = await sync_to_thread(lambda: search.find(node, asked, limit=1000))
    body = "\r\n".join(",".join(map(_cell, row)) for row in _table(result)) + "\r\n"
    headers = {"Content-Disposition": 'attachment; filename="things.csv"', **HEADERS}
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


def _table(found: search.Found) -> list[list[str]]:
    rows = [["score", "kind", "value", "key", "sources", "sightings", "warning lists", "first", "last"]]
    for each in found.things:
        row = each.row
        rows.append(
            [str(each.score), row.kind, row.name, row.key, " ".join(each.sources), str(row.sightings),
             " ".join(each.warned), moment(row.first_at), moment(row.last_at)]
        )  # fmt: skip
    return rows


def _cell(text: str) -> str:
    """RFC 4180; what a spreadsheet would take for a formula becomes text."""
    text = f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


@post("/things", guards=[at_least("reader")], status_code=200)
async def pasted(request: Request[Any, Any, Any]) -> Response[str]:
    """As above, for more than an address holds."""
    values = await form_of(request)
    return await _looked_up(request, str(values.get("q", "")), None)


async def _looked_up(request: Request[Any, Any, Any], text: str, before: int | None) -> Response[str]:
    node = node_of(request)
    try:
        result = await sync_to_thread(lambda: search.find(node, text, before=before))
        problem = None
    except search.BadQueryError as wrong:
        result, problem = search.Found(search.Query(), ()), wrong.diagnostic()
    counts = await sync_to_thread(node.store.things.counts)
    shown = text if len(text) <= 2000 else ""
    return page(request, "things.html", found=result, asked=shown, counts=counts, problem=problem)


@get("/thing", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any]) -> Response[Any]:
    """Everything that is known of one thing."""
    return await _shown(request, (request.query_params.get("key") or "")[:20_000], None)


async def _shown(request: Request[Any, Any, Any], text: str, problem: KatchiError | None) -> Response[Any]:
    node = node_of(request)
    root = await sync_to_thread(search.root_of, node, text)
    if root is None:
        return Redirect("/things")
    shown = await sync_to_thread(portrait.portrait, node, root)
    asked = [key for key in request.query_params.getall("open", []) if is_key(key)][:MOST_OPEN]
    opened = [await sync_to_thread(portrait.portrait, node, key) for key in asked]
    working = await sync_to_thread(effort_board.working_on, node, shown.keys)
    leases = await sync_to_thread(node.store.leases.of_thing, root)
    return page(
        request, "thing.html", shown=shown, working=working, leases=leases, now=node.clock.now(),
        bars=_bars(shown, node.clock.now()),
        graph=graph_of(shown, opened), problem=problem.diagnostic() if problem else None,
        status=400 if problem else 200,
    )  # fmt: skip


@get("/compare", guards=[at_least("reader")])
async def compared(request: Request[Any, Any, Any]) -> Response[Any]:
    """Two things beside each other."""
    node = node_of(request)
    asked = [(request.query_params.get(name) or "")[:20_000] for name in ("one", "other")]
    roots = [await sync_to_thread(search.root_of, node, text) if text else None for text in asked]
    unclear = [text for text, root in zip(asked, roots, strict=True) if text and root is None]
    problem = search.BadQueryError("It is not clear which thing this is.", found=unclear[0][:80]) if unclear else None
    found = await sync_to_thread(comparing.compare, node, roots[0], roots[1]) if roots[0] and roots[1] else None
    diagnostic = problem.diagnostic() if problem else None
    status = 400 if problem else 200
    return page(request, "comparison.html", found=found, asked=asked, problem=diagnostic, status=status)


@post("/thing/{decision:str}", guards=[at_least("analyst")])
async def decide(request: Request[Any, Any, Any], decision: FromPath[str]) -> Response[Any]:
    """Joins two things, splits them, or takes that back."""
    values = await form_of(request)
    node, person = node_of(request), person_of(request).name
    text, act = str(values.get("key", "")), _DECISIONS.get(decision)
    if act is None:
        return Redirect("/things", status_code=303)
    key = await sync_to_thread(search.key_named, node, text)
    other = await sync_to_thread(search.key_named, node, str(values.get("other", "")))
    if key is None or other is None:
        problem = search.BadQueryError(
            "It is not clear which thing this is.", what="other", found=str(values.get("other", ""))[:80],
            expected="a value, a known name, or a key",
        )  # fmt: skip
        return await _shown(request, text, problem)
    why, marking = str(values.get("why", "")), str(values.get("tell", ""))

    def done() -> None:
        act(node, key, other, person=person, why=why)
        if marking:
            advising.tell(node, key, other, is_same=_MEANING[decision], why=why, marking=marking)

    try:
        await sync_to_thread(done)
    except (rulings.BadRulingError, UnmarkedError) as wrong:
        return await _shown(request, text, wrong)
    return Redirect(f"/thing?key={quote(key, safe='')}", status_code=303)


def _bars(shown: Portrait, now: int) -> list[Bar]:
    """Statements and sightings by month, the last two years of what there is."""
    said = [each.statement.at for each in shown.said]
    seen = [(each.attestation.last, each.attestation.times) for each in shown.seen if each.attestation.opinion is None]
    last = max([*said, *(at for at, _ in seen)], default=now)
    months = [_month(last) - back for back in range(_MONTHS - 1, -1, -1)]
    counted = {month: [0, 0] for month in months}
    for at in said:
        counted.setdefault(_month(at), [0, 0])[0] += 1
    for at, times in seen:
        counted.setdefault(_month(at), [0, 0])[1] += times
    most = max((max(counted[month]) for month in months), default=0) or 1
    return [
        Bar(
            f"{month // 12:04d}-{month % 12 + 1:02d}", place * 24, counted[month][0], counted[month][1],
            _height(counted[month][0], most), _height(counted[month][1], most),
        )
        for place, month in enumerate(months)
    ]  # fmt: skip


def _month(micros: int) -> int:
    try:
        moment = datetime.fromtimestamp(micros / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return 0
    return moment.year * 12 + moment.month - 1


def _height(count: int, most: int) -> int:
    return max(2, round(60 * math.log1p(count) / math.log1p(most))) if count else 0


HANDLERS: Sequence[Any] = [found, as_table, pasted, one, compared, decide]
