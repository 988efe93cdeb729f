"""A served node with a tool of its own organisation, for the tests of its doors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from katchi.exchange.taxii.media import TAXII
from katchi.node import partnering, terms
from katchi.node.wiring import Node
from katchi.store.partners import Token
from katchi.web.serve import serving
from tests.nodes import a_node

OWN_TOOL = """\
format = 1
partner = "{name}"
own = true
echo = true
unmarked = "green"

[[release]]
name = "Everything for our own SIEM"
up-to = "amber+strict"
types = ["all"]
sources = ["any"]
"""
SECRET = "a secret that only tests know"


@dataclass
class Served:
    """A served node, and how its SIEM reaches it."""

    node: Node
    url: str

    @property
    def root(self) -> str:
        """The API root."""
        return f"{self.url}/taxii2/katchi/"

    def objects_url(self, collection: str = "exchange") -> str:
        """The objects endpoint of a collection."""
        return f"{self.root}collections/{collection}/objects/"

    def client(self, **headers: str) -> httpx.Client:
        """A client that signs in as the SIEM and speaks TAXII."""
        return httpx.Client(
            auth=("siem", SECRET), headers={"Accept": TAXII, "Content-Type": TAXII, **headers}, timeout=30
        )


def add_tool(node: Node, name: str, secret: str) -> None:
    """A tool of our own organisation with a token."""
    partnering.add_tool(node, name, person="kim", is_own=True)
    terms.put_terms(node, name, OWN_TOOL.format(name=name), person="kim")
    token = Token(id=f"token-of-{name}", partner=name, label="test", created_at=0, expires_at=None)
    node.store.partners.add_token(token, hashlib.sha256(secret.encode()).digest())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A node that is served on loopback, with one tool."""
    with a_node(tmp_path / "node", "kr-cert") as node:
        add_tool(node, "siem", SECRET)
        with serving(node):
            yield Served(node, node.settings.url)
