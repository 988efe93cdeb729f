"""Makes a node's TLS certificate, and connections that accept exactly one partner's."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from katchi.errors import KatchiError
from katchi.policy.addresses import is_public
from katchi.policy.introduction import certificate_digest
from katchi.policy.keys import encode

LIFETIME = timedelta(days=3653)
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_HOST = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?\Z"
)


class InvalidUrlError(KatchiError):
    """This is not an address that a node can be reached at."""

    code = "invalid-url"


class InsecureUrlError(KatchiError):
    """Plain HTTP is for this machine only; everywhere else others can read and change what goes."""

    code = "insecure-url"


class PrivateAddressError(KatchiError):
    """The address leads into a private network, where a stranger's URL must not take us."""

    code = "private-address"


class CertificateMismatchError(KatchiError):
    """The other side shows another certificate than the one agreed."""

    code = "certificate-mismatch"


class UnreachableError(KatchiError):
    """Nobody answers there."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, both in PEM."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


def make_certificate(url: str, *, node_id: str, now: int) -> Certificate:
    """A self-signed certificate for the host of a URL: P-256, ten years, its own trust anchor.

    Nobody vouches for it; partners pin it after two people compared the words. Raises InvalidUrlError.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
    start = datetime.fromtimestamp(now // 1_000_000, UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        # An hour ago: the partner's clock may be behind.
        .not_valid_before(start - timedelta(hours=1))
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_san(url)]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return Certificate(
        builder.sign(private, SHA256()).public_bytes(Encoding.PEM),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def pinned_context(*certificates: str | bytes) -> PinnedContext:
    """A TLS context for connections to a partner: exactly these certificates (PEM) are accepted, no others.

    More than one is for the time when a partner changes its own. The host's name does not matter:
    the certificate is the name. Raises InvalidIntroductionError for one that cannot be read.
    """
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    # So that a certificate that somebody else issued can be pinned too, without its issuer.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.digests = frozenset(certificate_digest(pem) for pem in certificates)
    for pem in certificates:
        context.load_verify_locations(cadata=pem if isinstance(pem, str) else pem.decode("ascii"))
    return context


class PinnedContext(ssl.SSLContext):
    """A context that looks at the certificate again after the handshake.

    As its own trust anchor a partner's certificate could have issued others; those are not agreed.
    """

    digests: frozenset[str] = frozenset()

    def require(self, der: bytes | None) -> None:
        """Returns if this is a pinned certificate. Raises SSLCertVerificationError, as clients expect."""
        if der is None or _digest(der) not in self.digests:
            raise ssl.SSLCertVerificationError("the certificate is not the one agreed with this partner")


class _PinnedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _require_pinned(self)


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _require_pinned(self)


PinnedContext.sslsocket_class = _PinnedSocket
PinnedContext.sslobject_class = _PinnedObject


def _require_pinned(connection: ssl.SSLSocket | ssl.SSLObject) -> None:
    if isinstance(connection.context, PinnedContext):
        connection.context.require(connection.getpeercert(binary_form=True))


def fetch_certificate(url: str, digest: str, *, timeout: float = 10) -> str:
    """The certificate (PEM) that answers at a URL, if it has this digest; for an invitation's QR code.

    Nothing is sent or believed before the digest fits. Raises CertificateMismatchError or UnreachableError.
    """
    parts = require_secure_url(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the digest below decides, not an authority
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            der = connection.getpeercert(binary_form=True) or b""
    except OSError as problem:  # ssl.SSLError is one
        raise UnreachableError("Nobody answers at the address.", where=url, found=str(problem)) from problem
    if _digest(der) != digest:
        raise CertificateMismatchError(
            "Somebody else answers at the address.", where=url, what="certificate", expected=digest,
            found=_digest(der), remedy="do not go on; ask whoever invited you, on the telephone",
        )  # fmt: skip
    return ssl.DER_cert_to_PEM_cert(der)


def require_secure_url(url: str) -> SplitResult:
    """The URL in parts, if it is safe to speak to: https, or plain http to this machine.

    Raises InvalidUrlError or InsecureUrlError.
    """
    parts = _split(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise InsecureUrlError(
            "Plain HTTP would let others read and change what goes.",
            where=url[:200], what="scheme", expected="https", found="http",
            remedy="use https; http is for loopback only",
        )  # fmt: skip
    return parts


def require_url(url: str) -> SplitResult:
    """The URL in parts, http or https, without a user name or fragment. Raises InvalidUrlError."""
    return _split(url)


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine."""
    return _is_loopback(host)


def require_public_addresses(host: str, addresses: Iterable[str]) -> None:
    """Returns if all addresses that a host resolves to are public. Raises PrivateAddressError.

    For URLs that others gave us (feeds): they must not make us fetch from our own network. Connect to
    one of these addresses, not to the name: it may resolve otherwise the next time.
    """
    found = list(addresses)
    private = [address for address in found if not is_public(address)]
    if private or not found:
        raise PrivateAddressError(
            "The address leads into a private network.", where=host, expected="public addresses",
            found=", ".join(private[:3]) or "none",
            remedy="if the server is inside your own network, say so with --allow-private",
        )  # fmt: skip


def _split(url: str) -> SplitResult:
    # Some parsers drop spaces and control characters or turn backslashes round, others do not: refuse them.
    if len(url) > 2048 or not re.match(r"https?://[!-~]+\Z", url) or "\\" in url:
        raise _invalid(url, "https://host[:port][/path]")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as problem:
        raise _invalid(url, "a host and a port that exist") from problem
    if "@" in parts.netloc or parts.fragment or port == 0:
        raise _invalid(url, "no user name, no fragment, a port from 1")
    if not _HOST.match(host) and (not _is_address(host) or "%" in host):
        raise _invalid(url, "a host name in ASCII, or an IP address without a zone")
    return parts


def _invalid(url: str, expected: str) -> InvalidUrlError:
    return InvalidUrlError("This address cannot be used.", where=url[:200], what="url", expected=expected)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":  # RFC 6761 §6.3
        return True
    if not _is_address(host):
        return False
    address = ipaddress.ip_address(host)
    return address in _LOOPBACK or address == ipaddress.IPv6Address(1)


def _san(url: str) -> x509.GeneralName:
    host = _split(url).hostname or ""
    return x509.IPAddress(ipaddress.ip_address(host)) if _is_address(host) else x509.DNSName(host.rstrip("."))


def _key_usage() -> x509.KeyUsage:
    used: dict[str, Any] = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    return x509.KeyUsage(digital_signature=True, key_cert_sign=True, **used)


def _digest(der: bytes) -> str:
    return encode(hashlib.sha256(der).digest())
