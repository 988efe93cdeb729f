"""Asks a server that we subscribe to: signed in, politely, and without trusting anything that it answers."""

from __future__ import annotations

import base64
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import monotonic as _monotonic
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore

from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.exchange.connecting import Backend, Patience, Resolve, resolve
from katchi.exchange.subscription import Fetched, MisbehavingServerError

SECOND = 1_000_000
DAY = 86_400 * SECOND
REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_MOVED = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
_REFUSED = frozenset({401, 403})
_WELL = frozenset({200, 304})
_TELL = "tell whoever runs the server; it is tried again by itself"


class AnswerError(KatchiError):
    """The server answered, but not with what was asked for. `status` is HTTP's."""

    code = "server-said-no"
    status = 0


class SignInRefusedError(AnswerError):
    """The server does not let us in: what we sign in with is wrong, expired or not enough."""

    code = "sign-in-refused"


class ServerTroubleError(AnswerError):
    """Something is broken on the server's side (5xx)."""

    code = "server-trouble"


class ServerBusyError(AnswerError):
    """The server asks us to come back later. `wait` is how long, in µs, or 0 where it did not say."""

    code = "server-busy"
    wait = 0


class AnswerTooLargeError(KatchiError):
    """More comes than this node takes at once."""

    code = "answer-too-large"


class RedirectError(KatchiError):
    """The server sends us around, or somewhere we do not go."""

    code = "redirect-refused"


class UntrustedServerError(KatchiError):
    """The server's certificate is not one that this machine trusts for this name."""

    code = "certificate-not-trusted"


class UrlHoldsSecretError(KatchiError):
    """An address with a user name or password in it would be shown, logged and kept in the open."""

    code = "url-holds-secret"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class SignIn:
    """How we show who we are: headers, and for some servers a client certificate (PEM file with its key)."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate: Path | None = None

    @property
    def is_secret(self) -> bool:
        """Whether anything would be given away."""
        return bool(self.headers or self.certificate)


def basic(user: str, password: str) -> SignIn:
    """HTTP Basic (RFC 7617), in UTF-8."""
    joined = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return SignIn({"authorization": f"Basic {joined}"})


def bearer(token: str) -> SignIn:
    """A bearer token (RFC 6750)."""
    return SignIn({"authorization": f"Bearer {token}"})


def require_url(url: str) -> SplitResult:
    """The URL in parts, if one may subscribe to it. Raises UrlHoldsSecretError or InvalidUrlError.

    The URL with a secret in it is not in the error.
    """
    if "@" in urlsplit(url).netloc:
        raise UrlHoldsSecretError(
            "The address holds a user name or a password.",
            what="url",
            expected="an address without them",
            remedy="give them with --user and --password-file",
        )
    return tls.require_url(url)


def shown(url: str) -> str:
    """An address as it may be shown: queries carry keys at times."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"[:300] + ("?…" if parts.query else "")


def origin_of(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port: who is spoken to (RFC 6454 §4)."""
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one answer may take: bytes, seconds altogether, seconds of silence."""

    size: int = 1_073_741_824
    total: float = 900
    silence: float = 30


class WebFetch:
    """GETs to one server and to where it redirects. Whoever makes one closes it.

    Credentials go to the server of `url` only. One request at a time.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], int],
        sign_in: SignIn | None = None,
        ca: str = "",
        allows_private: bool = False,
        bounds: Bounds | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = _monotonic,
        resolve: Resolve = resolve,
    ) -> None:
        parts = require_url(url)
        self._sign_in = sign_in or SignIn()
        if self._sign_in.is_secret and parts.scheme == "http" and not tls.is_loopback(parts.hostname or ""):
            raise tls.InsecureUrlError(
                "Signing in over plain HTTP would give the secret away.",
                where=shown(url), what="scheme", expected="https", found="http", remedy="use https",
            )  # fmt: skip
        self._origin = origin_of(parts)
        self._now = now
        self._bounds = bounds or Bounds()
        self._patience = Patience(
            monotonic=monotonic, total=self._bounds.total, silence=self._bounds.silence, is_stopping=is_stopping
        )
        self._backend = Backend(self._patience, allows_private=allows_private, resolve=resolve)
        self._ca = ca
        # A client certificate is shown in the handshake, so strangers get a pool without it.
        self._home = self._pool(self._sign_in.certificate)
        self._elsewhere = self._pool(None) if self._sign_in.certificate else self._home

    def _pool(self, certificate: Path | None) -> httpcore.ConnectionPool:
        context = trust(self._ca, certificate)
        return httpcore.ConnectionPool(ssl_context=context, network_backend=self._backend, max_connections=2)

    def close(self) -> None:
        """Lets go of the connections."""
        self._home.close()
        self._elsewhere.close()

    def __enter__(self) -> WebFetch:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __call__(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        """The answer to a GET. Raises KatchiError: see the classes above and `connecting`."""
        self._patience.begin()
        is_home = True
        wanted = {name.lower(): value for name, value in (headers or {}).items()}
        for _ in range(REDIRECTS + 1):
            parts = require_url(url)
            # Once away, credentials do not come back with whoever sent us away.
            is_home = is_home and origin_of(parts) == self._origin
            fetched = self._get(url, parts, wanted, is_home)
            if fetched.status not in _MOVED:
                return _require_well(fetched, "range" in wanted, self._now())
            url = _following(url, fetched.headers.get("location", ""))
        raise RedirectError(
            "The server sends us around and around.", where=shown(url), expected=f"at most {REDIRECTS} times",
            remedy=_TELL,
        )  # fmt: skip

    def _get(self, url: str, parts: SplitResult, headers: Mapping[str, str], is_home: bool) -> Fetched:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.hostname or ""
        address = httpcore.URL(scheme=parts.scheme, host=host, port=parts.port, target=target)
        sent = {
            "host": parts.netloc,
            "user-agent": f"Katchi/{_version()}",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            **headers,
            **(self._sign_in.headers if is_home else {}),
        }
        pool = self._home if is_home else self._elsewhere
        try:
            with pool.stream("GET", address, headers=list(sent.items())) as response:
                return Fetched(url, response.status, _headers(response), self._body(response, url))
        except httpcore.TimeoutException as problem:
            raise tls.UnreachableError(
                "The server does not answer.", where=shown(url), found=type(problem).__name__,
                remedy="it is tried again by itself; check the address if it lasts",
            ) from problem  # fmt: skip
        except (httpcore.NetworkError, httpcore.ProxyError) as problem:
            raise _unreachable(problem, url) from problem
        except httpcore.LocalProtocolError:
            # What it says would show the header, and with it what we sign in with.
            raise AnswerError("What would be sent is no HTTP.", where=shown(url), what="headers") from None
        except httpcore.ProtocolError as problem:
            raise MisbehavingServerError(
                "The server does not speak HTTP as it should.",
                where=shown(url),
                found=str(problem)[:200],
                remedy=_TELL,
            ) from problem  # fmt: skip

    def _body(self, response: httpcore.Response, url: str) -> bytes:
        """The body, unpacked; never more than allowed, before or after."""
        unpack = _unpacker(response, url)
        limit = self._bounds.size
        pieces: list[bytes] = []
        came = kept = 0
        for piece in response.iter_stream():
            self._patience.left()
            came += len(piece)
            # One byte more than allowed is enough to know.
            opened = unpack.open(piece, limit + 1 - kept)
            kept += len(opened)
            pieces.append(opened)
            if came > limit or kept > limit:
                raise AnswerTooLargeError(
                    "The answer is larger than this node takes at once.", where=shown(url),
                    expected=f"at most {limit} bytes", found="more",
                    remedy="ask for less at once, or raise limits.max-document in katchi.toml",
                )  # fmt: skip
        unpack.end()
        return b"".join(pieces)


class _Plain:
    def open(self, piece: bytes, at_most: int) -> bytes:
        return piece

    def end(self) -> None:
        return


class _Packed:
    """gzip (in several members, too) or zlib, bite by bite."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._inner = zlib.decompressobj(47)  # gzip or zlib, whichever it is
        self._is_empty = True

    def open(self, piece: bytes, at_most: int) -> bytes:
        opened: list[bytes] = []
        try:
            while piece and at_most > 0:
                self._is_empty = False
                if self._inner.eof:
                    self._inner = zlib.decompressobj(47)
                opened.append(self._inner.decompress(piece, at_most))
                at_most -= len(opened[-1])
                piece = self._inner.unconsumed_tail or self._inner.unused_data
        except zlib.error as problem:
            raise self._broken() from problem
        return b"".join(opened)

    def end(self) -> None:
        if not self._is_empty and not self._inner.eof:
            raise self._broken()

    def _broken(self) -> MisbehavingServerError:
        return MisbehavingServerError("The compressed answer is damaged.", where=shown(self._url), remedy=_TELL)


def _unpacker(response: httpcore.Response, url: str) -> _Plain | _Packed:
    coding = _headers(response).get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        return _Plain()
    if coding in ("gzip", "x-gzip", "deflate"):
        return _Packed(url)
    raise MisbehavingServerError(
        "The server compresses in a way that we did not offer.", where=shown(url), expected="gzip", found=coding[:40],
        remedy=_TELL,
    )  # fmt: skip


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _following(url: str, location: str) -> str:
    following = urljoin(url, location).partition("#")[0]
    if not location or not following.startswith(("http://", "https://")):
        raise RedirectError(
            "The server sends us where we do not go.", where=shown(url), expected="a Location with http or https",
            found=shown(following) if location else "none", remedy=_TELL,
        )  # fmt: skip
    if url.startswith("https:") and following.startswith("http:"):
        raise RedirectError(
            "The server sends us from https to plain http.", where=shown(url), found=shown(following),
            remedy=_TELL,
        )  # fmt: skip
    return following


def _require_well(fetched: Fetched, is_partial: bool, now: int) -> Fetched:
    status = fetched.status
    if status in _WELL or (is_partial and status == 206):
        return fetched
    told = {"where": shown(fetched.url), "found": str(status)}
    problem: AnswerError
    if status in _REFUSED:
        problem = SignInRefusedError(
            "The server does not let us in.", **told, remedy="check what it signs in with, then resume it"
        )
    elif status in _BUSY:
        busy = ServerBusyError("The server asks us to come back later.", **told, remedy="nothing: it is tried again")
        busy.wait = retry_after(fetched.headers.get("retry-after", ""), now)
        problem = busy
    elif status >= 500:
        problem = ServerTroubleError("Something is broken on the server's side.", **told, remedy="it is tried again")
    else:
        problem = AnswerError("The server has no such answer.", **told, remedy="check the address")
    problem.status = status
    raise problem


def retry_after(text: str, now: int) -> int:
    """How long a Retry-After (RFC 9110 §10.2.3) asks to wait, in µs: a day at most, 0 where it does not say."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * SECOND, DAY)
    try:
        at = int(parsedate_to_datetime(text).timestamp()) * SECOND
    except (TypeError, ValueError, OverflowError, IndexError):
        return 0
    return min(max(at - now, 0), DAY)


def _unreachable(problem: Exception, url: str) -> KatchiError:
    cause = problem.__context__ or problem.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(problem):
        return UntrustedServerError(
            "The server's certificate is not trusted here.", where=shown(url), found=str(problem)[:200],
            remedy="if its authority is your own, name it with --ca",
        )  # fmt: skip
    return tls.UnreachableError(
        "Nobody answers at the address.", where=shown(url), found=str(problem)[:200] or type(problem).__name__,
        remedy="it is tried again by itself; check the address if it lasts",
    )  # fmt: skip


def trust(ca: str = "", certificate: Path | None = None) -> ssl.SSLContext:
    """A TLS context: this machine's authorities, or only the one that is named (PEM).

    Raises UntrustedServerError for an authority or a client certificate that cannot be read.
    """
    try:
        context = ssl.create_default_context(cadata=ca or None)
        if certificate is not None:
            # Without a password: nobody is there to type one.
            context.load_cert_chain(certificate, password="")
    except (ssl.SSLError, ValueError, OSError) as problem:
        raise UntrustedServerError(
            "A certificate or its key cannot be read.", expected="PEM, the key without a password",
            found=type(problem).__name__, remedy="give files that hold nothing else",
        ) from problem  # fmt: skip
    return context


@cache
def _version() -> str:
    return version("katchi")
