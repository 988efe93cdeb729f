"""The pages of responses: what a partner asks, with all an approver must know; yes, no, taken back, let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from katchi import stix
from katchi.node import people, responding, responses
from katchi.respond import calling, library
from katchi.respond.blocking import HOUR
from katchi.store import notices
from katchi.store.notices import NoticeRow
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


def test_whoever_does_a_step_can_say_what_came_of_it_on_the_response_s_page(pair: Pair) -> None:
    responding.accept(pair.kr, library.document("block-and-watch"), person="kim")
    with signed_in(pair.kr.settings.url, "lee") as kr:
        send(kr, "propose", playbook="Block and watch", values="things=evil.example", why="rising")
        until(lambda: len(responding.waiting(pair.kr)) == 1)
        (asked,) = responding.waiting(pair.kr)
        (found,) = responses.every(pair.kr)
        assert f'href="/run?id={asked.row.run}"' in kr.get("/responses").text
        assert 'name="out/__hits__"' in kr.get(f"/response?id={found.row.id}").text
        token = TOKEN.findall(kr.get("/responses").text)[0]
        said = {"token": token, "response": found.row.id, "order": asked.row.key, "out/__hits__": "3"}
        kr.post("/responses/done", data=said)
        until(lambda: len(responding.waiting(pair.kr)) == 1)
        assert "3 machines had to do with evil.example" in kr.get("/responses").text


def test_an_alarm_or_a_thing_leads_to_a_proposal_about_it(pair: Pair) -> None:
    responding.accept(pair.kr, library.document("block-and-watch"), person="kim")
    with signed_in(pair.kr.settings.url, "lee") as kr:
        assert "/responses?about=domain%3Aevil.example#propose" in kr.get("/thing?key=domain:evil.example").text
        text = kr.get("/responses?about=domain:evil.example").text
        assert ">things=evil.example</textarea>" in text
        assert ">evil.example</textarea>" in text
        assert "script>" not in kr.get("/responses?about=<script>alert(1)</script>").text.replace("</script>", "")
        send(kr, "propose", playbook="Block and watch", values="things=evil.example", why="rising")
        until(lambda: blocked(pair.kr) == {"domain:evil.example"})
        assert "Blocked here:" in kr.get("/thing?key=domain:evil.example").text


def test_what_is_proposed_says_all_that_there_is_to_say_and_is_renewed(pair: Pair) -> None:
    responding.accept(pair.kr, library.document("block-and-watch"), person="kim")
    with signed_in(pair.kr.settings.url, "lee") as kr:
        chosen = {"answer-in": "3", "begin-in": "0", "marking": "green", "exercise": "kapshida", "to__us-cert": "1"}
        send(kr, "propose", playbook="Block and watch", values="things=evil.example", hours="5", why="x", **chosen)
        (found,) = responses.every(pair.kr)
        now = pair.kr.clock.now()
        assert (found.row.marking, found.proposal.exercise) == ("green", "kapshida")
        assert stix.parse_timestamp(found.proposal.answer_by) == pytest.approx(now + 3 * HOUR, abs=HOUR / 4)
        until(lambda: part(pair.kr, pair.kr, found.row.id).state == "in-force")
        send(kr, "renew", response=found.row.id, hours="9")
        again = responses.read(pair.kr, found.row.id).joint.until
        assert stix.parse_timestamp(again) == pytest.approx(now + 9 * HOUR, abs=HOUR / 4)
        assert send(kr, "renew", response=found.row.id, hours="9999").status_code == 400
        assert send(kr, "renew", response=found.row.id, hours="").status_code == 400


def test_notices_that_were_not_taken_are_shown_and_no_others(pair: Pair) -> None:
    node = pair.us
    now = node.clock.now()
    good, bad = (NoticeRow(each, "desk", "failed", "x", f"Failed: {each}", b"", now) for each in "ab")
    with node.store.database.writing() as transaction:
        notices.put(transaction, [good, bad])
        notices.note_sent(transaction, "a", now=now, problem=None)
        notices.try_again(transaction, "b", at=2 * now, problem="<b>no server</b>")
    with signed_in(node.settings.url, "lee") as us, signed_in(node.settings.url, "choi") as reader:
        text = us.get("/responses").text
        assert "Failed: b" in text
        assert "&lt;b&gt;no server" in text
        assert "Failed: a" not in text
        assert "전달되지 않은 알림" in reader.get("/responses").text


def test_an_unclear_limit_is_no_yes_and_a_file_has_only_known_forms(pair: Pair) -> None:
    response = proposed(pair)
    with signed_in(pair.us.settings.url, "lee") as us:
        for hours in ("1.5", "-1", "10000", "1h"):
            assert send(us, "accept", response=response, hours=hours).status_code == 400
        assert state(pair.us, response) == "asked"
        for form in ("x\"; filename*=UTF-8''a.exe; y=\"", "한", "exe"):
            assert us.get("/response/timeline", params={"id": response, "as": form}).status_code == 404
