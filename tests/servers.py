"""Real HTTP and mail servers on loopback that answer as a test tells them, and remember what they were asked."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
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
            body = self.rfile.read(int(headers.get("content-length", "0")))
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


@dataclass
class MailServer:
    """A mail server that runs (RFC 5321, as much as a client that sends needs).

    `refuses` are addresses that it does not take; `is_silent`: it takes connections and says nothing; `loses`: so many
    times it takes a message and goes away before it says so.
    """

    address: str = ""
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    is_silent: bool = False
    loses: int = 0
    tls: ssl.SSLContext | None = None
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def mailing(tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    """A mail server for the time of a test."""
    running = MailServer(tls=tls)

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            running.connections += 1
            if running.is_silent:
                running.over.wait()
                return
            with contextlib.suppress(ConnectionError):
                self.talk()

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def talk(self) -> None:
            self.say("220 test ESMTP")
            while line := self.rfile.readline():
                verb, _, rest = line.decode().strip().partition(" ")
                if verb.upper() == "QUIT":
                    self.say("221 bye")
                    return
                if not self.answer(verb.upper(), rest):
                    return

        def answer(self, verb: str, rest: str) -> bool:
            if verb == "EHLO":
                offers = ["test", "8BITMIME", *(["STARTTLS"] if running.tls else []), "AUTH PLAIN"]
                for each in offers[:-1]:
                    self.say(f"250-{each}")
                self.say(f"250 {offers[-1]}")
            elif verb == "STARTTLS" and running.tls:
                self.say("220 go on")
                self.connection = running.tls.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
            elif verb == "AUTH":
                running.signed_in.append(base64.b64decode(rest.partition(" ")[2]).decode())
                self.say("235 good")
            elif verb == "RCPT":
                address = rest.partition("<")[2].partition(">")[0]
                if address in running.refuses:
                    self.say("550 nobody of this name")
                else:
                    running.recipients.append(address)
                    self.say("250 good")
            elif verb == "DATA":
                return self.take()
            else:
                self.say("250 good")
            return True

        def take(self) -> bool:
            self.say("354 go on")
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b"."))
            message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            running.taken.append(message)
            if running.loses:
                running.loses -= 1
                return False
            self.say("250 taken")
            return True

    class Quiet(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            return

    with Quiet(("127.0.0.1", 0), Conversation) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        running.address = f"127.0.0.1:{server.server_address[1]}"
        yield running
        running.over.set()
        server.shutdown()
        thread.join()
