"""Real devices for tests: network namespaces with a firewall of their own, and a name server with a policy zone."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import subprocess
import textwrap
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import msgspec
import pytest

from katchi.node.wiring import Node
from katchi.respond.actuators import nftables, rpz
from tests.nodes import until


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def require_namespaces() -> None:
    """Skips where there are none: CI is root and must have them."""
    if os.geteuid() or shutil.which("nft") is None or shutil.which("ip") is None:
        pytest.skip("needs root, nft and ip: real firewalls are made in network namespaces")
    name = f"kt-{uuid.uuid4().hex[:8]}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us make network namespaces")
    run("ip", "netns", "del", name)


@dataclass(frozen=True)
class Network:
    """A protected host in a namespace, and hosts beyond it in another, over one wire."""

    inside: str
    outside: str

    @property
    def nft(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.inside, "nft")

    def reaches(self, address: str) -> bool:
        """Whether the protected host gets an answer from an address outside."""
        command = ["ip", "netns", "exec", self.inside, "ping", "-n", "-c", "1", "-W", "1", address]
        if shutil.which("ping") is None:
            script = "import socket,sys; socket.create_connection((sys.argv[1], 9), 1)"
            command = ["ip", "netns", "exec", self.inside, "python3", "-c", script, address]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return "ConnectionRefused" in done.stderr  # somebody is there, and says no
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def network(*addresses: str) -> Iterator[Network]:
    """Two namespaces; the addresses are outside."""
    mark = uuid.uuid4().hex[:6]
    made = Network(f"kt-{mark}-in", f"kt-{mark}-out")
    try:
        for name in (made.inside, made.outside):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", made.inside, "link", "add", "w0", "type", "veth", "peer", "name", "w1", "netns", made.outside)
        for name, wire, address in ((made.inside, "w0", "10.99.0.1/30"), (made.outside, "w1", "10.99.0.2/30")):
            run("ip", "-n", name, "address", "add", address, "dev", wire)
            run("ip", "-n", name, "link", "set", wire, "up")
        run("ip", "-n", made.inside, "route", "add", "default", "via", "10.99.0.2")
        for address in addresses:
            run("ip", "-n", made.outside, "address", "add", f"{address}/32", "dev", "lo")
        yield made
    finally:
        for name in (made.inside, made.outside):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@dataclass(frozen=True)
class NameServer:
    """A BIND that answers for example, and asks a policy zone first."""

    port: int
    key_file: Path
    zone: str = "rpz.katchi"
    key: str = "katchi"

    def knows(self, name: str, *, within: float = 5) -> bool:
        """Whether it gives an address for a name. Raises dns.exception.Timeout where nobody answers."""
        import dns.message
        import dns.query
        import dns.rcode

        asked = dns.message.make_query(name, "A")
        answer = dns.query.udp(asked, "127.0.0.1", port=self.port, timeout=within)
        return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)


_CONFIGURATION = """
    options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none;
      session-keyfile none; allow-transfer {{ none; }}; recursion yes; dnssec-validation no; empty-zones-enable no;
      response-policy {{ zone "rpz.katchi" min-update-interval 1; }} recursive-only no qname-wait-recurse no; }};
    controls {{ }};
    key "katchi" {{ algorithm hmac-sha256; secret "{secret}"; }};
    zone "rpz.katchi" {{ type primary; file "rpz.zone"; allow-update {{ key "katchi"; }};
      allow-transfer {{ key "katchi"; }}; allow-query {{ key "katchi"; }}; }};
    zone "example" {{ type primary; file "example.zone"; }};
"""
_EMPTY = "$TTL 30\n@ SOA localhost. root.localhost. 1 60 60 60 30\n@ NS localhost.\n"


@contextmanager
def name_server(folder: Path) -> Iterator[NameServer]:
    """Starts one on a free port of this machine."""
    program = shutil.which("named") or shutil.which("named", path="/usr/sbin")
    if program is None:
        pytest.skip("needs BIND's named")
    folder.mkdir(parents=True, exist_ok=True)
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "rpz.key").write_text(secret)
    (folder / "rpz.zone").write_text(_EMPTY)
    (folder / "example.zone").write_text(f"{_EMPTY}good A 192.0.2.1\nevil A 192.0.2.1\n*.evil A 192.0.2.1\n")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    text = textwrap.dedent(_CONFIGURATION).format(folder=folder, port=port, secret=secret)
    (folder / "named.conf").write_text(text)
    with (folder / "named.log").open("wb") as log:
        server = subprocess.Popen([program, "-g", "-c", str(folder / "named.conf")], stdout=log, stderr=log)
    made = NameServer(port, folder / "rpz.key")

    def is_up() -> bool:
        assert server.poll() is None, (folder / "named.log").read_text()[-2000:]
        try:
            return made.knows("good.example", within=0.2)
        except dns.exception.Timeout:
            return False

    try:
        until(is_up)
        yield made
    finally:
        server.terminate()
        server.wait(10)


@dataclass(frozen=True)
class Defended:
    """A node's real devices: a firewall of a namespace, and a name server with a policy zone."""

    network: Network
    server: NameServer

    @property
    def settings(self) -> tuple[nftables.Settings, rpz.Settings]:
        return (
            nftables.Settings(name="edge", roles=("firewall",), command=self.network.nft),
            rpz.Settings(
                name="names", roles=("dns",), zone=self.server.zone, key=self.server.key,
                key_file=str(self.server.key_file), port=self.server.port,
            ),
        )  # fmt: skip


@contextmanager
def defended(node: Node, *addresses: str) -> Iterator[Defended]:
    """Gives a node real devices."""
    require_namespaces()
    with network(*addresses) as wire, name_server(node.folder / "named") as server:
        made = Defended(wire, server)
        node.settings = msgspec.structs.replace(node.settings, actuator=made.settings)
        yield made
