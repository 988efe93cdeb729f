"""Served nodes for the tests of what a node does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes import Pair, a_pair, join


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two served nodes that do not know each other."""
    with a_pair(tmp_path) as both:
        yield both


@pytest.fixture
def joined(pair: Pair) -> Pair:
    """Two served nodes with an arrangement and plain terms on both sides."""
    join(pair)
    return pair
