"""A response's timeline as a report, in the reader's language."""

from __future__ import annotations

from katchi.node.timeline import Timeline
from katchi.respond.joint import Part
from katchi.web.language import Language, translator
from katchi.web.reports.report import Facts, Report, Table


def report_of(found: Timeline, language: Language) -> Report:
    """All of it, for the file."""
    _ = translator(language)
    proposal = found.proposal
    asked = [
        (_("Proposed by"), f"{found.proposer} · {_time(found.proposed_at)}"),
        (_("State"), _(f"response: {found.state}")),
        (_("Until"), _time(found.until)),
        (_("Why"), proposal.reason),
        (_("exercise"), proposal.exercise),
        *((name.strip("_"), value[:1000]) for name, value in proposal.values.items()),
        (_("About"), ", ".join(proposal.about)[:1000]),
    ]
    spans = found.spans
    took = [
        (_("From the proposal to the last yes"), _span(spans.answered)),
        (_("From the last yes to the last block"), _span(spans.enforced)),
        (_("From the recall to the last lift"), _span(spans.lifted)),
    ]
    parts = Table(
        _("Who takes part"),
        [_("Who"), _("State"), _("Answered"), _("Began"), _("Blocked since"), _("Lifted"), _("Why")],
        [_row(who, part, _(f"response: {part.state}")) for who, part in found.parts], (16, 14, 16, 16, 16, 16, 20),
    )  # fmt: skip
    moments = Table(
        _("Timeline"), [_("When"), _("Who"), _("What was done"), _("Details")],
        [
            [_precise(each.at), each.who,
             ": ".join(_(f"response: {word}") for word in (each.kind, each.status) if word),
             " · ".join(part for part in (each.step, each.note) if part)]
            for each in found.moments
        ], (24, 16, 20, 50),
    )  # fmt: skip
    logs = Table(
        _("Signed logs"), [_("Who"), _("Entries"), _("Digest of the last (SHA-256)")],
        [[each.who, str(each.entries), each.digest] for each in found.logs], (18, 10, 72),
    )  # fmt: skip
    facts = Facts(_("What is asked"), [(name, value) for name, value in asked if value])
    return Report(
        found.name, f"{_('Joint response')} {found.id} · {_('all times are UTC')}", f"TLP:{found.marking.upper()}",
        language, [facts, Facts(_("How long it took"), took), parts, moments, logs],
        f"{_('Made by')} {found.made_by}, {_time(found.made_at)}. "
        + _("All who hold logs with these digests hold the same story."),
    )  # fmt: skip


def _row(who: str, part: Part, state: str) -> list[str]:
    return [who, state, *map(_time, (part.answered_at, part.begun_at, part.in_force_at, part.lifted_at)), part.reason]


def _time(text: str) -> str:
    return text[:19].replace("T", " ") or "–"


def _precise(text: str) -> str:
    return text.rstrip("Z").replace("T", " ")[:23]


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"
