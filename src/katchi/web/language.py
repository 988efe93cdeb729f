"""Makes sentences, in English and Korean, of what is a code inside."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Literal

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")

# What the policy's reason codes say; the catalogue has the Korean.
REASONS = {
    "came-from-them": "It came from this partner.",
    "taken-back": "Whoever released it to us took it back.",
    "changed-by-terms": "The terms changed in what form it goes.",
    "confidence-too-low": "The confidence is lower than the terms ask for.",
    "confidence-unknown": "No confidence is given, and the terms ask for one.",
    "copy-names-original": "A redacted copy would still name the original.",
    "cannot-redact": "What must be hidden cannot be left out.",
    "delayed": "The terms ask to wait.",
    "forwarding-too-strict": "Its marking does not let us pass on what another partner gave us.",
    "granular-too-strict": "A part of it is marked too strictly.",
    "known-everywhere": "Everybody knows this definition; it need not go.",
    "marking-not-named": "The terms do not name this marking.",
    "marking-unknown": "It carries a marking that is not held here.",
    "marking-unreadable": "Its marking cannot be read.",
    "no-rule": "No rule of the terms releases it.",
    "not-addressed": "It is part of a response in which this partner does not take part.",
    "not-our-own-tool": "The terms are for a tool of our own, and this is none.",
    "partner-suspended": "The exchange with this partner is suspended.",
    "recall-body-unknown": "It is revoked, and what the partner holds is not known.",
    "reference-unknown": "It refers to something that is not held here.",
    "reference-withheld": "It refers to something that is withheld.",
    "references-too-many": "It leads to more objects than can be looked at.",
    "revoked-before-release": "It was revoked before it went.",
    "statement-marking": "It carries a statement, and the terms withhold those.",
    "superseded": "A newer version of the copy has gone.",
    "terms-expired": "The terms have expired.",
    "terms-for-another": "The terms are for another partner.",
    "tlp-too-strict": "It is marked more strictly than the terms let go.",
    "unmarked": "It carries no marking: no marking is no permission.",
    "withhold-rule": "A rule of the terms withholds it.",
}


@cache
def _catalogue(language: Language) -> dict[str, str]:
    from babel.messages.pofile import read_po

    source = resources.files("katchi.web").joinpath(f"locale/{language}/LC_MESSAGES/katchi.po")
    with source.open("rb") as file:
        catalogue = read_po(file, locale=language)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}


def translator(language: Language) -> Callable[[str], str]:
    """Turns an English sentence into one of this language; what has no translation stays English."""
    catalogue = _catalogue(language)
    return lambda text: catalogue.get(text, text)


def reason_sentence(code: str, detail: str, language: Language) -> str:
    """Why something is withheld, as a sentence. `detail` names what the code is about, such as a marking."""
    sentence = translator(language)(REASONS.get(code, code))
    return f"{sentence} ({detail})" if detail else sentence
