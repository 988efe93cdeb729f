"""What the terms say of one object by itself, before anybody asks what it points to."""

from __future__ import annotations

from dataclasses import dataclass

from katchi import stix
from katchi.policy import tlp
from katchi.policy.decision import Delayed, Step, Withheld
from katchi.policy.markings import Parts, of_definition, parts_above, strictness
from katchi.policy.paths import Path
from katchi.policy.rules import ReleaseRule, Terms
from katchi.policy.tlp import Tlp
from katchi.policy.types import DEFINITIONS
from katchi.policy.world import OWN, Recipient, World
from katchi.stix.registered import RESPONSE

_NO_PATHS: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True)
class Allowed:
    """A rule lets it go, without the parts in `cut`, which are marked above `ceiling`."""

    rule: ReleaseRule
    ceiling: Tlp
    cut: frozenset[Path] = _NO_PATHS


@dataclass(frozen=True, slots=True)
class Question:
    """Everything about a decision that is the same for the object and for what it points to."""

    recipient: Recipient
    terms: Terms
    world: World
    now: int
    steps: list[Step] | None = None

    def note(
        self,
        code: str,
        detail: str = "",
        rule: str | None = None,
        line: int | None = None,
    ) -> None:
        """Writes down what was looked at, when somebody asked for an explanation."""
        if self.steps is not None:
            self.steps.append(Step(code, detail, rule, line))


def arrangement(question: Question) -> Withheld | None:
    """Why nothing at all may go to this recipient under these terms; None when something may."""
    recipient, terms = question.recipient, question.terms
    if not recipient.is_active:
        return Withheld("partner-suspended")
    if terms.partner != recipient.name:
        return Withheld("terms-for-another", terms.partner)
    if terms.own and not recipient.own:
        return Withheld("not-our-own-tool")
    if terms.expires_at is not None and question.now >= terms.expires_at:
        return Withheld("terms-expired", stix.format_timestamp(terms.expires_at))
    return None


def verdict(obj: stix.Object, origin: str, added_at: int, question: Question) -> Allowed | Withheld | Delayed:
    """Which rule lets this object go, or why it stays."""
    recipient, terms, world = question.recipient, question.terms, question.world
    if origin == recipient.name and not terms.echo:
        return Withheld("came-from-them")
    if origin != OWN and world.is_taken_back(obj, origin):
        return Withheld("taken-back")
    if not recipient.own and not is_addressed_to(obj, recipient.node_id):
        return Withheld("not-addressed")
    if obj.type == "marking-definition":
        refused = _definition(obj, terms)
        if refused is not None:
            return refused
    label = strictness(obj, terms, world)
    if isinstance(label, Withheld):
        return label
    question.note("marking-read", str(label))
    refused = _withheld(obj, origin, question)
    if refused is not None:
        return refused
    if obj.revoked and not world.released_before(obj.id):
        return Withheld("revoked-before-release")
    return _first_release(obj, origin, added_at, label, question)


def is_addressed_to(obj: stix.Object, node_id: str | None) -> bool:
    """Whether an object that says for whom it is names this node; one that says nothing is for everybody.

    Only the parts of a response say it: who takes part hears of it, and nobody else whom the terms would let have it.
    """
    extensions = obj.properties.get("extensions")
    extension = extensions.get(RESPONSE) if isinstance(extensions, dict) else None
    nodes = extension.get("nodes") if isinstance(extension, dict) else None
    return nodes is None or (isinstance(nodes, list) and node_id in nodes)


def _definition(obj: stix.Object, terms: Terms) -> Withheld | None:
    if obj.id in tlp.OF_ID:
        return Withheld("known-everywhere")
    meaning = of_definition(obj, terms)
    return meaning if isinstance(meaning, Withheld) else None


def _withheld(obj: stix.Object, origin: str, question: Question) -> Withheld | None:
    for rule in question.terms.withholds:
        if rule.scope.covers(obj, origin):
            if not rule.naming:
                return Withheld("withhold-rule", "", rule.name)
            word = rule.word_in(obj)
            if word is not None:
                return Withheld("withhold-rule", word, rule.name)
        question.note("withhold-does-not-apply", "", rule.name, rule.line)
    return None


def _first_release(
    obj: stix.Object, origin: str, added_at: int, label: Tlp, question: Question
) -> Allowed | Withheld | Delayed:
    subject = _subject(obj, question.world)
    nearest, furthest = Withheld("no-rule"), -1
    for rule in question.terms.releases:
        if not rule.scope.covers(subject, origin, definitions_too=True):
            question.note("not-in-scope", "", rule.name, rule.line)
            continue
        ceiling = rule.up_to if origin == OWN else rule.forward_up_to
        far, refused, parts = _limits(obj, rule, label, ceiling, question)
        if refused is None:
            if question.now < added_at + rule.delay:
                return Delayed(added_at + rule.delay, rule.name)
            return Allowed(rule, ceiling, parts.cut if parts else _NO_PATHS)
        question.note(refused.code, refused.detail, rule.name, rule.line)
        # The rule that came closest gives the reason that helps.
        if far > furthest:
            nearest, furthest = refused, far
    return nearest


def _limits(
    obj: stix.Object, rule: ReleaseRule, label: Tlp, ceiling: Tlp, question: Question
) -> tuple[int, Withheld | None, Parts | None]:
    """(how far the object got, what stopped it, the parts to cut) under a rule that speaks of it."""
    if label > ceiling:
        code = "tlp-too-strict" if label > rule.up_to else "forwarding-too-strict"
        return 0, Withheld(code, str(label), rule.name), None
    # A translation goes only where what it translates goes: that one's confidence was asked for.
    if rule.minimum_confidence is not None and obj.type not in DEFINITIONS and obj.type != "language-content":
        if obj.confidence is None and not rule.accepts_unknown_confidence:
            return (
                1,
                Withheld("confidence-unknown", str(rule.minimum_confidence), rule.name),
                None,
            )
        if obj.confidence is not None and obj.confidence < rule.minimum_confidence:
            return (
                1,
                Withheld("confidence-too-low", str(obj.confidence), rule.name),
                None,
            )
    if "granular_markings" not in obj.properties:
        return 3, None, None
    parts = parts_above(obj, ceiling, question.terms, question.world)
    if isinstance(parts, Withheld):
        return 2, parts, None
    if parts is not None and rule.granular == "withhold":
        return 2, Withheld("granular-too-strict", parts.first, rule.name), None
    return 3, None, parts


def _subject(obj: stix.Object, world: World) -> stix.Object:
    """The object whose type and labels a rule looks at: of a translation, what it translates."""
    if obj.type == "language-content":
        return world.object(str(obj.properties.get("object_ref"))) or obj
    return obj
