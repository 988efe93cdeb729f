"""What is remembered of a subscription, in both databases: how far it is, how it went, when it is due."""

from __future__ import annotations

import pytest

from katchi.store import Store
from katchi.store.subscriptions import Counts, SubscriptionExistsError, UnknownSubscriptionError

NOW = 1_700_000_000_000_000


@pytest.fixture
def kept(store: Store) -> Store:
    """A store with one subscription."""
    store.subscriptions.add("isac", "taxii", b'{"url":"https://a.example/"}', NOW)
    return store


def test_a_new_one_is_due_at_once_and_knows_nothing(kept: Store) -> None:
    row = kept.subscriptions.one("isac")
    assert (row.bookmark, row.is_paused, row.next_due, row.last_at, row.trouble) == (b"{}", False, NOW, None, None)
    assert kept.subscriptions.due(NOW) == ["isac"]
    assert kept.subscriptions.due(NOW - 1) == []
    assert kept.subscriptions.all() == [row]


def test_a_name_is_taken_once(kept: Store) -> None:
    with pytest.raises(SubscriptionExistsError):
        kept.subscriptions.add("isac", "document", b"{}", NOW)
    assert kept.subscriptions.one("isac").kind == "taxii"


def test_what_came_is_counted_and_the_bookmark_moves(kept: Store) -> None:
    kept.subscriptions.note_kept("isac", b'{"a":1}', Counts(3, 1, 2), NOW + 1)
    kept.subscriptions.note_kept("isac", b'{"a":2}', Counts(4, 0, 0), NOW + 2)
    kept.subscriptions.note_well("isac", Counts(7, 1, 2), b'{"no-dates":1}', at=NOW + 3, next_due=NOW + 9)
    row = kept.subscriptions.one("isac")
    assert (row.bookmark, row.stored, row.held, row.refused) == (b'{"a":2}', 7, 1, 2)
    assert (row.stored_total, row.refused_total, row.last_ok_at, row.next_due) == (7, 2, NOW + 3, NOW + 9)
    assert row.remarks == b'{"no-dates":1}'


def test_trouble_counts_up_until_it_goes_well(kept: Store) -> None:
    for number in (1, 2):
        kept.subscriptions.note_trouble("isac", b"{}", at=NOW + number, next_due=None)
    row = kept.subscriptions.one("isac")
    assert (row.failures, row.trouble_at, row.next_due) == (2, NOW + 2, None)
    assert kept.subscriptions.due(NOW * 2) == []
    kept.subscriptions.resume("isac", NOW + 3)
    assert kept.subscriptions.due(NOW + 3) == ["isac"]
    kept.subscriptions.note_well("isac", Counts(), None, at=NOW + 4, next_due=NOW + 5)
    row = kept.subscriptions.one("isac")
    assert (row.failures, row.trouble, row.trouble_at) == (0, None, None)


def test_a_paused_one_is_not_due_and_a_dropped_one_is_forgotten(kept: Store) -> None:
    kept.subscriptions.pause("isac")
    assert kept.subscriptions.due(NOW * 2) == []
    kept.subscriptions.drop("isac")
    with pytest.raises(UnknownSubscriptionError):
        kept.subscriptions.one("isac")
