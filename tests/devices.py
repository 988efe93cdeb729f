"""Real devices for tests: network namespaces with a firewall of their own, and a name server with a policy zone."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import pytest

from katchi.node.wiring import Node
from katchi.respond.actuators import nftables, rpz
from tests.nodes import free_port, until


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
    """A protected host in a namespace, and hosts beyond it in another, over one wire, or with a third between them.

    `inside` is where the firewall is: at the host itself, unless there is a `behind` it.
    """

    inside: str
    outside: str
    behind: str = ""

    @property
    def host(self) -> str:
        """The namespace of the host that is protected."""
        return self.behind or self.inside

    @property
    def nft(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.inside, "nft")

    def reaches(self, address: str) -> bool:
        """Whether the protected host gets an answer from an address outside."""
        command = ["ip", "netns", "exec", self.host, "ping", "-n", "-c", "1", "-W", "1", address]
        if shutil.which("ping") is None:
            script = "import socket,sys; socket.create_connection((sys.argv[1], 9), 1)"
            command = ["ip", "netns", "exec", self.host, "python3", "-c", script, address]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return "ConnectionRefused" in done.stderr  # somebody is there, and says no
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @contextmanager
    def probing(self, address: str) -> Iterator[Probe]:
        """Sends to an address thousands of packets a second, and counts what arrives there."""
        made, counts = Probe(), []
        with ExitStack() as both:
            started = []
            for place, role in ((self.outside, "count"), (self.host, "send")):
                command = ["ip", "netns", "exec", place, sys.executable, "-c", _PROBE, role, address]
                pipe = subprocess.PIPE
                one = both.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
                both.callback(one.kill)
                assert one.stdout is not None
                assert one.stdout.readline() == "ready\n"
                started.append(one)
            yield made
            for one in reversed(started):
                counts.append(int(one.communicate("enough\n", timeout=10)[0]))
        made.sent, made.arrived = counts


@dataclass
class Probe:
    """How many packets were sent, and how many arrived."""

    sent: int = 0
    arrived: int = 0


_PROBE = """
import select, socket, sys
role, address = sys.argv[1:]
door = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
if role == "count":
    door.bind((address, 999))
print("ready", flush=True)
counted = 0
while True:
    ready = select.select([sys.stdin, *([door] if role == "count" else [])], [], [], 0.0002 if role == "send" else 9)[0]
    if sys.stdin in ready:
        break
    if role == "count" and ready:
        door.recv(99)
        counted += 1
    elif role == "send":
        try:
            door.sendto(b"probe", (address, 999))
            counted += 1
        except PermissionError:  # so says a firewall of the host itself
            counted += 1
print(counted)
"""


@contextmanager
def _namespaces(*kinds: str) -> Iterator[tuple[str, ...]]:
    mark = uuid.uuid4().hex[:6]
    names = tuple(f"kt-{mark}-{kind}" for kind in kinds)
    try:
        for name in names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _wire(one: str, wire: str, other: str, far: str) -> None:
    run("ip", "-n", one, "link", "add", wire, "type", "veth", "peer", "name", far, "netns", other)
    for name, end in ((one, wire), (other, far)):
        run("ip", "-n", name, "link", "set", end, "up")


def _address(name: str, wire: str, *addresses: str) -> None:
    for address in addresses:
        # Without a look whether another has it: it counts at once.
        nodad = ("nodad",) if ":" in address else ()
        run("ip", "-n", name, "address", "add", address, "dev", wire, *nodad)


def _outside(name: str, addresses: tuple[str, ...]) -> None:
    _address(name, "lo", *(f"{address}/{128 if ':' in address else 32}" for address in addresses))


def _default(name: str, *through: str) -> None:
    for address in through:
        run("ip", "-n", name, "route", "add", "default", "via", address)


def _wait_for_ipv6(network: Network, addresses: tuple[str, ...]) -> None:
    """Neighbours find each other only once their link-local addresses are known to be theirs alone."""
    for address in addresses:
        if ":" in address:
            until(partial(network.reaches, address))


@contextmanager
def network(*addresses: str, wire: str = "w0") -> Iterator[Network]:
    """Two namespaces; the addresses are outside."""
    with _namespaces("in", "out") as (inside, outside):
        _wire(inside, wire, outside, "w1")
        _address(inside, wire, "10.99.0.1/30", "fd00:99::1/64")
        _address(outside, "w1", "10.99.0.2/30", "fd00:99::2/64")
        _default(inside, "10.99.0.2", "fd00:99::2")
        _outside(outside, addresses)
        made = Network(inside, outside)
        _wait_for_ipv6(made, addresses)
        yield made


@contextmanager
def routed(*addresses: str) -> Iterator[Network]:
    """Three namespaces: a host, the router that has the firewall, and the addresses outside."""
    with _namespaces("host", "in", "out") as (host, inside, outside):
        _wire(host, "h0", inside, "h1")
        _wire(inside, "w0", outside, "w1")
        _address(host, "h0", "10.98.0.1/30", "fd00:98::1/64")
        _address(inside, "h1", "10.98.0.2/30", "fd00:98::2/64")
        _address(inside, "w0", "10.99.0.1/30", "fd00:99::1/64")
        _address(outside, "w1", "10.99.0.2/30", "fd00:99::2/64")
        _default(host, "10.98.0.2", "fd00:98::2")
        _default(inside, "10.99.0.2", "fd00:99::2")
        _default(outside, "10.99.0.1", "fd00:99::1")
        for setting in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            run("ip", "netns", "exec", inside, "sysctl", "-qw", f"{setting}=1")
        _outside(outside, addresses)
        made = Network(inside, outside, host)
        _wait_for_ipv6(made, addresses)
        yield made


@contextmanager
def wired_through(*addresses: str) -> Iterator[Network]:
    """Three namespaces: a host, what takes packets from the wire `lan` to the wire `wan` by itself, and the outside."""
    with _namespaces("host", "in", "out") as (host, inside, outside):
        _wire(host, "h0", inside, "lan")
        _wire(inside, "wan", outside, "w1")
        _address(host, "h0", "10.99.0.1/30", "fd00:99::1/64")
        _address(outside, "w1", "10.99.0.2/30", "fd00:99::2/64")
        _default(host, "10.99.0.2", "fd00:99::2")
        _outside(outside, addresses)
        for name, wire in ((host, "h0"), (outside, "w1")):
            # Between namespaces nobody reckons checksums, unless told; what copies packets does not do it either.
            run("ip", "netns", "exec", name, sys.executable, "-c", _WITH_CHECKSUMS, wire)
        made = Network(inside, outside, host)
        yield made


_WITH_CHECKSUMS = """
import array, fcntl, socket, struct, sys
wanted = array.array("I", [0x17, 0])  # ETHTOOL_STXCSUM: off
request = struct.pack("16sP", sys.argv[1].encode(), wanted.buffer_info()[0])
fcntl.ioctl(socket.socket(), 0x8946, request)
"""


@dataclass(frozen=True)
class NameServer:
    """A BIND that answers for example, and asks a policy zone first."""

    port: int
    key_file: Path
    zone: str = "rpz.katchi"
    key: str = "katchi"
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Ends it; it comes back with an empty policy zone."""
        _end(self.running.pop())
        (self.key_file.parent / "rpz.zone").write_text(_EMPTY)
        (self.key_file.parent / "rpz.zone.jnl").unlink(missing_ok=True)
        yield
        self.running.append(_start(self.key_file.parent))

    def knows(self, name: str) -> bool:
        """Whether it gives an address for a name."""
        import dns.message
        import dns.query
        import dns.rcode

        asked = dns.message.make_query(name, "A")
        answer = dns.query.udp(asked, "127.0.0.1", port=self.port, timeout=5)
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
    folder.mkdir(parents=True, exist_ok=True)
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "rpz.key").write_text(secret)
    (folder / "rpz.zone").write_text(_EMPTY)
    (folder / "example.zone").write_text(f"{_EMPTY}good A 192.0.2.1\nevil A 192.0.2.1\n*.evil A 192.0.2.1\n")
    port = free_port()
    text = textwrap.dedent(_CONFIGURATION).format(folder=folder, port=port, secret=secret)
    (folder / "named.conf").write_text(text)
    made = NameServer(port, folder / "rpz.key", running=[_start(folder)])
    try:
        yield made
    finally:
        for each in made.running:
            _end(each)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("named") or shutil.which("named", path="/usr/sbin")
    if program is None:
        pytest.skip("needs BIND's named: make devices")
    log = folder / "named.log"
    with log.open("wb") as file:
        server = subprocess.Popen([program, "-g", "-c", str(folder / "named.conf")], stdout=file, stderr=file)
    until(lambda: server.poll() is not None or " running\n" in log.read_text())
    assert server.poll() is None, log.read_text()[-2000:]
    return server


def _end(server: subprocess.Popen[bytes]) -> None:
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
