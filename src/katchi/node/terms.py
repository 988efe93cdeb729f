"""Puts terms in force, says why they decide as they do, and tries others before anybody signs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources

import msgspec

from katchi import policy, stix
from katchi.errors import KatchiError
from katchi.node.release import recipient_of
from katchi.node.wiring import Node
from katchi.policy.ledger import terms_entry
from katchi.store import ledger, log, partners
from katchi.store.database import Transaction
from katchi.store.partners import TermsRow
from katchi.store.world import StoreWorld

Progress = Callable[[int, int], None]

# One look at the database: short enough that a trial never keeps old pages from being tidied away.
BATCH = 500
LISTED = 100  # objects named per kind of change; all are counted


class WrongPartnerError(KatchiError):
    """The terms were made for another partner."""

    code = "terms-for-another"


class NoTermsError(KatchiError):
    """No terms are in force, so nothing goes."""

    code = "no-terms"
    exit_status = 3


class UnknownObjectError(KatchiError):
    """No object of this id is held."""

    code = "unknown-object"
    exit_status = 3


@dataclass(frozen=True, slots=True)
class Enforced:
    """Terms that are in force since now. `epoch` counts the terms that this partner has had."""

    partner: str
    digest: str
    epoch: int
    releases: int  # rules
    withholds: int
    was_in_force: bool  # these very terms were in force already; nothing changed


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was decided about one object, and every rule that was looked at on the way."""

    object_id: str
    partner: str
    decision: policy.Decision
    steps: tuple[policy.Step, ...]


class Change(msgspec.Struct, frozen=True):
    """One object about which tried terms decide otherwise. `why`: the reason code or the releasing rule."""

    object_id: str
    type: str
    name: str
    why: str
    detail: str = ""


class Kind(msgspec.Struct, frozen=True):
    """One kind of change: how many objects, counted by reason, and the first of them by name."""

    count: int
    by_reason: dict[str, int]
    first: tuple[Change, ...]


class Outlook(msgspec.Struct, frozen=True):
    """What other terms would release and withhold, compared with those in force."""

    partner: str
    objects: int
    released_now: int
    released_then: int
    would_go: Kind
    would_stay: Kind
    would_wait: Kind  # goes now, and would go after a delay
    would_change: Kind  # goes under both, but with other bytes: redacted otherwise


def put_terms(node: Node, partner: str, text: str, person: str, *, source: str = "terms.toml") -> Enforced:
    """Puts terms in force; releases made under earlier ones are held against them before they go again.

    Raises policy.TermsError with the line, WrongPartnerError or UnknownPartnerError; then nothing changed.
    """
    terms = parse_for(partner, text, source=source)
    now = node.clock.now()
    with node.store.database.writing() as transaction:
        row = partners.one(transaction, partner)
        if row.terms_digest == terms.digest:
            return _enforced(terms, row.epoch, was_in_force=True)
        epoch = partners.enforce_terms(transaction, partner, text, terms.digest, at=now, person=person)
        entry = terms_entry(partner, terms.digest, person, at=now, salt=node.random(16))
        ledger.append(transaction, [entry])
    node.bell.ring()
    return _enforced(terms, epoch, was_in_force=False)


def parse_for(partner: str, text: str, *, source: str = "terms.toml") -> policy.Terms:
    """Reads terms and sees that they are this partner's. Raises policy.TermsError or WrongPartnerError."""
    terms = policy.parse_terms(text, source=source)
    if terms.partner != partner:
        raise WrongPartnerError(
            "These terms were made for another partner.",
            where=source,
            what="partner",
            expected=partner,
            found=terms.partner,
            remedy=f'write partner = "{partner}", if they are meant for {partner}',
        )
    return terms


def in_force(node: Node, partner: str) -> TermsRow:
    """The terms in force. Raises UnknownPartnerError or NoTermsError."""
    node.store.partners.one(partner)
    found = node.store.partners.terms_in_force(partner)
    if found is None:
        raise _no_terms(partner)
    return found


def explain(node: Node, object_id: str, partner: str) -> Explanation:
    """Why an object goes or stays. Raises UnknownPartnerError, NoTermsError or UnknownObjectError."""
    with node.store.database.reading() as transaction:
        row = partners.one(transaction, partner)
        found = partners.terms_in_force(transaction, partner)
        if found is None:
            raise _no_terms(partner)
        entry = log.newest(transaction, [object_id]).get(object_id)
        if entry is None:
            raise UnknownObjectError(
                "No object of this id is held.",
                where=object_id[:120],
                remedy="`katchi search WORDS` finds ids",
            )
        terms = policy.parse_terms(found.text, source=f"{partner}.toml")
        world = StoreWorld(transaction, partner, node.copy_key)
        asked = (
            stix.read(bytes(entry.raw)),
            entry.origin,
            entry.added,
            recipient_of(row),
            terms,
            world,
            node.clock.now(),
        )
        return Explanation(object_id, partner, policy.decide(*asked), tuple(policy.explain(*asked)))


def kept_from(node: Node, object_id: str, partner: str) -> str:
    """Why an object does not go to a partner in full: a reason code, `redacted`, `delayed`; empty where it goes.

    Raises UnknownPartnerError or UnknownObjectError.
    """
    try:
        decision = explain(node, object_id, partner).decision
    except NoTermsError as problem:
        return problem.code
    if isinstance(decision, policy.Release):
        return "redacted" if decision.copy is not None else ""
    return decision.code if isinstance(decision, policy.Withheld) else "delayed"


def try_terms(
    node: Node,
    text: str,
    partner: str,
    progress: Progress | None = None,
    *,
    source: str = "terms.toml",
) -> Outlook:
    """What these terms would release and withhold, compared with those in force; changes nothing.

    A partner that is suspended is looked at as if it were not. To cancel, raise from `progress`.
    Raises policy.TermsError, WrongPartnerError or UnknownPartnerError.
    """
    tried = parse_for(partner, text, source=source)
    row = node.store.partners.one(partner)
    known = node.store.partners.terms_in_force(partner)
    current = policy.parse_terms(known.text, source=f"{partner}.toml") if known else None
    recipient = replace(recipient_of(row), is_active=True)
    comparison = _Comparison(recipient, current, tried, node.clock.now())
    after, (end, _) = 0, node.store.log.end()
    while after < end:
        with node.store.database.reading() as transaction:
            entries = [log.Entry(*found) for found in transaction.run("log", "log_after", seq=after, limit=BATCH)]
            comparison.look(
                _newest_only(transaction, entries),
                StoreWorld(transaction, partner, node.copy_key),
            )
        after = entries[-1].seq if entries else end
        if progress:
            progress(min(after, end), end)
    return comparison.outlook()


def _newest_only(transaction: Transaction, entries: Sequence[log.Entry]) -> list[log.Entry]:
    newest = log.newest(transaction, [entry.object_id for entry in entries])
    return [entry for entry in entries if newest[entry.object_id].seq == entry.seq]


@dataclass(slots=True)
class _Tally:
    """Counts one kind of change and keeps the first of them."""

    reasons: Counter[str] = field(default_factory=Counter)
    first: list[Change] = field(default_factory=list)

    def add(self, item: stix.Object, decision: policy.Decision) -> None:
        """One object more."""
        why, detail = _why(decision)
        self.reasons[why] += 1
        if len(self.first) < LISTED:
            self.first.append(Change(item.id, item.type, stix.display_name(item), why, detail))

    def kind(self) -> Kind:
        """The count so far."""
        return Kind(self.reasons.total(), dict(self.reasons.most_common()), tuple(self.first))


@dataclass(slots=True)
class _Comparison:
    """Holds two sets of terms side by side over many objects, in constant memory."""

    recipient: policy.Recipient
    current: policy.Terms | None
    tried: policy.Terms
    now: int
    objects: int = 0
    released_now: int = 0
    released_then: int = 0
    changes: dict[str, _Tally] = field(default_factory=dict)

    def look(self, entries: Sequence[log.Entry], world: StoreWorld) -> None:
        """Decides about each object twice."""
        world.prefetch([entry.object_id for entry in entries])
        items = [world.object_of(entry) for entry in entries]
        world.prefetch({reference.id for item in items for reference in stix.references(item)})
        asked = [(item, entry.origin) for item, entry in zip(items, entries, strict=True)]
        trials = policy.try_terms(self.current, self.tried, asked, self.recipient, world, self.now)
        for item, trial in zip(items, trials, strict=True):
            self.objects += 1
            self.released_now += isinstance(trial.before, policy.Release)
            self.released_then += isinstance(trial.after, policy.Release)
            if trial.change != "no-change":
                self.changes.setdefault(trial.change, _Tally()).add(item, trial.after)

    def outlook(self) -> Outlook:
        """The result."""
        nothing = _Tally()
        counts = (self.objects, self.released_now, self.released_then)
        kinds = ("would-go", "would-stay", "would-wait", "would-go-in-another-form")
        return Outlook(
            self.recipient.name,
            *counts,
            *(self.changes.get(kind, nothing).kind() for kind in kinds),
        )


def _why(decision: policy.Decision) -> tuple[str, str]:
    """(reason code or the rule that releases, detail)."""
    if isinstance(decision, policy.Release):
        return decision.rule, ""
    if isinstance(decision, policy.Delayed):
        return "delayed", stix.format_timestamp(decision.until)
    return decision.code, decision.detail


def starter(partner: str, *, own_tool: bool = False) -> str:
    """A first draft of terms, in both languages, to be read and changed by whoever signs them."""
    name = "tool.toml" if own_tool else "partner.toml"
    draft = resources.files("katchi.policy").joinpath(f"templates/{name}").read_text(encoding="utf-8")
    return draft.replace('"PARTNER"', msgspec.json.encode(partner).decode())


def _enforced(terms: policy.Terms, epoch: int, *, was_in_force: bool) -> Enforced:
    return Enforced(
        terms.partner,
        terms.digest,
        epoch,
        len(terms.releases),
        len(terms.withholds),
        was_in_force,
    )


def _no_terms(partner: str) -> NoTermsError:
    return NoTermsError(
        "No terms are in force for this partner, so nothing goes to it.",
        where=partner,
        remedy=f"`katchi terms new {partner}` writes a draft; `katchi terms put` puts it in force",
    )
