"""`Released`: the only value that a channel sends, and only this package makes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import ClassVar, Final, NoReturn, Protocol

from katchi import stix
from katchi.errors import KatchiError
from katchi.policy.world import Recipient


class NotReleasedError(KatchiError):
    """Nobody with the right to do so has released this."""

    code: ClassVar[str] = "not-released"


class _Seal:
    """Held by this package alone; whoever makes a `Released` must show it."""


_SEAL: Final = _Seal()


@dataclass(frozen=True, slots=True)
class Released:
    """One version of one object that may go to one recipient, with the bytes that go.

    `object_id` is the id that the recipient sees and `of_id` our own object's: they differ for a
    redacted copy (`is_copy`). `of_id` stays here.
    """

    object_id: str
    version: int | None
    version_text: str | None
    type: str
    spec_version: str
    raw: bytes
    recipient: str
    rule: str
    is_copy: bool
    is_recall: bool
    of_id: str
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise NotReleasedError(
                "Only a decision makes a release.",
                what=self.object_id,
                remedy="ask policy.decide, or policy.reopen for a release that is stored",
            )

    def __init_subclass__(cls) -> NoReturn:
        raise NotReleasedError("A release has no other kinds.", what=cls.__name__)

    def __reduce__(self) -> NoReturn:
        # A pickle could be made by anybody; what comes back from storage comes through `reopen`.
        raise NotReleasedError(
            "A release is not pickled.",
            what=self.object_id,
            remedy="store its parts; reopen them",
        )


class Record(Protocol):
    """A release as the store keeps it."""

    @property
    def partner(self) -> str: ...
    @property
    def object_id(self) -> str: ...
    @property
    def of_id(self) -> str: ...
    @property
    def version(self) -> int | None: ...
    @property
    def version_text(self) -> str | None: ...
    @property
    def type(self) -> str: ...
    @property
    def spec_version(self) -> str: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def rule(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def is_recall(self) -> bool: ...
    @property
    def withdrawn_at(self) -> int | None: ...


def reopen(record: Record, recipient: Recipient) -> Released:
    """A stored release, for a channel to send: the only way back from storage.

    Raises: NotReleasedError when it was released to somebody else, the recipient is not active, the
    release was withdrawn, or the terms have changed since and nobody has held it against the new ones.
    """
    if record.partner != recipient.name:
        raise _refused(record, "This was released to another partner.", "release it to this one")
    if not recipient.is_active:
        raise _refused(record, "Exchange with this partner is suspended.", "resume the partner")
    if record.withdrawn_at is not None:
        raise _refused(record, "This release was withdrawn.", "see which terms withheld it")
    if record.epoch != recipient.epoch:
        raise _refused(
            record,
            "The terms have changed since this was released.",
            "wait until it is reviewed",
        )
    return Released(
        object_id=record.object_id,
        version=record.version,
        version_text=record.version_text,
        type=record.type,
        spec_version=record.spec_version,
        raw=bytes(record.raw),
        recipient=recipient.name,
        rule=record.rule,
        is_copy=record.object_id != record.of_id,
        is_recall=bool(record.is_recall),
        of_id=record.of_id,
        seal=_SEAL,
    )


PageRow = tuple[str, int, int | None, int, int, bytes]
"""A stored release for a page: partner, epoch, withdrawn_at, position, added, raw."""


@dataclass(frozen=True, slots=True)
class ReleasedPage:
    """Releases to one recipient as a page of bytes, in the order of its view: a thousand cost as much as ten values."""

    recipient: str
    raws: tuple[bytes, ...]
    last_position: int
    first_added: int
    last_added: int
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise NotReleasedError("Only policy makes a page of releases.", remedy="ask policy.reopen_page")

    def __init_subclass__(cls) -> NoReturn:
        raise NotReleasedError("A page of releases has no other kinds.", what=cls.__name__)

    def __reduce__(self) -> NoReturn:
        raise NotReleasedError("A page of releases is not pickled.", what=self.recipient, remedy="read it again")


def reopen_page(rows: Sequence[PageRow], recipient: Recipient) -> ReleasedPage:
    """What `reopen` does, for a whole page at once. Raises: NotReleasedError if any row may not go."""
    if not recipient.is_active:
        raise NotReleasedError("Exchange with this partner is suspended.", remedy="resume the partner")
    name, epoch = recipient.name, recipient.epoch
    for partner, made_in, withdrawn_at, *_ in rows:
        if partner != name or made_in != epoch or withdrawn_at is not None:
            raise NotReleasedError(
                "A page holds what is not released to this partner today.",
                found=partner,
                remedy="read it again",
            )
    if not rows:
        return ReleasedPage(name, (), 0, 0, 0, _SEAL)
    raws = tuple(row[5] for row in rows)
    return ReleasedPage(name, raws, rows[-1][3], rows[0][4], rows[-1][4], _SEAL)


def _refused(record: Record, sentence: str, remedy: str) -> NotReleasedError:
    return NotReleasedError(sentence, where=record.object_id, found=record.partner, remedy=remedy)


def seal(obj: stix.Object, of_id: str, recipient: str, rule: str, *, is_recall: bool = False) -> Released:
    """Makes a release of `obj`. For `katchi.policy` alone, which is why the package does not export it."""
    return Released(
        obj.id,
        obj.version,
        obj.version_text,
        obj.type,
        obj.spec_version,
        obj.raw,
        recipient,
        rule,
        obj.id != of_id,
        is_recall,
        of_id,
        _SEAL,
    )
