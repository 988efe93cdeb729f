"""A name server that knows two hosts, for resolvers to ask: `python -m tests.answering ADDRESS PORT`."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rdatatype
import dns.rrset

ADDRESS, OTHER = "192.0.2.1", "198.51.100.9"


def answer(asked: bytes) -> bytes:
    """Every name has the one address, but what begins with `other` has the other."""
    query = dns.message.from_wire(asked)
    reply = dns.message.make_response(query)
    name, kind = query.question[0].name, query.question[0].rdtype
    reply.flags |= 0x0400  # authoritative
    if kind == dns.rdatatype.A:
        address = OTHER if str(name).startswith("other") else ADDRESS
        reply.answer.append(dns.rrset.from_text(name, 1, "IN", "A", address))
    return reply.to_wire()


def serve(door: socket.socket) -> None:
    """Answers until its socket is closed."""
    while True:
        try:
            asked, who = door.recvfrom(4096)
        except OSError:
            return
        if not asked:
            return
        door.sendto(answer(asked), who)


@contextmanager
def answering() -> Iterator[int]:
    """One on a free port of loopback, in a thread."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        thread = threading.Thread(target=serve, args=(door,))
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", port))
            thread.join(10)


if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((sys.argv[1], int(sys.argv[2])))
        print("ready", flush=True)  # noqa: T201
        serve(opened)
