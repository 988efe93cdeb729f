"""A partner is spoken to under exactly the certificate agreed, or not a byte goes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from katchi.exchange import tls
from katchi.policy.introduction import InvalidIntroductionError, certificate_digest

NOW = int(datetime.now(UTC).timestamp()) * 1_000_000  # the ssl module looks at the machine's clock
NODE = "identity--00000001-0000-4000-8000-000000000000"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def made(url: str = "https://127.0.0.1:8471") -> tls.Certificate:
    return tls.make_certificate(url, node_id=NODE, now=NOW)


KIM, CHOI = made(), made()


def issued_by(issuer: tls.Certificate) -> tls.Certificate:
    """A certificate for the same host that the holder of another one issued."""
    parent = x509.load_pem_x509_certificate(issuer.certificate_pem)
    key = load_pem_private_key(issuer.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Kim's other node")])
    start = datetime.fromtimestamp(NOW // 1_000_000, UTC)
    certificate = (
        x509.CertificateBuilder(parent.subject, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(start - timedelta(hours=1))
        .not_valid_after(start + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, SHA256())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return tls.Certificate(certificate.public_bytes(Encoding.PEM), pem)


class Server:
    """A TLS server on loopback that answers every request, and remembers what it was told."""

    def __init__(self, folder: Path, certificate: tls.Certificate, newest: ssl.TLSVersion) -> None:
        (folder / "c.pem").write_bytes(certificate.certificate_pem)
        (folder / "k.pem").write_bytes(certificate.key_pem)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = newest
        self.context.load_cert_chain(folder / "c.pem", folder / "k.pem")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        self.heard: list[bytes] = []

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(plain, server_side=True) as connection:
                    connection.settimeout(5)
                    heard = connection.recv(65536)
                    if heard:
                        self.heard.append(heard)
                        connection.sendall(ANSWER)
            except OSError:
                plain.close()


@contextmanager
def serving(
    folder: Path, certificate: tls.Certificate, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[Server]:
    server = Server(folder, certificate, newest)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        thread.join(5)


def get(server: Server, context: ssl.SSLContext) -> str:
    with httpx.Client(verify=context) as client:
        return client.get(server.url + "/").text


def get_async(server: Server, context: ssl.SSLContext) -> str:
    async def go() -> str:
        async with httpx.AsyncClient(verify=context) as client:
            return (await client.get(server.url + "/")).text

    return asyncio.run(go())


CLIENTS = pytest.mark.parametrize("client", [get, get_async], ids=["threads", "asyncio"])
Client = Callable[[Server, ssl.SSLContext], str]


@CLIENTS
def test_the_agreed_certificate_is_accepted(tmp_path: Path, client: Client) -> None:
    with serving(tmp_path, KIM) as server:
        assert client(server, tls.pinned_context(KIM.certificate_pem)) == "ok"
        assert client(server, tls.pinned_context(CHOI.certificate_pem, KIM.certificate_pem.decode())) == "ok"


def refused(server: Server, client: Client, context: ssl.SSLContext) -> None:
    with pytest.raises(httpx.ConnectError):
        client(server, context)


@CLIENTS
def test_another_certificate_is_refused_before_anything_is_said(tmp_path: Path, client: Client) -> None:
    with serving(tmp_path, CHOI) as server:
        refused(server, client, tls.pinned_context(KIM.certificate_pem))
    assert server.heard == []


@CLIENTS
def test_a_certificate_that_the_agreed_one_issued_is_refused(tmp_path: Path, client: Client) -> None:
    leaf = issued_by(KIM)
    with serving(tmp_path, leaf) as server:
        # A usual client that trusts Kim's certificate would go on here.
        usual = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        usual.load_verify_locations(cadata=KIM.certificate_pem.decode())
        assert client(server, usual) == "ok"
        server.heard.clear()
        refused(server, client, tls.pinned_context(KIM.certificate_pem))
    assert server.heard == []


@CLIENTS
def test_a_certificate_from_elsewhere_can_be_pinned_without_its_issuer(tmp_path: Path, client: Client) -> None:
    leaf = issued_by(KIM)
    with serving(tmp_path, leaf) as server:
        assert client(server, tls.pinned_context(leaf.certificate_pem)) == "ok"


@CLIENTS
def test_without_an_agreed_certificate_nobody_is_accepted(tmp_path: Path, client: Client) -> None:
    with serving(tmp_path, KIM) as server:
        refused(server, client, tls.pinned_context())
    assert server.heard == []


@CLIENTS
def test_older_tls_is_refused(tmp_path: Path, client: Client) -> None:
    with serving(tmp_path, KIM, ssl.TLSVersion.TLSv1_2) as server:
        refused(server, client, tls.pinned_context(KIM.certificate_pem))


def test_a_text_without_a_certificate_is_not_pinned() -> None:
    with pytest.raises(InvalidIntroductionError):
        tls.pinned_context("nothing")


# ---- the certificate ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://192.0.2.1:8471", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
        ("https://[2001:db8::1]:8471", x509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
        ("https://node.example/path", x509.DNSName("node.example")),
        ("http://localhost:8471", x509.DNSName("localhost")),
    ],
)
def test_a_certificate_names_its_host(url: str, name: x509.GeneralName) -> None:
    certificate = x509.load_pem_x509_certificate(made(url).certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [name]


def test_a_certificate_is_its_own_anchor_for_ten_years() -> None:
    certificate = x509.load_pem_x509_certificate(KIM.certificate_pem)
    certificate.verify_directly_issued_by(certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    start = datetime.fromtimestamp(NOW // 1_000_000, UTC)
    assert certificate.not_valid_before_utc <= start
    assert certificate.not_valid_after_utc >= start.replace(year=start.year + 10) - timedelta(days=1)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_two_certificates_are_never_the_same() -> None:
    assert certificate_digest(made().certificate_pem) != certificate_digest(made().certificate_pem)


def test_a_private_key_does_not_show_itself() -> None:
    assert "PRIVATE" not in repr(KIM)


# ---- an invitation's QR code knows only a digest -----------------------------------------------


def test_a_certificate_is_fetched_by_its_digest(tmp_path: Path) -> None:
    with serving(tmp_path, KIM) as server:
        pem = tls.fetch_certificate(server.url, certificate_digest(KIM.certificate_pem))
    assert certificate_digest(pem) == certificate_digest(KIM.certificate_pem)
    assert server.heard == []


def test_a_certificate_with_another_digest_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, CHOI) as server, pytest.raises(tls.CertificateMismatchError):
        tls.fetch_certificate(server.url, certificate_digest(KIM.certificate_pem))


def test_nobody_there_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(tls.UnreachableError):
        tls.fetch_certificate(f"https://127.0.0.1:{port}", "x", timeout=2)


# ---- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example",
        "https://node.example:8471/katchi/?a=b",
        "https://192.0.2.1",
        "https://[2001:db8::1]:8471",
        "https://xn--9n2bp8q.example",
        "https://node_1.example",
        "http://127.0.0.1:8471",
        "http://127.200.3.4",
        "http://[::1]:8471",
        "http://localhost:8471",
        "http://LOCALHOST",
    ],
)
def test_an_address_that_is_safe_to_speak_to_is_accepted(url: str) -> None:
    assert tls.require_secure_url(url).hostname


@pytest.mark.parametrize(
    "url",
    [
        "http://node.example",
        "http://192.0.2.1:8471",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:127.0.0.1]",
        "http://127.0.0.1.node.example",
        "http://localhost.node.example",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
    ],
)
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(tls.InsecureUrlError):
        tls.require_secure_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "node.example",
        "ftp://node.example",
        "HTTPS://node.example",
        "https://",
        "https:///path",
        "https://:8471",
        "https://kim:secret@node.example",
        "https://127.0.0.1@node.example",
        "https://node.example#x",
        "https://node.example:0",
        "https://node.example:65536",
        "https://node.example:https",
        "https://node.example\\@choi.example",
        "https://node .example",
        "https://node.example\n",
        "https://node.example/\tx",
        "https://노드.example",
        "https://node..example",
        "https://-node.example",
        "https://[2001:db8::1",
        "https://[fe80::1%25eth0]",
        "https://[node.example]",
        "https://" + "a" * 64 + ".example",
        "https://node.example/" + "a" * 2048,
    ],
)
def test_an_address_that_readers_may_take_differently_is_refused(url: str) -> None:
    with pytest.raises(tls.InvalidUrlError):
        tls.require_secure_url(url)


@pytest.mark.parametrize("addresses", [["9.9.9.9"], ["2620:fe::fe"], ["9.9.9.9", "2620:fe::fe"]])
def test_a_feed_may_be_fetched_from_public_addresses(addresses: list[str]) -> None:
    tls.require_public_addresses("feed.example", addresses)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "2002:a00:1::", "not an address", "",
    ],
)  # fmt: skip
def test_a_feed_never_leads_into_a_private_network(address: str) -> None:
    with pytest.raises(tls.PrivateAddressError):
        tls.require_public_addresses("feed.example", ["9.9.9.9", address])


def test_a_host_without_an_address_is_not_fetched_from() -> None:
    with pytest.raises(tls.PrivateAddressError):
        tls.require_public_addresses("feed.example", [])
