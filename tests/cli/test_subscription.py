"""`katchi subscription`: added, tried, read and watched from a terminal, without a secret in sight."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.node.clock import SystemClock
from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator
from tests.servers import Asked, Reply, Server, serving
from tests.taxii_model import SECOND, Model

TOKEN = "correct-horse-battery"


@pytest.fixture
def server() -> Iterator[Server]:
    """A TAXII server with seven objects, for those who have the token."""
    model = Model(SystemClock().now())
    for number in range(7):
        model.add(number, model.now - 3600 * SECOND + number)
    with serving(
        lambda asked: (
            model.answer(asked) if asked.headers.get("authorization") == f"Bearer {TOKEN}" else Reply(status=401)
        )
    ) as running:
        yield running


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with the token."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def subscribed(katchi: Katchi, server: Server, token: Path) -> Katchi:
    """A node that subscribes to the server as `isac`."""
    katchi.good(
        "subscription", "add", "isac", f"{server.url}/taxii2/", "--token-file", token, "--allow-private",
        "--every", "30m", "--match", "type=indicator",
    )  # fmt: skip
    return katchi


def test_what_can_be_read_is_shown_first(katchi: Katchi, server: Server, token: Path) -> None:
    arguments = ("subscription", "collections", server.url, "--token-file", token, "--allow-private")
    found = katchi.asked(*arguments)
    assert [each["alias"] for each in found["collections"] if each["can_read"]] == ["feed"]
    assert "Indicators" in katchi.good(*arguments).out


def test_added_tried_pulled_and_listed(subscribed: Katchi) -> None:
    tried = subscribed.asked("subscription", "try", "isac")
    assert (tried["stored"], tried["preview"], tried["whole"]) == (7, True, True)
    pulled = subscribed.asked("subscription", "pull", "isac")
    assert (pulled["stored"], pulled["refused"], pulled["preview"]) == (7, 0, False)
    (listed,) = subscribed.asked("subscription", "list")["subscriptions"]
    assert (listed["state"], listed["stored_total"], listed["every"]) == ("well", 7, 1800)
    assert listed["options"] == {"match[type]": "indicator"}
    assert listed["signs_in"] == "bearer"
    assert "isac" in subscribed.good("--language", "ko", "subscription", "list").out


def test_killed_in_the_middle_it_goes_on_where_it_was(subscribed: Katchi, server: Server) -> None:
    answer, pages = server.answer, itertools.count()
    asked_third, never = threading.Event(), threading.Event()

    def hang(asked: Asked) -> Reply:
        if asked.path.endswith("/objects/") and next(pages) == 2:
            asked_third.set()
            never.wait(30)
        return answer(asked)

    server.answer = hang
    command = [sys.executable, "-m", "katchi.cli", "--node", str(subscribed.folder), "subscription", "pull", "isac"]
    with subprocess.Popen(command) as process:
        assert asked_third.wait(30)
        process.kill()
    never.set()
    server.answer = answer
    count = len(server.asked)
    outcome = subscribed.asked("subscription", "pull", "isac")
    assert (outcome["stored"], outcome["held"]) == (1, 1)  # the last one before, once more: dates may be shared
    assert len(server.asked) == count + 1
    assert subscribed.asked("subscription", "list")["subscriptions"][0]["stored_total"] == 7


def test_paused_resumed_and_removed(subscribed: Katchi) -> None:
    subscribed.good("subscription", "pause", "isac")
    assert subscribed.asked("subscription", "list")["subscriptions"][0]["state"] == "paused"
    subscribed.good("subscription", "resume", "isac")
    assert subscribed.asked("subscription", "list")["subscriptions"][0]["state"] == "new"
    subscribed.good("subscription", "remove", "isac")
    assert subscribed.asked("subscription", "list") == {"subscriptions": []}
    assert "add NAME URL" in subscribed.good("subscription", "list").out


def test_the_secret_is_nowhere_to_be_seen(subscribed: Katchi, server: Server) -> None:
    server.answer = lambda _: Reply(status=403)
    failed = subscribed("subscription", "pull", "isac")
    assert failed.status == 1
    listed = subscribed.good("subscription", "list")
    document = subscribed.good("--json", "subscription", "list")
    assert "resume" in listed.err
    for answer in (failed, listed, document):
        assert TOKEN not in answer.out + answer.err


def test_a_password_may_come_from_standard_input(katchi: Katchi, server: Server) -> None:
    katchi.good(
        "subscription", "add", "isac", server.url, "--user", "kim", "--allow-private", given=b"a b\xc3\xa4\n"
    )  # fmt: skip
    katchi("subscription", "pull", "isac")
    assert server.asked[-1].headers["authorization"] == "Basic a2ltOmEgYsOk"


def test_a_refused_object_ends_in_one(katchi: Katchi) -> None:
    with serving(lambda _: Reply(bundle(indicator(1), indicator(2) | {"id": "malware--1"}))) as document:
        katchi.good("subscription", "add", "x", f"{document.url}/x", "--kind", "document", "--allow-private")
        answer = katchi("subscription", "pull", "x")
    assert answer.status == 1
    assert "1 new" in answer.out
    assert "malware--1" in answer.err


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("add", "x", "https://kim:hunter2@a.example/"), 2, "url-holds-secret"),
        (("add", "own", "https://a.example/"), 2, "subscription"),
        (("add", "x", "https://a.example/", "--kind", "stone-tablet"), 2, "unknown-kind"),
        (("add", "x", "https://a.example/", "--every", "1s"), 2, "subscription"),
        (("add", "x", "https://a.example/", "--every", "soon"), 2, "usage"),
        (("add", "x", "https://a.example/", "--match", "colour=red"), 2, "usage"),
        (("add", "x", "https://a.example/", "--password-file", "f"), 2, "usage"),
        (("add", "x", "https://a.example/", "--client-key", "f"), 2, "usage"),
        (("add", "x", "https://a.example/", "--token-file", "missing"), 3, "file"),
        (("add", "x", "https://a.example/", "--marking", "purple"), 2, "unmarked"),
        (("pull", "nobody"), 3, "unknown-subscription"),
        (("remove", "nobody"), 3, "unknown-subscription"),
        (("collections", "http://127.0.0.1:9/"), 1, "private-address"),
    ],
)
def test_what_goes_wrong_has_a_code_and_a_status(
    katchi: Katchi, arguments: tuple[str, ...], status: int, code: str
) -> None:
    answer = katchi("--json", "subscription", *arguments)
    assert (answer.status, json.loads(answer.out)["error"]["code"]) == (status, code)
    assert "hunter2" not in answer.out + answer.err
