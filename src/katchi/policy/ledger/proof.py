"""A document that proves, to anyone who has a node's public key, that an entry is in its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from katchi.policy import signed
from katchi.policy.keys import BadSignatureError, PublicKey
from katchi.policy.ledger.entry import Entry, EntryError
from katchi.policy.ledger.head import Count, Hash, SignedHead, verify_head
from katchi.policy.ledger.merkle import ProofError, Tree, leaf_hash, verify_inclusion


class InclusionProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry, its place, and the hashes that lead from it to a signed head."""

    entry: Annotated[str, msgspec.Meta(max_length=10_000)]  # the canonical bytes, as text
    index: Count
    path: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=64)]
    head: SignedHead
    proof: Literal["katchi/proof/1"] = "katchi/proof/1"

    def to_json(self) -> bytes:
        """The document, laid out for people to read too."""
        return msgspec.json.format(signed.canonical(self), indent=2)

    @classmethod
    def from_json(cls, document: bytes | str) -> InclusionProof:
        """Reads `to_json`; proves nothing yet. Raises UnreadableDocumentError."""
        return signed.read(document, cls, what="a proof")


@dataclass(frozen=True, slots=True)
class ProvenRelease:
    """What a proof proves: the node wrote down that this went to a partner, or goes no longer.

    `at` is by the node's own clock.
    """

    node: str
    kind: Literal["release", "withdrawal"]
    partner: str
    object_id: str
    version: str
    digest: str
    at: int
    index: int
    size: int
    head_at: int


def make_proof(entry: bytes, index: int, tree: Tree, head: SignedHead) -> InclusionProof:
    """The proof for one entry under a head of ours. Raises ProofError if it would not hold."""
    if head.size > tree.size:
        raise ProofError("The head is of a longer ledger.", expected=f"at most {tree.size}", found=str(head.size))
    if index >= head.size:
        raise ProofError(
            "The entry is younger than the head.",
            what="index",
            found=str(index),
            remedy="sign a new head first",
        )
    path = tree.inclusion_proof(index, head.size)
    verify_inclusion(leaf_hash(entry), index, head.size, path, head.root)
    return InclusionProof(entry.decode(), index, path, head)


def check_proof(document: bytes | str, key: PublicKey) -> ProvenRelease:
    """What the document proves about the node that has this key; needs nothing else. Raises ProofError."""
    try:
        proof = InclusionProof.from_json(document)
        verify_head(proof.head, key)
        entry = Entry.from_bytes(proof.entry.encode())
    except (signed.UnreadableDocumentError, BadSignatureError, EntryError) as problem:
        raise ProofError(
            problem.sentence, what=problem.what, expected=problem.expected, found=problem.found
        ) from problem
    verify_inclusion(leaf_hash(proof.entry.encode()), proof.index, proof.head.size, proof.path, proof.head.root)
    return _release_in(entry, proof)


def _release_in(entry: Entry, proof: InclusionProof) -> ProvenRelease:
    if entry.kind not in ("release", "withdrawal"):
        raise ProofError("The entry is not about a release.", expected="release or withdrawal", found=entry.kind)
    told = {name: str(entry.body.get(name, "")) for name in ("object_id", "version", "digest")}
    return ProvenRelease(
        node=proof.head.node, kind=entry.kind, partner=entry.partner, **told,
        at=entry.at, index=proof.index, size=proof.head.size, head_at=proof.head.at,
    )  # fmt: skip
