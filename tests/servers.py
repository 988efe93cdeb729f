"""Real HTTP servers on loopback that answer as a test tells them, and remember what they were asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """One answer. `raw` goes to the connection as it is, instead of all else."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Any], None] | None = None


Answer = Callable[[Asked], Reply]


@dataclass
class Server:
    """A server that runs. `url` ends without a slash."""

    url: str
    asked: list[Asked]
    answer: Answer


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """A server for the time of a test."""
    asked: list[Asked] = []
    running = Server("", asked, answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            one = Asked(parts.path, query, headers, self.command, body)
            asked.append(one)
            reply = running.answer(one)
            with contextlib.suppress(ConnectionError):
                self.write(reply)

        do_POST = do_PUT = do_DELETE = do_GET

        def write(self, reply: Reply) -> None:
            if reply.raw:
                self.close_connection = True
                reply.raw(self.wfile)
                return
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if not {"Content-Length", "Transfer-Encoding"} & reply.headers.keys() and reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # clients of these tests go away in the middle

    with Quiet(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        running.url = f"http://127.0.0.1:{http.server_address[1]}"
        yield running
        http.shutdown()
        thread.join()
