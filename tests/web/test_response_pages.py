"""The pages of responses: what a partner asks, with all an approver must know; yes, no, taken back, let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from katchi.node import people, responding, responses
from katchi.respond import calling, library
from tests.node.test_responses import ADDRESS, blocked, equip, part, proposed, state
from tests.nodes import Pair, a_pair, join, until
from tests.respond.playbooks import asking, blocking, name_of, playbook
from tests.web.test_overlap_pages import signed_in
from tests.web.test_pages import TOKEN


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as both:
        join(both)
        for node in both:
            equip(node)
            people.add(node, "lee", "releaser", "en", "correct horse battery")
            people.add(node, "choi", "analyst", "ko", "correct horse battery")
        yield both


def send(client: httpx.Client, act: str, **values: str) -> httpx.Response:
    token = TOKEN.findall(client.get("/responses").text)[0]
    return client.post(
        f"/responses/{act}", data={"token": token, **{k.replace("__", "/"): v for k, v in values.items()}}
    )


def test_an_approver_sees_all_and_says_yes(pair: Pair) -> None:
    document = playbook(asking("call the banks", name_of("security-category", "defence"), "call"), blocking())
    response = proposed(pair, document)
    with signed_in(pair.us.settings.url, "lee") as us, signed_in(pair.us.settings.url, "choi") as reader:
        assert "Block together" in us.get("/").text
        text = us.get(f"/response?id={response}").text
        for seen in ("wiper", "192.0.2.7", "edge", "call the banks", "we block it", "Say yes to our part"):
            assert seen in text, seen
        korean = reader.get(f"/response?id={response}").text
        assert "우리가 차단" in korean
        assert "우리 몫을 승인" not in korean  # not for an analyst to say
        assert send(reader, "accept", response=response).status_code == 403
        step = next(each.step for each in responses.dry_run(pair.us, response) if each.name == "call")
        assert send(us, "accept", response=response, hours="2", **{f"without__{step}": "1"}).status_code == 200
        until(lambda: part(pair.us, pair.us, response).state == "in-force")
        text = us.get("/responses").text
        assert "evil.example" in text
        assert "lee" in text
        lease = next(each for each in pair.us.store.leases.in_force() if each.thing == ADDRESS)
        send(us, "release", lease=lease.id)
        until(lambda: blocked(pair.us) == {"domain:evil.example"})
        send(us, "recall", response=response, why="a customer's")
        until(lambda: blocked(pair.us) == set())
        assert "took it back" in us.get(f"/response?id={response}").text


def test_a_person_proposes_and_says_what_became_of_a_step(pair: Pair) -> None:
    with signed_in(pair.kr.settings.url, "lee") as kr, signed_in(pair.us.settings.url, "lee") as us:
        text = kr.get("/responses").text
        assert text.count('class="empty"') == 3
        responding.accept(pair.kr, library.document("partner-notification"), person="kim")
        wrong = send(kr, "propose", playbook="Partner notification")
        assert (wrong.status_code, "A value is missing" in wrong.text) == (400, True)
        made = send(
            kr, "propose", playbook="Partner notification", values="matter=a wiper", why="now", **{"to__us-cert": "1"}
        )
        assert made.status_code == 200
        until(lambda: "Write five lines" in kr.get("/responses").text)
        (asked,) = responding.waiting(pair.kr)
        send(kr, "done", order=asked.row.key, why="written")
        until(lambda: len(responding.waiting(pair.kr)) == 2)
        (response,) = [each.row.id for each in responses.every(pair.kr)]
        until(lambda: state(pair.us, response) == "asked")
        send(us, "defer", response=response, why="after lunch")
        until(lambda: "after lunch" in kr.get(f"/response?id={response}").text)
        send(us, "decline", response=response, why="not ours")
        until(lambda: "not ours" in kr.get(f"/response?id={response}").text)
        again = send(us, "accept", response=response)
        assert (again.status_code, "nothing to answer" in again.text) == (400, True)


def test_what_there_is_not_is_a_page_that_says_so(pair: Pair) -> None:
    with signed_in(pair.kr.settings.url, "lee") as kr:
        assert kr.get("/response?id=ffff").status_code == 404
        assert send(kr, "release", lease="ffff").status_code == 400


def test_an_approver_sees_what_a_service_would_be_asked_and_no_secret(pair: Pair) -> None:
    desk = calling.Settings(
        name="helpdesk", roles=("desk",), url="https://tickets.example/api", secret_file="desk.secret"
    )
    (pair.us.folder / "desk.secret").write_text("Bearer s3cr3t")
    pair.us.settings = msgspec.structs.replace(pair.us.settings, service=(desk,))
    ticket = {
        "name": "open a ticket", "agent": name_of("security-category", "desk"),
        "commands": [
            {"type": "http-api", "command": "POST /incidents HTTP/1.1", "content": '{"of": "__things__:value"}'}
        ],
    }  # fmt: skip
    agents = {name_of("security-category", "desk"): {"type": "security-category", "name": "desk", "category": ["desk"]}}
    response = proposed(pair, playbook(ticket, blocking(), agents=agents))
    with signed_in(pair.us.settings.url, "lee") as us, signed_in(pair.us.settings.url, "choi") as reader:
        text = us.get(f"/response?id={response}").text
        for seen in ("helpdesk", "POST https://tickets.example/api/incidents", "evil.example&#34;}", "we do it"):
            assert seen in text, seen
        assert "s3cr3t" not in text
        assert "우리가 수행" in reader.get(f"/response?id={response}").text
