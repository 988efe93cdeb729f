"""Responses: what partners ask us to do together and what is in force; of one all that an approver must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.node import acting, bearing, effort_board, efforts, polled, progress, responding, responses, timeline
from katchi.node.bearing import Known
from katchi.node.localising import StepPlan
from katchi.node.notices import DAY
from katchi.node.things import title_of
from katchi.node.wiring import Node
from katchi.overlap.things import is_key
from katchi.respond import joint
from katchi.respond.actuator import Settings
from katchi.respond.joint import Spans
from katchi.store.leases import DeviceRow, LeaseRow
from katchi.store.notices import NoticeRow, PollRow
from katchi.web import reports
from katchi.web.language import Language
from katchi.web.pages.runs import pictures
from katchi.web.pages.shown import HEADERS, form_of, page, person_of
from katchi.web.pages.workflow import MARKS
from katchi.web.session import at_least, language_of, node_of

_SHOWN: Final = 200
HOUR: Final = 3_600_000_000
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Overview:
    """What there is: responses, what is blocked, the devices with what was last seen of each.

    `notices` are those of the last days that were not taken as they should be.
    """

    responses: Sequence[responses.Response]
    waiting: Sequence[responding.Asked]
    leases: Sequence[LeaseRow]
    devices: Sequence[tuple[Settings, DeviceRow | None]]
    playbooks: Sequence[str]
    partners: Sequence[str]
    names: Mapping[str, str]
    notices: Sequence[NoticeRow]
    polls: Mapping[str, Sequence[PollRow]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One response; `trouble` is why it cannot be tried here."""

    found: responses.Response
    plan: Sequence[StepPlan]
    trouble: str
    leases: Sequence[LeaseRow]
    asked: Sequence[responding.Asked]
    names: Mapping[str, str]
    needed: int
    spans: Spans
    known: Sequence[Known]
    steps: Mapping[str, str]
    run: progress.Progress | None


def _overview(node: Node) -> Overview:
    seen = node.store.leases.devices()
    return Overview(
        responses.every(node), responding.waiting(node), node.store.leases.in_force(_SHOWN),
        [(each, seen.get(each.name)) for each in node.settings.actuator],
        list(dict.fromkeys(row.name for row in node.store.runs.playbooks())),
        [row.name for row in node.store.partners.all() if row.kind == "node" and row.state == "active"],
        effort_board.names_of(node),
        node.store.notices.troubled(node.clock.now() - 3 * DAY), polled.polls_of(node),
    )  # fmt: skip


def _one(node: Node, response: str) -> Shown:
    found = responses.read(node, response)
    plan: Sequence[StepPlan] = ()
    trouble = found.row.trouble or ""
    if found.row.state in responses.OPEN:
        try:
            plan = responses.dry_run(node, response)
        except KatchiError as problem:
            trouble = trouble or str(problem)
    asked = [each for each in responding.waiting(node) if each.row.run == found.row.run]
    return Shown(
        found, plan, trouble, node.store.leases.of_owner(found.row.id), asked, effort_board.names_of(node),
        node.settings.approvals, joint.spans(found.joint),
        bearing.known_of(node, (thing for each in plan for _, thing in each.places)), timeline.step_names(found.row),
        progress.of_run(node, found.row.run) if found.row.run else None,
    )  # fmt: skip


@get("/responses", guards=[at_least("reader")])
async def every(request: Request[Any, Any, Any]) -> Response[str]:
    """Everything: the inbox first."""
    return await _every(request, None)


async def _every(request: Request[Any, Any, Any], problem: KatchiError | None) -> Response[str]:
    found = await sync_to_thread(_overview, node_of(request))
    asked = request.query_params
    wished = {name: (asked.get(name) or "")[:4000] for name in ("playbook", "values", "hours", "about")}
    if not is_key(wished["about"]):
        wished["about"] = ""
    elif wished["about"].startswith(("ipv4:", "ipv6:", "domain:", "url:")):
        wished["values"] = wished["values"] or f"things={title_of(wished['about'])}"
    return page(
        request, "responses.html", seen=found, title_of=title_of, to_answer=responses.TO_ANSWER, wished=wished,
        problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


@get("/response", guards=[at_least("reader")])
async def one(request: Request[Any, Any, Any], id: FromQuery[str]) -> Response[str]:
    """One response: what it would do here, who answered what, what happened, what is in force."""
    return await _shown(request, id, None)


async def _shown(request: Request[Any, Any, Any], response: str, problem: KatchiError | None) -> Response[str]:
    found = await sync_to_thread(_one, node_of(request), response)
    return page(
        request, "response.html", seen=found, title_of=title_of, to_answer=responses.TO_ANSWER,
        still_open=responses.OPEN, own=node_of(request).settings.node_id, marks=MARKS,
        drawings=pictures(found.run, page=f"/run?id={found.run.shown.row.id}") if found.run else [],
        problem=problem.diagnostic() if problem else None, status=400 if problem else 200,
    )  # fmt: skip


@get("/response/timeline", guards=[at_least("reader")])
async def timeline_file(request: Request[Any, Any, Any], id: FromQuery[str]) -> Response[bytes]:
    """Its timeline as a file to hand on: HTML, PDF, or the signed logs themselves."""
    node, form = node_of(request), request.query_params.get("as") or "html"
    if form not in ("html", "pdf", "json"):
        raise NotFoundException
    language = language_of(request, request.state.get("person"))
    body, media = await sync_to_thread(_timeline, node, id, form, language)
    name = f"katchi-response-{id[:8]}.{form}" if id.isalnum() else f"katchi-response.{form}"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=media, headers=headers)


def _timeline(node: Node, response: str, form: str, language: Language) -> tuple[bytes, str]:
    if form == "json":
        return timeline.signed_logs(node, response), "application/json"
    made = reports.report_of(timeline.of(node, response), language)
    if form == "pdf":
        return reports.to_pdf(made), "application/pdf"
    return reports.to_html(made), "text/html; charset=utf-8"


@post("/responses/{act:str}", guards=[at_least("releaser")])
async def act(request: Request[Any, Any, Any], act: FromPath[str]) -> Response[Any]:
    """Proposes, says yes or no, takes back, lets go of one lease, or says what became of a step."""
    values = await form_of(request)
    node, person = node_of(request), person_of(request).name
    response = str(values.get("response", ""))
    try:
        made = await sync_to_thread(_do, node, act, response, values, person)
    except KatchiError as wrong:
        return await (_shown(request, response, wrong) if response else _every(request, wrong))
    return Redirect(f"/response?id={made}" if made else "/responses", status_code=303)


def _do(node: Node, act: str, response: str, values: Values, person: str) -> str:
    """Returns the id of the response to show."""
    why = str(values.get("why", "")).strip()
    if act == "propose":
        return _propose(node, values, person)
    if act == "accept":
        without = [name.removeprefix("without/") for name in values if name.startswith("without/")]
        responses.accept(node, response, without=without, until=_after(node, values), person=person)
    elif act == "approve":
        responses.approve(node, response, person=person)
    elif act == "decline":
        responses.decline(node, response, reason=why, person=person)
    elif act == "defer":
        responses.defer(node, response, reason=why, person=person)
    elif act == "recall":
        things = [str(values["thing"])] if values.get("thing") else []
        responses.recall(node, response, things=things, reason=why, person=person)
    elif act == "renew":
        responses.renew(node, response, until=_after(node, values) or 0, person=person)
    elif act == "release":
        acting.release(node, str(values.get("lease", "")), why=why, person=person)
    elif act in ("done", "failed"):
        out = {name.removeprefix("out/"): str(value) for name, value in values.items() if name.startswith("out/")}
        order = str(values.get("order", ""))
        responding.answer(node, order, is_good=act == "done", out=out, reason=why, person=person)
    return response


def _after(node: Node, values: Values, name: str = "hours") -> int | None:
    """Raises ResponseStateError for what is no number: an unclear limit is no limit that somebody meant."""
    hours = str(values.get(name, "")).strip()
    if not hours:
        return None
    if not (hours.isascii() and hours.isdecimal() and len(hours) < 5):
        raise responses.ResponseStateError(
            "This is no number of hours.", what=name, found=hours[:20], expected="1 to 9999"
        )
    return node.clock.now() + int(hours) * HOUR


def _propose(node: Node, values: Values, person: str) -> str:
    given = str(values.get("values", "")).splitlines()
    pairs = (line.partition("=") for line in given if "=" in line)
    about = [efforts.key_of(node, text) for text in str(values.get("about", "")).splitlines() if text.strip()]
    partners = [name.removeprefix("to/") for name in values if name.startswith("to/")]
    quorum = str(values.get("quorum", "1"))
    wish = responses.Wish(
        str(values.get("playbook", "")), {name.strip(): value.strip() for name, _, value in pairs}, partners,
        str(values.get("why", "")).strip(), about, begins_at=_after(node, values, "begin-in"),
        answer_by=_after(node, values, "answer-in"), until=_after(node, values),
        quorum=int(quorum) if quorum.isdecimal() and len(quorum) < 4 else 1,
        marking=str(values.get("marking", "")) or "amber", exercise=str(values.get("exercise", "")).strip(),
    )  # fmt: skip
    return responses.propose(node, wish, person=person).id


HANDLERS: Sequence[Any] = [every, one, timeline_file, act]
