"""Real devices that read a file, for tests, set up as the guide says: Unbound, Knot Resolver, Squid, Suricata."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import httpx
import msgspec
import pytest

from katchi.respond.actuators import list_file
from tests.answering import answering
from tests.devices import Network, network, require_namespaces, wired_through
from tests.nodes import free_port, until

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guides" / "responses.md"
_PLACES = re.compile(r"/(?:etc|var/lib)/(?:unbound|knot-resolver|squid|suricata)/(?=katchi)")


def program(name: str) -> str:
    """Where a program is; skips where it is not."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"needs the program {name}: make devices")
    return found


def from_guide(title: str, kind: str, folder: Path) -> str:
    """What the guide says of a device, in a language, with its files in a folder."""
    part = GUIDE.read_text(encoding="utf-8").partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    found = re.search(rf"```{kind}\n(.*?)```", part, re.DOTALL)
    assert found, (title, kind)
    return _PLACES.sub(f"{folder}/", found[1])


def settings_of(title: str, folder: Path, calls: Mapping[str, tuple[str, ...]]) -> list[list_file.Settings]:
    """The guide's actuators; `calls` says how its programs are called here."""
    written = tomllib.loads(from_guide(title, "toml", folder))["actuator"]
    found = [msgspec.convert(each, list_file.Settings) for each in written]
    return [
        msgspec.structs.replace(each, reload=(*calls[each.reload[0]], *each.reload[1:]) if each.reload else ())
        for each in found
    ]


@contextmanager
def a_folder() -> Iterator[Path]:
    """One that a server may read that is no longer root."""
    with tempfile.TemporaryDirectory(prefix="kt-device-") as name:
        os.chmod(name, 0o777)
        yield Path(name)


@contextmanager
def running(folder: Path, *command: str) -> Iterator[Path]:
    """A server in the foreground; its log. It is ended in the end, however it takes that."""
    log = folder / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=folder)
    try:
        yield log
        assert server.poll() is None, log.read_text(errors="replace")[-3000:]
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


@dataclass(frozen=True)
class Resolver:
    """A resolver on a port of loopback, and the actuator for its file."""

    port: int
    settings: list_file.Settings

    def knows(self, name: str, *, within: float = 5) -> bool:
        """Whether it gives an address for a name."""
        try:
            reply = dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", port=self.port, timeout=within)
        except (OSError, dns.exception.Timeout):
            return False
        return reply.rcode() == dns.rcode.NOERROR and bool(reply.answer)


_UNBOUND = """
server:
    interface: 127.0.0.1
    port: {port}
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    do-daemonize: no
    use-syslog: no
    do-not-query-localhost: no
remote-control:
    control-interface: {folder}/control
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{upstream}
"""


@contextmanager
def unbound() -> Iterator[Resolver]:
    """Unbound, before something that knows every name."""
    server, control = program("unbound"), program("unbound-control")
    with a_folder() as folder, answering() as upstream:
        port, configuration = free_port(), folder / "unbound.conf"
        own = _UNBOUND.format(port=port, folder=folder, upstream=upstream)
        configuration.write_text(from_guide("Unbound", "unbound", folder) + own)
        calls = {"unbound-control": (control, "-c", str(configuration))}
        made = Resolver(port, settings_of("Unbound", folder, calls)[0])
        Path(made.settings.path).touch()
        with running(folder, server, "-d", "-c", str(configuration)):
            until(lambda: made.knows("good.example", within=0.1))
            yield made


_KNOT = """
cache.size = 10 * MB
trust_anchors.remove('.')
net.listen('127.0.0.1', {port})
policy.add(policy.all(policy.STUB('127.0.0.1@{upstream}')))
"""


@contextmanager
def knot_resolver() -> Iterator[Resolver]:
    """Knot Resolver, before something that knows every name."""
    server = program("kresd")
    with a_folder() as folder, answering() as upstream:
        port, configuration = free_port(), folder / "kresd.conf"
        made = Resolver(port, settings_of("Knot Resolver 5", folder, {})[0])
        list_file.ListFile(made.settings, folder).apply({}, (), now=0)
        own = _KNOT.format(port=port, upstream=upstream)
        configuration.write_text(from_guide("Knot Resolver 5", "lua", folder) + own)
        with running(folder, server, "-n", "-c", str(configuration), str(folder)) as log:
            until(lambda: made.knows("good.example", within=0.1) or "lua-cqueues required" in log.read_text())
            if "lua-cqueues required" in log.read_text():
                pytest.skip("needs the package lua-cqueues: make devices")
            yield made


@dataclass(frozen=True)
class Proxy:
    """A Squid on a port of loopback, and the actuators for its files: names, addresses, URLs."""

    port: int
    names: list_file.Settings
    addresses: list_file.Settings
    urls: list_file.Settings

    def status(self, url: str) -> int:
        """What comes of asking for a URL through it."""
        try:
            with httpx.Client(proxy=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=5) as client:
                return client.get(url).status_code
        except httpx.TransportError:
            return 0


_SQUID = """
http_access allow all
http_port 127.0.0.1:{port}
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
access_log none
cache deny all
hosts_file {folder}/hosts
coredump_dir {folder}
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname proxy.example
"""
HOSTS = "good.example evil.example www.evil.example"


@contextmanager
def squid() -> Iterator[Proxy]:
    """Squid, for which every name is on loopback."""
    server = program("squid")
    with a_folder() as folder:
        port, configuration = free_port(), folder / "squid.conf"
        (folder / "hosts").write_text(f"127.0.0.1 {HOSTS}\n127.0.0.2 second.example\n")
        own = _SQUID.format(port=port, folder=folder)
        configuration.write_text(from_guide("Squid", "squid", folder) + own)
        called = (server, "-n", f"kt{os.getpid()}", "-f", str(configuration))
        made = Proxy(port, *settings_of("Squid", folder, {"squid": called}))
        for each in (made.names, made.addresses, made.urls):
            Path(each.path).touch()
        with running(folder, *called, "-N"):
            until(lambda: made.status("http://good.example:1/") == 503)
            yield made


@dataclass(frozen=True)
class Sensor:
    """A Suricata between a host and those outside, or listening beside it, and the actuator for its rules."""

    network: Network
    settings: list_file.Settings
    events: Path

    def resolves(self, name: str, server: str) -> bool:
        """Whether the protected host gets an answer for a name from a server outside."""
        script = (
            "import sys,dns.message,dns.query; "
            "dns.query.udp(dns.message.make_query(sys.argv[1], 'A'), sys.argv[2], timeout=1)"
        )
        command = ["ip", "netns", "exec", self.network.host, sys.executable, "-c", script, name, server]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def alerts(self) -> list[str]:
        """What it has said of rules, as `action message`."""
        if not self.events.exists():
            return []
        said = [msgspec.json.decode(line)["alert"] for line in self.events.read_bytes().splitlines(keepends=True)
                if line.endswith(b"\n")]  # fmt: skip
        return [f"{each['action']} {each['signature']}" for each in said]


_SURICATA = """
default-log-dir: {folder}
vars: {{address-groups: {{HOME_NET: "any", EXTERNAL_NET: "any"}}}}
outputs:
  - eve-log: {{enabled: yes, filetype: regular, filename: eve.json, types: [alert]}}
logging: {{outputs: [{{console: {{enabled: yes}}}}]}}
app-layer:
  protocols:
    dns: {{udp: {{enabled: yes, detection-ports: {{dp: 53}}}}, tcp: {{enabled: yes, detection-ports: {{dp: 53}}}}}}
    tls: {{enabled: yes, detection-ports: {{dp: 443}}}}
    http: {{enabled: yes}}
nfq: {{mode: accept, fail-open: yes}}
"""
_LISTENING = "af-packet: [{interface: lan, cluster-id: 99, cluster-type: cluster_flow}]\n"


@contextmanager
def suricata(*addresses: str, is_inline: bool = True) -> Iterator[Sensor]:
    """Suricata at the wire of a namespace, with a name server at each address outside."""
    server, control = program("suricata"), program("suricatasc")
    require_namespaces()
    with a_folder() as folder, ExitStack() as stack:
        wire = stack.enter_context(wired_through(*addresses) if is_inline else network(*addresses, wire="lan"))
        configuration, socket = folder / "suricata.yaml", folder / "control"
        calls = {"suricatasc": (control, str(socket))}
        settings = settings_of("Suricata", folder, calls)[0]
        # suricatasc wants its socket last.
        settings = msgspec.structs.replace(settings, reload=(control, *settings.reload[2:], str(socket)))
        Path(settings.path).touch()
        said, _, inline = from_guide("Suricata", "yaml", folder).partition("af-packet:")
        way = f"af-packet:{inline}" if is_inline else _LISTENING
        own = f"  filename: {socket}\n{_SURICATA.format(folder=folder)}"
        configuration.write_text(f"%YAML 1.1\n---\n{said}{own}{way}")
        made = Sensor(wire, settings, folder / "eve.json")
        for address in addresses:
            stack.enter_context(_a_name_server(wire, address))
        command = (*wire.nft[:-1], server, "-c", str(configuration), "-l", str(folder), "--af-packet")
        with running(folder, *command) as log:
            until(lambda: "Engine started" in log.read_text() or "Error" in log.read_text())
            if "Engine started" not in log.read_text():
                pytest.skip(f"this machine does not let Suricata listen: {log.read_text()[-300:]}")
            if is_inline:
                until(lambda: wire.reaches(addresses[0]))
            yield made


@contextmanager
def _a_name_server(wire: Network, address: str) -> Iterator[None]:
    command = ["ip", "netns", "exec", wire.outside, sys.executable, "-m", "tests.answering", address, "53"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            server.terminate()
