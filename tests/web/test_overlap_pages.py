"""The page of private overlaps: proposals wait for those who may release, and say what they ask."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from katchi.node import people
from tests.node.test_overlapping import state, urls
from tests.nodes import Pair, a_pair, join, until
from tests.web.test_pages import TOKEN


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as both:
        join(both)
        for node in both:
            people.add(node, "lee", "releaser", "en", "correct horse battery")
            people.add(node, "choi", "analyst", "ko", "correct horse battery")
        yield both


@contextlib.contextmanager
def signed_in(url: str, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, follow_redirects=True, timeout=30) as client:
        token = TOKEN.findall(client.get("/sign-in").text)[0]
        client.post("/sign-in", data={"token": token, "name": name, "password": "correct horse battery"})
        yield client


def send(client: httpx.Client, act: str, **values: str) -> httpx.Response:
    token = TOKEN.findall(client.get("/overlaps").text)[0]
    return client.post(f"/overlaps/{act}", data={"token": token, **values})


def test_two_people_find_what_both_have(pair: Pair) -> None:
    urls(pair.kr, *range(30))
    urls(pair.us, *range(18, 50), first=1000)
    with signed_in(pair.kr.settings.url, "lee") as kr, signed_in(pair.us.settings.url, "lee") as us:
        assert 'class="empty"' in kr.get("/overlaps").text
        assert send(kr, "propose", partner="us-cert", kind="url").status_code == 200
        session = pair.kr.store.overlaps.all()[0].id
        until(lambda: bool(pair.us.store.overlaps.all()))
        assert "Accept" in us.get("/overlaps").text
        assert "waits for you to accept" in us.get("/").text
        send(us, "accept", session=session)
        until(lambda: state(pair.kr, session) == state(pair.us, session) == "counted")
        assert "Agree to reveal which" in kr.get("/overlaps").text
        assert "https://e18.example/a" not in kr.get("/overlaps").text
        send(kr, "agree", session=session)
        send(us, "agree", session=session)
        until(lambda: state(pair.kr, session) == state(pair.us, session) == "revealed")
        for client in (kr, us):
            assert f"/overlap?session={session}" in client.get("/overlaps").text
            assert "https://e18.example/a" in client.get(f"/overlap?session={session}").text
        assert kr.get("/overlap?session=nothing").status_code == 404


def test_a_lookup_says_who_learns_what(pair: Pair) -> None:
    urls(pair.kr, *range(5))
    urls(pair.us, *range(3, 50), first=1000)
    with signed_in(pair.kr.settings.url, "lee") as kr, signed_in(pair.us.settings.url, "lee") as us:
        send(kr, "propose", partner="us-cert", kind="url", mode="lookup")
        session = pair.kr.store.overlaps.all()[0].id
        until(lambda: bool(pair.us.store.overlaps.all()))
        assert "they learn which of theirs we hold" in us.get("/overlaps").text
        send(us, "accept", session=session)
        until(lambda: state(pair.kr, session) == state(pair.us, session) == "revealed")
        assert "https://e4.example/a" in kr.get(f"/overlap?session={session}").text
        assert "https://e4.example/a" not in us.get(f"/overlap?session={session}").text


def test_only_who_may_release_may_compare_and_errors_are_said(pair: Pair) -> None:
    with signed_in(pair.kr.settings.url, "lee") as lee, signed_in(pair.kr.settings.url, "choi") as choi:
        few = send(lee, "propose", partner="us-cert", kind="url")
        assert (few.status_code, 'role="alert"' in few.text) == (400, True)
        assert send(lee, "propose", partner="us-cert", kind="ipv4").status_code == 400
        assert send(lee, "agree", session="nothing").status_code == 400
        assert send(choi, "propose", partner="us-cert", kind="url").status_code == 403
        assert "비공개 대조" in choi.get("/overlaps").text
    assert pair.kr.store.overlaps.all() == []
