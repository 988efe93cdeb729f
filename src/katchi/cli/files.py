"""`katchi import` and `katchi export`: intelligence from files and into files."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from katchi.cli.invocation import Invocation, here, person
from katchi.errors import Diagnostic, KatchiError

if TYPE_CHECKING:
    from katchi.exchange.feed import Wishes as FeedWishes
    from katchi.node.documents import Opened, Wishes
    from katchi.node.export import Exported
    from katchi.node.reading import Problem
    from katchi.node.receive import Account
    from katchi.node.wiring import Node

STDIN = "-"
MISP = "misp"
SHOWN = 20  # refused objects on a terminal; --json has them all


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("import")(import_)
    app.command()(export)


@dataclass(frozen=True, slots=True)
class _Report:
    """What became of one file, or of one document in it."""

    source: str
    account: Account | None = None
    error: Diagnostic | None = None
    opened: Opened | None = None
    is_declined: bool = False

    @property
    def is_good(self) -> bool:
        return self.is_declined or (self.account is not None and not self.account.refused)


def import_(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="STIX, MISP, rules, advisories, reports, mail, tables …; - is stdin."),
    ],
    origin: Annotated[str, typer.Option(help="Whose intelligence it is: own, or a partner's name.")] = "own",
    preview: Annotated[bool, typer.Option("--preview", help="Say what would happen; store nothing.")] = False,
    marking: Annotated[str, typer.Option(help="TLP label for what is made out of a document that is not STIX.")] = "",
    kind: Annotated[str, typer.Option(help="What the files are, where that is not plain: text, csv, html …")] = "",
    columns: Annotated[
        list[str] | None, typer.Option("--column", metavar="COLUMN=ROLE", help="What a column of a table holds.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before what was guessed is taken in.")] = False,
) -> None:
    """Take intelligence in from files.

    They may be packed (gzip, zstd, zip, tar). Good objects are kept, bad ones listed with the reason. What
    is made out of a report or a table is shown with the sentence it came from, and taken in once you say yes.

    Exits 1 if any object was refused. Example: katchi import --marking amber report.html
    """
    invocation = here(context)
    mapping = dict(_column(each) for each in columns or ())
    for name in files:
        if name != STDIN:
            Path(name).stat()  # all of them, before the first is touched
    from katchi.node.documents import Wishes

    asking = _Asking(invocation, Wishes(kind, marking, mapping), origin, preview, yes)
    with invocation.node() as node:
        if origin != "own":
            node.store.partners.one(origin)
        reports = [report for name in files for report in asking.import_file(node, name)]
    _show_import(invocation, reports, preview)
    if not all(report.is_good for report in reports):
        raise typer.Exit(1)


def _column(text: str) -> tuple[str, str]:
    column, equals, role = text.rpartition("=")
    if not equals:
        raise typer.BadParameter("give COLUMN=ROLE, such as 'IP address=value'", param_hint="--column")
    return column, role


@dataclass(frozen=True, slots=True)
class _Asking:
    """What the person at the terminal wants done with the files."""

    invocation: Invocation
    wishes: Wishes
    origin: str
    is_preview: bool
    is_agreed: bool

    def import_file(self, node: Node, name: str) -> Iterator[_Report]:
        """Each document of a file, as it is taken in; one that is broken does not stop the next file."""
        from katchi.node.documents import open_document

        label = Path(name).name if name != STDIN else "standard input"
        try:
            document = _document(name, node.settings.limits.max_document)
            for opened in open_document(node, document, label, self.wishes):
                yield self._import_one(node, name if opened.name == label else f"{name}/{opened.name}", opened)
        except KatchiError as problem:
            yield _failed(name, problem)

    def _import_one(self, node: Node, source: str, opened: Opened) -> _Report:
        from katchi.node.documents import require_marked, take

        if opened.found is not None:
            _show_found(self.invocation, source, opened)
        try:
            if not self.is_preview:
                require_marked(opened, self.wishes)
                if not self._is_wanted(opened):
                    return _Report(source, opened=opened, is_declined=True)
            with self.invocation.progress(source) as progress:
                account = take(
                    node, opened, origin=self.origin, submitter=person(), is_preview=self.is_preview, progress=progress
                )
        except KatchiError as problem:
            return _failed(source, problem)
        return _Report(source, account, opened=opened)

    def _is_wanted(self, opened: Opened) -> bool:
        if self.is_agreed or not opened.needs_confirmation or opened.found is None or not opened.found.objects:
            return True
        if not sys.stdin.isatty():
            from katchi.node.documents import UnconfirmedError

            raise UnconfirmedError(
                "Nobody has looked at what was found in this document.",
                where=opened.name,
                remedy="look at it with --preview, then say --yes",
            )
        return typer.confirm(self.invocation.word("import-ask", count=len(opened.found.objects)), err=True)


def _failed(source: str, problem: KatchiError) -> _Report:
    diagnostic = problem.diagnostic()
    is_told = not diagnostic.where or diagnostic.where == Path(source).name
    return _Report(source, error=_at(diagnostic, source if is_told else f"{source}: {diagnostic.where}"))


def _show_found(invocation: Invocation, source: str, opened: Opened) -> None:
    import msgspec

    found = opened.found
    assert found is not None
    count = len(found.objects) + opened.known
    invocation.tell(invocation.word("import-found", source=source, kind=opened.title, count=count, known=opened.known))
    if found.mapping:
        mapping = ", ".join(f"{column} = {role}" for column, role in found.mapping.items())
        invocation.say("import-mapping", mapping=mapping)
    items = [msgspec.json.decode(raw) for raw in found.objects[:SHOWN]]
    rows = [(item["type"], item["name"], found.sources.get(item["id"], "")) for item in items]
    invocation.table(("type", "name", "from"), rows)
    if len(found.objects) > SHOWN:
        invocation.say("import-more-found", count=len(found.objects) - SHOWN)
    if found.remarks:
        codes = Counter(remark.code for remark in found.remarks)
        invocation.say("import-left-out", codes=", ".join(f"{code} ({n})" for code, n in codes.most_common()))


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
        if report.is_declined:
            invocation.say("import-not-taken", source=report.source)
        elif report.account:
            _show_account(invocation, report.source, report.account)
        elif report.error:
            invocation.complain(report.error)
    if is_preview:
        invocation.say("import-preview")


def _as_document(report: _Report) -> dict[str, object]:
    outcome: dict[str, object] = {"error": report.error} if report.error else {"account": report.account}
    found = report.opened.found if report.opened else None
    if report.opened and found:
        import msgspec

        outcome |= {
            "kind": report.opened.kind,
            "known": report.opened.known,
            "mapping": found.mapping,
            "found": [msgspec.Raw(raw) for raw in found.objects],
            "sources": found.sources,
            "left_out": found.remarks,
        }
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
    format: Annotated[
        str,
        typer.Option(help="stix-bundle, ndjson, misp, or a feed for devices: list, csv, dns-rpz, nftables, …"),
    ] = "stix-bundle",
    topic: Annotated[str, typer.Option(help="Of a feed: this topic alone.")] = "all",
    kinds: Annotated[str, typer.Option(help="Of a feed: these values alone, such as ipv4,ipv6.")] = "",
    confidence: Annotated[int | None, typer.Option(min=0, max=100, help="Of a feed: at least this.")] = None,
    with_warned: Annotated[
        bool,
        typer.Option("--with-warned", help="Of a feed that blocks: private networks, resolvers and large sites too."),
    ] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Of a MISP feed: our signature beside each file.")] = False,
    out: Annotated[str, typer.Option(metavar="FILE", help="Where to; - is stdout. Of a MISP feed, a folder.")] = STDIN,
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
    from katchi.exchange import feeds

    if sign and format != MISP:
        raise typer.BadParameter("--sign is for --format misp")
    if format == MISP:
        if partner is None or out == STDIN:
            raise typer.BadParameter("a MISP feed is for --partner NAME, and --out names a folder")
        _export_misp(invocation, partner, topic, out, sign)
        return
    if format in feeds.names():
        if partner is None:
            raise typer.BadParameter("a feed is for --partner NAME, such as a tool of your own")
        _export_feed(invocation, partner, format, topic, out, _feed_wishes(kinds, confidence, with_warned))
        return
    _export_objects(invocation, partner, format, out)


def _export_objects(invocation: Invocation, partner: str | None, format: str, out: str) -> None:
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


def _feed_wishes(kinds: str, confidence: int | None, with_warned: bool) -> FeedWishes:
    from katchi.exchange.feed import Wishes
    from katchi.node.feeds import kinds_of

    return Wishes(with_warned, confidence, kinds_of(kinds))


def _export_feed(invocation: Invocation, partner: str, name: str, topic: str, out: str, wishes: FeedWishes) -> None:
    from katchi.node.export import export_feed

    with invocation.node() as node, invocation.progress(partner) as progress, _opened(out) as file:
        done, heading = export_feed(node, partner, name, file, wishes, collection=topic, progress=progress)
    left_out = dict(heading.left_out)
    invocation.answer(
        {"partner": partner, "out": out, "format": name, "entries": done.objects, "left_out": left_out,
         "size": done.size, "sha256": done.digest, "marking": heading.marking}
    )  # fmt: skip
    if out != STDIN:
        invocation.say("feed-done", entries=done.objects, size=done.size, out=out)
        for reason, count in sorted(left_out.items()):
            invocation.say("feed-left-out", count=count, reason=invocation.word(f"left-out-{reason}"))
        invocation.say("export-digest", digest=done.digest)


def _export_misp(invocation: Invocation, partner: str, topic: str, out: str, sign: bool) -> None:
    from katchi.node.export import export_misp

    with invocation.node() as node, invocation.progress(partner) as progress:
        events, written = export_misp(
            node, partner, Path(out), collection=topic, is_signed=sign, progress=progress
        )  # fmt: skip
    invocation.answer({"partner": partner, "out": out, "format": MISP, "events": events, "written": written})
    invocation.say("misp-done", events=events, written=written, out=out)


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
