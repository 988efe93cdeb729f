"""`katchi overlap`: two nodes, each led from its command line, find what both hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.store.overlaps import OverlapRow
from tests.cli.conftest import Katchi
from tests.node.test_overlapping import state, urls
from tests.nodes import Pair, a_pair, join, until


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as both:
        join(both)
        yield both


def test_from_a_proposal_to_the_items(pair: Pair) -> None:
    kr, us = Katchi(pair.kr.folder), Katchi(pair.us.folder)
    urls(pair.kr, *range(30))
    urls(pair.us, *range(18, 50), first=1000)
    session = kr.asked("overlap", "propose", "us-cert", "url")["id"]
    until(lambda: bool(pair.us.store.overlaps.all()))
    assert us.asked("overlap", "list")["sessions"][0]["state"] == "asked"
    us.good("overlap", "accept", session[:8])
    until(lambda: state(pair.kr, session) == "counted")
    assert "12" in kr.good("overlap", "show", session).out
    us.good("overlap", "agree", session)
    kr.good("overlap", "agree", session)
    kr.good("overlap", "run", session)
    until(lambda: state(pair.us, session) == "revealed")
    assert len(us.asked("overlap", "show", session)["found"]) == 12
    assert "https://e18.example/a" in us.good("overlap", "show", session).out
    rows: list[OverlapRow] = pair.us.store.overlaps.all()
    assert len(rows) == 1


def test_a_lookup_from_the_command_line(pair: Pair) -> None:
    kr, us = Katchi(pair.kr.folder), Katchi(pair.us.folder)
    urls(pair.kr, *range(3))
    urls(pair.us, *range(2, 50), first=1000)
    session = kr.asked("overlap", "propose", "us-cert", "url", "--lookup")["id"]
    until(lambda: bool(pair.us.store.overlaps.all()))
    us.good("overlap", "accept", session[:8])
    kr.good("overlap", "run", session)
    until(lambda: state(pair.us, session) == state(pair.kr, session) == "revealed")
    assert kr.asked("overlap", "show", session)["found"] == ["url:https://e2.example/a"]
    assert us.asked("overlap", "show", session)["mode"] == "lookup"


def test_what_cannot_be_is_said(pair: Pair) -> None:
    kr = Katchi(pair.kr.folder)
    assert "katchi overlap propose" in kr.good("overlap", "list").out
    assert kr("overlap", "show", "nothing").status == 3
    assert kr("overlap", "propose", "us-cert", "ipv4").status == 4
    assert kr("overlap", "propose", "us-cert", "url").status == 4
    assert kr("overlap", "propose", "nobody", "url").status == 3
