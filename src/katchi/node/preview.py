"""Takes intelligence in as a rehearsal: the real thing, inside a transaction that is undone at the end."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from katchi.node.receive import Account, Progress, receive
from katchi.node.wiring import OWN, Bell, Node
from katchi.store import Store
from katchi.store.database import Database, Transaction
from katchi.store.submissions import Submissions


class _UndoError(Exception):
    """Leaves the transaction without keeping it."""


class _OneTransaction(Database):
    """A database in which everything happens inside one transaction, for others to keep or undo."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """The one transaction."""
        yield self._transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """The one transaction."""
        yield self._transaction


def preview(
    node: Node,
    document: bytes,
    *,
    origin: str = OWN,
    via: str,
    submitter: str,
    progress: Progress | None = None,
) -> Account:
    """What `receive` would say of this document; nothing is kept. Nobody else writes meanwhile.

    Raises stix.UnreadableError as `receive` does.
    """
    with suppress(_UndoError), node.store.database.writing() as transaction:
        rehearsal = replace(node, store=_store_in(node.store, transaction), bell=Bell())
        account = receive(rehearsal, document, origin=origin, via=via, submitter=submitter, progress=progress)
        raise _UndoError
    return account


def _store_in(store: Store, transaction: Transaction) -> Store:
    inside = copy.copy(store)
    inside.database = _OneTransaction(transaction)
    inside.submissions = Submissions(inside.database)
    return inside
