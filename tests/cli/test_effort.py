"""`katchi effort`: two nodes, each led from its command line, stop doing the same work twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.node.terms import put_terms
from tests.cli.conftest import Katchi
from tests.node.test_overlap_after import NARROW, compared
from tests.node.test_overlapping import urls
from tests.nodes import Pair, a_pair, join, until


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as both:
        join(both)
        yield both


@pytest.fixture
def sides(pair: Pair) -> tuple[Katchi, Katchi]:
    return Katchi(pair.kr.folder), Katchi(pair.us.folder)


def test_what_is_done_twice_is_found_and_done_together(sides: tuple[Katchi, Katchi]) -> None:
    kr, us = sides
    assert "katchi effort begin" in kr.good("effort", "list").out
    ours = kr.asked("effort", "begin", "Wiper at broadcasters", "--kind", "hunt", "--about", "wiper[.]example",
                    "--technique", "t1561", "--days", "10", "--marking", "amber",
                    "--due", "2026-12-24")["id"]  # fmt: skip
    theirs = us.asked("effort", "begin", "방송사 와이퍼 분석", "--about", "wiper.example", "--days", "8",
                      "--marking", "amber")["id"]  # fmt: skip
    until(lambda: len(us.asked("effort", "twice")["twice"]) == 1)
    said = us.good("effort", "twice").out
    assert "domain:wiper.example" in said
    assert "Wiper at broadcasters" in said
    assert "joint" not in us.good("effort", "propose", theirs[:8], "kr-cert").out
    until(lambda: any(each["side"] == "asked" for each in kr.asked("effort", "list")["efforts"]))
    kr.good("effort", "accept", theirs, "--own", ours)
    until(lambda: us.asked("effort", "show", theirs)["with"] == ["kr-cert"]
          and us.asked("effort", "show", ours)["state"] == "merged")  # fmt: skip
    kr.good("effort", "task", theirs, "read the sample", "--who", "us-cert")
    kr.good("effort", "say", theirs, "우리가 로그를 봅니다")
    until(lambda: "우리가 로그를 봅니다" in us.good("effort", "show", theirs).out)
    us.good("effort", "task", theirs, "read the sample", "--state", "done")
    us.good("effort", "change", theirs, "--state", "done", "--spent", "3")
    kr.good("effort", "change", theirs, "--spent", "2.5", "--without", "wiper.example", "--word", "wiper")
    until(lambda: us.asked("effort", "saved")["person_days"] == 12.5)
    assert "12.5" in us.good("effort", "saved").out
    shown = us.asked("effort", "show", theirs)
    assert (shown["about"], shown["words"], shown["tasks"][0]["state"]) == ([], ["wiper"], "done")
    assert [each["id"] for each in us.asked("effort", "list", "--over")["efforts"] if each["side"] == "joint"] == [
        theirs
    ]


def test_a_suggestion_can_be_put_aside_and_a_proposal_declined(sides: tuple[Katchi, Katchi]) -> None:
    kr, us = sides
    ours = kr.asked("effort", "begin", "Emotet loader", "--marking", "amber")["id"]
    theirs = us.asked("effort", "begin", "Emotet botnet", "--marking", "amber")["id"]
    until(lambda: len(kr.asked("effort", "twice")["twice"]) == 1)
    kr.good("effort", "apart", ours, theirs)
    assert "twice" in kr.good("effort", "twice").out
    us.good("effort", "propose", theirs, "kr-cert")
    until(lambda: any(each["side"] == "asked" for each in kr.asked("effort", "list")["efforts"]))
    kr.good("effort", "decline", theirs, "--why", "another family")
    until(lambda: "another family" in us.good("effort", "show", theirs).out)


def test_what_cannot_be_is_said(sides: tuple[Katchi, Katchi], pair: Pair) -> None:
    kr, _ = sides
    for wrong in (
        ("begin", "x", "--kind", "party"), ("begin", "x", "--due", "soon"), ("begin", "x", "--days", "many"),
        ("begin", "x", "--about", "what is it"), ("begin", "x", "--marking", "purple"), ("begin", ""),
        ("show", "nothing"), ("propose", "nothing", "us-cert"),
    ):  # fmt: skip
        assert kr("effort", *wrong).status in (1, 2, 3, 4), wrong
    assert kr.asked("effort", "list")["efforts"] == []
    private = kr.asked("effort", "begin", "Private")["id"]
    assert "RED" in kr("effort", "propose", private, "us-cert").err
    assert kr("effort", "task", private, "x", "--who", "nobody-known").status != 0
    put_terms(pair.kr, "us-cert", NARROW, person="kim")
    kr.good("effort", "change", private, "--marking", "amber")
    assert "us-cert" in kr.good("effort", "propose", private, "us-cert").err


def test_after_a_reveal_reports_go_or_work_is_shared(sides: tuple[Katchi, Katchi], pair: Pair) -> None:
    kr, us = sides
    put_terms(pair.kr, "us-cert", NARROW, person="kim")
    urls(pair.kr, *range(30))
    urls(pair.us, *range(20, 60), first=1000)
    session = compared(pair)
    told = kr.good("overlap", "tell", session[:8])
    assert f"overlap {session[:8]}" in told.out
    assert kr.asked("overlap", "tell", session, "--put")["in_force"] is True
    until(lambda: len([each for each in pair.us.store.log.after(0, 1000) if each.origin == "kr-cert"]) >= 10)
    effort = us.asked("overlap", "together", session, "--title", "Ten pages")["effort"]
    until(lambda: [effort] == [each["id"] for each in kr.asked("effort", "list")["efforts"] if each["side"] == "asked"])
