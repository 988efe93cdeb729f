"""Signing in and out, and choosing the language."""

from __future__ import annotations

import base64
from typing import Any

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.response import Redirect

from katchi.node import people
from katchi.web import session
from katchi.web.language import LANGUAGES
from katchi.web.pages.shown import form_of, page


@get("/sign-in")
async def form(request: Request[Any, Any, Any]) -> Response[str]:
    """The form. It comes with a cookie, so that only this browser can send it back."""
    return await _form(request)


async def _form(request: Request[Any, Any, Any], *, status: int = 200, problem: str = "") -> Response[str]:
    node = session.node_of(request)
    fresh = None
    if not request.cookies.get(session.FORM_COOKIE):
        secret = base64.urlsafe_b64encode(node.random(32)).decode().rstrip("=")
        fresh = session.cookie(node, session.FORM_COOKIE, secret, max_age=3600)
        request.cookies[session.FORM_COOKIE] = secret
    request.cookies.pop(session.COOKIE, None)
    nobody = not await sync_to_thread(node.store.people.all)
    answer = page(request, "sign-in.html", status=status, problem=problem, nobody=nobody)
    if fresh is not None:
        answer.set_cookie(fresh)
    return answer


@post("/sign-in")
async def sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """Checks name and password; one answer for all that is wrong."""
    request.cookies.pop(session.COOKIE, None)
    values = await form_of(request)
    name, password = str(values.get("name", ""))[:100], str(values.get("password", ""))[:1000]
    node = session.node_of(request)
    address = request.client.host if request.client else ""
    tries: session.Tries = request.app.state.tries
    tries.count(name, address, node.clock.now())
    person = await sync_to_thread(people.check_password, node, name, password)
    if person is None:
        return await _form(request, status=401, problem="Name or password is wrong.")
    tries.forget(name)
    answer = Redirect("/", status_code=303)
    answer.set_cookie(await sync_to_thread(session.open_for, node, person))
    return answer


@post("/sign-out", guards=[session.at_least("reader")])
async def sign_out(request: Request[Any, Any, Any]) -> Response[Any]:
    """Ends the session here and in the store."""
    await form_of(request)
    await sync_to_thread(session.close, request)
    answer = Redirect("/sign-in", status_code=303)
    answer.delete_cookie(session.COOKIE)
    return answer


@post("/language")
async def language(request: Request[Any, Any, Any]) -> Response[Any]:
    """Remembers the language in this browser."""
    form = await request.form()
    wish = str(form.get("language", ""))
    back = str(form.get("back", "/"))
    # Only a path of ours: no sending readers elsewhere.
    answer = Redirect(back if back.startswith("/") and not back.startswith("//") else "/", status_code=303)
    if wish in LANGUAGES:
        node = session.node_of(request)
        answer.set_cookie(session.cookie(node, session.LANGUAGE_COOKIE, wish, max_age=31_536_000))
    return answer


HANDLERS = [form, sign_in, sign_out, language]
