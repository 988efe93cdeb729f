"""What every channel must do. A new one inherits these by a way to open it, added to OPENED."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from katchi.exchange.channel import Channel, RefusedError, UndeliveredError
from katchi.exchange.channels.node_push import NodePush
from katchi.node import collections, partnering
from katchi.node.deliver import link_to
from katchi.node.receive import receive
from katchi.policy import Released
from tests.nodes import Pair, a_pair, join, until
from tests.objects import bundle, indicator


@contextmanager
def _node_push(pair: Pair) -> Iterator[NodePush]:
    with link_to(pair.kr, partnering.one(pair.kr, "us-cert")) as link:
        yield NodePush(link)


OPENED: dict[str, Callable[[Pair], AbstractContextManager[Channel]]] = {"node": _node_push}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two served nodes with an arrangement."""
    with a_pair(tmp_path) as both:
        join(both)
        yield both


@pytest.fixture(params=sorted(OPENED))
def channel(request: pytest.FixtureRequest, pair: Pair) -> Iterator[Channel]:
    """A way from the Korean node to the American one."""
    with OPENED[request.param](pair) as opened:
        yield opened


def released(pair: Pair, *numbers: int) -> list[Released]:
    """Indicators that the Korean node has released, and that have arrived."""
    receive(pair.kr, bundle(*[indicator(number) for number in numbers]), via="test", submitter="kim")
    until(lambda: pair.us.store.log.end()[0] >= len(numbers))
    row = pair.kr.store.partners.one("us-cert")
    return collections.admit(
        row, pair.kr.store.releases.page("us-cert", row.epoch, position=0, added=0, limit=100).rows
    )


def test_what_is_delivered_twice_arrives_once_and_is_answered_for_twice(pair: Pair, channel: Channel) -> None:
    batch = released(pair, 1, 2, 3)
    before = pair.us.store.log.end()
    for _ in range(2):
        receipt = channel.deliver(batch)
        assert receipt is None or all(item.object_id.encode() in receipt for item in batch)
    assert pair.us.store.log.end() == before


def test_the_other_sides_no_is_ours_to_know(pair: Pair, channel: Channel) -> None:
    batch = released(pair, 1)
    partnering.suspend(pair.us, "kr-cert", person="park")
    with pytest.raises(RefusedError) as caught:
        channel.deliver(batch)
    assert "us-cert" in caught.value.where


def test_no_answer_is_an_error_that_says_it_will_be_tried_again(tmp_path: Path) -> None:
    with a_pair(tmp_path) as pair:
        join(pair)
        batch = released(pair, 1)
        kept = partnering.one(pair.kr, "us-cert")
    for open_channel in OPENED.values():
        with open_channel(pair) as channel, pytest.raises(UndeliveredError):
            channel.deliver(batch)
    assert kept.url
