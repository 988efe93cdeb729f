"""`katchi respond`, what it has of responses: proposed, answered, taken back, and what is blocked for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment
from katchi.cli.respond import Set, Why, app, values

__all__ = ["app"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from katchi.node.localising import StepPlan
    from katchi.node.responses import Response
    from katchi.node.wiring import Node
    from katchi.store.leases import LeaseRow
    from katchi.store.notices import NoticeRow
    from katchi.store.responses import ResponseRow

Named = Annotated[str, typer.Argument(metavar="RESPONSE", help="Its id, or how it begins.")]

_UNITS = {"m": 60, "h": 3600, "d": 86_400}


@app.command()
def propose(
    context: typer.Context, playbook: Annotated[str, typer.Argument(help="Its id or name, or how one begins.")],
    to: Annotated[list[str] | None, typer.Option(metavar="PARTNER", help="Whom to ask; as often as needed.")] = None,
    set_: Set = None, why: Why = "",
    for_: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long: 6h, 2d.")] = "",
    about: Annotated[list[str] | None, typer.Option(metavar="THING", help="What it is about.")] = None,
    begin_in: Annotated[str, typer.Option(metavar="SPAN", help="All who accepted begin together then.")] = "",
    answer_in: Annotated[str, typer.Option(metavar="SPAN", help="How long partners may think.")] = "",
    quorum: Annotated[int, typer.Option(help="Begin when so many nodes have accepted.")] = 1,
    marking: Annotated[str, typer.Option(help="Who may know of it: a TLP marking.")] = "amber",
    exercise: Annotated[str, typer.Option(help="Name of an exercise: only simulated devices act.")] = "",
) -> None:  # fmt: skip
    """Ask partners to run a playbook together with us.

    Example: katchi respond propose "Block and watch" --to us-cert --set things="192.0.2.7 evil.example" --for 6h
    """
    from katchi.node import efforts, responses

    invocation = here(context)
    with invocation.node() as node:
        now = node.clock.now()
        wish = responses.Wish(
            playbook, values(set_), to or (), why, [efforts.key_of(node, each) for each in about or ()],
            _after(now, begin_in, "--begin-in"), _after(now, answer_in, "--answer-in"), _after(now, for_, "--for"),
            quorum, marking, exercise,
        )  # fmt: skip
        row = responses.propose(node, wish, person=person())
        for name, reason in responses.kept_from(node, responses.read(node, row.id)).items():
            invocation.warn("response-kept", partner=name, reason=reason)
        _say_response(invocation, row)


@app.command()
def status(
    context: typer.Context, response: Annotated[str | None, typer.Argument(help="Its id, or how it begins.")] = None
) -> None:
    """Show responses, or all there is to know of one."""
    from katchi.node import responses

    invocation = here(context)
    with invocation.node() as node:
        if response is None:
            _list_responses(invocation, node, responses.every(node))
        else:
            _show_response(invocation, node, responses.read(node, response))


@app.command()
def plan(context: typer.Context, response: Named) -> None:
    """Show what a response would do here, and touch nothing."""
    from katchi.node import bearing, responses

    invocation = here(context)
    with invocation.node() as node:
        found = responses.dry_run(node, response)
        known = bearing.known_of(node, (thing for each in found for _, thing in each.places))
    things = [{"thing": each.thing, "score": each.score, "sources": each.sources, "seen": each.seen} for each in known]
    invocation.answer({"steps": [_plan(each) for each in found], "things": things})
    invocation.table(
        ("step", "agent", "what happens", "device", "thing", "reason"),
        [
            (each.name, each.agent,
             invocation.word("plan-asks" if each.at and each.verdict == "here" else f"plan-{each.verdict}"),
             each.at or ", ".join(sorted({name for name, _ in each.places})),
             each.command.partition("\n")[0] if each.at else ", ".join(dict.fromkeys(key for _, key in each.places)),
             each.reason or ", ".join(f"{thing}: {name}" for thing, name in each.warned))
            for each in found
        ],
    )  # fmt: skip
    if known:
        invocation.table(
            ("thing", "score", "sources", "seen here in 30 days"),
            [
                (each.thing, "-" if each.score is None else each.score, ", ".join(each.sources), each.seen)
                for each in known
            ],
        )  # fmt: skip


@app.command()
def accept(
    context: typer.Context, response: Named,
    without: Annotated[list[str] | None, typer.Option(metavar="STEP", help="Leave a step out, by its id.")] = None,
    for_: Annotated[str, typer.Option("--for", metavar="SPAN", help="Not longer than this: 6h, 2d.")] = "",
) -> None:  # fmt: skip
    """Say yes to our part of a response."""
    from katchi.node import responses

    invocation = here(context)
    with invocation.node() as node:
        until = _after(node.clock.now(), for_, "--for")
        _say_response(invocation, responses.accept(node, response, without=without or (), until=until, person=person()))


@app.command()
def approve(context: typer.Context, response: Named) -> None:
    """Say yes as one more person, to just what the first one accepted."""
    from katchi.node import responses

    invocation = here(context)
    with invocation.node() as node:
        _say_response(invocation, responses.approve(node, response, person=person()))


@app.command()
def decline(context: typer.Context, response: Named, why: Why = "") -> None:
    """Say no; the partners are told why."""
    from katchi.node import responses

    invocation = here(context)
    with invocation.node() as node:
        _say_response(invocation, responses.decline(node, response, reason=why, person=person()))


@app.command()
def defer(context: typer.Context, response: Named, why: Why = "") -> None:
    """Say: not yet; the partners are told why."""
    from katchi.node import responses

    invocation = here(context)
    with invocation.node() as node:
        _say_response(invocation, responses.defer(node, response, reason=why, person=person()))


@app.command()
def recall(
    context: typer.Context, response: Named,
    thing: Annotated[list[str] | None, typer.Option(help="Only this thing; as often as needed.")] = None, why: Why = "",
) -> None:  # fmt: skip
    """Take a response back: what it blocks is let go.

    At the partners too when it is ours.

    Example: katchi respond recall 3f2a --thing 192.0.2.7 --why "a customer's mail server"
    """
    from katchi.node import efforts, responses

    invocation = here(context)
    with invocation.node() as node:
        things = [efforts.key_of(node, each) for each in thing or ()]
        _say_response(invocation, responses.recall(node, response, things=things, reason=why, person=person()))


@app.command()
def timeline(
    context: typer.Context, response: Named,
    out: Annotated[Path, typer.Option(help="The file to write: .html, .pdf, or .json for the signed logs.")],
) -> None:  # fmt: skip
    """Write a response's timeline into a file that can be handed on.

    Example: katchi respond timeline 3f2a --out wiper.pdf
    """
    from katchi.node import timeline
    from katchi.web import reports

    invocation = here(context)
    writers = {".html": reports.to_html, ".pdf": reports.to_pdf}
    with invocation.node() as node:
        if out.suffix == ".json":
            content = timeline.signed_logs(node, response)
        elif out.suffix in writers:
            made = reports.report_of(timeline.of(node, response), invocation.language)
            content = writers[out.suffix](made)
        else:
            raise typer.BadParameter("write a name that ends in .html, .pdf or .json", param_hint="--out")
    out.write_bytes(content)
    invocation.answer({"file": str(out), "bytes": len(content)})
    invocation.say("timeline-written", file=str(out))


@app.command()
def renew(
    context: typer.Context, response: Named,
    for_: Annotated[str, typer.Option("--for", metavar="SPAN", help="From now on: 6h, 2d.")],
) -> None:  # fmt: skip
    """Move the end of our response.

    What partners agreed to ends as they agreed.
    """
    from katchi.node import responses

    invocation = here(context)
    with invocation.node() as node:
        until = _after(node.clock.now(), for_, "--for") or 0
        _say_response(invocation, responses.renew(node, response, until=until, person=person()))


@app.command()
def leases(context: typer.Context) -> None:
    """Show what is blocked, where, why, by whose yes and until when."""
    invocation = here(context)
    with invocation.node() as node:
        found = node.store.leases.in_force()
    invocation.answer({"leases": [{**row._asdict(), "state": _lease_state(row)} for row in found]})
    invocation.table(
        ("id", "thing", "device", "state", "until", "step", "person", "reason"),
        [
            (row.id[:8], row.thing, row.actuator, invocation.word(f"lease-{_lease_state(row)}"), moment(row.until),
             row.step, row.person, row.why or row.reason)
            for row in found
        ],
    )  # fmt: skip
    if not found:
        invocation.say("leases-none")


@app.command()
def release(
    context: typer.Context, lease: Annotated[str, typer.Argument(help="Its id, or how it begins.")], why: Why = ""
) -> None:
    """Let go of one thing at one device here."""
    from katchi.node import acting

    invocation = here(context)
    with invocation.node() as node:
        row = acting.release(node, lease, why=why, person=person())
    invocation.answer(row._asdict())
    invocation.say("lease-released", thing=row.thing, device=row.actuator)


@app.command()
def devices(context: typer.Context) -> None:
    """Show what blocks for us, and what was last seen of each."""
    from katchi.node import polled

    invocation = here(context)
    with invocation.node() as node:
        known, named = node.store.leases.devices(), node.settings.actuator
        polls = polled.polls_of(node)
    found = [(each, known.get(each.name), polls.get(each.name, ())) for each in named]
    invocation.answer(
        {
            "devices": [
                {
                    "name": each.name, "roles": each.roles, **(seen._asdict() if seen else {"looked_at": None}),
                    "fetched": {row.reader: moment(row.at) for row in fetched},
                }
                for each, seen, fetched in found
            ]
        }
    )  # fmt: skip
    invocation.table(
        ("name", "role", "blocked", "put back", "taken out", "when", "fetched", "trouble"),
        [
            (each.name, ", ".join(each.roles), seen.held if seen else "", seen.put_back if seen else "",
             seen.taken_out if seen else "", moment(seen.looked_at if seen else None),
             ", ".join(f"{row.reader} {moment(row.at)}" for row in fetched), (seen.problem or "") if seen else "")
            for each, seen, fetched in found
        ],
    )  # fmt: skip
    if not found:
        invocation.say("devices-none")


@app.command()
def notices(
    context: typer.Context,
    try_: Annotated[str, typer.Option("--try", metavar="NAME", help="Send a test to who is told by this name.")] = "",
) -> None:
    """Show what people were told, what waits to be sent, and what was not taken and why.

    Example: katchi respond notices --try duty
    """
    from katchi.node import notifying

    invocation = here(context)
    with invocation.node() as node:
        if try_:
            remark = notifying.try_out(node, try_)
            invocation.answer({"target": try_, "taken": True, "remark": remark})
            invocation.say("notice-tried", name=try_, remark=remark or "-")
            return
        found, named = node.store.notices.recent(), node.settings.notify
    invocation.answer({"targets": [each.name for each in named], "notices": [_notice(row) for row in found]})
    invocation.table(
        ("when", "name", "what happened", "notice", "state", "tries", "trouble"),
        [
            (moment(row.made_at), row.target, invocation.word(f"event-{row.event}"), row.headline,
             invocation.word(f"notice-{_notice_state(row)}"), row.tries, row.problem or "")
            for row in found
        ],
    )  # fmt: skip
    if not named:
        invocation.say("notices-nobody")
    elif not found:
        invocation.say("notices-none")


def _notice(row: NoticeRow) -> dict[str, object]:
    return {
        "id": row.id, "target": row.target, "event": row.event, "headline": row.headline, "state": _notice_state(row),
        "made": moment(row.made_at), "tries": row.tries, "sent": moment(row.sent_at) or None,
        "next": moment(row.next_at) or None, "problem": row.problem,
    }  # fmt: skip


def _notice_state(row: NoticeRow) -> str:
    return "sent" if row.sent_at is not None else "given-up" if row.given_up_at is not None else "waiting"


def _after(now: int, span: str, option: str) -> int | None:
    """The time (µs) that is so long after now; None for no span."""
    if not span:
        return None
    number, unit = span[:-1], _UNITS.get(span[-1:])
    if unit is None or not (number.isascii() and number.isdecimal()) or len(number) > 6:
        raise typer.BadParameter("write 90m, 6h or 2d", param_hint=option)
    return now + int(number) * unit * 1_000_000


def _say_response(invocation: Invocation, row: ResponseRow) -> None:
    invocation.answer({"id": row.id, "name": row.name, "state": row.state, "trouble": row.trouble})
    invocation.say(
        "response-stands", id=row.id[:8], name=row.name, state=invocation.word(f"response-{row.state}"),
        trouble=row.trouble or "-",
    )  # fmt: skip


def _list_responses(invocation: Invocation, node: Node, found: Sequence[Response]) -> None:
    names = _names(node)
    invocation.answer({"responses": [_response(each, names) for each in found]})
    invocation.table(
        ("id", "name", "proposed by", "state", "until", "reason"),
        [
            (each.row.id[:8], each.row.name, names.get(each.row.proposer, each.row.proposer),
             invocation.word(f"response-{each.row.state}"), each.joint.until[:16], each.proposal.reason[:60])
            for each in found
        ],
    )  # fmt: skip
    if not found:
        invocation.say("responses-none")


def _show_response(invocation: Invocation, node: Node, found: Response) -> None:
    names = _names(node)
    held = node.store.leases.of_owner(found.row.id)
    invocation.answer(
        {**_response(found, names), "leases": [{**row._asdict(), "state": _lease_state(row)} for row in held]}
    )
    _say_response(invocation, found.row)
    invocation.table(
        ("partner", "state", "answered", "began", "in force", "lifted", "things", "reason"),
        [
            (names.get(node_id, node_id), invocation.word(f"response-{part.state}"), part.answered_at[:19],
             part.begun_at[:19], part.in_force_at[:19], part.lifted_at[:19], part.count or "", part.reason)
            for node_id, part in found.joint.parts.items()
        ],
    )  # fmt: skip
    invocation.table(
        ("when", "partner", "what happened", "reason"),
        [
            (each.at[:23], names.get(each.node, each.node), _told(invocation, each.kind, each.status),
             each.reason or ", ".join(each.things))
            for each in found.joint.timeline
        ],
    )  # fmt: skip


def _told(invocation: Invocation, kind: str, status: str) -> str:
    said = invocation.word(f"response-{kind}")
    return f"{said}: {invocation.word(f'run-{status}')}" if status else said


def _names(node: Node) -> dict[str, str]:
    from katchi.node.effort_board import names_of

    return names_of(node) | {node.settings.node_id: node.settings.name}


def _response(found: Response, names: dict[str, str]) -> dict[str, object]:
    import msgspec

    parts = {
        names.get(node_id, node_id): {
            "state": part.state, "answer": part.answer, "reason": part.reason, "answered": part.answered_at,
            "begun": part.begun_at, "in_force": part.in_force_at, "until": part.until, "things": part.count,
            "lifted": part.lifted_at, "left_out": part.left_out,
        }
        for node_id, part in found.joint.parts.items()
    }  # fmt: skip
    return {
        "id": found.row.id, "name": found.row.name, "state": found.row.state, "trouble": found.row.trouble,
        "run": found.row.run, "marking": found.row.marking, "until": found.joint.until, "parts": parts,
        "approvals": [each.person for each in found.approvals],
        "proposal": msgspec.to_builtins(found.proposal),
        "timeline": [msgspec.to_builtins(each) for each in found.joint.timeline],
    }  # fmt: skip


def _plan(each: StepPlan) -> dict[str, object]:
    return {
        "step": each.step, "name": each.name, "agent": each.agent, "command": each.command, "verdict": each.verdict,
        "places": each.places, "until": moment(each.until) if each.until else None, "reason": each.reason,
        "warned": each.warned, "at": each.at,
    }  # fmt: skip


def _lease_state(row: LeaseRow) -> str:
    if row.ended_at is not None:
        return "lifting" if row.lifted_at is None else "lifted"
    return "pending" if row.held_at is None else "held"
