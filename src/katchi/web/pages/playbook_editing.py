"""Writing a playbook in the console, changing one, and seeing what changed between its versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromQuery
from litestar.response import Redirect

from katchi.errors import Diagnostic
from katchi.node import playbook_writing
from katchi.node.playbook_writing import Begun, ChangedMeanwhileError
from katchi.node.wiring import Node
from katchi.respond.cacao import Finding, RefusedPlaybookError, comparing, editing
from katchi.respond.cacao.comparing import Difference
from katchi.respond.cacao.editing import (
    AddAgent,
    AddIf,
    AddStep,
    Change,
    DropVariable,
    EditError,
    Members,
    Move,
    Remove,
    SetVariable,
)
from katchi.respond.cacao.saying import Block
from katchi.respond.cacao.variables import TYPES
from katchi.store.runs import PlaybookRow
from katchi.web.language import translator
from katchi.web.pages import playbook_forms
from katchi.web.pages.playbook_forms import Sheet, Typed
from katchi.web.pages.shown import form_of, page, person_of
from katchi.web.session import at_least, language_of, node_of

_LARGEST: Final = 16_777_216  # bytes of a form: a playbook of 1 MiB, twice, each character written as three
_THINGS: Final = "__things__"
_ABOUT_THINGS: Final = "Addresses, networks and names, with spaces or commas between."


@dataclass(frozen=True, slots=True)
class Drafted:
    """What is being written, as it is shown: `seen` tells which draft the differences are of."""

    sheet: Sheet
    begun: Begun
    is_ours: bool
    draft: str
    seen: str
    differences: Sequence[Difference] | None = None
    is_good: bool = False
    problem: Diagnostic | None = None
    newest: str = ""
    opened: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions, and what changed from one to the other."""

    versions: Sequence[PlaybookRow]
    before: PlaybookRow | None
    after: PlaybookRow
    differences: Sequence[Difference]


@get("/playbook/new", guards=[at_least("releaser")])
async def write(request: Request[Any, Any, Any]) -> Response[str]:
    """A form for a new one."""
    _ = translator(language_of(request, person_of(request)))
    agents = [AddAgent(_("duty officers")), AddAgent(_("defence"), ("firewall", "dns"))]
    members, begun = await sync_to_thread(playbook_writing.begin_new, node_of(request), agents)
    return _form(request, _drafted(node_of(request), members, begun))


@get("/playbook/edit", guards=[at_least("releaser")])
async def edit(request: Request[Any, Any, Any], id: FromQuery[str], version: FromQuery[str] = "") -> Response[str]:
    """A form for one that there is; of another's, a name of its own is proposed."""
    node = node_of(request)
    members, begun = await sync_to_thread(playbook_writing.begin, node, id, version)
    if not playbook_writing.is_ours(node, members):
        members["name"] = f"{members['name']} ({node.settings.title or node.settings.name})"
    return _form(request, _drafted(node, members, begun))


@post("/playbook/edit", guards=[at_least("releaser")], request_max_body_size=_LARGEST)
async def save(request: Request[Any, Any, Any]) -> Response[Any]:
    """Any button of the form: brings it back with a change, says what would be otherwise, or saves it."""
    form = {name: str(value) for name, value in (await form_of(request)).items()}
    person = person_of(request).name
    made = await sync_to_thread(_pressed, node_of(request), form, person)
    if isinstance(made, PlaybookRow):
        return Redirect(f"/playbook?id={quote(made.id)}", status_code=303)
    return _form(request, made)


@get("/playbook/compare", guards=[at_least("reader")])
async def compare(request: Request[Any, Any, Any], id: FromQuery[str], to: FromQuery[str] = "") -> Response[str]:
    """What changed between two versions; the latest change if none are said."""
    since = str(request.query_params.get("from", ""))
    found = await sync_to_thread(_compared, node_of(request), id, since, to)
    return page(request, "playbook-compare.html", seen=found, known=KNOWN)


def _form(request: Request[Any, Any, Any], drafted: Drafted) -> Response[str]:
    status = 409 if drafted.problem and drafted.problem.code == "changed-meanwhile" else 400 if drafted.problem else 200
    return page(
        request, "playbook-edit.html", seen=drafted, types=editing.TYPES, kinds=TYPES, known=KNOWN, status=status
    )  # fmt: skip


def _drafted(
    node: Node, members: Members, begun: Begun, findings: Sequence[Finding] = (), kept: Mapping[str, str] | None = None,
) -> Drafted:  # fmt: skip
    draft = editing.written(members).decode()
    sheet = playbook_forms.sheet(members, list(findings), kept or {})
    seen = hashlib.sha256(draft.encode()).hexdigest()
    return Drafted(sheet, begun, not begun.id or playbook_writing.is_ours(node, members), draft, seen)


def _pressed(node: Node, form: Mapping[str, str], person: str) -> Drafted | PlaybookRow:
    """Raises EditError where the form is none of ours, UnknownRunError where its playbook is gone."""
    begun = Begun(form.get("id", ""), form.get("version", ""), form.get("newest", ""))
    draft = playbook_writing.go_on(node, form.get("draft", "").encode(), begun)
    act, _, at = form.get("act", "").partition("/")
    typed = playbook_forms.read(draft, form)
    members, problem = draft, None
    try:
        members = _changed(node, draft, typed.changes)
        members = _acted(node, members, act, at, form)
    except EditError as wrong:
        problem = wrong.diagnostic()
    if act in ("save", "confirm", "over") and problem is None:
        return _saved(node, members, begun, typed, form, person)
    drafted = _drafted(node, members, begun, typed.findings, typed.kept)
    return replace(drafted, problem=problem, opened="" if problem else _opened(draft, members, act, at))


def _opened(before: Members, members: Members, act: str, at: str) -> str:
    """The step to which a person looks next: the new one, or the one that moved."""
    if act == "add":
        return next((name for name in members["workflow"] if name not in before["workflow"]), "")
    return playbook_forms.step_at(members, at) if act in ("up", "down") else ""


def _saved(
    node: Node, members: Members, begun: Begun, typed: Typed, form: Mapping[str, str], person: str
) -> Drafted | PlaybookRow:
    act = form.get("act", "")
    if act == "over":  # what another saved meanwhile has been looked at
        begun = replace(begun, newest=form.get("newer", ""))
    findings = [*typed.findings, *playbook_writing.judged(node, members, begun)]
    drafted = _drafted(node, members, begun, findings, typed.kept)
    is_good = not any(each.is_error for each in findings)
    differences = playbook_writing.differences(node, members, begun)
    drafted = replace(drafted, differences=differences, is_good=is_good)
    if act != "confirm" or not is_good or not differences or form.get("seen") != drafted.seen:
        return drafted
    try:
        return playbook_writing.save(node, members, begun, person=person)
    except ChangedMeanwhileError as late:
        return replace(drafted, problem=late.diagnostic(), newest=str(late.what))
    except RefusedPlaybookError as refused:
        return replace(drafted, problem=refused.diagnostic(), is_good=False)


def _changed(node: Node, members: Members, changes: Sequence[Change]) -> Members:
    return editing.changed(members, changes, new_id=lambda: playbook_writing.new_id(node))


def _acted(node: Node, members: Members, act: str, at: str, form: Mapping[str, str]) -> Members:
    """What a button does to the steps or the variables. Raises EditError."""
    if act == "add":
        return _changed(node, members, _added(members, at, form))
    if act == "remove":
        return _changed(node, members, [Remove(playbook_forms.step_at(members, at))])
    if act in ("up", "down"):
        return _changed(node, members, [Move(playbook_forms.step_at(members, at), act == "up")])
    if act == "drop":
        names = list(members.get("playbook_variables", {}))
        if not at.isdecimal() or int(at[:6]) >= len(names):
            raise EditError("There is no such variable.", what=at[:80])
        return _changed(node, members, [DropVariable(names[int(at)])])
    return members


def _added(members: Members, at: str, form: Mapping[str, str]) -> list[Change]:
    """A step after another, or in one of its branches. Raises EditError."""
    way = playbook_forms.way_at(members, at, form.get(f"step/{at}/way", "0"))
    kind, says = form.get(f"step/{at}/new", "people"), playbook_forms.clean(form.get(f"step/{at}/says", ""))
    agents = members.get("agent_definitions", {})
    people = next((name for name, each in agents.items() if each.get("type") == "group"), next(iter(agents), ""))
    if kind == "devices":
        devices = next((name for name, each in agents.items() if each.get("type") == "security-category"), people)
        block = AddStep(way, "", Block(says or f"{_THINGS}:value"), devices)
        is_asked = bool(says) or _THINGS in members.get("playbook_variables", {})
        return [block] if is_asked else [SetVariable(_THINGS, description=_ABOUT_THINGS, is_external=True), block]
    if kind == "question":
        if not says:
            raise EditError("Say what is to be asked.")
        return [AddIf(way, says[:80], question=says, agent=people)]
    if kind == "condition":
        first = next(iter(members.get("playbook_variables", {})), "__name__")
        return [AddIf(way, "", condition=says or f"{first}:value = ''")]
    return [AddStep(way, "", says, people)]


def _compared(node: Node, playbook: str, since: str, to: str) -> Compared:
    found = playbook_writing.versions(node, playbook)
    after = playbook_writing.version_of(found, to)
    older = found[found.index(after) + 1 :]
    before = playbook_writing.version_of(found, since) if since else older[0] if older else None
    changed = [] if before is None else comparing.compare(
        editing.opened(before.document), editing.opened(after.document)
    )  # fmt: skip
    return Compared(found, before, after, changed)


KNOWN: Final = frozenset(
    {
        "name", "description", "playbook_types", "valid_from", "valid_until", "type", "value", "external", "constant",
        "agent", "delay", "timeout", "commands", "condition", "on_completion", "on_success", "on_failure", "on_true",
        "on_false", "signatures", "revoked", "out_args", "in_args", "targets", "labels", "markings", "derived_from",
        "playbook_processing_summary", "workflow_start", "workflow_exception", "category", "severity", "priority",
        "impact",
    }
)  # fmt: skip
"""The properties of which pages have a word; of others the property itself is shown."""

HANDLERS: Sequence[Any] = [write, edit, save, compare]
