"""`katchi ledger`: what was written down, whether it is still as written, and proof of it for others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import Invocation, here
from katchi.cli.printing import moment, safe
from katchi.errors import Diagnostic

if TYPE_CHECKING:
    from katchi.node.verification import Tampering
    from katchi.policy.ledger import ProvenRelease, Reconciliation
    from katchi.store.ledger import LedgerRow

app = typer.Typer(help="The record of what went where.", no_args_is_help=True, rich_markup_mode=None)

Partner = Annotated[str, typer.Argument(metavar="PARTNER")]
SHOWN = 20

AGREEING = ("agreed", "refused", "in_flight", "withdrawn")
DISAGREEING = ("lost", "twice", "unexplained")


@app.command()
def show(
    context: typer.Context,
    partner: Annotated[str, typer.Option(help="Only entries about this partner.")] = "",
    kind: Annotated[
        str, typer.Option(help="release, withdrawal, receipt, receipt-sent, terms, state, key or head.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, latest first.")] = 50,
) -> None:
    """Show the latest entries."""
    invocation = here(context)
    with invocation.node() as node:
        size, root = node.store.ledger.root()
        rows = node.store.ledger.latest(limit, partner, kind)
    invocation.answer({"size": size, "root": root.hex(), "entries": [_entry(row) for row in rows]})
    invocation.table(
        ("number", "when", "kind", "partner", "what"),
        [
            (row.index, moment(row.at), invocation.word(f"kind-{row.kind}"), row.partner or "-", _about(row))
            for row in rows
        ],
    )


def _entry(row: LedgerRow) -> dict[str, object]:
    from katchi.policy.ledger import Entry

    body = Entry.from_bytes(row.entry).body
    about = {"index": row.index, "at": moment(row.at), "kind": row.kind, "partner": row.partner}
    return {**about, "body": body, "hash": row.hash.hex()}


def _about(row: LedgerRow) -> str:
    from katchi.policy.ledger import Entry

    body = Entry.from_bytes(row.entry).body
    order = ("object_id", "version", "event", "state", "person", "count", "reason", "rule", "size", "new")
    told = [f"{body[name]}" if name == "object_id" else f"{name} {body[name]}" for name in order if body.get(name)]
    return ", ".join(told)


@app.command()
def verify(context: typer.Context) -> None:
    """Find out whether anything was changed.

    Reads everything again and names every row that is not as it was written.

    Exits 1 if anything was tampered with.
    """
    from katchi.node import proof

    invocation = here(context)
    with invocation.node() as node, invocation.progress("verify") as progress:
        result = proof.verify(node, progress)
        key = node.key.public.to_text()
    counts = {name: getattr(result, name) for name in ("objects", "entries", "releases", "heads")}
    invocation.answer(
        {
            "is_intact": result.is_intact,
            **counts,
            "root": result.root,
            "public_key": key,
            "tampering": result.tampering,
        }
    )
    if not result.is_intact:
        invocation.warn("verify-tampered", count=len(result.tampering))
        for each in result.tampering:
            invocation.complain(_diagnostic(each), indent="  ")
        raise typer.Exit(1)
    invocation.say("verify-intact", **counts)
    invocation.say("verify-root", root=result.root)
    invocation.say("init-key", key=key)


_TAMPERED = {
    "object-changed": "The bytes of an object are not those that arrived.",
    "object-mislabelled": "The log's row says something else than the object in it.",
    "object-missing": "A version is missing from the log.",
    "entry-changed": "A ledger entry is not the one that was hashed.",
    "entry-missing": "A ledger entry is missing.",
    "entry-mislabelled": "The ledger's row says something else than the entry in it.",
    "root-differs": "The ledger is not the one for which a head was signed.",
    "shorter-than-head": "The ledger is shorter than when a head was signed.",
    "frontier-changed": "The kept edge of the ledger's tree is not that of its entries.",
    "head-changed": "A signed head does not hold.",
    "release-changed": "What is kept as released is not what was released.",
    "release-differs": "A release says something else than its ledger entry.",
    "release-unrecorded": "A release has no ledger entry.",
    "release-missing": "The ledger records a release that is no longer there.",
    "withdrawal-differs": "Whether a release is withdrawn is not what the ledger says.",
    "terms-changed": "The text of terms is not what was put in force.",
    "terms-unrecorded": "The ledger does not record that these terms were put in force.",
    "state-unrecorded": "A partner's state is not what the ledger recorded last.",
}


def _diagnostic(each: Tampering) -> Diagnostic:

    where = f"table {each.table}, row {each.row}"
    about = " ".join(part for part in (each.object_id, each.partner) if part)
    return Diagnostic(each.code, _TAMPERED[each.code], where, about, each.expected, each.found)


@app.command()
def prove(
    context: typer.Context,
    object_id: Annotated[str, typer.Argument(metavar="OBJECT", help="The object's id.")],
    partner: Partner,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the proof into this file.")] = None,
) -> None:
    """Prove that an object went to a partner.

    Anybody can check the proof with your public key.
    """
    from katchi.node import proof

    invocation = here(context)
    with invocation.node() as node:
        made = proof.prove(node, object_id, partner)
        key = node.key.public.to_text()
    if out:
        out.write_bytes(made.document + b"\n")
    invocation.answer(
        {
            "proves": _proven(made.proves),
            "public_key": key,
            "out": str(out) if out else None,
            "proof": None if out else made.document.decode(),
        }
    )
    if out is None:
        invocation.tell(made.document.decode())
        return
    _show_proven(invocation, made.proves)
    invocation.say("prove-check", out=out, key=key)


@app.command("check-proof")
def check_proof(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A proof, as `ledger prove` makes it.")],
    key: Annotated[str | None, typer.Option(help="The public key of whoever made the proof.")] = None,
    partner: Annotated[str | None, typer.Option(help="Or the partner that made it: its keys are known here.")] = None,
) -> None:
    """Check a proof.

    With --key it needs no node and no network.

    Exits 1 if it does not hold.
    """
    from katchi.node import proof

    invocation = here(context)
    if (key is None) == (partner is None):
        raise typer.BadParameter("give either --key KEY or --partner NAME")
    document = file.read_bytes()
    if key is None:
        key = _key_of(invocation, partner or "", document)
    proven = proof.check(document, key)
    invocation.answer({"proves": _proven(proven)})
    _show_proven(invocation, proven)


def _key_of(invocation: Invocation, partner: str, document: bytes) -> str:
    from katchi.node import partnering
    from katchi.policy.ledger import InclusionProof

    with invocation.node() as node:
        known = partnering.one(node, partner)
    return known.key(InclusionProof.from_json(document).head.key_id).to_text()


def _proven(proven: ProvenRelease) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(proven), "at": moment(proven.at), "head_at": moment(proven.head_at)}


def _show_proven(invocation: Invocation, proven: ProvenRelease) -> None:
    kind = invocation.word(f"kind-{proven.kind}")
    about = {"node": proven.node, "object": proven.object_id, "partner": proven.partner}
    invocation.tell(invocation.word("prove-done", kind=kind, at=moment(proven.at), **about))
    invocation.tell(
        invocation.word("prove-entry", index=proven.index, size=proven.size, head_at=moment(proven.head_at))
    )


@app.command()
def reconcile(context: typer.Context, partner: Partner) -> None:
    """Compare books with a partner.

    Both ways: what was lost, what came twice, what cannot be explained.

    Exits 1 if the books do not agree.
    """
    from katchi.node import proof

    invocation = here(context)
    with invocation.node() as node:
        both = proof.reconcile(node, partner)
    invocation.answer(
        {
            "partner": partner,
            "is_clean": both.is_clean,
            "outgoing": _books(both.outgoing),
            "incoming": _books(both.incoming),
        }
    )
    _show_books(invocation, invocation.word("reconcile-outgoing", partner=partner), both.outgoing)
    _show_books(invocation, invocation.word("reconcile-incoming", partner=partner), both.incoming)
    invocation.tell(invocation.word("reconcile-clean" if both.is_clean else "reconcile-unclean"))
    if not both.is_clean:
        raise typer.Exit(1)


def _books(books: Reconciliation) -> dict[str, object]:
    """Counts of what agrees; every fact that does not."""
    counts = {name: len(getattr(books, name)) for name in AGREEING}
    return {**counts, **{name: getattr(books, name) for name in DISAGREEING}}


def _show_books(invocation: Invocation, title: str, books: Reconciliation) -> None:
    told = [(name, len(getattr(books, name))) for name in (*AGREEING, *DISAGREEING)]
    words = ", ".join(f"{invocation.word(f'reconcile-{name}')} {count}" for name, count in told)
    invocation.tell(f"{title}: {words}")
    for name in DISAGREEING:
        for fact in getattr(books, name)[:SHOWN]:
            invocation.tell(f"  {invocation.word(f'reconcile-{name}')}: {safe(fact.object_id)} {safe(fact.version)}")
