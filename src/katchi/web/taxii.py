"""TAXII 2.1's routes: read the request, ask the node, answer in TAXII's media type."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, Router, delete, post, route
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from litestar.response import Stream

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange import encoding
from katchi.exchange.taxii import errors, media, resources
from katchi.exchange.taxii.asking import Asking, read_asking
from katchi.node import collections, receipts
from katchi.node.deliver import partner_of
from katchi.node.receive import Fate, receive, receive_with_fates
from katchi.node.wiring import Node
from katchi.store.partners import PartnerRow
from katchi.store.releases import ReleaseRow
from katchi.web import callers

# A suspension is looked for between pieces of this size, so it stops a page in the middle.
PIECE = 524_288


# What can be read can be asked about (RFC 9110 §9.3.2); the server leaves the body out.
_read = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])


def _answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type=media.TAXII,
        headers=headers or {},
    )


def _node(request: Request[Any, Any, Any]) -> Node:
    node: Node = request.app.state.node
    return node


def _caller(request: Request[Any, Any, Any]) -> PartnerRow:
    """Who asks, for requests without a body. Raises NotSignedInError or NotAcceptableError."""
    media.require_acceptable(request.headers.get("accept"))
    return callers.identify(_node(request), request, b"")


@_read("/")
async def discovery(request: Request[Any, Any, Any]) -> Response[bytes]:
    """TAXII 2.1 §4.1: where the API root is."""
    await sync_to_thread(_caller, request)
    settings = _node(request).settings
    root = f"{settings.url.rstrip('/')}/taxii2/{collections.API_ROOT}/"
    return _answer(resources.Discovery(settings.title or settings.name, [root], root))


@_read(f"/{collections.API_ROOT}/")
async def api_root(request: Request[Any, Any, Any]) -> Response[bytes]:
    """TAXII 2.1 §4.2: what this API root speaks."""
    await sync_to_thread(_caller, request)
    settings = _node(request).settings
    limit = settings.limits.max_content_length
    return _answer(resources.ApiRoot(settings.title or settings.name, [media.TAXII], limit))


@_read(f"/{collections.API_ROOT}/status/{{status_id:str}}/")
async def status(request: Request[Any, Any, Any], status_id: FromPath[str]) -> Response[bytes]:
    """TAXII 2.1 §4.3: what became of a hand-in."""
    partner = await sync_to_thread(_caller, request)
    return _answer(await sync_to_thread(collections.status, _node(request), partner, status_id))


@_read(f"/{collections.API_ROOT}/collections/")
async def all_collections(request: Request[Any, Any, Any]) -> Response[bytes]:
    """TAXII 2.1 §5.1: the collections that this partner may know of."""
    partner = await sync_to_thread(_caller, request)
    return _answer({"collections": await sync_to_thread(collections.collections_of, _node(request), partner)})


@_read(f"/{collections.API_ROOT}/collections/{{name:str}}/")
async def one_collection(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """TAXII 2.1 §5.2."""
    partner = await sync_to_thread(_caller, request)
    found = await sync_to_thread(collections.collection, _node(request), partner, name)
    return _answer(found.collection)


# Each of these is one errand in one thread: a way there and back costs as much as asking the database.
@_read(f"/{collections.API_ROOT}/collections/{{name:str}}/objects/")
async def objects(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
    """TAXII 2.1 §5.4: the objects released to this partner."""
    return await sync_to_thread(_objects, request, name)


def _objects(request: Request[Any, Any, Any], name: str) -> Response[Any]:
    return _page(request, *_asking(request, name))


@_read(f"/{collections.API_ROOT}/collections/{{name:str}}/objects/{{object_id:str}}/")
async def one_object(request: Request[Any, Any, Any], name: FromPath[str], object_id: FromPath[str]) -> Response[Any]:
    """TAXII 2.1 §5.6: one object, if it was released to this partner."""
    return await sync_to_thread(_one_object, request, name, object_id)


def _one_object(request: Request[Any, Any, Any], name: str, object_id: str) -> Response[Any]:
    partner, asking = _asking(request, name, object_id)
    _require_released(_node(request), partner, object_id, asking.matching.topic)
    return _page(request, partner, asking)


@_read(f"/{collections.API_ROOT}/collections/{{name:str}}/manifest/")
async def manifest(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
    """TAXII 2.1 §5.3: what `objects` would give, without the objects."""
    return await sync_to_thread(_manifest, request, name)


def _manifest(request: Request[Any, Any, Any], name: str) -> Response[Any]:
    partner, asking = _asking(request, name)
    view = collections.view(_node(request), partner, asking)
    items = [msgspec.json.encode(resources.manifest_record(row)) for row in view.rows]
    return _listing(request, partner, view, resources.page("objects", items, view.following))


@_read(f"/{collections.API_ROOT}/collections/{{name:str}}/objects/{{object_id:str}}/versions/")
async def versions(request: Request[Any, Any, Any], name: FromPath[str], object_id: FromPath[str]) -> Response[Any]:
    """TAXII 2.1 §5.8: the versions of one object that were released to this partner."""
    return await sync_to_thread(_versions, request, name, object_id)


def _versions(request: Request[Any, Any, Any], name: str, object_id: str) -> Response[Any]:
    partner, asking = _asking(request, name, object_id, every_version=True)
    view = collections.view(_node(request), partner, asking)
    if not view.rows and asking.position == 0 and asking.added == 0:
        raise errors.NotFoundError("There is no such object here.", where=object_id[:100])
    items = [msgspec.json.encode(resources.version_of(row)) for row in view.rows]
    return _listing(request, partner, view, resources.page("versions", items, view.following))


@post(f"/{collections.API_ROOT}/collections/{{name:str}}/objects/")
async def add_objects(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """TAXII 2.1 §5.5: takes an envelope. Answers when what it calls a success is on disk."""
    node = _node(request)
    media.require_acceptable(request.headers.get("accept"))
    media.require_taxii_body(request.headers.get("content-type"))
    claim = callers.claim(node, request)
    body = await callers.read_body(request, node.settings.limits.max_content_length)
    partner = await sync_to_thread(callers.settle, node, claim, body)
    collections.require_flowing(partner)
    await sync_to_thread(partial(collections.collection, node, partner, name, to="write"))
    body = await sync_to_thread(_unpacked, node, request.headers.get("content-encoding"), body)
    return _answer(await sync_to_thread(_take, node, partner, body), 202)


@delete(f"/{collections.API_ROOT}/collections/{{name:str}}/objects/{{object_id:str}}/", status_code=200)
async def delete_object(
    request: Request[Any, Any, Any], name: FromPath[str], object_id: FromPath[str]
) -> Response[bytes]:
    """TAXII 2.1 §5.7: takes an object, or versions of it, out of this reader's collection; by default the last one."""
    await sync_to_thread(_delete, request, name, object_id)
    return Response(b"", status_code=200, media_type=media.TAXII)


def _delete(request: Request[Any, Any, Any], name: str, object_id: str) -> None:
    partner, asking = _asking(request, name, object_id)
    collections.collection(_node(request), partner, name, to="write")
    collections.delete(_node(request), partner, asking)


def _unpacked(node: Node, coding: str | None, body: bytes) -> bytes:
    try:
        return encoding.unpacked(body, coding, limit=node.settings.limits.max_content_length)
    except encoding.UnknownCodingError as problem:
        raise _as_taxii(problem, errors.UnsupportedMediaError) from problem
    except encoding.UnpacksTooLargeError as problem:
        raise _as_taxii(problem, errors.TooLargeError) from problem
    except encoding.UnreadableBodyError as problem:
        raise _as_taxii(problem, errors.UnprocessableError) from problem


def _as_taxii(problem: KatchiError, kind: type[errors.TaxiiError], where: str = "") -> errors.TaxiiError:
    return kind(
        problem.sentence, where=where or problem.where, what=problem.what, expected=problem.expected,
        found=problem.found, remedy=problem.remedy,
    )  # fmt: skip


def _take(node: Node, partner: PartnerRow, body: bytes) -> resources.Status:
    is_node = partner.kind == "node"
    fates: tuple[Fate, ...] = ()
    try:
        if is_node:
            account, fates = receive_with_fates(node, body, partner=partner.name, via="taxii")
        else:
            account = receive(node, body, origin=partner.name, via="taxii", submitter=partner.name)
    except stix.UnreadableError as problem:
        raise _as_taxii(problem, errors.UnprocessableError, "envelope") from problem
    # A tool has no node that could read a receipt.
    receipt = receipts.give(node, partner_of(partner), fates) if is_node else None
    return collections.status_of(account, receipt)


def _asking(
    request: Request[Any, Any, Any],
    name: str,
    object_id: str = "",
    *,
    every_version: bool = False,
) -> tuple[PartnerRow, Asking]:
    partner = _caller(request)
    node = _node(request)
    opened = collections.collection(node, partner, name, to="read")
    query = list(request.query_params.multi_items())
    if object_id:
        query = [pair for pair in query if pair[0] not in ("match[id]", "match[type]")]
        query.append(("match[id]", object_id))
    if every_version:
        query = [pair for pair in query if pair[0] != "match[version]"]
        query.append(("match[version]", "all"))
    return partner, read_asking(query, page_size=node.settings.limits.page_size, topic=opened.topic)


def _require_released(node: Node, partner: PartnerRow, object_id: str, topic: int) -> None:
    asking = read_asking([("match[id]", object_id), ("match[version]", "all")], page_size=1, topic=topic)
    if not collections.view(node, partner, asking).rows:
        # The same answer for what is not there and what is not theirs: ids must not be an oracle.
        raise errors.NotFoundError("There is no such object here.", where=object_id[:100])


def _page(request: Request[Any, Any, Any], partner: PartnerRow, asking: Asking) -> Response[Any]:
    node = _node(request)
    page = collections.page(node, partner, asking)
    released = page.released
    headers = _dates(released.first_added, released.last_added) if released.raws else {}
    return _conditional(request, page.mark, headers, resources.page("objects", released.raws, page.following), partner)


def _listing(
    request: Request[Any, Any, Any], partner: PartnerRow, view: collections.View, pieces: Sequence[bytes]
) -> Response[Any]:
    body = b"".join(pieces)
    mark = hashlib.blake2b(body, digest_size=12, key=_node(request).copy_key).hexdigest()
    return _conditional(request, mark, _dates_of(view.rows), [body], partner)


def _conditional(
    request: Request[Any, Any, Any], mark: str, headers: dict[str, str], pieces: Sequence[bytes], partner: PartnerRow
) -> Response[Any]:
    """The page, or word that the client has it already (RFC 9110 §13.1.2)."""
    # Weak: packed or not, it says the same.
    headers |= {"ETag": f'W/"{mark}"', "Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding"}
    if is_held(request.headers.get("if-none-match"), mark):
        return Response(None, status_code=304, headers=headers)
    flowing = _while_flowing(_node(request), partner, pieces)
    coding = _coding(request)
    if coding is None:
        # A reader that knows the size needs not look for the seams between pieces.
        headers["Content-Length"] = str(sum(map(len, pieces)))
        return Stream(flowing, media_type=media.TAXII, headers=headers)
    return Stream(_packed(flowing, coding), media_type=media.TAXII, headers=headers | {"Content-Encoding": coding})


def is_held(if_none_match: str | None, mark: str) -> bool:
    """Whether a client says that it has what goes by this mark (RFC 9110 §13.1.2)."""
    held = [tag.strip().removeprefix("W/").strip('"') for tag in (if_none_match or "").split(",")]
    return mark in held or "*" in held


def _coding(request: Request[Any, Any, Any]) -> encoding.Coding | None:
    """How the answer is packed. Not at all on the way to this machine: a proxy here packs it for those behind."""
    wanted = _node(request).settings.compress
    if wanted == "never" or (wanted == "remote" and _is_here(request)):
        return None
    return encoding.chosen(request.headers.get("accept-encoding"))


def _is_here(request: Request[Any, Any, Any]) -> bool:
    return request.client is not None and request.client.host in ("127.0.0.1", "::1")


async def _packed(pieces: AsyncIterator[bytes], coding: encoding.Coding) -> AsyncIterator[bytes]:
    packer = encoding.packer(coding)
    async for piece in pieces:
        # Packing lets go of the interpreter: others are served meanwhile.
        if packed := await sync_to_thread(packer.compress, piece):
            yield packed
    yield packer.flush()


async def _while_flowing(node: Node, partner: PartnerRow, pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            _require_still_flowing(node, partner)
            yield b"".join(waiting)
            waiting, size = [], 0
    _require_still_flowing(node, partner)
    yield b"".join(waiting)


def _require_still_flowing(node: Node, partner: PartnerRow) -> None:
    if not collections.still_flowing(node, partner):
        raise errors.NotAllowedError("The exchange was suspended, or its terms changed, while this page went out.")


def _dates_of(rows: Sequence[ReleaseRow]) -> dict[str, str]:
    # Undefined for an empty page, and a client once failed on the word "undefined": so left out.
    return _dates(rows[0].added, rows[-1].added) if rows else {}


def _dates(first: int, last: int) -> dict[str, str]:
    return {
        "X-TAXII-Date-Added-First": stix.format_timestamp(first),
        "X-TAXII-Date-Added-Last": stix.format_timestamp(last),
    }


def explain(request: Request[Any, Any, Any], problem: KatchiError) -> Response[bytes]:
    """A failure as TAXII 2.1 §3.6.1 words it; nothing of the inside comes along."""
    status = problem.http_status if isinstance(problem, errors.TaxiiError) else 400
    said = problem.diagnostic()
    details = {name: value for name in ("where", "what", "expected", "found") if (value := getattr(said, name))}
    headers = {"WWW-Authenticate": 'Bearer realm="katchi", Basic realm="katchi"'} if status == 401 else {}
    body = resources.Error(said.sentence, said.remedy, said.code, str(status), details)
    return _answer(body, status, headers)


taxii_router = Router(
    path="/taxii2",
    route_handlers=[
        discovery, api_root, status, all_collections, one_collection, objects, one_object, manifest, versions,
        add_objects, delete_object,
    ],
    exception_handlers={KatchiError: explain},
    opt={"exclude_from_csrf": True},
)  # fmt: skip
