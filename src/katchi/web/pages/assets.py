"""The files that pages need, and a sign of life for whoever watches the node."""

from __future__ import annotations

from importlib import resources

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

_KINDS = {"katchi.css": "text/css; charset=utf-8", "htmx.min.js": "text/javascript; charset=utf-8"}
_FOLDERS = {"katchi.css": "static", "htmx.min.js": "static/vendor"}


@get("/static/{name:str}", sync_to_thread=True)
def static(name: FromPath[str]) -> Response[bytes]:
    """One of our own files, by name; there are no others."""
    if name not in _KINDS:
        raise NotFoundException
    source = resources.files("katchi.web").joinpath(_FOLDERS[name], name)
    if not source.is_file():
        raise NotFoundException
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(source.read_bytes(), media_type=_KINDS[name], headers=headers)


@get("/favicon.ico", sync_to_thread=False, status_code=204)
def icon() -> None:
    """Browsers ask for one; there is none."""


@get("/health", sync_to_thread=False)
def health() -> dict[str, str]:
    """That the node answers; nothing else."""
    return {"status": "up"}


HANDLERS = [static, icon, health]
