"""The socket for what we subscribe to: how intelligence is read from somebody's server, piece by piece.

To write a plug, make a class in `subscriptions/` with the attributes and the method below, name it in
`subscriptions/__init__.py` (in a package of your own: as an entry point of the group
`katchi.subscriptions`), and add its samples to `tests/contracts/test_subscription.py`. A kind reads and
converts; it never stores, never sleeps, and asks nothing of the network but through the `Fetch` it is
given, which checks addresses, sizes, redirects and the server's rate limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from katchi.errors import KatchiError
from katchi.exchange.intake import Choices, Remark


class MisbehavingServerError(KatchiError):
    """A server contradicts itself or its protocol: a page that leads back to itself, `more` without `next`."""

    code = "server-misbehaves"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read, and what there. `options` are the kind's own, such as a TAXII collection's id."""

    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    limit: int = 1_073_741_824  # bytes that may come out of one answer, unpacked


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. Header names are lower-case; `url` is where redirects ended."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetch(Protocol):
    """Asks the server that is subscribed to, signed in as the subscription says."""

    def __call__(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        """The answer to a GET, of status 200 or 304, or 206 where a Range was asked for.

        Raises a KatchiError for every other.
        """


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step brought. Once its objects are kept, `bookmark` is too: the next reading begins there."""

    objects: list[bytes]  # STIX, byte for byte as served, or as converted
    bookmark: Mapping[str, object]  # JSON; None of it is a secret
    remarks: tuple[Remark, ...] = ()  # what was left out and why
    done: int = 0
    total: int = 0  # 0 where nobody can know
    # Objects made here, out of what is no STIX: their ids say who told what, so those that are held tell nothing new.
    is_made: bool = False


class Subscription(Protocol):
    """One kind of server."""

    name: str  # as `--kind` has it
    title: str

    def read(self, place: Place, fetch: Fetch, bookmark: Mapping[str, object], choices: Choices) -> Iterator[Piece]:
        """What is new since the bookmark, `{}` at first. A step that is not taken to its end is read again.

        Raises KatchiError: what was yielded before stays, and the next reading goes on after it.
        """
