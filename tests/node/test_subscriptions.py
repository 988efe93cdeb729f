"""A node that reads from others: everything comes, once, as it was; and what each bad server does to its state."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from katchi import policy
from katchi.errors import KatchiError
from katchi.exchange.connecting import StoppedError
from katchi.exchange.fetching import ServerBusyError, SignInRefusedError
from katchi.node import partnering, subscribing, subscriptions, terms
from katchi.node.clock import SetClock
from katchi.node.receive import receive
from katchi.node.subscribing import Secret, UnusableSubscriptionError, Wanted
from katchi.node.subscriptions import BusySubscriptionError, Rounds, pull, rehearse, state_of, trouble_of
from katchi.node.wiring import Node, open_node
from katchi.store.subscriptions import Counts, SubscriptionExistsError, UnknownSubscriptionError
from katchi.web.serve import serving as serving_node
from tests.nodes import a_node, until
from tests.objects import bundle, indicator
from tests.servers import Answer, Reply, Server, serving
from tests.taxii_model import COLLECTION, SECOND, TAXII, Model
from tests.web.conftest import SECRET, add_tool

HOUR = 3600 * SECOND


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that subscribes, on a clock of its own."""
    with a_node(tmp_path / "reader", "kr-cert") as made:
        made.clock = SetClock(made.clock.now())
        yield made


def always(reply: Reply) -> Answer:
    return lambda _asked: reply


def subscribe(node: Node, url: str, kind: str = "taxii", **more: Any) -> None:
    subscribing.add(node, "feed", kind, Wanted(url=url, allows_private=True, **more))


def held(node: Node) -> list[bytes]:
    return [bytes(entry.raw) for entry in node.store.log.after(0, 1_000_000)]


def grown(node: Node, count: int, **how: Any) -> Model:
    model = Model(node.clock.now(), **how)
    for number in range(count):
        model.add(number, model.now - HOUR + number * SECOND)
    return model


def one(node: Node) -> Any:
    return node.store.subscriptions.one("feed")


# ---- from another Katchi node ------------------------------------------------------------------------


def test_everything_of_another_node_comes_byte_for_byte(node: Node, tmp_path: Path) -> None:
    with a_node(tmp_path / "server", "us-cert") as other:
        add_tool(other, "siem", SECRET)
        receive(other, bundle(*(indicator(n) for n in range(2500))), via="test", submitter="park")
        with serving_node(other):
            until(lambda: other.store.partners.one("siem").judged_seq == other.store.log.end()[0])
            wanted = Wanted(
                url=f"{other.settings.url}/taxii2/", allows_private=True, how="basic", user="siem",
                options={"collection": "exchange"},
            )  # fmt: skip
            subscribing.add(node, "feed", "taxii", wanted, Secret(SECRET))
            outcome = pull(node, "feed")
            assert outcome.counts.stored == 2500
            assert sorted(held(node)) == sorted(held(other))
            receive(other, bundle(indicator(9000)), via="test", submitter="park")
            until(lambda: other.store.partners.one("siem").judged_seq == other.store.log.end()[0])
            assert pull(node, "feed").counts.stored == 1
    assert state_of(one(node)) == "well"
    assert one(node).stored_total == 2501


# ---- where it comes from, and where it may go --------------------------------------------------------


def test_what_came_bears_the_subscriptions_name_and_goes_nowhere_by_itself(node: Node) -> None:
    partnering.add_tool(node, "park", person="kim")
    text = 'format = 1\npartner = "park"\n[[release]]\nname = "ours"\nup-to = "amber"\ntypes = ["all"]\n'
    terms.put_terms(node, "park", text, person="kim")
    model = grown(node, 1)
    with serving(model.answer) as server:
        subscribe(node, server.url)
        pull(node, "feed")
    (entry,) = node.store.log.after(0, 10)
    assert (entry.origin, entry.via) == ("feed", "subscription:feed")
    decision = terms.explain(node, entry.object_id, "park").decision
    assert isinstance(decision, policy.Withheld)
    forwarding = text + 'sources = ["feed"]\nforward-up-to = "green"\n'
    terms.put_terms(node, "park", forwarding, person="kim")
    assert not isinstance(terms.explain(node, entry.object_id, "park").decision, policy.Withheld)


# ---- resumed, tried, stopped, exclusive --------------------------------------------------------------


def test_a_reading_that_breaks_off_keeps_what_came_and_goes_on_after_it(node: Node) -> None:
    model = grown(node, 9)
    with serving(model.answer) as server:
        subscribe(node, server.url)
        pages = iter(range(100))
        server.answer = lambda asked: (
            Reply(b"", 500) if asked.path.endswith("/objects/") and next(pages) == 2 else model.answer(asked)
        )
        with pytest.raises(KatchiError):
            pull(node, "feed")
        assert len(held(node)) == 6
        assert state_of(one(node)) == "troubled"
        asked = len(model.asked)
        assert pull(node, "feed").counts.stored == 3
        assert f"/api/collections/{COLLECTION}/objects/" in model.asked[asked]
        assert "added_after" in model.asked[asked]
    assert state_of(one(node)) == "well"
    assert trouble_of(one(node)) is None


def test_a_process_killed_between_objects_and_bookmark_reads_them_again_and_stores_nothing_twice(node: Node) -> None:
    model = grown(node, 6)
    with serving(model.answer) as server:
        subscribe(node, server.url)
        pull(node, "feed")
        assert pull(node, "feed").counts == Counts()
        outcome = pull(node, "feed", from_start=True)
    assert (outcome.counts.stored, outcome.counts.held) == (0, 6)
    assert len(held(node)) == 6


def test_a_rehearsal_says_what_would_come_and_keeps_nothing(node: Node) -> None:
    model = grown(node, 100)
    with serving(model.answer) as server:
        subscribe(node, server.url)
        before = one(node)
        outcome = rehearse(node, "feed")
    assert outcome.counts.stored == 30
    assert [each.name for each in outcome.first[:2]] == ["address 0", "address 1"]
    assert len(outcome.first) == 20
    assert not outcome.is_whole
    assert held(node) == []
    assert one(node) == before


def test_a_stop_is_heard_between_pages_and_is_no_trouble(node: Node) -> None:
    model = grown(node, 9)
    with serving(model.answer) as server:
        subscribe(node, server.url)
        with pytest.raises(StoppedError):
            pull(node, "feed", is_stopping=lambda: len(held(node)) >= 3)
    assert len(held(node)) == 3
    assert trouble_of(one(node)) is None
    assert one(node).next_due <= node.clock.now()


def test_a_subscription_is_read_by_one_at_a_time(node: Node) -> None:
    model, began, go_on = grown(node, 3), threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        go_on.wait(10)

    model.before_page = wait
    with serving(model.answer) as server:
        subscribe(node, server.url)
        thread = threading.Thread(target=pull, args=(node, "feed"))
        thread.start()
        assert began.wait(10)
        with pytest.raises(BusySubscriptionError):
            pull(node, "feed")
        go_on.set()
        thread.join()
    assert trouble_of(one(node)) is None


def test_a_bad_object_is_refused_and_listed_and_the_others_stay(node: Node) -> None:
    model = grown(node, 3)
    model.items.append((model.now - HOUR, json.dumps(indicator(5) | {"id": "malware--1"}).encode()))
    with serving(model.answer) as server:
        subscribe(node, server.url)
        outcome = pull(node, "feed")
    assert (outcome.counts.stored, outcome.counts.refused) == (3, 1)
    assert outcome.problems[0].object_id == "malware--1"
    assert one(node).refused_total == 1


# ---- servers that misbehave: the right error, and the right state ------------------------------------


def broken(body: bytes, **headers: str) -> Reply:
    return Reply(body, 200, {"Content-Type": TAXII, **headers})


@pytest.mark.parametrize(
    ("reply", "code", "state", "wait"),
    [
        (Reply(status=401), "sign-in-refused", "refused", None),
        (Reply(status=403), "sign-in-refused", "refused", None),
        (Reply(status=404), "server-said-no", "troubled", 60),
        (Reply(status=429, headers={"Retry-After": "3600"}), "server-busy", "waiting", 3600),
        (Reply(status=503, headers={"Retry-After": "9999999"}), "server-busy", "waiting", 86_400),
        (Reply(status=429, headers={"Retry-After": "nonsense"}), "server-busy", "waiting", 60),
        (Reply(status=500), "server-trouble", "troubled", 60),
        (Reply(status=302, headers={"Location": "/taxii2/"}), "redirect-refused", "troubled", 60),
        (Reply(status=302, headers={"Location": "http://169.254.169.254/x"}), "private-address", "troubled", 60),
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), "server-misbehaves", "troubled", 60),
        (broken(b'{"title": "x", "api_roots": ["http://other.example/"]}'), "server-misbehaves", "troubled", 60),
        (broken(b"\x1f\x8b broken", **{"Content-Encoding": "gzip"}), "server-misbehaves", "troubled", 60),
        (broken(gzip.compress(bytes(50_000_000)), **{"Content-Encoding": "gzip"}), "answer-too-large", "troubled", 60),
        (Reply(raw=lambda connection: connection.write(b"SSH-2.0\r\n\r\n")), "server-misbehaves", "troubled", 60),
        (broken(b'{"collections": []}'), "collection-unclear", "troubled", 60),
    ],
)
def test_a_bad_server_leaves_a_trouble_that_says_what_and_when(
    node: Node, reply: Reply, code: str, state: str, wait: int | None
) -> None:
    limits = replace_limits(node, 10_000_000)
    with serving(always(reply)) as server:
        subscribe(limits, server.url)
        with pytest.raises(KatchiError) as caught:
            pull(limits, "feed")
    row = one(node)
    trouble = trouble_of(row)
    assert caught.value.code == code
    assert trouble is not None
    assert (trouble.code, state_of(row), row.failures) == (code, state, 1)
    assert trouble.remedy
    assert row.next_due == (None if wait is None else node.clock.now() + wait * SECOND)
    assert held(node) == []
    assert row.bookmark == b"{}"


def replace_limits(node: Node, size: int) -> Node:
    import msgspec

    limits = msgspec.structs.replace(node.settings.limits, max_document=size)
    return replace(node, settings=msgspec.structs.replace(node.settings, limits=limits))


def test_failures_are_waited_out_longer_and_longer_up_to_a_cap() -> None:
    waits = [subscriptions.next_try(KatchiError("x"), failures, 0) for failures in range(40)]
    assert [wait // SECOND for wait in waits[:5] if wait] == [60, 120, 240, 480, 960]
    assert waits[-1] == 6 * HOUR
    assert subscriptions.next_try(SignInRefusedError("x"), 0, 0) is None
    busy = ServerBusyError("x")
    busy.wait = 24 * HOUR
    assert subscriptions.next_try(busy, 30, 0) == 24 * HOUR


def test_nobody_knocks_again_where_the_password_was_refused_until_a_person_resumes_it(node: Node) -> None:
    with serving(always(Reply(status=401))) as server:
        subscribe(node, server.url)
        with pytest.raises(SignInRefusedError):
            pull(node, "feed")
        node.clock.forward(1000 * HOUR)  # type: ignore[attr-defined]
        assert node.store.subscriptions.due(node.clock.now()) == []
        subscribing.resume(node, "feed")
        assert node.store.subscriptions.due(node.clock.now()) == ["feed"]


# ---- documents ---------------------------------------------------------------------------------------


@pytest.fixture
def document(node: Node) -> Iterator[Server]:
    """A server with one document."""
    with serving(always(Reply())) as server:
        yield server


def test_a_bundle_at_an_address_is_read_and_asked_for_again_only_if_it_changed(node: Node, document: Server) -> None:
    body = bundle(indicator(1), indicator(2))
    document.answer = lambda asked: (
        Reply(status=304) if asked.headers.get("if-none-match") == '"a"' else Reply(body, headers={"ETag": '"a"'})
    )
    subscribe(node, document.url + "/feed.json", "document")
    assert pull(node, "feed").counts.stored == 2
    assert pull(node, "feed").counts == Counts()
    assert document.asked[-1].headers["if-none-match"] == '"a"'


def test_the_same_bytes_under_another_etag_are_not_taken_again(node: Node, document: Server) -> None:
    tags = iter(range(10))
    document.answer = lambda _: Reply(bundle(indicator(1)), headers={"ETag": f'"{next(tags)}"'})
    subscribe(node, document.url + "/feed.json", "document")
    assert [pull(node, "feed").counts.stored for _ in range(2)] == [1, 0]


def test_a_list_needs_a_marking_and_a_line_more_is_one_object_more(node: Node, document: Server) -> None:
    document.answer = always(Reply(b"evil.example\n"))
    subscribe(node, document.url + "/list.txt", "document")
    with pytest.raises(KatchiError) as caught:
        pull(node, "feed")
    assert caught.value.code == "unmarked"
    assert held(node) == []
    subscribing.remove(node, "feed")
    subscribe(node, document.url + "/list.txt", "document", marking="amber")
    assert pull(node, "feed").counts.stored == 1
    node.clock.forward(HOUR)  # type: ignore[attr-defined]
    document.answer = always(Reply(b"evil.example\nworse.example\n"))
    outcome = pull(node, "feed")
    assert (outcome.counts.stored, outcome.counts.held) == (1, 1)


def test_a_packed_document_is_opened_within_limits(node: Node, document: Server) -> None:
    document.answer = always(Reply(gzip.compress(bundle(indicator(1)))))
    subscribe(node, document.url + "/feed.json.gz", "document")
    assert pull(node, "feed").counts.stored == 1
    document.answer = always(Reply(gzip.compress(b"[" + b" " * 30_000_000 + b"]")))
    with pytest.raises(KatchiError) as caught:
        pull(replace_limits(node, 1_000_000), "feed")
    assert caught.value.code == "archive-too-large"


@pytest.mark.parametrize("body", [b"\x7fELF" + bytes(100), b'{"objects": [', b"", b"[" * 100_000])
def test_what_is_no_document_changes_nothing(node: Node, document: Server, body: bytes) -> None:
    document.answer = always(Reply(body))
    subscribe(node, document.url + "/x", "document", marking="red")
    try:
        outcome = pull(node, "feed")
        assert outcome.counts.stored == 0
    except KatchiError:
        assert state_of(one(node)) == "troubled"
    assert held(node) == []


# ---- secrets, names, settings -----------------------------------------------------------------------


def test_a_secret_is_in_a_file_for_its_owner_and_nowhere_else(node: Node) -> None:
    secret = "correct-horse-battery"
    with serving(always(Reply(status=500))) as server:
        wanted = Wanted(url=server.url, allows_private=True, how="bearer")
        subscribing.add(node, "feed", "taxii", wanted, Secret(secret))
        with pytest.raises(KatchiError) as caught:
            pull(node, "feed")
        assert server.asked[0].headers["authorization"] == f"Bearer {secret}"
    path = subscribing.secret_file(node, "feed")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert secret not in str(caught.value) + repr(one(node)) + repr(Secret(secret))
    databases = [file for file in node.folder.iterdir() if file.name.startswith("katchi.db")]
    assert databases
    assert all(secret.encode() not in file.read_bytes() for file in databases)
    subscribing.remove(node, "feed")
    assert not path.exists()


def test_a_lost_secret_is_said_plainly(node: Node) -> None:
    with serving(always(Reply())) as server:
        wanted = Wanted(url=server.url, allows_private=True, how="bearer")
        subscribing.add(node, "feed", "taxii", wanted, Secret("x"))
        subscribing.secret_file(node, "feed").unlink()
        with pytest.raises(subscribing.LostSecretError):
            pull(node, "feed")
    assert state_of(one(node)) == "troubled"


@pytest.mark.parametrize("name", ["own", "any", "", "-x", "a b", "../x", "Ä", "x" * 64, "siem"])
def test_a_name_that_terms_could_mistake_or_a_file_cannot_have_is_refused(node: Node, name: str) -> None:
    partnering.add_tool(node, "siem", person="kim")
    with pytest.raises(UnusableSubscriptionError):
        subscribing.add(node, name, "taxii", Wanted(url="https://a.example/"))
    assert node.store.subscriptions.all() == []


def test_nor_may_a_partner_come_to_be_called_as_a_subscription_is(node: Node) -> None:
    subscribe(node, "https://a.example/")
    with pytest.raises(partnering.NameTakenError):
        partnering.add_tool(node, "feed", person="kim")
    with pytest.raises(partnering.NameTakenError):
        partnering.invite(node, "feed", person="kim")


@pytest.mark.parametrize(
    ("wanted", "secret"),
    [
        (Wanted(url="https://a.example/", every=59), Secret()),
        (Wanted(url="https://a.example/", marking="purple"), Secret()),
        (Wanted(url="https://kim:x@a.example/"), Secret()),
        (Wanted(url="ftp://a.example/"), Secret()),
        (Wanted(url="http://a.example/", how="bearer"), Secret("x")),
        (Wanted(url="https://a.example/", how="bearer"), Secret("")),
        (Wanted(url="https://a.example/"), Secret("x")),
        (Wanted(url="https://a.example/", how="bearer"), Secret("a\r\nHost: b")),
        (Wanted(url="https://a.example/", how="bearer"), Secret("ä")),
        (Wanted(url="https://a.example/", how="api-key"), Secret(" x")),
        (Wanted(url="https://a.example/", how="api-key", header="Host"), Secret("x")),
        (Wanted(url="https://a.example/", how="api-key", header="X: y"), Secret("x")),
        (Wanted(url="https://a.example/", how="basic", user="kim:x"), Secret("x")),
        (Wanted(url="https://a.example/", has_certificate=True), Secret(certificate=b"no PEM")),
        (Wanted(url="https://a.example/", ca="no PEM"), Secret()),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_kept(node: Node, wanted: Wanted, secret: Secret) -> None:
    with pytest.raises(KatchiError):
        subscribing.add(node, "feed", "taxii", wanted, secret)
    assert node.store.subscriptions.all() == []
    folder = node.folder / subscribing.FOLDER
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_name_is_taken_once_and_unknown_ones_are_said(node: Node) -> None:
    subscribe(node, "https://a.example/")
    with pytest.raises(SubscriptionExistsError):
        subscribe(node, "https://b.example/")
    for act in (subscribing.pause, subscribing.resume, subscribing.remove, pull, rehearse):
        with pytest.raises(UnknownSubscriptionError):
            act(node, "nobody")
    with pytest.raises(KatchiError):
        subscribing.add(node, "other", "stone-tablet", Wanted(url="https://a.example/"))


def test_collections_are_found_without_keeping_anything(node: Node) -> None:
    with serving(grown(node, 1).answer) as server:
        found = subscribing.discover(node, Wanted(url=server.url, allows_private=True, how="bearer"), Secret("x"))
    assert [each.alias for each in found.collections if each.can_read] == ["feed"]
    assert list((node.folder / subscribing.FOLDER).iterdir()) == []


# ---- by itself ---------------------------------------------------------------------------------------


def test_it_is_read_when_due_and_not_when_paused(node: Node) -> None:
    model = grown(node, 3)
    with serving(model.answer) as server:
        subscribe(node, server.url, every=900)
        rounds = Rounds(node, lambda: False)
        rounds.look()
        until(lambda: one(node).last_ok_at is not None)
        assert one(node).next_due == node.clock.now() + 900 * SECOND
        subscribing.pause(node, "feed")
        node.clock.forward(HOUR)  # type: ignore[attr-defined]
        assert node.store.subscriptions.due(node.clock.now()) == []
        assert state_of(one(node)) == "paused"
        subscribing.resume(node, "feed")
        assert node.store.subscriptions.due(node.clock.now()) == ["feed"]
        rounds.stop()


def test_a_running_node_reads_by_itself_survives_a_restart_and_stops_at_once(tmp_path: Path) -> None:
    with a_node(tmp_path / "reader", "kr-cert") as node:
        model, hang = grown(node, 6), threading.Event()
        with serving(model.answer) as server:
            subscribe(node, server.url)
            with serving_node(node):
                until(lambda: len(held(node)) == 6)
            bookmark = one(node).bookmark
            with open_node(node.folder) as again:
                assert one(again).bookmark == bookmark
                model.add(50)
                server.answer = always(Reply(raw=lambda _: (hang.wait(30), None)[1]))
                subscribing.resume(again, "feed")
                asked = len(server.asked)
                with serving_node(again):
                    until(lambda: len(server.asked) > asked)
                # Leaving the block stops the node while the server keeps it waiting.
                assert trouble_of(one(again)) is None
            hang.set()
            server.answer = model.answer
            with open_node(node.folder) as again, serving_node(again):
                until(lambda: len(held(again)) == 7)
