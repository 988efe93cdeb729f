"""Proves to others that something went to a partner, by a document that needs nothing but our public key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from katchi import policy
from katchi.errors import KatchiError
from katchi.node import books, heads
from katchi.node.deliver import link_to, partner_of
from katchi.node.verification import Tampering, Verification, verify
from katchi.node.wiring import Node
from katchi.policy.keys import PublicKey
from katchi.policy.ledger import InclusionProof, ProvenRelease
from katchi.store.ledger import LedgerRow


class NeverReleasedError(KatchiError):
    """The ledger has no entry about this object and this partner."""

    code = "never-released"
    exit_status = 3


class NoBooksError(KatchiError):
    """A tool keeps no books that could be compared with ours."""

    code = "no-books"


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof and what it proves."""

    document: bytes
    proves: ProvenRelease


def prove(node: Node, object_id: str, partner: str) -> Proof:
    """Proves the latest ledger entry about an object and a partner: that it went, or that it was withdrawn.

    `object_id` is our object's or that of the redacted copy that went. Signs a head of the ledger as it
    is now. Raises UnknownPartnerError or NeverReleasedError.
    """
    node.store.partners.one(partner)
    row = _latest_entry(node, object_id, partner)
    head = heads.sign(node)
    tree = policy.ledger.Tree(node.store.ledger.hashes(head.size))
    document = policy.ledger.make_proof(row.entry, row.index, tree, head).to_json()
    return Proof(document, policy.ledger.check_proof(document, node.key.public))


def check(document: bytes, key: str) -> ProvenRelease:
    """What a proof proves about the node with this public key. Raises ProofError or InvalidKeyError."""
    return policy.ledger.check_proof(document, PublicKey.from_text(key))


def reconcile(node: Node, partner: str) -> books.BothBooks:
    """Lays our books beside the partner's, both ways.

    Raises UnknownPartnerError, NoBooksError, or UndeliveredError or RefusedError when it does not answer.
    """
    row = node.store.partners.one(partner)
    if row.kind != "node":
        raise NoBooksError(
            "This partner has no node, so it keeps no books.",
            where=partner,
            remedy="`katchi ledger show --partner`",
        )
    with link_to(node, partner_of(row)) as link:
        return books.compare(node, partner, link)


def _latest_entry(node: Node, object_id: str, partner: str) -> LedgerRow:
    rows = [row for each in _ids_that_went(node, object_id, partner) for row in node.store.ledger.about(partner, each)]
    rows = [row for row in rows if row.kind in ("release", "withdrawal")]
    if not rows:
        raise NeverReleasedError(
            "Nothing about this object ever went to this partner.",
            where=object_id[:120],
            what=partner,
            remedy="`katchi terms explain` says what the terms decide about it",
        )
    return max(rows, key=lambda row: row.index)


def _ids_that_went(node: Node, object_id: str, partner: str) -> Sequence[str]:
    """The ids under which an object went: its own, and those of its redacted copies."""
    went = {gone.object_id for gone in node.store.releases.of_object(object_id) if gone.partner == partner}
    return sorted(went | {object_id})


__all__ = [
    "InclusionProof",
    "NeverReleasedError",
    "NoBooksError",
    "Proof",
    "Tampering",
    "Verification",
    "check",
    "prove",
    "reconcile",
    "verify",
]
