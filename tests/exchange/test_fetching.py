"""Asking a server that may be hostile: what is never connected to, never sent, never waited for, never believed."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.exchange.connecting import StoppedError, TooSlowError
from katchi.exchange.fetching import (
    DAY,
    AnswerError,
    AnswerTooLargeError,
    Bounds,
    RedirectError,
    ServerBusyError,
    ServerTroubleError,
    SignIn,
    SignInRefusedError,
    UntrustedServerError,
    UrlHoldsSecretError,
    WebFetch,
    basic,
    bearer,
    retry_after,
    shown,
)
from katchi.exchange.subscription import MisbehavingServerError
from tests.servers import Answer, Reply, serving

NOW = stix.parse_timestamp("2026-01-02T03:04:05Z")
SECRET = "correct horse"


def fetch_from(url: str, **choices: Any) -> WebFetch:
    return WebFetch(url, now=lambda: NOW, **{"allows_private": True, **choices})


def always(reply: Reply) -> Answer:
    return lambda _asked: reply


# ---- where we connect to ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1",
        "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::a00:1", "64:ff9b::7f00:1",
        "2002:a00:1::", "2001:0:a00:1::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_into_a_private_network_is_not_connected_to(address: str) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["203.0.113.9", address] if address != "::" else [address]

    with (
        WebFetch("https://feed.example/x", now=lambda: NOW, resolve=resolve) as fetch,
        pytest.raises(tls.PrivateAddressError),
    ):
        fetch("https://feed.example/x")
    assert asked == ["feed.example"]


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_may_be_reached(address: str) -> None:
    tls.require_public_addresses("feed.example", [address])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://2130706433/", "http://0x7f.1/", "http://localhost/"])
def test_loopback_in_any_spelling_is_private(url: str) -> None:
    with WebFetch(url, now=lambda: NOW) as fetch, pytest.raises(KatchiError) as caught:
        fetch(url)
    assert caught.value.code in ("private-address", "unreachable")  # where the system does not know the spelling
    assert caught.value.code == "private-address" or "0x" in url or "213" in url


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1%lo", "::ffff:169.254.169.254"])
def test_not_even_inside_does_one_subscribe_to_metadata_or_groups(address: str) -> None:
    fetch = fetch_from("http://inside.example/", resolve=lambda _host, _port: [address])
    with fetch, pytest.raises(tls.PrivateAddressError):
        fetch("http://inside.example/")


def test_the_address_that_was_looked_at_is_the_one_connected_to() -> None:
    answers = iter([["127.0.0.1"]])  # a second question would have no answer: DNS rebinding needs one
    with serving(always(Reply(b"x"))) as server:
        port = server.url.rpartition(":")[2]
        url = f"http://rebound.example:{port}/a"
        with fetch_from(url, resolve=lambda _host, _port: next(answers)) as fetch:
            assert fetch(url).body == b"x"
    assert server.asked[0].headers["host"] == f"rebound.example:{port}"


def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    with serving(always(Reply(b"x"))) as server:
        url = f"http://two.example:{server.url.rpartition(':')[2]}/"
        with fetch_from(url, resolve=lambda _host, _port: ["127.0.0.2", "127.0.0.1"]) as fetch:
            assert fetch(url).body == b"x"


# ---- URLs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "//a.example/",
        "https://a.example/#x",
        "https://",
    ],
)
def test_only_addresses_of_the_web_are_asked(url: str) -> None:
    with pytest.raises(tls.InvalidUrlError):
        WebFetch(url, now=lambda: NOW)


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(UrlHoldsSecretError) as caught:
        WebFetch("https://kim:hunter2@a.example/", now=lambda: NOW)
    assert "hunter2" not in str(caught.value)


def test_a_query_is_not_shown() -> None:
    assert shown("https://kim:hunter2@a.example/x?key=hunter2") == "https://a.example/x?…"


def test_a_secret_does_not_go_over_plain_http() -> None:
    with pytest.raises(tls.InsecureUrlError) as caught:
        fetch_from("http://a.example/", sign_in=basic("kim", SECRET))
    assert SECRET not in str(caught.value)


# ---- signing in, and who gets to see it -------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign_in", "header", "value"),
    [
        (basic("kim", "päss"), "authorization", "Basic a2ltOnDDpHNz"),
        (bearer("t0ken"), "authorization", "Bearer t0ken"),
        (SignIn({"x-api-key": "k"}), "x-api-key", "k"),
    ],
)
def test_it_signs_in_and_says_who_it_is(sign_in: SignIn, header: str, value: str) -> None:
    with serving(always(Reply())) as server, fetch_from(server.url, sign_in=sign_in) as fetch:
        fetch(server.url + "/x?a=1", headers={"Accept": "text/plain"})
    (asked,) = server.asked
    assert asked.headers[header] == value
    assert asked.headers["accept"] == "text/plain"
    assert asked.headers["user-agent"].startswith("Katchi/")
    assert "päss" not in repr(sign_in)


def test_credentials_stay_behind_when_it_is_sent_to_another_server() -> None:
    with (
        serving(always(Reply(b"there"))) as other,
        serving(lambda _: Reply(status=302, headers={"Location": other.url + "/y"})) as server,
        fetch_from(server.url, sign_in=bearer(SECRET)) as fetch,
    ):
        assert fetch(server.url + "/x").body == b"there"
    assert "authorization" in server.asked[0].headers
    assert "authorization" not in other.asked[0].headers


def test_credentials_do_not_come_back_with_whoever_sent_it_away() -> None:
    with serving(always(Reply())) as server, serving(always(Reply())) as other:
        server.answer = lambda asked: (
            Reply(status=302, headers={"Location": other.url}) if asked.path == "/x" else Reply(b"home")
        )
        other.answer = always(Reply(status=302, headers={"Location": server.url + "/delete-all"}))
        with fetch_from(server.url, sign_in=bearer(SECRET)) as fetch:
            assert fetch(server.url + "/x").body == b"home"
    assert ["authorization" in asked.headers for asked in server.asked] == [True, False]


def test_credentials_stay_on_the_same_server() -> None:
    with (
        serving(
            lambda asked: Reply(status=307, headers={"Location": "/b"}) if asked.path == "/a" else Reply(b"b")
        ) as s,
        fetch_from(s.url, sign_in=bearer(SECRET)) as fetch,
    ):
        assert fetch(s.url + "/a").url == s.url + "/b"
    assert all("authorization" in asked.headers for asked in s.asked)


def test_a_redirect_into_a_private_network_is_not_followed() -> None:
    addresses = {"public.example": "127.0.0.1", "inside.example": "10.0.0.1"}

    def resolve(host: str, _port: int) -> list[str]:
        found = addresses[host]
        tls.require_public_addresses(host, ["10.0.0.1" if host == "inside.example" else "8.8.8.8"])
        return [found]

    with serving(always(Reply(status=302, headers={"Location": "http://inside.example/"}))) as server:
        url = f"http://public.example:{server.url.rpartition(':')[2]}/"
        with fetch_from(url, resolve=resolve) as fetch, pytest.raises(tls.PrivateAddressError):
            fetch(url)


@pytest.mark.parametrize(
    "location", ["", "ftp://a.example/", "file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x"]
)
def test_it_goes_nowhere_but_to_the_web(location: str) -> None:
    headers = {"Location": location} if location else {}
    with (
        serving(always(Reply(status=302, headers=headers))) as server,
        fetch_from(server.url) as fetch,
        pytest.raises(RedirectError),
    ):
        fetch(server.url)


def test_it_is_not_sent_around_for_ever() -> None:
    with (
        serving(always(Reply(status=301, headers={"Location": "/again"}))) as server,
        fetch_from(server.url) as fetch,
        pytest.raises(RedirectError),
    ):
        fetch(server.url)
    assert len(server.asked) == 6


# ---- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> Any:
    """A TLS server on loopback that redirects to plain http; (url, its certificate)."""
    made = tls.make_certificate("https://127.0.0.1", node_id="x", now=NOW)
    pem = tmp_path / "server.pem"
    pem.write_bytes(made.certificate_pem + made.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", made.certificate_pem.decode()
    listener.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: tuple[str, str]) -> None:
    url, _ = secure
    with fetch_from(url) as fetch, pytest.raises(UntrustedServerError) as caught:
        fetch(url)
    assert "--ca" in caught.value.remedy


def test_an_authority_of_ones_own_can_be_named_and_https_never_becomes_http(secure: tuple[str, str]) -> None:
    url, ca = secure
    with fetch_from(url, ca=ca) as fetch, pytest.raises(RedirectError) as caught:
        fetch(url)
    assert "plain http" in caught.value.sentence


def test_the_certificate_must_be_for_the_name(secure: tuple[str, str]) -> None:
    url, ca = secure
    named = url.replace("127.0.0.1", "other.example")
    fetch = fetch_from(named, ca=ca, resolve=lambda _host, _port: ["127.0.0.1"])
    with fetch, pytest.raises(UntrustedServerError):
        fetch(named)


def test_a_client_certificate_is_shown_at_home_and_nowhere_else(tmp_path: Path) -> None:
    shown_to: dict[str, bool] = {}
    client, key = _client_certificate()
    pem = tmp_path / "client.pem"
    pem.write_bytes(client + key)
    made = tls.make_certificate("https://127.0.0.1", node_id="x", now=NOW)
    with (
        _mutual(made, client, "away", shown_to) as away,
        _mutual(made, client, "home", shown_to, away) as home,
        fetch_from(home, ca=made.certificate_pem.decode(), sign_in=SignIn(certificate=pem)) as fetch,
    ):
        assert fetch(home).status == 200
    assert shown_to == {"home": True, "away": False}


def _client_certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kr-cert")])
    start = datetime.now(UTC) - timedelta(hours=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), secret


@contextlib.contextmanager
def _mutual(
    made: tls.Certificate, client_ca: bytes, name: str, shown_to: dict[str, bool], location: str = ""
) -> Iterator[str]:
    """A TLS server that asks for a client certificate, notes whether it got one, and perhaps sends elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=client_ca.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(made.certificate_pem + made.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    status = f"302 Found\r\nLocation: {location}" if location else "200 OK"

    def run() -> None:
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                shown_to[name] = connection.getpeercert(binary_form=True) is not None
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_a_handshake_that_drips_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hello = bytes.fromhex("160303400002") + bytes(200)  # a record of 16 KiB that never ends

        def drip() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                for byte in hello:
                    connection.send(bytes([byte]))
                    if connection.recv(1) == b"":
                        return

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with fetch_from(url, bounds=Bounds(total=0.2)) as fetch, pytest.raises((tls.UnreachableError, TooSlowError)):
            fetch(url)


@pytest.mark.parametrize("ca", ["no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_cannot_be_read_is_said_at_once(ca: str) -> None:
    with pytest.raises(UntrustedServerError):
        fetch_from("https://a.example/", ca=ca)


# ---- answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, AnswerError), (206, AnswerError), (300, AnswerError), (400, AnswerError), (404, AnswerError),
        (406, AnswerError), (410, AnswerError), (401, SignInRefusedError), (403, SignInRefusedError),
        (429, ServerBusyError), (503, ServerBusyError), (500, ServerTroubleError), (502, ServerTroubleError),
    ],
)  # fmt: skip
def test_every_no_has_its_name(status: int, error: type[AnswerError]) -> None:
    with (
        serving(always(Reply(b"<b>secret page</b>", status))) as server,
        fetch_from(server.url) as fetch,
        pytest.raises(error) as caught,
    ):
        fetch(server.url + "/x?key=1")
    assert type(caught.value) is error
    assert caught.value.status == status
    assert "key=1" not in str(caught.value)


def test_an_answer_that_is_as_before_is_an_answer() -> None:
    with serving(always(Reply(status=304))) as server, fetch_from(server.url) as fetch:
        assert fetch(server.url).status == 304


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", 120_000_000), ("0", 0), (" 7 ", 7_000_000), ("Fri, 02 Jan 2026 03:05:05 GMT", 60_000_000),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0), ("Fri, 02 Jan 2099 03:00:00 GMT", DAY), ("999999999999999", DAY),
        ("", 0), ("-5", 0), ("soon", 0), ("٣", 0), ("Fri, 99 Jan 2026 03:05:05 GMT", 0), ("1e9", 0),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_read_and_capped(text: str, wait: int) -> None:
    assert retry_after(text, NOW) == wait


@given(text=st.text(max_size=60))
def test_any_retry_after_is_at_most_a_day(text: str) -> None:
    assert 0 <= retry_after(text, NOW) <= DAY


def test_a_busy_server_says_how_long() -> None:
    with (
        serving(always(Reply(status=429, headers={"Retry-After": "90"}))) as server,
        fetch_from(server.url) as fetch,
        pytest.raises(ServerBusyError) as caught,
    ):
        fetch(server.url)
    assert caught.value.wait == 90_000_000


# ---- sizes and times --------------------------------------------------------------------------------


def zeros(size: int) -> bytes:
    return gzip.compress(bytes(size))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("x-gzip", gzip.compress(b"hel") + gzip.compress(b"lo")),
        ("deflate", zlib.compress(b"hello")),
        ("identity", b"hello"),
    ],
    ids=["gzip", "x-gzip of two members", "deflate", "identity"],
)
def test_compressed_answers_are_opened(coding: str, body: bytes) -> None:
    with serving(always(Reply(body, headers={"Content-Encoding": coding}))) as server, fetch_from(server.url) as fetch:
        assert fetch(server.url).body == b"hello"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"hello")[:-3]), ("gzip", b"no gzip"), ("gzip", gzip.compress(b"hello") + b"junk"),
        ("br", b"hello"), ("zstd", b"hello"), ("gzip, gzip", gzip.compress(gzip.compress(b"hello"))),
    ],
    ids=["gzip cut off", "no gzip", "more after the gzip", "br", "zstd", "gzip twice"],
)  # fmt: skip
def test_damaged_or_unknown_compression_is_refused(coding: str, body: bytes) -> None:
    with (
        serving(always(Reply(body, headers={"Content-Encoding": coding}))) as server,
        fetch_from(server.url) as fetch,
        pytest.raises(MisbehavingServerError),
    ):
        fetch(server.url)


@pytest.mark.parametrize(
    "reply",
    [Reply(bytes(20_001)), Reply(zeros(20_000_000), headers={"Content-Encoding": "gzip"})],
    ids=["large", "bomb"],
)
def test_no_answer_is_larger_than_allowed_packed_or_not(reply: Reply) -> None:
    with (
        serving(always(reply)) as server,
        fetch_from(server.url, bounds=Bounds(size=20_000)) as fetch,
        pytest.raises(AnswerTooLargeError),
    ):
        fetch(server.url)


def test_an_answer_of_exactly_the_limit_is_fine() -> None:
    reply = Reply(zeros(20_000), headers={"Content-Encoding": "gzip"})
    with serving(always(reply)) as server, fetch_from(server.url, bounds=Bounds(size=20_000)) as fetch:
        assert len(fetch(server.url).body) == 20_000


def endless(beginning: bytes, forever: bytes) -> Callable[[Any], None]:
    def write(connection: Any) -> None:
        connection.write(beginning)
        for _ in range(10_000_000):
            connection.write(forever)
            connection.flush()

    return write


class Rushing:
    """A clock on which a second passes with every look at it."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 1.0
        return self.at


@pytest.mark.parametrize(
    ("beginning", "forever"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["chunks", "body", "header", "continue"],
)
def test_a_stream_without_an_end_is_ended(beginning: bytes, forever: bytes) -> None:
    reply = Reply(raw=endless(beginning, forever))
    bounds = Bounds(total=50)
    with (
        serving(always(reply)) as server,
        fetch_from(server.url, monotonic=Rushing(), bounds=bounds) as fetch,
        pytest.raises((TooSlowError, MisbehavingServerError)),
    ):
        fetch(server.url)


def test_headers_without_an_end_are_refused() -> None:
    reply = Reply(raw=endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"))
    with serving(always(reply)) as server, fetch_from(server.url) as fetch, pytest.raises(MisbehavingServerError):
        fetch(server.url)


def test_whoever_is_silent_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with fetch_from(url, bounds=Bounds(silence=0.01)) as fetch, pytest.raises(tls.UnreachableError):
            fetch(url)


def test_a_stop_is_heard_while_waiting() -> None:
    looks = iter(range(100))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        fetch = fetch_from(url, is_stopping=lambda: next(looks) > 2)
        with fetch, pytest.raises(StoppedError):
            fetch(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 \xff\r\n\r\n", b"",
    ],
)  # fmt: skip
def test_what_is_not_http_is_refused(answer: bytes) -> None:
    with (
        serving(always(Reply(raw=lambda connection: connection.write(answer)))) as server,
        fetch_from(server.url) as fetch,
        pytest.raises(MisbehavingServerError),
    ):
        fetch(server.url)


def test_nobody_there_is_said_plainly() -> None:
    with serving(always(Reply())) as server:
        url = server.url
    with fetch_from(url) as fetch, pytest.raises(tls.UnreachableError):
        fetch(url)


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with fetch_from("https://nowhere.example/", resolve=resolve) as fetch, pytest.raises(tls.UnreachableError):
        fetch("https://nowhere.example/")
