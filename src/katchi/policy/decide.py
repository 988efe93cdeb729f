"""Decides: may this object go, to whom, in what form? The one door to `Released`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from katchi import stix
from katchi.policy import copies
from katchi.policy.decision import Decision, Delayed, Release, Step, Withheld
from katchi.policy.generalise import Redaction
from katchi.policy.paths import Path
from katchi.policy.reach import Standing, reach, standing
from katchi.policy.recall import recall
from katchi.policy.released import seal
from katchi.policy.rules import Terms
from katchi.policy.verdict import Allowed, Question, arrangement
from katchi.policy.world import Copy, Recipient, World


def decide(
    obj: stix.Object,
    origin: str,
    added_at: int,
    recipient: Recipient,
    terms: Terms,
    world: World,
    now: int,
) -> Decision:
    """Whether this version of an object may go to this recipient, in what form, and if not, why.

    `origin` is "own" or the name of the partner that it came from; `added_at` and `now` are µs.
    """
    return _decide(obj, origin, added_at, Question(recipient, terms, world, now))


def explain(
    obj: stix.Object,
    origin: str,
    added_at: int,
    recipient: Recipient,
    terms: Terms,
    world: World,
    now: int,
) -> list[Step]:
    """Everything that `decide` looks at, in order; the last step is what decided."""
    steps: list[Step] = []
    decision = _decide(obj, origin, added_at, Question(recipient, terms, world, now, steps))
    return [*steps, _last_step(decision, terms)]


def _last_step(decision: Decision, terms: Terms) -> Step:
    line = next((rule.line for rule in terms.rules if rule.name == decision.rule), None)
    if isinstance(decision, Withheld):
        return Step(decision.code, decision.detail, decision.rule, line, decided=True)
    if isinstance(decision, Delayed):
        return Step(
            "delayed",
            stix.format_timestamp(decision.until),
            decision.rule,
            line,
            decided=True,
        )
    return Step("released", decision.released.object_id, decision.rule, line, decided=True)


def _decide(obj: stix.Object, origin: str, added_at: int, question: Question) -> Decision:
    refused = arrangement(question)
    if refused is not None:
        return refused
    decision = _by_terms(obj, origin, added_at, question)
    if obj.revoked and question.world.released_before(obj.id):
        return recall(obj, decision, question)
    return decision


def _by_terms(obj: stix.Object, origin: str, added_at: int, question: Question) -> Decision:
    root = standing(obj, origin, added_at, question)
    if not isinstance(root.verdict, Allowed):
        return root.verdict
    if not root.references and not root.is_copy:
        return _in_full(root.verdict, obj, question)
    allowed = root.verdict
    known = reach(root, question)
    _note_references(root, known, allowed, question)
    if not isinstance(root.verdict, Allowed):
        return root.verdict
    if not root.is_copy:
        return _in_full(root.verdict, obj, question)
    return _as_copy(root, known, question)


def _note_references(root: Standing, known: dict[str, Standing], allowed: Allowed, question: Question) -> None:
    for _, object_id in dict.fromkeys(root.references):
        if object_id in known:
            found = known[object_id].verdict
            code = found.code if isinstance(found, Withheld) else "reference-allowed"
            question.note("delayed" if isinstance(found, Delayed) else code, object_id, allowed.rule.name)


def _in_full(allowed: Allowed, obj: stix.Object, question: Question) -> Release:
    return Release(allowed.rule.name, seal(obj, obj.id, question.recipient.name, allowed.rule.name))


def _as_copy(root: Standing, known: dict[str, Standing], question: Question) -> Decision:
    assert isinstance(root.verdict, Allowed)
    rule = root.verdict.rule.name
    copy = _copy(root, known, question)
    if isinstance(copy, Withheld):
        return replace(copy, rule=rule)
    for object_id in sorted(root.dropped):
        question.note("reference-dropped", object_id, rule)
    question.note("redacted", ", ".join(_what_changed(root.redaction)), rule)
    released = seal(stix.read(copy.raw), root.obj.id, question.recipient.name, rule)
    return Release(rule, released, copy, dropped=tuple(sorted(root.dropped)))


def _what_changed(redaction: Redaction) -> list[str]:
    return sorted({str(path[0]) for path in (*redaction.removed, *redaction.changed)})


def _copy(root: Standing, known: dict[str, Standing], question: Question) -> Copy | Withheld:
    references: dict[str, str | None] = dict.fromkeys(root.dropped)
    references |= {object_id: _copy_id(known[object_id], question) for object_id in root.copied}
    redaction = root.redaction
    if root.obj.type == "language-content":
        followed = _translation(root, known, question)
        if isinstance(followed, Withheld):
            return followed
        redaction |= followed
    return copies.make(root.obj, _copy_id(root, question), redaction, references, question.world)


def _copy_id(each: Standing, question: Question) -> str:
    assert isinstance(each.verdict, Allowed)
    marks = " ".join([*sorted(each.dropped), "|", *sorted(each.copied)])
    return copies.copy_id(
        each.obj,
        each.verdict,
        each.redaction,
        question,
        points=bool(each.references),
        marks=marks,
    )


def _translation(root: Standing, known: dict[str, Standing], question: Question) -> Redaction | Withheld:
    """What a translation of a copy may still say: the words for what the copy still says, and of which version."""
    target_id = str(root.obj.properties.get("object_ref"))
    if target_id not in root.copied:
        return Redaction()
    target = known[target_id]
    copy = _copy(target, known, question)
    if isinstance(copy, Withheld):
        return Withheld("reference-withheld", target_id, waits_for=target_id)
    remaining = stix.read(copy.raw)
    contents = root.obj.properties.get("contents")
    removed = frozenset(
        ("contents", language, name)
        for language, words in (contents.items() if isinstance(contents, dict) else ())
        for name in (words if isinstance(words, dict) else ())
        if name not in remaining.properties or remaining.properties[name] != target.obj.properties.get(name)
    )
    changed: dict[Path, Any] = {}
    if "object_modified" in root.obj.properties:
        changed["object_modified",] = remaining.version_text
    return Redaction(removed, changed)
