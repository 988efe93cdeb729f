"""`katchi import` and `katchi export`: intelligence from files and into files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.errors import Diagnostic, KatchiError

if TYPE_CHECKING:
    from katchi.node.export import Exported
    from katchi.node.reading import Problem
    from katchi.node.receive import Account
    from katchi.node.wiring import Node

STDIN = "-"
SHOWN = 20  # refused objects on a terminal; --json has them all


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("import")(import_)
    app.command()(export)


@dataclass(frozen=True, slots=True)
class _Report:
    """What became of one file."""

    source: str
    account: Account | None = None
    error: Diagnostic | None = None

    @property
    def is_good(self) -> bool:
        return self.account is not None and not self.account.refused


def import_(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="STIX bundles, TAXII envelopes, arrays or lines; - is stdin."),
    ],
    origin: Annotated[str, typer.Option(help="Whose intelligence it is: own, or a partner's name.")] = "own",
    preview: Annotated[bool, typer.Option("--preview", help="Say what would happen; store nothing.")] = False,
) -> None:
    """Take intelligence in from files.

    Good objects are kept, bad ones listed with the reason.

    Exits 1 if any object was refused. Example: katchi import bundle.json
    """
    invocation = here(context)
    for name in files:
        if name != STDIN:
            Path(name).stat()  # all of them, before the first is touched
    with invocation.node() as node:
        if origin != "own":
            node.store.partners.one(origin)
        reports = [_import_one(invocation, node, name, origin, preview) for name in files]
    _show_import(invocation, reports, preview)
    if not all(report.is_good for report in reports):
        raise typer.Exit(1)


def _import_one(invocation: Invocation, node: Node, name: str, origin: str, is_preview: bool) -> _Report:
    from katchi.node.preview import preview
    from katchi.node.receive import receive

    take: Callable[..., Account] = preview if is_preview else receive
    via = Path(name).name if name != STDIN else "standard input"
    try:
        with invocation.progress(via) as progress:
            document = _document(name, node.settings.limits.max_document)
            return _Report(name, take(node, document, origin=origin, via=via, submitter=person(), progress=progress))
    except KatchiError as problem:
        diagnostic = problem.diagnostic()
        where = f"{name}: {diagnostic.where}" if diagnostic.where else name
        return _Report(name, error=_at(diagnostic, where))


def _at(diagnostic: Diagnostic, where: str) -> Diagnostic:
    from dataclasses import replace

    return replace(diagnostic, where=where)


def _document(name: str, limit: int) -> bytes:
    from katchi.node.receive import DocumentTooLargeError

    with sys.stdin.buffer if name == STDIN else Path(name).open("rb") as file:
        document = file.read(limit + 1)
    if len(document) > limit:
        raise DocumentTooLargeError(
            "The document is larger than this node takes at once.",
            expected=f"at most {limit} bytes",
            remedy="split it, or raise limits.max-document in katchi.toml",
        )
    return document


def _show_import(invocation: Invocation, reports: list[_Report], is_preview: bool) -> None:
    accounts = [report.account for report in reports if report.account]
    totals = {name: sum(getattr(each, name) for each in accounts) for name in ("total", "stored", "held", "refused")}
    invocation.answer({"preview": is_preview, **totals, "files": [_as_document(report) for report in reports]})
    for report in reports:
        if report.account:
            _show_account(invocation, report.source, report.account)
        elif report.error:
            invocation.complain(report.error)
    if is_preview:
        invocation.say("import-preview")


def _as_document(report: _Report) -> dict[str, object]:
    outcome = {"error": report.error} if report.error else {"account": report.account}
    return {"source": report.source, **outcome}


def _show_account(invocation: Invocation, source: str, account: Account) -> None:
    counts = {
        "total": account.total,
        "stored": account.stored,
        "held": account.held,
        "refused": account.refused,
    }
    invocation.tell(invocation.word("import-summary", source=source, **counts))
    if account.tolerated:
        codes = ", ".join(f"{code} ({count})" for code, count in sorted(account.tolerated.items()))
        invocation.say("import-tolerated", codes=codes)
    if account.problems:
        invocation.warn("import-refused")
        for problem in account.problems[:SHOWN]:
            invocation.complain(_diagnostic(invocation, problem), indent="  ")
        if len(account.problems) > SHOWN:
            invocation.warn("import-refused-more", count=len(account.problems) - SHOWN)


def _diagnostic(invocation: Invocation, problem: Problem) -> Diagnostic:
    where = " ".join(part for part in (problem.object_id, problem.version) if part)
    where = where or invocation.word("unreadable-object")
    return Diagnostic(problem.code, problem.message, where, problem.what, problem.expected, remedy=problem.remedy)


def export(
    context: typer.Context,
    partner: Annotated[str | None, typer.Option(help="What its terms release to this partner.")] = None,
    everything_unsafe: Annotated[
        bool, typer.Option("--everything-unsafe", help="Your own backup: everything, whatever its markings.")
    ] = False,
    format: Annotated[str, typer.Option(help="stix-bundle or ndjson.")] = "stix-bundle",
    out: Annotated[str, typer.Option(metavar="FILE", help="Where to; - is stdout.")] = STDIN,
) -> None:
    """Write what may leave into a file.

    Each release is on the ledger before it is written.

    Example: katchi export --partner us-cert --out us-cert.json
    """
    invocation = here(context)
    if (partner is None) == (not everything_unsafe):
        raise typer.BadParameter("give either --partner NAME or --everything-unsafe")
    if invocation.as_json and out == STDIN:
        raise typer.BadParameter("--json needs --out FILE: stdout cannot hold two documents")
    from katchi.exchange.formats import named

    how = named(format)
    with (
        invocation.node() as node,
        invocation.progress(partner or "backup") as progress,
        _opened(out) as file,
    ):
        if partner is None:
            from katchi.node.export import unsafe_export_everything

            done = unsafe_export_everything(node, how, file, progress)
        else:
            from katchi.node.export import export_for

            done = export_for(node, partner, how, file, progress)
    _show_export(invocation, done, partner, out)


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO]:
    """The file, in place only once it is whole: a broken export leaves no half of one."""
    if out == STDIN:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    path = Path(out)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with open(unfinished, "wb", opener=_for_the_owner) as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _show_export(invocation: Invocation, done: Exported, partner: str | None, out: str) -> None:
    invocation.answer(
        {"partner": partner, "out": out, "objects": done.objects, "size": done.size, "sha256": done.digest}
    )
    # stdout holds the document itself when there is no --out.
    if out != STDIN:
        invocation.say("export-done", objects=done.objects, size=done.size, out=out)
        invocation.say("export-digest", digest=done.digest)
    if partner is None:
        invocation.warn("export-unsafe")
