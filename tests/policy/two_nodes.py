"""Kim's and Park's nodes, and Choi's, who was never invited: keys and introductions for the tests here."""

from __future__ import annotations

from dataclasses import dataclass

from katchi.exchange.tls import make_certificate
from katchi.policy.introduction import Introduction
from katchi.policy.keys import NodeKey

NOW = 1_456_000_000_000_000
DAY = 86_400_000_000


@dataclass(frozen=True)
class TestNode:
    """A node as the protocol sees it."""

    __test__ = False
    key: NodeKey
    introduction: Introduction


def node(name: str, number: int) -> TestNode:
    """A node of this name."""
    key = NodeKey.generate(bytes([number]) * 32)
    node_id = f"identity--{number:08d}-0000-4000-8000-000000000000"
    url = f"https://192.0.2.{number}:8471"
    certificate = make_certificate(url, node_id=node_id, now=NOW).certificate_pem.decode()
    return TestNode(key, Introduction(name, node_id, url, key.public.to_text(), certificate))


KIM, PARK, CHOI = node("kr-node", 1), node("us-node", 2), node("stranger", 3)
