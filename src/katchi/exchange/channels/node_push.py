"""Pushes releases into the inbox of a partner's node, and reads what it releases to us."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from katchi.exchange.channel import RefusedError
from katchi.exchange.channels.link import Link
from katchi.exchange.taxii.media import TAXII
from katchi.policy import Released

INBOX = "/taxii2/katchi/collections/inbox/objects/"
RELEASED = "/taxii2/katchi/collections/released/objects/"


class _Status(msgspec.Struct):
    x_katchi_receipt: msgspec.Raw = msgspec.Raw()


class _Cursor(msgspec.Struct):
    more: bool = False
    next: str = ""


class PulledPage(msgspec.Struct, frozen=True):
    """One page of what the partner releases to us, as it came; `following` asks for the next one."""

    body: bytes
    following: str
    last_added: str


class NodePush:
    """A channel to a partner that runs a node."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def deliver(self, batch: Sequence[Released]) -> bytes:
        """Sends one envelope; the answer carries the partner's signed receipt."""
        body = b'{"objects":[' + b",".join(released.raw for released in batch) + b"]}"
        response = self._link.ask("POST", INBOX, body=body, accept=TAXII, content_type=TAXII)
        receipt = bytes(msgspec.json.decode(response.content, type=_Status).x_katchi_receipt)
        if not receipt:
            raise RefusedError("The partner's node took the objects but gave no receipt.", what="x_katchi_receipt")
        return receipt

    def page(self, *, added_after: str, following: str, limit: int) -> PulledPage:
        """One page of the partner's `released` collection."""
        query = {"limit": str(limit)}
        query |= {"next": following} if following else {"added_after": added_after} if added_after else {}
        response = self._link.ask("GET", RELEASED, query=query, accept=TAXII)
        cursor = msgspec.json.decode(response.content, type=_Cursor)
        return PulledPage(
            response.content,
            cursor.next if cursor.more else "",
            response.headers.get("X-TAXII-Date-Added-Last", ""),
        )
