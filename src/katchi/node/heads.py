"""Signs our ledger's head and keeps our partners', so that neither side can rewrite what both have seen."""

from __future__ import annotations

import msgspec

from katchi import policy
from katchi.exchange.channels.link import Link
from katchi.node.wiring import Node
from katchi.policy import signed
from katchi.policy.ledger import SignedHead
from katchi.policy.partner import Partner

HEAD = "/katchi/v1/head"
GROWTH = "/katchi/v1/growth"


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proof that a ledger of size `new` begins with what it was at size `old` (RFC 6962 §2.1.2)."""

    old: int
    new: int
    path: list[bytes]


def sign(node: Node) -> SignedHead:
    """Our word on our ledger as it is now; the last one again if nothing was added since."""
    size, root = node.store.ledger.root()
    last = node.store.ledger.last_head()
    if last is not None:
        head = SignedHead.from_json(last)
        if head.size == size and head.key_id == node.key.public.id:
            return head
    head = policy.ledger.sign_head(node.key, node=node.settings.node_id, size=size, root=root, at=node.clock.now())
    node.store.ledger.keep_head("", size, head.to_json())
    return head


def growth(node: Node, old: int, new: int) -> Growth:
    """The proof between two sizes of our ledger. Raises InvalidTreeError for sizes that never were."""
    return Growth(
        old,
        new,
        list(policy.ledger.consistency_proof(node.store.ledger.hashes(new), old, new)),
    )


def fetch(node: Node, partner: Partner, link: Link) -> SignedHead:
    """Takes a partner's latest head, if its ledger has only grown since the last.

    Raises BadSignatureError or ProofError.
    """
    head = SignedHead.from_json(link.ask("GET", HEAD).content)
    if head.node != partner.node_id:
        raise policy.ledger.ProofError("The head is another node's.", where=partner.name, found=head.node)
    policy.ledger.verify_head(head, partner.key(head.key_id))
    last = node.store.ledger.last_head(partner.name)
    if last is not None:
        known = SignedHead.from_json(last)
        if known.size == head.size and known.root == head.root:
            return head
        query = {"old": str(known.size), "new": str(head.size)}
        proof = signed.read(
            link.ask("GET", GROWTH, query=query).content,
            Growth,
            what="a proof of growth",
        )
        policy.ledger.check_growth(known, head, proof.path)
    node.store.ledger.keep_head(partner.name, head.size, head.to_json())
    return head
