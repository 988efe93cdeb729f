"""The console as people use it: who may do what, in both languages, with hostile text, without and with a browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from katchi.node import partnering, people, subscribing
from katchi.node.receive import receive
from katchi.node.wiring import Node
from katchi.web.serve import serving
from tests.nodes import a_node, until
from tests.objects import bundle, indicator, stix_object
from tests.servers import Reply
from tests.servers import serving as saying
from tests.web.conftest import add_tool

PAGES = (
    "/",
    "/things",
    "/thing?key=ipv4:198.51.100.1",
    "/objects",
    "/partners",
    "/partners/siem",
    "/subscriptions",
    "/ledger",
)
TOKEN = re.compile(r'name="token" value="(\w+)"')


@dataclass
class Console:
    """A served node and passwords by role."""

    node: Node
    passwords: dict[str, str]

    def browser(self) -> httpx.Client:
        """Somebody who has not signed in."""
        return httpx.Client(base_url=self.node.settings.url, follow_redirects=True, timeout=30)

    @contextlib.contextmanager
    def signed_in(self, role: str, language: str = "en") -> Iterator[httpx.Client]:
        """Somebody of this role; the name is the role's."""
        with self.browser() as client:
            client.post("/language", data={"language": language})
            form = token(client, "/sign-in")
            answer = client.post("/sign-in", data={"token": form, "name": role, "password": self.passwords[role]})
            assert answer.status_code == 200
            assert answer.url.path == "/"
            yield client


def token(client: httpx.Client, path: str) -> str:
    found = TOKEN.search(client.get(path).text)
    assert found, f"{path} has no form"
    return found[1]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """A served node with somebody of each role, a tool and a few objects."""
    with a_node(tmp_path / "node", "kr-cert") as node:
        passwords = {role: people.add(node, role, role, "en") for role in people.ROLES}
        add_tool(node, "siem", "secret of the siem")
        receive(node, bundle(indicator(1), indicator(2)), via="test", submitter="kim")
        with serving(node):
            yield Console(node, passwords)


@pytest.mark.parametrize("path", [*PAGES, "/import", f"/objects/{indicator(1)['id']}"])
def test_nobody_sees_a_page_without_signing_in(console: Console, path: str) -> None:
    with console.browser() as client:
        assert client.get(path).url.path == "/sign-in"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_page_answers_in_the_language_that_was_chosen(console: Console, language: str) -> None:
    with console.signed_in("administrator", language) as client:
        for path in [*PAGES, "/import", f"/objects/{indicator(1)['id']}"]:
            page = client.get(path)
            assert page.status_code == 200, path
            assert f'<html lang="{language}">' in page.text
            assert ("로그아웃" in page.text) == (language == "ko")


def test_wrong_name_and_wrong_password_get_the_same_answer(console: Console) -> None:
    answers = []
    for name, password in (("reader", "wrong"), ("nobody", "wrong")):
        with console.browser() as client:
            form = token(client, "/sign-in")
            answer = client.post("/sign-in", data={"token": form, "name": name, "password": password})
            answers.append((answer.status_code, TOKEN.sub("", answer.text)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_guessing_passwords_is_slowed_down(console: Console) -> None:
    with console.browser() as client:
        form = token(client, "/sign-in")
        codes = [
            client.post("/sign-in", data={"token": form, "name": "guessed", "password": str(guess)}).status_code
            for guess in range(9)
        ]
    assert codes[-1] == 429


@pytest.mark.parametrize("before", ["²", "9" * 300, "-1", "x"])
def test_a_place_that_is_none_shows_the_newest(console: Console, before: str) -> None:
    with console.signed_in("reader") as client:
        assert client.get("/objects", params={"before": before}).status_code == 200


def test_a_tools_page_says_where_it_polls(console: Console) -> None:
    with console.signed_in("reader") as client:
        shown = client.get("/partners/siem").text
    assert f"{console.node.settings.url}/feeds/all/dns-rpz" in shown
    assert f"{console.node.settings.url}/taxii2/" in shown


def test_a_form_from_another_site_does_nothing(console: Console) -> None:
    with console.signed_in("releaser") as client:
        answer = client.post("/partners/siem/suspend", data={"token": "0" * 64})
    assert answer.status_code == 403
    assert console.node.store.partners.one("siem").state == "active"


@pytest.mark.parametrize(
    ("role", "may_import", "may_suspend"),
    [("reader", False, False), ("analyst", True, False), ("releaser", True, True), ("administrator", True, True)],
)
def test_each_role_may_do_its_part_and_no_more(
    console: Console, role: str, may_import: bool, may_suspend: bool
) -> None:
    with console.signed_in(role) as client:
        assert (client.get("/import").status_code == 200) is may_import
        form = token(client, "/partners/siem")
        client.post("/partners/siem/suspend", data={"token": form})
    assert (console.node.store.partners.one("siem").state == "suspended") is may_suspend


def test_an_upload_is_accounted_for_object_by_object(console: Console) -> None:
    lying = indicator(4) | {"id": "malware--b1e6a7b2-6f0f-4c53-8b4e-1d4f0f9a7c11"}
    with console.signed_in("analyst") as client:
        form = token(client, "/import")
        document = bundle(indicator(1), indicator(3), lying)
        page = client.post("/import", data={"token": form}, files={"file": ("report.json", document)})
    assert page.status_code == 200
    assert re.findall(r"<b>(\d+)</b>", page.text)[:3] == ["1", "1", "1"]
    assert lying["id"] in page.text


def test_a_file_that_is_no_json_is_refused_on_the_page(console: Console) -> None:
    with console.signed_in("analyst") as client:
        form = token(client, "/import")
        page = client.post("/import", data={"token": form}, files={"file": ("x.json", b'{"objects": [')})
    assert page.status_code == 422
    assert len(console.node.store.log.after(0, 100)) == 2


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Not let in: waits for you", "The server does not let us in.", "check what it signs in with")),
        ("ko", ("로그인 거부: 조치 필요", "서버가 접근을 거부했습니다.", "로그인 정보를 확인한 뒤")),
    ],
)
def test_a_subscriptions_health_is_told_in_words_with_what_to_do(
    console: Console, language: str, words: tuple[str, ...]
) -> None:
    with console.signed_in("reader", language) as client:
        assert "katchi subscription add" in client.get("/subscriptions").text
        with saying(lambda _asked: Reply(status=401)) as server:
            wanted = subscribing.Wanted(url=f"{server.url}/x?key=hunter2", allows_private=True)
            subscribing.add(console.node, "isac", "document", wanted)
            until(lambda: console.node.store.subscriptions.one("isac").trouble is not None)
        page = client.get("/subscriptions").text
    assert [word for word in words if word not in page] == []
    assert "katchi subscription resume isac" in page
    assert "hunter2" not in page


def test_a_server_cannot_write_on_the_page(console: Console) -> None:
    with (
        console.signed_in("reader") as client,
        saying(lambda _asked: Reply(b'{"<script>alert(1)</script>": 1}')) as server,
    ):
        subscribing.add(console.node, "isac", "taxii", subscribing.Wanted(url=server.url, allows_private=True))
        until(lambda: console.node.store.subscriptions.one("isac").trouble is not None)
        page = client.get("/subscriptions").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_hostile_text_is_shown_and_never_run(console: Console) -> None:
    hostile = stix_object("malware", 7, name="<script>alert(1)</script>", is_family=True, description="\"'><img src=x>")
    receive(console.node, bundle(hostile), via="test", submitter="kim")
    with console.signed_in("reader") as client:
        for path in ("/", "/objects", f"/objects/{hostile['id']}"):
            page = client.get(path)
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("words", ["198.51.100.1", "198[.]51[.]100[.]1", "address 1", indicator(1)["id"]])
def test_an_object_is_found_by_value_defanged_value_words_and_id(console: Console, words: str) -> None:
    with console.signed_in("reader") as client:
        page = client.get("/objects", params={"q": words})
    assert indicator(1)["id"] in page.text
    assert indicator(2)["id"] not in page.text


def test_the_words_that_were_heard_must_agree(console: Console, tmp_path: Path) -> None:
    invitation = partnering.invite(console.node, "us-cert", person="kim").to_text()
    with a_node(tmp_path / "us", "us-cert") as us:
        partnering.join(us, invitation, name="kr-cert", person="park")
        words = partnering.words(partnering.one(us, "kr-cert"), "ko")
    with console.signed_in("releaser") as client:
        form = token(client, "/partners/us-cert")
        client.post("/partners/us-cert/confirm", data={"token": form, "words": "one two three four five six"})
        assert console.node.store.partners.one("us-cert").state == "introduced"
        client.post("/partners/us-cert/confirm", data={"token": form, "words": " ".join(words)})
    assert console.node.store.partners.one("us-cert").state == "active"


def test_signing_out_ends_the_session_on_the_node(console: Console) -> None:
    with console.signed_in("reader") as client:
        cookie = client.cookies["katchi-session"]
        client.post("/sign-out", data={"token": token(client, "/")})
        client.cookies.set("katchi-session", cookie)
        assert client.get("/").url.path == "/sign-in"


@contextlib.contextmanager
def browsing(console: Console, width: int = 1280) -> Iterator[Any]:
    """A page of a real browser in which the administrator signed in by the keyboard; any trouble fails the test."""
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have Debian's chromium: make browser")
        pytest.skip("no chromium: make browser installs Debian's")
    from playwright.sync_api import sync_playwright

    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": width, "height": 900}, locale="ko")
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda problem: troubles.append(str(problem)))
        page.goto(f"{console.node.settings.url}/sign-in")
        page.wait_for_selector("#name:focus")  # a loaded page may have the focus still to give
        page.keyboard.type("administrator")
        page.keyboard.press("Tab")
        page.keyboard.type(console.passwords["administrator"])
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        yield page
        browser.close()
    assert troubles == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_walks_all_pages_without_trouble(console: Console, width: int) -> None:
    with browsing(console, width) as page:
        for path in [*PAGES, "/import", f"/objects/{indicator(1)['id']}"]:
            page.goto(f"{console.node.settings.url}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways"
