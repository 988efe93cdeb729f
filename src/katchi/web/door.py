"""The door between nodes: joining, receipts, heads, keys, and the books that reconciliation compares."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.concurrency import sync_to_thread

from katchi.errors import KatchiError
from katchi.exchange.taxii.errors import BadFilterError
from katchi.node import books, heads, overlap_answers, overlapping, partnering, receipts, withdrawals
from katchi.node.collections import require_flowing
from katchi.node.deliver import partner_of
from katchi.node.wiring import Node
from katchi.store.partners import PartnerRow
from katchi.web import callers
from katchi.web.taxii import explain

SMALL = 65_536  # introductions, requests to join, changes of keys
LARGE = 16_777_216  # receipts for the largest envelope
_PLACE = re.compile(r"(\d{1,18}-\d{1,18})?", re.ASCII)


def _node(request: Request[Any, Any, Any]) -> Node:
    node: Node = request.app.state.node
    return node


def _answer(value: Any) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _document(body: bytes) -> Response[bytes]:
    return Response(body, media_type="application/json", status_code=200)


async def _partner(
    request: Request[Any, Any, Any], limit: int = 0, *, also_suspended: bool = False
) -> tuple[PartnerRow, bytes]:
    """The active partner that calls, and its body. Raises NotSignedInError or NotAllowedError."""
    node = _node(request)
    claim = callers.claim(node, request)
    body = await callers.read_body(request, limit)
    partner = await sync_to_thread(callers.settle, node, claim, body)
    if not (also_suspended and partner.state == "suspended"):
        require_flowing(partner)
    return partner, body


@get("/introduction")
async def introduction(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Who this node says it is: what anybody who connects could see, and nothing about partners."""
    return _document(partnering.introduction(_node(request)).to_json())


@post("/join")
async def join(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answers a request to join; open to strangers, who need the invitation's secret."""
    node = _node(request)
    body = await callers.read_body(request, SMALL)
    return _document(await sync_to_thread(partnering.take_join, node, body))


@post("/receipts")
async def receipt(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Takes a partner's receipt for what it pulled."""
    partner, body = await _partner(request, LARGE)
    await sync_to_thread(receipts.take, _node(request), partner_of(partner), body)
    return _answer({})


@post("/withdrawals")
async def take_withdrawals(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Takes a partner's word on what it took back, and answers with our receipt."""
    partner, body = await _partner(request, LARGE)
    return _document(await sync_to_thread(withdrawals.take, _node(request), partner_of(partner), body))


@get("/withdrawals")
async def give_withdrawals(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Our word on what we took back from the partner's node and it has not answered for."""
    partner, _ = await _partner(request)
    notice = await sync_to_thread(withdrawals.pending, _node(request), partner_of(partner))
    return _document(notice.to_json())


@get("/withdrawn")
async def withdrawn(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What was released to the caller and is not any more: for tools, which have no other way to hear of it."""
    partner, _ = await _partner(request)
    place = request.query_params.get("next") or ""
    if not _PLACE.fullmatch(place):
        raise BadFilterError("There is no such place in the list.", what="next", found=place[:40])
    return _answer(await sync_to_thread(withdrawals.listed, _node(request), partner.name, place))


@get("/head")
async def head(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The signed head of our ledger."""
    await _partner(request)
    return _document((await sync_to_thread(heads.sign, _node(request))).to_json())


@get("/growth")
async def growth(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The proof that our ledger only grew between two sizes."""
    await _partner(request)
    old, new = _number(request, "old"), _number(request, "new")
    return _answer(await sync_to_thread(heads.growth, _node(request), old, new))


@post("/key")
async def key(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Takes a partner's announcement of its next key."""
    partner, body = await _partner(request, SMALL, also_suspended=True)
    await sync_to_thread(partnering.take_key_change, _node(request), partner.name, body)
    return _answer({})


@get("/received")
async def received(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What we took from the caller, page by page."""
    partner, _ = await _partner(request)
    return _answer(await sync_to_thread(books.received, _node(request), partner.name, _number(request, "skip")))


@get("/released")
async def released(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What we released to the caller, page by page."""
    partner, _ = await _partner(request)
    return _answer(await sync_to_thread(books.released, _node(request), partner.name, _number(request, "skip")))


@post("/overlap", status_code=200)
async def overlap(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A message of a private overlap that a partner leads."""
    partner, body = await _partner(request, overlapping.LARGEST)
    answer = await sync_to_thread(overlap_answers.answer, _node(request), partner.name, body)
    return Response(answer, media_type=overlapping.MEDIA)


def _number(request: Request[Any, Any, Any], name: str) -> int:
    text = request.query_params.get(name) or ""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadFilterError("A number is missing.", what=name, expected="0 or more", found=text[:40])
    return int(text)


door_router = Router(
    path="/katchi/v1",
    route_handlers=[
        introduction,
        join,
        receipt,
        take_withdrawals,
        give_withdrawals,
        withdrawn,
        head,
        growth,
        key,
        received,
        released,
        overlap,
    ],
    exception_handlers={KatchiError: explain},
    opt={"exclude_from_csrf": True},
)
