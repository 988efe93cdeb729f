"""A signed, pinned HTTP link from our node to one partner's."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Mapping

import httpx
import msgspec

from katchi.exchange import tls, token
from katchi.exchange.channel import RefusedError, UndeliveredError
from katchi.policy.keys import NodeKey
from katchi.policy.partner import Partner

# Answers are pages and receipts; whoever sends more is not speaking our protocol.
MAX_ANSWER = 268_435_456


class Link:
    """Requests to one partner's node, each signed for itself."""

    def __init__(
        self,
        *,
        key: NodeKey,
        node_id: str,
        partner: Partner,
        now: Callable[[], int],
        random: Callable[[int], bytes],
        timeout: float = 30,
    ) -> None:
        self._key = key
        self._node_id = node_id
        self._partner = partner
        self._now = now
        self._random = random
        self._client = httpx.Client(
            base_url=partner.url or "", verify=_trust(partner), timeout=timeout, follow_redirects=False
        )

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> httpx.Response:
        """One request and its answer. Raises UndeliveredError when there is none, RefusedError for a no."""
        headers = {"Accept": accept}
        if body:
            headers["Content-Type"] = content_type
        request = self._client.build_request(method, path, params=query, content=body, headers=headers)
        request.headers["Authorization"] = token.mint(
            self._key,
            issuer=self._node_id,
            audience=self._partner.node_id or "",
            method=method,
            target=request.url.raw_path.decode("ascii"),
            body=hashlib.sha256(body).digest(),
            now=self._now(),
            jti=self._random(16),
        )
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._client.send(request)
        except (httpx.HTTPError, tls.CertificateMismatchError) as problem:
            raise UndeliveredError(
                "The partner's node did not answer.", where=self._partner.name, found=type(problem).__name__,
                remedy="it is tried again by itself; if it lasts, call your contact there",
            ) from problem  # fmt: skip
        if response.status_code >= 300:
            raise RefusedError(
                "The partner's node said no.", where=self._partner.name, what=request.url.path,
                found=f"{response.status_code} {_reason(response)}"[:300],
            )  # fmt: skip
        return response


def _trust(partner: Partner) -> ssl.SSLContext | bool:
    url = tls.require_secure_url(partner.url or "")
    return tls.pinned_context(*partner.certificates) if url.scheme == "https" else True


class _Error(msgspec.Struct):
    title: str = ""
    error_code: str = ""


def _reason(response: httpx.Response) -> str:
    try:
        error = msgspec.json.decode(response.content, type=_Error)
    except msgspec.DecodeError:
        return ""
    return f"{error.error_code}: {error.title}" if error.error_code else error.title
