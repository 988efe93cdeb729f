"""Turns values into pages: templates, the language, the headers that every page carries, and failures."""

from __future__ import annotations

import logging
from functools import cache
from importlib import resources
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from katchi.errors import KatchiError
from katchi.store.people import Person
from katchi.web import session
from katchi.web.language import reason_sentence, translator
from katchi.web.templating import moment, templates

logger = logging.getLogger(__name__)

HEADERS = {
    # No script or style but our own files; intelligence is hostile text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STATUS = {
    "sign-in-needed": 401,
    "role-needed": 403,
    "form-token": 403,
    "too-many-tries": 429,
    "unknown-partner": 404,
    "unknown-object": 404,
    "unknown-alarm": 404,
    "unknown-watch": 404,
    "unknown-overlap": 404,
    "unknown-effort": 404,
    "unknown-response": 404,
    "unknown-lease": 404,
    "unknown-run": 404,
}


@cache
def _has_script() -> bool:
    # The build puts it there; without it pages work, but do not refresh by themselves.
    return resources.files("katchi.web").joinpath("static/vendor/htmx.min.js").is_file()


__all__ = ["HEADERS", "failed", "form_of", "moment", "page", "person_of"]


def page(request: Request[Any, Any, Any], template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """A page in the reader's language."""
    person: Person | None = request.state.get("person")
    language = session.language_of(request, person)
    body = (
        templates()
        .get_template(template)
        .render(
            _=translator(language),
            reason=lambda code, detail="": reason_sentence(code, detail, language),
            language=language,
            person=person,
            form_token=session.form_token(request),
            path=request.url.path,
            node=session.node_of(request).settings,
            has_script=_has_script(),
            **values,
        )
    )
    return Response(body, status_code=status, media_type="text/html; charset=utf-8", headers=HEADERS)


def person_of(request: Request[Any, Any, Any]) -> Person:
    """Who asks; a guard has made sure that somebody does."""
    person: Person = request.state.person
    return person


async def form_of(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """A form's values, once its token has shown that the form is ours. Raises FormError."""
    form = await request.form()
    session.require_form_token(request, str(form.get("token", "")))
    return {str(name): form.get(name) for name in form}


def failed(request: Request[Any, Any, Any], problem: Exception) -> Response[Any]:
    """A failure as a page: what happened and what to do, nothing of the inside."""
    if isinstance(problem, session.SignInNeededError):
        return Redirect("/sign-in", headers=HEADERS)
    if isinstance(problem, KatchiError):
        status = _STATUS.get(problem.code, 400)
        return page(request, "error.html", status=status, problem=problem.diagnostic(), code=status)
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    if status == 500:
        logger.exception("unforeseen: %s %s", request.method, request.url.path, exc_info=problem)
    return page(request, "error.html", status=status, problem=None, code=status)
