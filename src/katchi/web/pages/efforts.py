"""Efforts: a board of what is worked on, ours, our partners' and together; one effort, and what is done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import effort_board, efforts
from katchi.node.documents import TLP_LABELS
from katchi.node.effort_board import Board, Portrait
from katchi.node.effort_wishes import Wishes, differences, entries, member_named, task_named
from katchi.node.things import title_of
from katchi.node.wiring import OWN, Node
from katchi.overlap.efforts.history import KINDS, LISTS, STATES, TASK_STATES, Effort
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, node_of, require_role

_FIELDS: Final = ("title", "summary", "kind", "state", "lead", "expected", "due", "alone", "spent")
_BY_RELEASER: Final = ("propose", "accept", "decline")
"""What says something to a partner that it did not have: not for analysts."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Page:
    """One effort with all that its page shows."""

    found: Portrait
    partners: Sequence[str]  # whom we could ask
    kept: Sequence[tuple[str, str]]  # partners who take part and do not get what we say, and why
    ours: Sequence[effort_board.Seen]  # which of ours could go on in it


@get("/efforts", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """The board."""
    return await _shown(request, None, {})


async def _shown(request: Request[Any, Any, Any], problem: KatchiError | None, written: Values) -> Response[str]:
    found: Board = await sync_to_thread(effort_board.board, node_of(request))
    return page(
        request, "efforts.html", board=found, kinds=KINDS, labels=TLP_LABELS, title_of=title_of, own=OWN,
        draft=_draft(written), marking=_text(written, "marking") or efforts.PRIVATE,
        problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


def _draft(written: Values) -> Effort:
    """What somebody filled in, to be corrected."""
    days = _text(written, "alone")
    filled = {name: _text(written, name) for name in ("title", "summary", "lead", "expected", "due")}
    lists = {name: _lines(written, name) for name in LISTS}
    alone = {OWN: float(days)} if days.replace(".", "", 1).isdecimal() else {}
    kind = _text(written, "kind") or KINDS[0]
    return msgspec.convert({"id": "", "founder": "", "kind": kind, "alone": alone, **filled, **lists}, Effort)


@get("/effort", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], id: FromQuery[str]) -> Response[str]:
    """One effort."""
    return await _one(request, id, None)


async def _one(request: Request[Any, Any, Any], effort: str, problem: KatchiError | None) -> Response[str]:
    found = await sync_to_thread(_read, node_of(request), effort)
    return page(
        request, "effort.html", found=found.found, seen=found.found.seen, effort=found.found.seen.effort,
        partners=found.partners, kept=found.kept, choices=found.ours,
        alike={each.own.row.id for each in found.found.twice}, kinds=KINDS, states=STATES[:-1],
        task_states=TASK_STATES, labels=TLP_LABELS, title_of=title_of, own=node_of(request).settings.node_id,
        problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


def _read(node: Node, effort: str) -> _Page:
    found = effort_board.portrait(node, effort)
    seen = found.seen
    taking = {found.names.get(each, "") for each in (*seen.effort.partners, *seen.effort.members)}
    nodes = [row.name for row in node.store.partners.all() if row.kind == "node" and row.state == "active"]
    kept = []
    if seen.row.marking:
        kept = [
            (name, why) for name in nodes if name in taking and (why := effort_board.kept_from(node, seen.row, name))
        ]
    ours = effort_board.going_on(node, "own", "joint") if seen.side == "asked" else []
    return _Page(found, [name for name in nodes if name not in taking], kept, ours)


@post("/efforts/{act:str}", guards=[at_least("analyst")])
async def act(request: Request[Any, Any, Any], act: FromPath[str]) -> Response[Any]:
    """Begins an effort, or does something to one."""
    values = await form_of(request)
    node, person = node_of(request), person_of(request)
    if act in _BY_RELEASER:
        require_role(person, "releaser")
    effort = str(values.get("effort", ""))
    try:
        effort = await sync_to_thread(_do, node, act, effort, values, person.name)
    except KatchiError as wrong:
        if act == "begin":
            return await _shown(request, wrong, values)
        return await _one(request, effort, wrong)
    return Redirect("/efforts" if act == "apart" else f"/effort?id={effort}", status_code=303)


def _do(node: Node, act: str, effort: str, values: Values, person: str) -> str:
    """Returns the id of the effort to show."""
    if act == "begin":
        lists = {name: entries(node, name, lines) for name in LISTS if (lines := _lines(values, name))}
        fields = {name: text for name in _FIELDS if (text := _text(values, name))}
        if "alone" in fields:
            fields[f"alone/{node.settings.node_id}"] = fields.pop("alone")
        title = fields.pop("title", "")
        return efforts.begin(
            node, title, fields=fields, lists=lists, marking=_text(values, "marking") or efforts.PRIVATE, person=person
        ).id
    row = node.store.efforts.one(effort)
    if act == "change":
        wishes = Wishes(
            {name: _text(values, name) for name in _FIELDS if name in values},
            {name: _lines(values, name) for name in LISTS if name in values},
        )
        found = differences(node, efforts.view(row), wishes)
        marking = _text(values, "marking")
        efforts.change(
            node, row.id, fields=found.fields, add=found.add, drop=found.drop,
            marking=marking if marking != row.marking else "", person=person,
        )  # fmt: skip
    elif act == "say":
        efforts.change(node, row.id, said=_text(values, "said"), person=person)
    elif act == "task":
        _task(node, row.id, values, person)
    elif act == "propose":
        efforts.propose(node, row.id, _text(values, "partner"), person=person)
    elif act == "accept":
        days = _text(values, "alone")
        fields = {f"alone/{node.settings.node_id}": days} if days else {}
        efforts.accept(node, row.id, own=_text(values, "own"), fields=fields, person=person)
    elif act == "decline":
        efforts.decline(node, row.id, why=_text(values, "why"), person=person)
    elif act == "apart":
        other = node.store.efforts.one(_text(values, "other"))
        node.store.efforts.put_apart(row.id, other.id, person=person, at=node.clock.now())
    return row.id


def _task(node: Node, effort: str, values: Values, person: str) -> None:
    title = _text(values, "title")
    known = task_named(efforts.view(node.store.efforts.one(effort)), _text(values, "task") or title)
    number = known.id if known else node.random(4).hex()
    who = member_named(node, effort_board.names_of(node), _text(values, "who"))
    state = _text(values, "state") or "open"
    fields = {} if known else {f"task/{number}/title": title}
    if known is None or known.who != who:
        fields[f"task/{number}/who"] = who
    if known is None or known.state != state:
        fields[f"task/{number}/state"] = state
    efforts.change(node, effort, fields=fields, person=person)


def _text(values: Values, name: str) -> str:
    return str(values.get(name, "")).strip().replace("\r\n", "\n")


def _lines(values: Values, name: str) -> list[str]:
    return [line.strip() for line in str(values.get(name, "")).splitlines() if line.strip()]


HANDLERS: Sequence[Any] = [every, one, act]
