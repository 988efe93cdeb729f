"""Who may have what: terms, decisions, redaction, partners, keys and the ledger; nothing here touches the world."""

from katchi.policy import keys, ledger, partner
from katchi.policy.decide import decide, explain
from katchi.policy.decision import Decision, Delayed, Release, Step, Withheld
from katchi.policy.reasons import REASON_CODES, STEP_CODES, TIGHTENED
from katchi.policy.released import NotReleasedError, PageRow, Released, ReleasedPage, reopen, reopen_page
from katchi.policy.rules import Terms
from katchi.policy.terms import TermsError, parse_terms
from katchi.policy.tlp import Tlp, tlp_of
from katchi.policy.trial import Trial, try_terms
from katchi.policy.world import OWN, Copy, Recipient, World

__all__ = [
    "OWN",
    "REASON_CODES",
    "STEP_CODES",
    "TIGHTENED",
    "Copy",
    "Decision",
    "Delayed",
    "NotReleasedError",
    "PageRow",
    "Recipient",
    "Release",
    "Released",
    "ReleasedPage",
    "Step",
    "Terms",
    "TermsError",
    "Tlp",
    "Trial",
    "Withheld",
    "World",
    "decide",
    "explain",
    "keys",
    "ledger",
    "parse_terms",
    "partner",
    "reopen",
    "reopen_page",
    "tlp_of",
    "try_terms",
]
