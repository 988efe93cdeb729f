"""The door between nodes: what strangers, replays and misdirected requests meet, and what a suspension stops."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from katchi.exchange import token
from katchi.exchange.taxii.errors import NotAllowedError
from katchi.exchange.taxii.media import TAXII
from katchi.node import partnering
from katchi.node.receive import receive
from katchi.node.wiring import Node
from katchi.policy.keys import NodeKey
from katchi.web.taxii import PIECE, _while_flowing
from tests.nodes import Pair, a_pair, join, until
from tests.objects import bundle, indicator

HEAD = "/katchi/v1/head"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two served nodes with an arrangement."""
    with a_pair(tmp_path) as both:
        join(both)
        yield both


def minted(
    pair: Pair, *, key: NodeKey | None = None, target: str = HEAD, method: str = "GET", body: bytes = b"", late: int = 0
) -> str:
    """A token of the American node for the Korean one."""
    us, kr = pair.us, pair.kr
    return token.mint(
        key or us.key,
        issuer=us.settings.node_id,
        audience=kr.settings.node_id,
        method=method,
        target=target,
        body=hashlib.sha256(body).digest(),
        now=us.clock.now() - late * 1_000_000,
        jti=secrets.token_bytes(16),
    )


def ask(node: Node, authorization: str, target: str = HEAD) -> httpx.Response:
    return httpx.get(node.settings.url + target, headers={"Authorization": authorization})


def test_a_signed_request_of_a_partner_is_answered(pair: Pair) -> None:
    assert ask(pair.kr, minted(pair)).status_code == 200


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"late": 3600}, "token-expired"),
        ({"target": "/katchi/v1/received?skip=0"}, "token-for-other-request"),
        ({"method": "POST"}, "token-for-other-request"),
        ({"key": NodeKey.generate(b"c" * 32)}, "token-unknown-signer"),
        ({"body": b"not this"}, "token-for-other-request"),
    ],
)
def test_a_token_that_is_not_for_this_request_opens_nothing(pair: Pair, change: dict[str, object], why: str) -> None:
    response = ask(pair.kr, minted(pair, **change))  # type: ignore[arg-type]
    assert response.status_code == 401
    assert response.json()["details"]["what"] == why


def test_a_token_opens_the_door_once(pair: Pair) -> None:
    authorization = minted(pair)
    assert ask(pair.kr, authorization).status_code == 200
    assert ask(pair.kr, authorization).json()["details"]["what"] == "token-replayed"


def test_a_stranger_learns_who_the_node_is_and_nothing_else(pair: Pair) -> None:
    introduced = httpx.get(f"{pair.kr.settings.url}/katchi/v1/introduction").json()
    assert introduced["name"] == "kr-cert"
    assert "us-cert" not in str(introduced)
    for target in (HEAD, "/katchi/v1/received?skip=0", "/katchi/v1/released?skip=0"):
        assert httpx.get(pair.kr.settings.url + target).status_code == 401


def test_a_suspension_stops_a_page_between_two_pieces(pair: Pair) -> None:
    receive(pair.kr, bundle(indicator(1)), via="test", submitter="kim")
    until(lambda: pair.kr.store.partners.one("us-cert").judged_seq == 1)
    row = pair.kr.store.partners.one("us-cert")
    pieces = [b"x" * PIECE] * 3

    async def read() -> list[int]:
        sent = []
        async for piece in _while_flowing(pair.kr, row, pieces):
            sent.append(len(piece))
            partnering.suspend(pair.kr, "us-cert", person="lee")
        return sent

    with pytest.raises(NotAllowedError):
        asyncio.run(read())


def test_a_suspended_partner_is_refused_at_every_door(pair: Pair) -> None:
    partnering.suspend(pair.kr, "us-cert", person="lee")
    for target in (HEAD, "/taxii2/katchi/collections/released/objects/"):
        response = httpx.get(
            pair.kr.settings.url + target,
            headers={"Authorization": minted(pair, target=target), "Accept": TAXII},
        )
        assert response.status_code == 403
