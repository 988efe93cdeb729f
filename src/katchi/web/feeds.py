"""The addresses that devices poll: one for each collection and format, with a token, kept short by ETags."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, Router, route
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from litestar.response import Stream

from katchi.errors import KatchiError
from katchi.exchange import feeds as formats
from katchi.exchange.feed import UnknownFeedError, Wishes
from katchi.exchange.taxii.errors import BadFilterError, NotFoundError, TaxiiError
from katchi.node import collections, feeds, misp, polled
from katchi.node.feeds import BusyError, NotSettledError
from katchi.node.wiring import Node
from katchi.web import callers
from katchi.web.taxii import explain, is_held

_read = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
_is_confidence = re.compile(r"100|[1-9]?[0-9]").fullmatch
_KNOWN = {"kinds", "warned", "confidence"}


def _node(request: Request[Any, Any, Any]) -> Node:
    node: Node = request.app.state.node
    return node


@_read("/")
async def every_feed(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What this caller can poll: the addresses, and who loads them."""
    node = _node(request)
    partner = await sync_to_thread(callers.identify, node, request, b"")
    collections.require_flowing(partner)
    listed = await sync_to_thread(feeds.addresses, node, partner)
    return Response(msgspec.json.encode({"feeds": listed}), media_type="application/json")


@_read("/{collection:str}/{name:str}")
async def one_feed(request: Request[Any, Any, Any], collection: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """One list. A device that has it already is told so, without anything being written."""
    node = _node(request)
    partner = await sync_to_thread(callers.identify, node, request, b"")
    polled = await sync_to_thread(feeds.poll, node, partner, name, collection, _wishes(request))
    headers = {"ETag": f'"{polled.mark}"', "Cache-Control": "private, no-cache"}
    if is_held(request.headers.get("if-none-match"), polled.mark):
        return Response(None, status_code=304, headers=headers)
    kind = formats.new(name)
    if request.method == "HEAD":
        return Response(b"", status_code=200, headers=headers, media_type=kind.media_type)
    document = await sync_to_thread(feeds.write, node, polled)
    left_out = ", ".join(f"{reason}={count}" for reason, count in sorted(document.heading.left_out.items()))
    headers |= {
        "Content-Length": str(document.size),
        "Content-Disposition": f'inline; filename="katchi-{name}{kind.extension}"',
        "X-Content-Type-Options": "nosniff",
        "X-Katchi-Entries": str(document.heading.entries),
        "X-Katchi-Left-Out": left_out,
    }
    return Stream(document.pieces(), media_type=kind.media_type, headers=headers)


@_read("/blocked/{name:str}")
async def blocked(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes | None]:
    """What is blocked now, as the actuator of this name says it, for the tools that it names and nobody else."""
    node = _node(request)
    partner = await sync_to_thread(callers.identify, node, request, b"")
    found = await sync_to_thread(polled.fetch, node, partner, name)
    headers = {"ETag": f'"{found.mark}"', "Cache-Control": "private, no-cache"}
    if is_held(request.headers.get("if-none-match"), found.mark):
        return Response(None, status_code=304, headers=headers)
    headers |= {"X-Content-Type-Options": "nosniff", "X-Katchi-Entries": str(found.entries)}
    body = b"" if request.method == "HEAD" else found.text
    return Response(body, headers=headers, media_type="text/plain")


def _wishes(request: Request[Any, Any, Any]) -> Wishes:
    query = request.query_params
    for name in query:
        if name not in _KNOWN:
            raise BadFilterError("A feed knows no such parameter.", what=name[:40], expected=", ".join(sorted(_KNOWN)))
    warned, confidence = query.get("warned") or "leave-out", query.get("confidence") or ""
    if warned not in ("leave-out", "include"):
        raise BadFilterError(
            "This is not understood.", what="warned", expected="include or leave-out", found=warned[:40]
        )
    if confidence and not _is_confidence(confidence):
        raise BadFilterError("This is no confidence.", what="confidence", expected="0 to 100", found=confidence[:40])
    return Wishes(
        with_warned=warned == "include",
        minimum_confidence=int(confidence) if confidence else None,
        kinds=feeds.kinds_of(query.get("kinds") or ""),
    )


@_read("/{collection:str}/misp/manifest.json")
async def misp_manifest(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[Any]:
    """The list of events for MISP, which fetches those whose timestamp has grown."""
    return await sync_to_thread(_misp, request, collection, "manifest.json")


@_read("/{collection:str}/misp/hashes.csv")
async def misp_hashes(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[Any]:
    """The hashes of all values, by which MISP looks for overlaps."""
    return await sync_to_thread(_misp, request, collection, "hashes.csv")


@_read("/{collection:str}/misp/{name:str}")
async def misp_event(request: Request[Any, Any, Any], collection: FromPath[str], name: FromPath[str]) -> Response[Any]:
    """One event; the signature of a file, or the key that made it."""
    return await sync_to_thread(_misp, request, collection, name)


def _misp(request: Request[Any, Any, Any], collection: str, name: str) -> Response[Any]:
    node = _node(request)
    partner = callers.identify(node, request, b"")
    polled = feeds.poll(node, partner, "list", collection, Wishes())  # for its mark: the same state, the same feed
    mark = f"{polled.mark}-{misp.book(node, partner, polled.topic).changed}-{name}"[:120]
    headers = {"ETag": f'"{mark}"', "Cache-Control": "private, no-cache"}
    if is_held(request.headers.get("if-none-match"), mark):
        return Response(None, status_code=304, headers=headers)
    body = misp.document(node, partner, polled.topic, name)
    kind = {"csv": "text/csv", "sig": "application/octet-stream", "pem": "application/x-pem-file"}
    return Response(body, headers=headers, media_type=kind.get(name.rpartition(".")[2], "application/json"))


class _NotYetError(TaxiiError):
    """Ask again later; what the device has stays good."""

    code = "ask-again"
    http_status = 503


def _explain(request: Request[Any, Any, Any], problem: KatchiError) -> Response[bytes]:
    if isinstance(problem, UnknownFeedError):
        problem = NotFoundError(problem.sentence, expected=problem.expected, found=problem.found)
    if isinstance(problem, NotSettledError | BusyError):
        answer = explain(request, _NotYetError(problem.sentence, remedy=problem.remedy))
        answer.headers["Retry-After"] = "60"
        return answer
    return explain(request, problem)


feeds_router = Router(
    path="/feeds",
    route_handlers=[every_feed, blocked, misp_manifest, misp_hashes, misp_event, one_feed],
    exception_handlers={KatchiError: _explain},
    opt={"exclude_from_csrf": True},
)
