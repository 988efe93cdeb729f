"""Every reason for which something is withheld, as a code; the sentences are made at the edge."""

from __future__ import annotations

from typing import Final

_REASONS: Final = {
    # The recipient and the arrangement
    "partner-suspended": "exchange with this partner is suspended",
    "terms-expired": "the terms have expired; detail: since when",
    "terms-for-another": "these terms were made for another partner; detail: which",
    "not-our-own-tool": "the terms are for a tool of our own, but the partner is not registered as one",
    "came-from-them": "the object came from this very partner",
    "taken-back": "the partner that released it to us took it back",
    "not-addressed": "it is part of a response in which this recipient does not take part",
    # Markings
    "unmarked": "the object has no TLP marking and the terms do not say how such objects count",
    "marking-unreadable": "the markings on the object are not in the form of STIX; detail: the property",
    "marking-unknown": "a marking points to a marking definition that is not held here; detail: its id",
    "marking-not-named": "a marking is none that we know and the terms do not name it; detail: its id",
    "statement-marking": "the object carries a statement (such as a copyright) and the terms withhold those",
    "tlp-too-strict": "the object's TLP is above what the terms release; detail: the TLP",
    "forwarding-too-strict": "another partner's object may not be forwarded under its TLP; detail: the TLP",
    "granular-too-strict": "a part of the object is marked more strictly and may not be cut out; detail: which",
    "known-everywhere": "the standard TLP definitions need not be sent",
    # Rules
    "withhold-rule": "a withhold rule names it; detail: the word that it found, if any",
    "no-rule": "no release rule speaks of it",
    "confidence-too-low": "its confidence is below the rule's minimum; detail: the confidence",
    "confidence-unknown": "it gives no confidence and the rule asks for one",
    # Form
    "cannot-redact": "what must be removed cannot be removed from a valid object; detail: the property",
    "copy-names-original": "the redacted copy would still name what it must hide; detail: the property",
    "superseded": "a newer version has already been redacted for this recipient",
    # References
    "reference-withheld": "it points to an object that this recipient may not have; detail: the property's object",
    "reference-unknown": "it points to an object that is not held here and the terms withhold those",
    "references-too-many": "it leads to more objects than one decision follows; detail: how many",
    # Recall
    "revoked-before-release": "it was revoked before anything of it went to this recipient",
    "recall-body-unknown": "it was revoked, but what went to this recipient is not known any more",
}

REASON_CODES: Final = frozenset(_REASONS)
"""The codes that `Withheld.code` can have."""

TIGHTENED: Final = frozenset(
    {
        "taken-back", "unmarked", "marking-unreadable", "marking-unknown", "marking-not-named",
        "statement-marking", "tlp-too-strict", "forwarding-too-strict", "granular-too-strict", "withhold-rule",
    }
)  # fmt: skip
"""Reasons against the newest version of an object that hold against its earlier versions too.

Its owner now says that this recipient may not have it. A version that was only vaguer, later or points
elsewhere says nothing against what went before.
"""

_STEPS: Final = {
    "withhold-does-not-apply": "a withhold rule was looked at and does not speak of the object",
    "not-in-scope": "a release rule was looked at and does not speak of the object",
    "released": "a release rule releases it",
    "redacted": "what goes is a redacted copy; detail: what is removed or changed",
    "delayed": "a release rule releases it, later; detail: when",
    "recalled": "it was revoked, so the recall goes to whoever has it",
    "reference-dropped": "a reference was left out of the copy; detail: the id",
    "reference-allowed": "an object that it points to may go; detail: the id",
    "marking-read": "how the object's markings count; detail: the TLP",
}

STEP_CODES: Final = frozenset(_STEPS) | REASON_CODES
"""The codes that a step of `explain` can have."""


def describe(code: str) -> str:
    """What a code means, in English, for developers and logs.

    Raises: KeyError for a code that is none.
    """
    return _REASONS.get(code) or _STEPS[code]
