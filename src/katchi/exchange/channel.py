"""The socket for channels: how released objects reach a partner.

To write a plug, make a class in `channels/` with the method below, and add its samples to
`tests/contracts/test_channel.py`. A channel takes `Released` values and nothing else; it never
filters, changes or remembers what it sends. It may be asked to send the same release again, after a
failure that left its fate unknown: the receiving side tells duplicates by id, version and bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from katchi.errors import KatchiError
from katchi.policy import Released


class UndeliveredError(KatchiError):
    """The partner did not take what was sent; it will be sent again."""

    code = "undelivered"


class RefusedError(KatchiError):
    """The partner answered, and said no."""

    code = "refused-by-partner"


class Channel(Protocol):
    """A way to one partner."""

    def deliver(self, batch: Sequence[Released]) -> bytes | None:
        """Sends a batch and returns the partner's receipt document, None where the kind gives none.

        Returns only when the partner has acknowledged all of it. Raises UndeliveredError or RefusedError.
        """
