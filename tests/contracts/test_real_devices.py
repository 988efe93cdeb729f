"""What reads a file really blocks and really lets go: real resolvers, proxies and sensors, set up as the guide says."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import list_file, open_actuator
from tests import file_devices
from tests.answering import OTHER
from tests.nodes import until

NOW, HOUR = 1_700_000_000_000_000, 3_600_000_000


def block(settings: list_file.Settings, *keys: str) -> None:
    open_actuator(settings, Path()).apply(dict.fromkeys(keys, NOW + HOUR), (), now=NOW)


def lift(settings: list_file.Settings, *keys: str) -> None:
    open_actuator(settings, Path()).apply({}, keys, now=NOW)


RESOLVERS: dict[str, Callable[[], contextlib.AbstractContextManager[file_devices.Resolver]]] = {
    "unbound": file_devices.unbound,
    "knot-resolver": file_devices.knot_resolver,
}


@pytest.mark.parametrize("kind", RESOLVERS)
def test_a_resolver_answers_until_a_name_is_blocked_with_all_below_it_and_again_once_lifted(kind: str) -> None:
    with RESOLVERS[kind]() as resolver:
        assert resolver.knows("evil.example")
        assert resolver.knows("www.evil.example")
        block(resolver.settings, "domain:evil.example", "domain:xn--oj4bp8e.example")
        until(lambda: not resolver.knows("evil.example"))
        assert not resolver.knows("www.evil.example")
        assert not resolver.knows("xn--oj4bp8e.example")
        assert resolver.knows("good.example")
        assert resolver.knows("notevil.example")
        lift(resolver.settings, "domain:evil.example")
        until(lambda: resolver.knows("evil.example"))
        assert resolver.knows("www.evil.example")
        assert not resolver.knows("xn--oj4bp8e.example")


@pytest.mark.parametrize("thing", [f"ipv4:{OTHER}", "ipv4:198.51.100.0/24"])
def test_unbound_keeps_back_an_answer_with_a_blocked_address(thing: str) -> None:
    with file_devices.unbound() as resolver:
        assert resolver.knows("other.example")
        block(resolver.settings, thing, "ipv6:2001:db8::7", "ipv6:2001:db8:1::/48")
        until(lambda: not resolver.knows("other.example"))
        assert resolver.knows("good.example")
        lift(resolver.settings, thing)
        until(lambda: resolver.knows("other.example"))


@pytest.mark.parametrize("kind", RESOLVERS)
def test_a_resolver_reads_a_thousand_names(kind: str) -> None:
    names = [f"domain:n{number}.example" for number in range(1000)]
    with RESOLVERS[kind]() as resolver:
        block(resolver.settings, *names)
        until(lambda: not resolver.knows("n999.example"))
        assert not resolver.knows("n0.example")
        assert resolver.knows("good.example")
        lift(resolver.settings, *names)
        until(lambda: resolver.knows("n999.example"))


@contextlib.contextmanager
def a_site() -> Iterator[int]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(10)


def test_squid_lets_through_until_it_is_told_and_again_once_lifted() -> None:
    with file_devices.squid() as proxy, a_site() as port:
        evil, below, good = (f"http://{name}.example:{port}/" for name in ("evil", "www.evil", "good"))
        second = f"http://second.example:{port}/"
        page = f"{good}a.b?c=(d)"
        assert [proxy.status(url) for url in (evil, below, good, second, page)] == [204] * 5
        # A name and one below it: Squid would not read a list that says the second, too.
        block(proxy.names, "domain:evil.example", "domain:www.evil.example")
        until(lambda: proxy.status(evil) == 403)
        assert [proxy.status(url) for url in (below, good, second)] == [403, 204, 204]
        block(proxy.addresses, "ipv4:127.0.0.2", "ipv4:127.0.0.2/31", "ipv6:2001:db8::/32")
        until(lambda: proxy.status(second) == 403)
        block(proxy.urls, f"url:{page}#top")
        until(lambda: proxy.status(page) == 403)
        assert [proxy.status(url) for url in (good, f"{good}axb?c=(d)", f"{page}e")] == [204] * 3
        lift(proxy.names, "domain:evil.example")
        until(lambda: proxy.status(evil) == 204)
        assert proxy.status(below) == 403
        lift(proxy.names, "domain:www.evil.example")
        lift(proxy.addresses, "ipv4:127.0.0.2", "ipv4:127.0.0.2/31", "ipv6:2001:db8::/32")
        lift(proxy.urls, f"url:{page}#top")
        for url in (below, second, page):
            until(lambda url=url: proxy.status(url) == 204)  # type: ignore[misc]


def test_a_proxy_that_is_down_is_an_error(tmp_path: Path) -> None:
    with file_devices.squid() as proxy:
        settings = msgspec.structs.replace(proxy.names, path=str(tmp_path / "list"))
    with pytest.raises(ActuatorError, match="squid"):
        block(settings, "domain:evil.example")


def test_suricata_in_the_way_drops_what_it_is_told_and_lets_it_through_once_lifted() -> None:
    with file_devices.suricata("198.51.100.7", "203.0.113.9") as sensor:
        reaches, resolves = sensor.network.reaches, sensor.resolves
        assert reaches("198.51.100.7")
        assert resolves("www.evil.example", "203.0.113.9")
        assert sensor.alerts() == []
        block(sensor.settings, "ipv4:198.51.100.0/24", "domain:evil.example", "ipv6:2001:db8::/32")
        assert not reaches("198.51.100.7")
        assert reaches("203.0.113.9")
        assert not resolves("www.evil.example", "203.0.113.9")
        assert not resolves("evil.example", "203.0.113.9")
        assert resolves("notevil.example", "203.0.113.9")
        until(lambda: set(sensor.alerts()) == {"blocked Katchi: 198.51.100.0/24", "blocked Katchi: evil.example"})
        lift(sensor.settings, "ipv4:198.51.100.0/24", "domain:evil.example")
        assert reaches("198.51.100.7")
        assert resolves("www.evil.example", "203.0.113.9")


def test_suricata_that_only_listens_alerts() -> None:
    with file_devices.suricata("198.51.100.7", is_inline=False) as sensor:
        assert sensor.network.reaches("198.51.100.7")
        block(sensor.settings, "ipv4:198.51.100.7")
        assert sensor.network.reaches("198.51.100.7")
        until(lambda: "allowed Katchi: 198.51.100.7" in sensor.alerts())
