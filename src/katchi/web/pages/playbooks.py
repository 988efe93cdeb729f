"""Playbooks: which may be run here, what one says and would do, taken in from a file or the library, and given out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import UploadFile
from litestar.params import FromQuery
from litestar.response import Redirect

from katchi.errors import Diagnostic, KatchiError
from katchi.node import playbooks, responding
from katchi.node.localising import StepPlan, in_order
from katchi.node.playbooks import Looked
from katchi.node.things import title_of
from katchi.node.wiring import Node
from katchi.respond import library
from katchi.respond.cacao import Finding, RefusedPlaybookError
from katchi.respond.cacao.playbook import Playbook, Step
from katchi.respond.cacao.reading import LARGEST
from katchi.store.runs import RunRow
from katchi.web.pages.shown import HEADERS, form_of, page, person_of
from katchi.web.pages.workflow import drawn
from katchi.web.session import at_least, node_of

_RUNS: Final = 50
_LONGEST: Final = 10_000  # hours: more than a year is no time for which anybody tries
_UPLOAD: Final = LARGEST + 65_536  # a playbook, and the form round it
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1))


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is accepted here, what comes along, and the latest runs with the names of their playbooks."""

    kept: Sequence[playbooks.Kept]
    offered: Sequence[playbooks.Offered]
    runs: Sequence[tuple[RunRow, str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A step in the list. `goes_on` are (way, number of the step there or 0 for an end)."""

    number: int
    step: Step
    who: str
    targets: tuple[str, ...]
    delay: str
    timeout: str
    goes_on: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What somebody tried: the values, and what would be done with them, or why nothing can be said."""

    values: Mapping[str, str]
    hours: str = ""
    is_exercise: bool = False
    plan: Sequence[StepPlan] = ()
    problem: Diagnostic | None = None
    propose: str = ""


def _shelf(node: Node) -> Shelf:
    kept = playbooks.held(node)
    names = {each.row.id: each.row.name for each in kept}
    runs = [(row, names.get(row.playbook_id, row.playbook_id)) for row in node.store.runs.all()[:_RUNS]]
    return Shelf(kept, playbooks.offered(node), runs)


@get("/playbooks", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """All of them."""
    return await _every(request)


async def _every(
    request: Request[Any, Any, Any], findings: Sequence[Finding] = (), problem: KatchiError | None = None
) -> Response[str]:
    seen = await sync_to_thread(_shelf, node_of(request))
    return page(
        request, "playbooks.html", seen=seen, findings=findings, problem=problem.diagnostic() if problem else None,
        status=422 if findings or problem else 200,
    )  # fmt: skip


@post("/playbooks/import", guards=[at_least("releaser")], request_max_body_size=4 * _UPLOAD)
async def take(request: Request[Any, Any, Any]) -> Response[Any]:
    """Accepts a playbook from a file, or says all that is wrong with it and keeps nothing."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > _UPLOAD:
        return await _every(request, [Finding("too-large", "", f"A playbook has at most {LARGEST} bytes.")])
    values = await form_of(request)
    file = values.get("file")
    document = await file.read() if isinstance(file, UploadFile) else b""
    return await _accept(request, document)


@post("/playbooks/accept", guards=[at_least("releaser")])
async def accept(request: Request[Any, Any, Any]) -> Response[Any]:
    """Accepts one that comes along."""
    values = await form_of(request)
    try:
        document = library.document(str(values.get("name", "")))
    except KatchiError as wrong:
        return await _every(request, problem=wrong)
    return await _accept(request, document)


async def _accept(request: Request[Any, Any, Any], document: bytes) -> Response[Any]:
    person = person_of(request).name
    try:
        row, _ = await sync_to_thread(lambda: responding.accept(node_of(request), document, person=person))
    except RefusedPlaybookError as refused:
        return await _every(request, refused.findings)
    except KatchiError as wrong:
        return await _every(request, problem=wrong)
    return Redirect(f"/playbook?{urlencode({'id': row.id, 'version': row.version})}", status_code=303)


@get("/playbook", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], id: FromQuery[str], version: FromQuery[str] = "") -> Response[str]:
    """One version, or the newest; with values in the query also what it would do here."""
    node = node_of(request)
    seen = await sync_to_thread(playbooks.look, node, id, version)
    tried = await sync_to_thread(_try, node, seen, dict(request.query_params))
    return page(
        request, "playbook.html", seen=seen, tried=tried, title_of=title_of, drawn=drawn(seen.playbook),
        rows=rows_of(seen.playbook, seen.numbers),
    )  # fmt: skip


@get("/playbook/file", guards=[at_least("reader")])
async def file(request: Request[Any, Any, Any], id: FromQuery[str], version: FromQuery[str] = "") -> Response[bytes]:
    """The bytes as they were accepted."""
    seen = await sync_to_thread(playbooks.look, node_of(request), id, version)
    name = f"{seen.row.id}-{''.join(mark for mark in seen.row.version if mark.isdigit())}.json"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(seen.row.document, media_type="application/cacao+json", headers=headers)


def rows_of(playbook: Playbook, numbers: Mapping[str, int]) -> list[Row]:
    """The steps as a list, in the order in which a person reads them."""
    return [
        Row(
            numbers[name], step, str(playbook.agent_definitions.get(step.agent, {}).get("name", step.agent)),
            tuple(_named(playbook, each) for each in step.targets), _span(step.delay), _span(step.timeout),
            tuple((way, numbers.get(other, 0)) for way, other in (*step.branches, *step.follows)),
        )
        for name, step in in_order(playbook)
        if name in numbers
    ]  # fmt: skip


def _named(playbook: Playbook, target: str) -> str:
    found = playbook.target_definitions.get(target) or playbook.agent_definitions.get(target) or {}
    return str(found.get("name", target))


def _span(milliseconds: int) -> str:
    """A length of time in its two largest units, which people write the same in both languages; "" for none."""
    parts = []
    for unit, size in _UNITS:
        count, milliseconds = divmod(milliseconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2])


def _try(node: Node, seen: Looked, query: Mapping[str, str]) -> Tried:
    """Nothing is tried before somebody asks for it."""
    given = {name.removeprefix("value/"): text.strip() for name, text in query.items() if name.startswith("value/")}
    values = {name: text for name, text in given.items() if text}
    hours, is_exercise = query.get("hours", "").strip(), "exercise" in query
    if "try" not in query:
        return Tried(values, hours, is_exercise)
    lasts = int(hours) if hours.isascii() and hours.isdecimal() and len(hours) < 5 else 0
    text = "\n".join(f"{name.strip('_')}={value}" for name, value in values.items())
    propose = urlencode({"playbook": seen.row.name, "values": text, "hours": lasts or ""})
    try:
        plan = playbooks.dry_run(node, seen.playbook, values, hours=min(lasts, _LONGEST), is_exercise=is_exercise)
    except KatchiError as wrong:
        return Tried(values, hours, is_exercise, problem=wrong.diagnostic())
    return Tried(values, hours, is_exercise, plan, propose=propose)


HANDLERS: Sequence[Any] = [every, take, accept, one, file]
