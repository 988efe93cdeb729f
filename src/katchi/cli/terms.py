"""`katchi terms`: what a partner may have, why, and what other terms would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.cli.printing import moment, safe

if TYPE_CHECKING:
    from katchi.node.terms import Explanation, Kind, Outlook

app = typer.Typer(help="What may leave, to whom.", no_args_is_help=True, rich_markup_mode=None)

Partner = Annotated[str, typer.Argument(metavar="PARTNER")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="Terms in TOML.")]
SHOWN = 10


@app.command()
def new(
    context: typer.Context,
    partner: Partner,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Otherwise PARTNER.toml.")] = None,
    own_tool: Annotated[bool, typer.Option("--own-tool", help="For a tool of your own organisation.")] = False,
) -> None:
    """Write a first draft of terms.

    Read and change it; nothing is in force until `katchi terms put`.
    """
    from katchi.node.terms import starter

    invocation = here(context)
    path = out or Path(f"{partner}.toml")
    with path.open("x", encoding="utf-8") as file:
        file.write(starter(partner, own_tool=own_tool))
    invocation.answer({"partner": partner, "out": str(path)})
    invocation.say("terms-draft", partner=partner, out=path)


@app.command()
def check(context: typer.Context, file: File) -> None:
    """Say whether terms are good.

    Needs no node and changes nothing.
    """
    from katchi import policy

    invocation = here(context)
    terms = policy.parse_terms(_text(file), source=file.name)
    rules = {"releases": len(terms.releases), "withholds": len(terms.withholds)}
    invocation.answer({"source": file.name, "partner": terms.partner, "digest": terms.digest, **rules})
    invocation.say("terms-good", source=file.name, partner=terms.partner, **rules)


@app.command()
def put(context: typer.Context, file: File, partner: Partner) -> None:
    """Put terms in force.

    What they no longer release is withdrawn before anything else goes.
    """
    from katchi.node.terms import put_terms

    invocation = here(context)
    with invocation.node() as node:
        done = put_terms(node, partner, _text(file), person(), source=file.name)
    invocation.answer(done)
    invocation.say(
        "terms-unchanged" if done.was_in_force else "terms-put",
        partner=partner, epoch=done.epoch, releases=done.releases, withholds=done.withholds,
    )  # fmt: skip


@app.command()
def show(
    context: typer.Context,
    partner: Partner,
    history: Annotated[bool, typer.Option("--history", help="Which terms were in force when, and by whom.")] = False,
) -> None:
    """Print the terms in force."""
    from katchi.node.terms import in_force

    invocation = here(context)
    with invocation.node() as node:
        found = in_force(node, partner)
        past = node.store.partners.terms_history(partner)
    earlier = [{"number": epoch, "digest": digest, "at": moment(at), "person": who} for epoch, digest, at, who in past]
    invocation.answer({"partner": partner, "text": found.text, "history": earlier})
    if history:
        rows = [(each["number"], each["at"], each["person"], each["digest"]) for each in earlier]
        invocation.table(("number", "when", "person", "terms"), rows)
    else:
        for line in found.text.splitlines():
            invocation.tell(safe(line))


@app.command()
def explain(
    context: typer.Context,
    object_id: Annotated[str, typer.Argument(metavar="OBJECT", help="The object's id.")],
    partner: Partner,
) -> None:
    """Say why an object goes or stays.

    Every rule that was looked at, and the one that decided.
    """
    from katchi.node.terms import explain as ask

    invocation = here(context)
    with invocation.node() as node:
        explanation = ask(node, object_id, partner)
    invocation.answer(_as_document(invocation, explanation))
    if not invocation.as_json:
        _show_explanation(invocation, explanation)


def _show_explanation(invocation: Invocation, explanation: Explanation) -> None:
    invocation.tell(_verdict(invocation, explanation))
    invocation.table(
        ("rule", "line", "why"),
        [
            (
                step.rule or "-",
                step.line or "-",
                ("➜ " if step.decided else "") + _why(invocation, step.code, step.detail),
            )
            for step in explanation.steps
        ],
    )


def _why(invocation: Invocation, code: str, detail: str) -> str:
    """A step of an explanation, or a reason, as a sentence."""
    from katchi.cli.words import SENTENCES
    from katchi.web.language import reason_sentence

    if f"step-{code}" in SENTENCES:
        return invocation.word(f"step-{code}", detail=detail)
    return reason_sentence(code, detail, invocation.language)


def _verdict(invocation: Invocation, explanation: Explanation) -> str:
    from katchi import policy

    decision = explanation.decision
    about = {"object": explanation.object_id, "partner": explanation.partner}
    if isinstance(decision, policy.Withheld):
        return invocation.word("explain-stays", **about)
    if isinstance(decision, policy.Delayed):
        return invocation.word("explain-later", until=moment(decision.until), **about)
    return invocation.word("explain-copy" if decision.released.is_copy else "explain-goes", **about)


def _as_document(invocation: Invocation, explanation: Explanation) -> dict[str, object]:
    from katchi import policy

    decision = explanation.decision
    outcome: dict[str, object] = {"decision": type(decision).__name__.lower(), "rule": decision.rule}
    if isinstance(decision, policy.Release):
        released = decision.released
        outcome |= {
            "goes_as": released.object_id,
            "is_copy": released.is_copy,
            "is_recall": released.is_recall,
        }
    elif isinstance(decision, policy.Delayed):
        outcome |= {"until": moment(decision.until)}
    else:
        outcome |= {"code": decision.code, "detail": decision.detail, "waits_for": decision.waits_for}
        outcome |= {"reason": _why(invocation, decision.code, decision.detail)}
    return {
        "object": explanation.object_id,
        "partner": explanation.partner,
        **outcome,
        "steps": explanation.steps,
    }


@app.command("try")
def try_(context: typer.Context, file: File, partner: Partner) -> None:
    """Show what other terms would change.

    What would go and what would stay, compared with the terms in force; nothing is changed.
    """
    from katchi.node.terms import try_terms

    invocation = here(context)
    with invocation.node() as node, invocation.progress(file.name) as progress:
        outlook = try_terms(node, _text(file), partner, progress, source=file.name)
    invocation.answer(outlook)
    if not invocation.as_json:
        _show_outlook(invocation, outlook)
    invocation.say("try-nothing-done", source=file, partner=partner)


def _show_outlook(invocation: Invocation, outlook: Outlook) -> None:
    head = {"objects": outlook.objects, "now": outlook.released_now, "then": outlook.released_then}
    invocation.tell(invocation.word("try-head", **head))
    kinds = {
        "try-would-go": outlook.would_go,
        "try-would-stay": outlook.would_stay,
        "try-would-wait": outlook.would_wait,
        "try-would-change": outlook.would_change,
    }
    if not any(kind.count for kind in kinds.values()):
        invocation.tell(invocation.word("try-same"))
    for key, kind in kinds.items():
        _show_kind(invocation, key, kind)


def _show_kind(invocation: Invocation, key: str, kind: Kind) -> None:
    if not kind.count:
        return
    goes = key in ("try-would-go", "try-would-change")  # then `why` is the rule's name
    reasons = (
        f"{safe(code) if goes else _why(invocation, code, '')}: {count}" for code, count in kind.by_reason.items()
    )
    rows = [
        (each.object_id, each.type, each.name, each.why if goes else _why(invocation, each.why, each.detail))
        for each in kind.first[:SHOWN]
    ]
    title = f"{invocation.word(key)}: {kind.count} ({'; '.join(reasons)})"
    invocation.table(("id", "type", "name", "why"), rows, title=title)


def _text(file: Path) -> str:
    from katchi.policy import TermsError

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise TermsError(
            "The terms are not UTF-8 text.",
            where=file.name,
            found=f"byte {problem.start}",
            remedy="save it as UTF-8",
        ) from problem
