"""The part of MISP's own API that reads: what PyMISP and a MISP server ask of one that they pull from.

Each collection is a MISP of its own, at `/misp/{collection}/`. Nothing can be written here. What is asked with a
parameter that is not known is refused: to leave a filter out in silence would hand over what was not asked for.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

import msgspec
from litestar import HttpMethod, Request, Response, Router, get, post, route
from litestar.concurrency import sync_to_thread
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from katchi.errors import KatchiError
from katchi.exchange import misp_feed
from katchi.exchange.feed import Wishes
from katchi.exchange.taxii.errors import BadFilterError, NotFoundError, TaxiiError
from katchi.node import feeds, misp
from katchi.node.feeds import BusyError, NotSettledError
from katchi.node.misp import Wanted
from katchi.node.wiring import Node
from katchi.web import callers

# The newest MISP whose reading habits these answers were tried with (PyMISP 2.5.34).
VERSION: Final = "2.5.34"
LONGEST_QUESTION: Final = 65_536
_EVENTS_AT_ONCE = 50  # of up to ten thousand attributes each
_UNIT: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_ago = re.compile(r"(\d{1,6})([dhms])", re.ASCII).fullmatch
_seconds = re.compile(r"\d{1,12}", re.ASCII).fullmatch
_ALWAYS_SO = {"minimal", "published", "returnFormat", "deleted", "extended", "requested_attributes", "searchall"}
_EMPTY: tuple[Any, ...] = (None, "", [], 0, False)

_read = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
Members = dict[str, Any]


def _node(request: Request[Any, Any, Any]) -> Node:
    node: Node = request.app.state.node
    return node


def _answer(value: Any) -> Response[bytes]:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Response(body, media_type="application/json", headers={"Cache-Control": "private, no-cache"})


def _book(request: Request[Any, Any, Any], collection: str) -> tuple[misp.Book, Any]:
    """The collection as a feed, and who asks. Raises NotSignedInError, NotFoundError and NotSettledError."""
    node = _node(request)
    partner = callers.identify_by_key(node, request)
    polled = feeds.poll(node, partner, "list", collection, Wishes())
    return misp.book(node, partner, polled.topic), partner


@get(["/servers/getVersion", "/servers/getVersion.json"])
async def version(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """What this server can do for one that pulls: read, and nothing else."""
    await sync_to_thread(_book, request, collection)
    rights = ("perm_sync", "perm_sighting", "perm_galaxy_editor", "perm_analyst_data", "filter_sightings")
    return _answer({"version": VERSION, "pymisp_recommended_version": VERSION, **dict.fromkeys(rights, False)})


@get(["/users/view/me", "/users/view/me.json"])
async def me(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """Who the key belongs to."""
    whole, partner = await sync_to_thread(_book, request, collection)
    organisation = {"id": "1", **whole.publisher.organisation}
    user = {"id": "1", "org_id": "1", "role_id": "1", "email": partner.name, "disabled": False}
    role = {"id": "1", "name": "Read Only", "permission": "0", "perm_auth": True}
    return _answer({"User": user, "Role": role, "UserSetting": [], "Organisation": organisation})


@get("/events/index")
async def every_event(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """The events, without what is in them."""
    return await sync_to_thread(_index, request, collection, {})


@post("/events/index", status_code=200)
async def some_events(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """Those that are asked for."""
    question = await _question(request)
    return await sync_to_thread(_index, request, collection, question)


@_read(["/events/view/{name:str}", "/events/view/{name:str}/{how:path}"])
async def one_event(request: Request[Any, Any, Any], collection: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """One event, by its UUID or number. How to show it is for MISP's own pages; there is one way here."""
    return await sync_to_thread(_event, request, collection, name.removesuffix(".json"))


@post("/events/view/{name:str}", status_code=200)
async def one_event_so(
    request: Request[Any, Any, Any], collection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """The same."""
    await _question(request)
    return await sync_to_thread(_event, request, collection, name)


@post(["/events/restSearch", "/events/restSearch.json"], status_code=200)
async def search(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """Whole events, by name and time of change."""
    question = await _question(request)
    return await sync_to_thread(_search, request, collection, question)


@post("/sightings/restSearch/event", status_code=200)
async def sightings(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """Sightings are in the TAXII collection."""
    await sync_to_thread(_book, request, collection)
    return _answer({"response": []})


@get(["/shadow_attributes/index", "/shadow_attributes/index/{how:path}"])
async def proposals(request: Request[Any, Any, Any], collection: FromPath[str]) -> Response[bytes]:
    """There are none."""
    await sync_to_thread(_book, request, collection)
    return _answer([])


async def _question(request: Request[Any, Any, Any]) -> Members:
    body = await callers.read_body(request, LONGEST_QUESTION)
    try:
        asked = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadFilterError("The question cannot be read.", expected="a JSON object") from problem
    if isinstance(asked, dict) and isinstance(asked.get("request"), dict):
        asked = asked["request"]
    if asked == []:  # how PHP writes an empty object
        asked = {}
    if not isinstance(asked, dict):
        raise BadFilterError("The question cannot be read.", expected="a JSON object")
    return asked


def _index(request: Request[Any, Any, Any], collection: str, question: Members) -> Response[bytes]:
    whole, _ = _book(request, collection)
    wanted = _wanted(question, _node(request).clock.now())
    return _answer([_headline(whole, chapter) for chapter in misp.chosen(whole, wanted)])


def _headline(whole: misp.Book, chapter: misp_feed.Chapter) -> Members:
    return {
        "id": misp.number_of(chapter), "sighting_timestamp": "0", "attribute_count": str(chapter.count),
        **misp_feed.headline(whole.publisher, chapter),
    }  # fmt: skip


def _event(request: Request[Any, Any, Any], collection: str, name: str) -> Response[bytes]:
    whole, partner = _book(request, collection)
    found = misp.chosen(whole, Wanted(frozenset([name.lower()])))
    if not found:
        raise NotFoundError("There is no such event here.", where=name[:80])
    if request.method == "HEAD":
        return _answer(b"")
    return _answer(_written(_node(request), partner, whole, found[0]))


def _written(node: Node, partner: Any, whole: misp.Book, chapter: misp_feed.Chapter) -> bytes:
    name = misp_feed.event_uuid(whole.publisher, chapter.number)
    return misp.event(node, partner, whole.topic, name)


def _search(request: Request[Any, Any, Any], collection: str, question: Members) -> Response[bytes]:
    whole, partner = _book(request, collection)
    node = _node(request)
    without_values = bool(question.pop("metadata", False))
    found = misp.chosen(whole, _wanted(question, node.clock.now()))
    if without_values:
        return _answer({"response": [{"Event": _headline(whole, chapter)} for chapter in found]})
    if len(found) > _EVENTS_AT_ONCE:
        raise BadFilterError(
            "These are more events than one answer holds.", what="limit", expected=f"at most {_EVENTS_AT_ONCE}",
            found=str(len(found)), remedy="ask page by page, with `limit` and `page`",
        )  # fmt: skip
    events = [_written(node, partner, whole, chapter) for chapter in found]
    return _answer(b'{"response":[' + b",".join(events) + b"]}")


def _wanted(question: Members, now: int) -> Wanted:
    """Raises BadFilterError for what is not understood: a filter is never left out."""
    known = {"uuid", "eventid", "timestamp", "publish_timestamp", "limit", "page", *_ALWAYS_SO}
    for name, value in question.items():
        if name not in known and value not in _EMPTY:
            raise BadFilterError(
                "This question is not answered here.", what=str(name)[:40], expected=", ".join(sorted(known)),
                remedy="ask the TAXII collection or a feed of this node",
            )  # fmt: skip
    if question.get("returnFormat") not in (None, "json"):
        raise BadFilterError("Only JSON is written here.", what="returnFormat", expected="json")
    if "published" in question and question["published"] in (0, False, "0"):
        return Wanted(frozenset())
    names = _names(question.get("uuid"), question.get("eventid"))
    since, until = _times(question.get("timestamp") or question.get("publish_timestamp"), now)
    limit, page = _number(question, "limit"), _number(question, "page") or 1
    return Wanted(names, since, until, (page - 1) * limit if limit else 0, limit or None)


def _names(*asked: Any) -> frozenset[str] | None:
    listed = [each for one in asked if one not in _EMPTY for each in (one if isinstance(one, list) else [one])]
    return frozenset(str(each).lower() for each in listed) if listed else None


def _times(asked: Any, now: int) -> tuple[int | None, int | None]:
    """(since, until) in seconds. MISP writes one moment, two, or how long ago (`5d`)."""
    if asked in _EMPTY:
        return None, None
    both = asked if isinstance(asked, list) else [asked]
    if not 0 < len(both) <= 2:
        raise BadFilterError("This is no time.", what="timestamp", expected="one moment, or two")
    moments = [_moment(each, now) for each in both]
    return moments[0], moments[1] if len(moments) == 2 else None


def _moment(asked: Any, now: int) -> int:
    text = str(asked).strip()
    ago = _ago(text)
    if ago:
        return now // misp_feed.SECOND - int(ago[1]) * _UNIT[ago[2]]
    if isinstance(asked, bool) or not _seconds(text.partition(".")[0]):
        raise BadFilterError("This is no time.", what="timestamp", expected="seconds since 1970, or 5d, 3h, 10m")
    return int(text.partition(".")[0])


def _number(question: Members, name: str) -> int:
    asked = question.get(name)
    if asked in _EMPTY:
        return 0
    text = str(asked)
    if isinstance(asked, bool) or not (_seconds(text) and 0 < int(text) < 1_000_000):
        raise BadFilterError("This is no number.", what=name, expected="1 to 999999", found=text[:40])
    return int(text)


def _explain(request: Request[Any, Any, Any], problem: KatchiError) -> Response[bytes]:
    """An error as MISP words it: `name`, `message`, `url`."""
    status = problem.http_status if isinstance(problem, TaxiiError) else 400
    headers = {}
    if isinstance(problem, NotSettledError | BusyError):
        status, headers = 503, {"Retry-After": "60"}
    told = " ".join(filter(None, (problem.sentence, problem.what, problem.expected, problem.remedy)))
    body = {"name": problem.sentence, "message": told, "url": request.url.path}
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json", headers=headers)


def _explain_other(request: Request[Any, Any, Any], problem: HTTPException) -> Response[bytes]:
    body = {"name": problem.detail, "message": problem.detail, "url": request.url.path}
    return Response(msgspec.json.encode(body), status_code=problem.status_code, media_type="application/json")


misp_router = Router(
    path="/misp/{collection:str}",
    route_handlers=[version, me, every_event, some_events, one_event, one_event_so, search, sightings, proposals],
    exception_handlers={KatchiError: _explain, HTTPException: _explain_other},
    opt={"exclude_from_csrf": True},
)
