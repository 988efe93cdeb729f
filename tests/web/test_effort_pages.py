"""The board of efforts and the page of one: from finding that work is done twice to doing it together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from katchi.node import effort_board, people
from katchi.node.terms import put_terms
from tests.node.test_efforts import wiper
from tests.node.test_overlap_after import NARROW, compared
from tests.node.test_overlapping import urls
from tests.nodes import Pair, a_pair, join, until
from tests.web.test_overlap_pages import signed_in
from tests.web.test_pages import TOKEN


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as both:
        join(both)
        for node in both:
            people.add(node, "lee", "releaser", "en", "correct horse battery")
            people.add(node, "choi", "analyst", "ko", "correct horse battery")
            people.add(node, "han", "reader", "ko", "correct horse battery")
        yield both


def send(client: httpx.Client, act: str, **values: str) -> httpx.Response:
    token = TOKEN.findall(client.get("/efforts").text)[0]
    return client.post(f"/efforts/{act}", data={"token": token, **values})


def test_from_the_same_work_to_a_joint_effort(pair: Pair) -> None:
    with signed_in(pair.kr.settings.url, "lee") as kr, signed_in(pair.us.settings.url, "lee") as us:
        assert kr.get("/efforts").text.count('class="empty"') == 4
        made = send(us, "begin", title="Wiper at broadcasters", kind="hunt", about="wiper[.]example\n" + "a" * 32,
                    techniques="t1561", words="파괴", alone="8", marking="amber", due="2026-12-24")  # fmt: skip
        assert "domain:wiper.example" in made.text
        theirs = re.findall(r"id=([0-9a-f]{32})", str(made.url))[0]
        ours = wiper(pair.kr, "방송사 와이퍼 분석")
        until(lambda: "The same work?" in kr.get("/efforts").text)
        board = kr.get("/efforts").text
        assert "nearly the same title" in board
        assert "wiper.example" in board
        shown = send(kr, "propose", effort=ours, partner="us-cert")
        assert "us-cert: asked" in shown.text
        until(lambda: "asks us to take part" in us.get("/").text)
        asked = us.get(f"/effort?id={ours}").text
        assert f'value="{theirs}" selected' in asked
        joined = send(us, "accept", effort=ours, own=theirs, alone="8")
        assert joined.status_code == 200
        until(lambda: "us-cert" in kr.get("/efforts").text.split("<h2>Joint")[1].split("</section>")[0])
        send(kr, "task", effort=ours, title="read the sample", who=pair.us.settings.node_id)
        send(kr, "say", effort=ours, said="<b>한국에서</b>")
        until(lambda: "&lt;b&gt;한국에서" in us.get(f"/effort?id={ours}").text)  # said last, so it comes last
        timeline = us.get(f"/effort?id={ours}").text
        assert "read the sample" in timeline
        task = re.findall(r'name="task" value="([0-9a-f]{8})"', timeline)[0]
        send(us, "task", effort=ours, task=task, who="own", state="done")
        changed = send(us, "change", effort=ours, state="done", spent="3", about="wiper.example\nnew.example")
        assert "new.example" in changed.text
        until(lambda: effort_board.portrait(pair.kr, ours).seen.effort.state == "done")
        send(kr, "change", effort=ours, alone="10", spent="4")
        until(lambda: '<b class="score">11</b>' in us.get("/efforts").text)
        assert "Worked on" not in us.get("/thing?key=domain:wiper.example").text  # it is done


def test_a_thing_says_who_works_on_it_and_a_page_what_keeps_it_here(pair: Pair) -> None:
    put_terms(pair.kr, "us-cert", NARROW, person="kim")
    effort = wiper(pair.kr)
    with signed_in(pair.kr.settings.url, "lee") as kr:
        assert f"/effort?id={effort}" in kr.get("/thing?key=domain:wiper.example").text
        shown = send(kr, "propose", effort=effort, partner="us-cert")
        assert "The terms do not let it go in full to:" in shown.text


def test_who_may_what_and_errors_are_said(pair: Pair) -> None:
    effort = wiper(pair.kr)
    with (
        signed_in(pair.kr.settings.url, "lee") as lee, signed_in(pair.kr.settings.url, "choi") as choi,
        signed_in(pair.kr.settings.url, "han") as han,
    ):  # fmt: skip
        wrong = send(lee, "begin", title="Kept", due="soon", about="what is it")
        assert (wrong.status_code, 'role="alert"' in wrong.text, 'value="Kept"' in wrong.text) == (400, True, True)
        assert send(lee, "change", effort=effort, due="soon").status_code == 400
        assert lee.get("/effort?id=nothing").status_code == 404
        assert send(choi, "say", effort=effort, said="분석 중").status_code == 200
        assert send(choi, "propose", effort=effort, partner="us-cert").status_code == 403
        assert send(han, "say", effort=effort, said="x").status_code == 403
        assert "작업" in han.get("/efforts").text
        assert "/efforts/say" not in han.get(f"/effort?id={effort}").text
    assert effort_board.portrait(pair.kr, effort).seen.effort.members == {}


def test_after_a_reveal_the_page_offers_what_to_do(pair: Pair) -> None:
    put_terms(pair.kr, "us-cert", NARROW, person="kim")
    urls(pair.kr, *range(30))
    urls(pair.us, *range(20, 60), first=1000)
    session = compared(pair)
    with signed_in(pair.kr.settings.url, "lee") as kr, signed_in(pair.us.settings.url, "lee") as us:
        shown = kr.get(f"/overlap?session={session}").text
        assert "that would go and do not yet: <b>10</b>" in shown
        assert "objects = [" in shown
        token = TOKEN.findall(shown)[0]
        told = kr.post("/overlaps/tell", data={"token": token, "session": session})
        assert "that would go and do not yet: <b>0</b>" in told.text
        token = TOKEN.findall(us.get("/overlaps").text)[0]
        together = us.post("/overlaps/together", data={"token": token, "session": session, "title": "Ten pages"})
        assert "Ten pages" in together.text
        until(lambda: "Ten pages" in kr.get("/efforts").text)
