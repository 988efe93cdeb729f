"""People are told when a response needs them: what is said, to whom, and that it arrives whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi.node import acting, notices, notifying, responding, responses
from katchi.node.clock import SetClock
from katchi.node.notices import Matter
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.policy.tlp import Tlp
from katchi.respond.actuators import list_file, simulated
from katchi.respond.notifiers import AnySettings, mail, webhook
from katchi.store import notices as outbox
from katchi.store.notices import NoticeRow
from tests.conftest import ROOT
from tests.node.test_responses import add, equip, proposed, state
from tests.nodes import Pair, a_node, a_pair, join, until
from tests.respond.playbooks import THINGS, asking, blocking, name_of, playbook
from tests.servers import MailServer, Reply, mailing, serving

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 24 * 3_600_000_000
DESK = name_of("security-category", "desk")
SECRETS = ("192.0.2.7", "evil.example", "wiper", "call the bank of")


def by_mail(server: MailServer, name: str = "duty", **more: Any) -> mail.Settings:
    members = {"kind": "mail", "name": name, "to": [f"{name}@example.kr"], "from": "katchi@example.kr"}
    return msgspec.convert({**members, "server": server.address, **more}, mail.Settings)


def told(node: Node, *targets: AnySettings) -> None:
    node.settings = msgspec.structs.replace(node.settings, notify=targets)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mailing() as made:
        yield made


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that is not served, on a clock of its own: each test says when something goes on."""
    with a_node(tmp_path / "kr", "kr-cert") as made:
        made.clock = SetClock(made.clock.now())
        equip(made)
        yield made


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two nodes that are not told to tell anybody yet: `us` is asked."""
    with a_pair(tmp_path) as made:
        join(made)
        for each in made:
            equip(each)
        yield made


def go_on(node: Node) -> None:
    """All that a served node does by itself, until nothing is left."""
    while acting.work(node):
        pass
    notifying.tell(node)
    for each in node.settings.notify:
        while notifying.send(node, each.name):
            pass


def settle(node: Node) -> None:
    """Waits until a served node has told all that there is to tell by now."""
    until(lambda: not node.store.notices.is_anything_due(node.clock.now()) and not outstanding(node))


def forward(node: Node, micros: int) -> None:
    assert isinstance(node.clock, SetClock)
    node.clock.forward(micros)
    go_on(node)


def subjects(server: MailServer) -> list[str]:
    return [str(each["Subject"]) for each in server.taken]


def texts(server: MailServer) -> str:
    return "\n".join(f"{each['Subject']}\n{each.get_content()}" for each in server.taken)


def alone(node: Node, document: dict[str, Any] | None = None, **wish: Any) -> str:
    """A response of our own."""
    name = add(node, document or playbook(blocking()))
    things = {"things": "192.0.2.7 evil.example"}
    return responses.propose(node, Wish(name, things, **{"reason": "wiper", **wish}), person="kim").id


# ---- the story of one response ---------------------------------------------------------------------------


def test_people_hear_of_a_proposal_of_the_second_yes_of_its_force_and_of_its_end(
    pair: Pair, server: MailServer
) -> None:
    equip(pair.us, approvals=2)
    told(pair.us, by_mail(server))
    response = proposed(pair)
    settle(pair.us)
    (subject,) = subjects(server)
    assert subject.startswith(f"[Katchi #{response[:8]}] kr-cert asks: Block together (answer by ")
    assert f"{pair.us.settings.url}/response?id={response}" in texts(server)
    responses.accept(pair.us, response, person="park")
    settle(pair.us)
    assert "One more yes is needed" in subjects(server)[1]
    assert "Said yes: 1 / 2" in texts(server)
    responses.approve(pair.us, response, person="lee")
    until(lambda: state(pair.us, response) == "in-force")
    settle(pair.us)
    responses.recall(pair.kr, response, reason="wrong", person="kim")
    until(lambda: state(pair.us, response) == "over")
    settle(pair.us)
    assert [each.split("] ", 1)[1].split(" ")[0] for each in subjects(server)[2:]] == ["In", "Taken", "Over:"]
    assert {each.split("]")[0] for each in subjects(server)} == {f"[Katchi #{response[:8]}"}
    assert len({str(each["References"]) for each in server.taken}) == 1
    assert len({str(each["Message-ID"]) for each in server.taken}) == 5
    assert not any(secret in texts(server) for secret in SECRETS)
    settle(pair.us)
    assert len(server.taken) == 5


def test_a_served_node_tells_by_itself(pair: Pair, tmp_path: Path) -> None:
    """The threads of a node that is served; targets are those of its start."""
    from katchi.web.serve import serving as serving_node

    with mailing() as server, a_node(tmp_path / "alone", "jp-cert") as node:
        equip(node)
        told(node, by_mail(server))
        with serving_node(node):
            alone(node)
            until(lambda: any("In force" in each for each in subjects(server)))
            until(lambda: node.store.notices.recent()[0].sent_at is not None)


def test_a_mail_server_that_hangs_holds_up_neither_blocks_nor_other_ways(tmp_path: Path) -> None:
    from katchi.web.serve import serving as serving_node

    with mailing() as silent, mailing() as good, a_node(tmp_path / "alone", "jp-cert") as node:
        silent.is_silent = True
        equip(node)
        told(node, by_mail(silent, "silent"), by_mail(good, "good"))
        with serving_node(node):
            alone(node)
            until(lambda: silent.connections == 1)  # it hangs there from now on
            response = alone(node, playbook(blocking(), name="Another"))
            until(lambda: state(node, response) == "in-force")
            until(lambda: sum("In force" in each for each in subjects(good)) == 2)
            responses.recall(node, response, reason="wrong", person="kim")
            until(lambda: any("Taken back" in each for each in subjects(good)))
            assert silent.taken == []
            waiting = [each for each in node.store.notices.recent() if each.target == "silent"]
            assert waiting
            assert all(each.sent_at is None for each in waiting)


# ---- what happens in time --------------------------------------------------------------------------------


def test_who_has_not_answered_is_told_again_an_hour_before_the_time_is_over(pair: Pair, server: MailServer) -> None:
    us = pair.us
    response = proposed(pair, answer_by=pair.kr.clock.now() + 3 * HOUR)
    answered = proposed(pair, answer_by=pair.kr.clock.now() + 3 * HOUR)
    responses.decline(us, answered, reason="no", person="park")
    told(us, by_mail(server, about=["unanswered"]))
    at = us.clock.now() + 2 * HOUR + 60 * SECOND
    with us.store.database.reading() as transaction:
        due = [each for each in outbox.happened(transaction, now=at) if each.event == "unanswered"]
    made = [notices.make(us, each) for each in due]
    (notice,) = [each for rows in made for each in rows]
    assert notice.subject == response
    assert notice.headline.startswith("No answer yet, and time until ")


def test_what_ends_within_an_hour_is_told_once_and_again_when_it_was_renewed(node: Node, server: MailServer) -> None:
    told(node, by_mail(server, about=["ends-soon"]))
    document = playbook(blocking(THINGS | {"args": {"duration": 24 * 3_600_000}}))
    response = alone(node, document, until=node.clock.now() + 3 * HOUR)
    go_on(node)
    forward(node, HOUR)
    assert server.taken == []
    forward(node, HOUR + SECOND)
    forward(node, 60 * SECOND)
    assert len(server.taken) == 1
    responses.renew(node, response, until=node.clock.now() + 5 * HOUR, person="kim")
    go_on(node)
    forward(node, 2 * HOUR)
    assert len(server.taken) == 1
    forward(node, 2 * HOUR)
    assert len(server.taken) == 2
    forward(node, 2 * HOUR)
    assert node.store.leases.in_force() == []
    assert len(server.taken) == 2


def test_a_device_is_told_of_once_and_again_when_it_works(node: Node, server: MailServer) -> None:
    broken = list_file.Settings(name="edge", path="no/list", format="plain", reload=("false",))
    node.settings = msgspec.structs.replace(node.settings, actuator=(broken,))
    told(node, by_mail(server))
    (node.folder / "no").write_text("a file where a folder is to be")
    for _ in range(2):
        forward(node, 60 * SECOND)
    assert server.taken == []  # it may mend by itself
    for _ in range(5):
        forward(node, 400 * SECOND)
    assert [each.split("] ")[1] for each in subjects(server)] == ["Device in trouble: edge"]
    (node.folder / "no").unlink()
    for _ in range(3):
        forward(node, 400 * SECOND)
    assert [each.split("] ")[1] for each in subjects(server)][1:] == ["Device works again: edge"]
    assert len({each.split("]")[0] for each in subjects(server)}) == 1


def test_a_run_that_failed_is_told(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    node.settings = msgspec.structs.replace(node.settings, own=("192.0.2.0/24",))
    response = alone(node)
    go_on(node)
    assert state(node, response) == "failed"
    assert [each.split("] ")[1] for each in subjects(server)] == ["Failed: Block together"]


# ---- who does a step -------------------------------------------------------------------------------------


def asked_of(node: Node, *roles: str) -> None:
    """A run that waits for one step, which an agent with these roles does."""
    agents = {DESK: {"type": "security-category", "name": "customer desk", "category": list(roles)}}
    document = playbook(asking("call the bank of 192.0.2.7", DESK, "call"), agents=agents)
    add(node, document)
    responding.begin(node, document["id"], {"things": "192.0.2.7"}, person="kim")


def test_a_step_becomes_a_ticket_where_its_role_is_played(node: Node, server: MailServer) -> None:
    desk = by_mail(server, "desk", roles=["customer desk"], details="amber+strict")
    told(node, by_mail(server), by_mail(server, "phones", roles=["telephonist"]), desk)
    asked_of(node, "defence")
    go_on(node)
    (message,) = server.taken
    (asked,) = responding.waiting(node)
    assert message["To"] == "desk@example.kr"
    assert str(message["Subject"]) == f"[Katchi #{asked.row.key[:8]}] To do: a step of Block together"
    assert "call the bank of 192.0.2.7" in message.get_content()
    assert f"katchi respond done {asked.row.key[:8]}" in message.get_content()


MATTER = Matter("step", "step", "t", "t", 0, "", "", Tlp.CLEAR, parts=frozenset({"desk", "customer desk"}))


@pytest.mark.parametrize(
    ("targets", "hear"),
    [
        ([{"roles": ["desk"]}, {}], [0]), ([{"roles": ["phone"]}, {}], [1]), ([{"roles": ["phone"]}], []),
        ([{"roles": ["desk"]}, {"about": ["step"]}], [0, 1]), ([{"about": ["failed"]}, {}], [1]),
        ([{"roles": ["desk"]}, {"roles": ["customer desk"]}], [0, 1]),
        ([{"roles": ["desk"], "about": ["failed"]}, {}], [1]),
    ],
)  # fmt: skip
def test_who_hears_of_a_step(targets: list[dict[str, Any]], hear: list[int]) -> None:
    made = [by_mail(MailServer("127.0.0.1:25"), f"t{number}", **each) for number, each in enumerate(targets)]
    assert [each.name for each in notices.who_hears(made, MATTER)] == [f"t{number}" for number in hear]


@pytest.mark.parametrize("event", ["proposal", "failed", "device"])
def test_who_only_plays_a_role_hears_of_nothing_else(event: str) -> None:
    server = MailServer("127.0.0.1:25")
    desk, both = by_mail(server, "desk", roles=["desk"]), by_mail(server, "both", roles=["desk"], about=[event, "step"])
    matter = Matter(event, event, "t", "t", 0, "", "", Tlp.CLEAR)
    assert notices.who_hears([desk, both, by_mail(server)], matter) == [both, by_mail(server)]


def test_a_step_that_was_done_before_anybody_could_be_told_is_told_to_nobody(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    asked_of(node, "desk")
    (asked,) = responding.waiting(node)
    responding.answer(node, asked.row.key, is_good=True, out={}, reason="", person="kim")
    go_on(node)
    assert server.taken == []


# ---- nothing leaves by accident --------------------------------------------------------------------------


@pytest.mark.parametrize("marking", ["clear", "green", "amber", "amber+strict", "red"])
@pytest.mark.parametrize("details", ["", "clear", "green", "amber", "amber+strict"])
def test_content_goes_only_where_its_marking_may_go(node: Node, server: MailServer, marking: str, details: str) -> None:
    told(node, by_mail(server, details=details))
    alone(node, marking=marking)
    go_on(node)
    may = bool(details) and Tlp.parse(marking) <= Tlp.parse(details)
    for secret in ("192.0.2.7", "evil.example", "wiper"):
        assert (secret in texts(server)) == may
    assert ("Block together" in texts(server)) == (marking != "red")  # of RED not even the name


STRICT = {"marking-tlp--1": {"type": "marking-tlp", "tlpv2_level": "TLP:AMBER+STRICT"}}


@pytest.mark.parametrize(
    ("marks", "may"),
    [
        ({}, True), ({"markings": ["marking-tlp--1"], "data_marking_definitions": STRICT}, False),
        ({"markings": ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]}, True),  # TLP:AMBER of STIX 2.1
    ],
)  # fmt: skip
def test_a_playbook_that_is_marked_more_strictly_than_its_response_counts(
    node: Node, server: MailServer, marks: dict[str, Any], may: bool
) -> None:
    told(node, by_mail(server, details="amber"))
    alone(node, playbook(blocking(), **marks), marking="green")
    go_on(node)
    assert ("wiper" in texts(server)) == may


@pytest.mark.parametrize(
    "definition", [None, {"type": "marking-iep"}, {"type": "marking-tlp", "tlpv2_level": "TLP:ULTRA"}]
)
def test_a_marking_that_cannot_be_read_counts_as_red(definition: dict[str, str] | None) -> None:
    document = {"markings": ["marking-x--1"], "data_marking_definitions": {"marking-x--1": definition}}
    assert notices._of_playbook(json.dumps(document).encode()) == Tlp.RED


def test_what_came_from_a_partner_is_under_the_partner_s_marking(pair: Pair, server: MailServer) -> None:
    told(pair.us, by_mail(server, "amber", details="amber"), by_mail(server, "green", details="green"))
    proposed(pair)
    settle(pair.us)
    by = {str(each["To"]): each.get_content() for each in server.taken}
    assert "wiper" in by["amber@example.kr"]
    assert "TLP:AMBER" in by["amber@example.kr"]
    assert "wiper" not in by["green@example.kr"]


def test_an_exercise_says_so_first(node: Node, server: MailServer) -> None:
    told(node, by_mail(server), by_mail(server, "korean", language="ko"))
    alone(node, exercise="kapshida-2026")
    go_on(node)
    by = {str(each["To"]): each for each in server.taken}
    assert "] [EXERCISE] In force" in str(by["duty@example.kr"]["Subject"])
    assert "] [훈련] 차단 시행 중" in str(by["korean@example.kr"]["Subject"])
    assert by["korean@example.kr"].get_content().startswith("[훈련] 훈련입니다.")
    assert all("RESPONSE" not in each.get_content() for each in server.taken)


@pytest.mark.parametrize("name", ["a\r\nBcc: choi@example.org", "한국\u2028어", "\u202eevil", "x" * 5000, " "])
def test_a_playbook_s_name_cannot_leave_its_place(node: Node, server: MailServer, name: str) -> None:
    told(node, by_mail(server))
    alone(node, playbook(blocking(), name=name))
    go_on(node)
    (message,) = server.taken
    assert message["Bcc"] is None
    assert message["To"] == "duty@example.kr"
    assert str(message["Subject"]).isprintable()
    assert len(str(message["Subject"])) < 250
    assert server.recipients == ["duty@example.kr"]


# ---- that it arrives -------------------------------------------------------------------------------------


def outstanding(node: Node) -> list[NoticeRow]:
    return [each for each in node.store.notices.recent() if each.sent_at is None]


def test_what_is_not_taken_is_tried_less_and_less_often_and_given_up_after_a_day(
    node: Node, server: MailServer
) -> None:
    told(node, by_mail(server))
    server.refuses = {"duty@example.kr"}
    alone(node)
    go_on(node)
    (row,) = outstanding(node)
    assert (row.tries, row.next_at) == (1, node.clock.now() + 5 * SECOND)
    assert "duty@example.kr (550)" in (row.problem or "")
    forward(node, 4 * SECOND)
    assert outstanding(node)[0].tries == 1
    forward(node, SECOND)
    assert outstanding(node)[0].tries == 2
    assert node.store.notices.troubled(0)
    while row.next_at is not None:
        assert isinstance(node.clock, SetClock)
        node.clock.forward(row.next_at - node.clock.now())
        notifying.send(node, "duty")
        (row,) = outstanding(node)
    assert row.given_up_at is not None
    assert row.tries < 110
    assert row.made_at + DAY <= row.given_up_at <= row.made_at + DAY + 1000 * SECOND
    assert node.store.notices.due("duty", 2 * node.clock.now()) == []


def test_a_message_that_was_taken_without_a_word_goes_again_with_the_same_id(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    server.loses = 1
    alone(node)
    go_on(node)
    forward(node, 5 * SECOND)
    assert len(server.taken) == 2
    assert len({str(each["Message-ID"]) for each in server.taken}) == 1
    assert outstanding(node) == []


def test_of_two_who_send_only_one_does(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    alone(node)
    while acting.work(node):
        pass
    notifying.tell(node)
    (row,) = node.store.notices.due("duty", node.clock.now())
    with node.store.database.writing() as transaction:
        assert outbox.claim(transaction, row, until=node.clock.now() + notifying.CLAIM)
        assert not outbox.claim(transaction, row, until=node.clock.now() + notifying.CLAIM)
    notifying.send(node, "duty")
    assert server.taken == []  # the other one is at it
    forward(node, notifying.CLAIM)
    assert len(server.taken) == 1  # it was killed


def test_who_is_named_no_longer_gets_nothing_more_and_keeps_nobody_busy(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    alone(node)
    while acting.work(node):
        pass
    notifying.tell(node)
    told(node)
    notifying.send(node, "duty")
    assert not node.store.notices.is_anything_due(node.clock.now())
    assert node.store.notices.recent()[0].given_up_at is not None


def test_what_lasts_for_less_than_an_hour_in_all_is_not_told_to_end_soon(node: Node, server: MailServer) -> None:
    told(node, by_mail(server, about=["ends-soon"]))
    alone(node, until=node.clock.now() + HOUR // 2)
    forward(node, HOUR // 4)
    forward(node, HOUR)
    assert server.taken == []


def test_who_is_named_later_is_not_told_the_past(node: Node, server: MailServer) -> None:
    alone(node)
    go_on(node)
    told(node, by_mail(server))
    go_on(node)
    assert server.taken == []


def test_what_is_long_over_is_forgotten(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    alone(node)
    go_on(node)
    notifying.sweep(node)
    assert len(node.store.notices.recent()) == 1
    forward(node, 100 * DAY)
    notifying.sweep(node)
    assert [each.event for each in node.store.notices.recent()] == ["over"]


def test_a_webhook_s_receiver_gets_what_it_needs_to_put_things_together(node: Node) -> None:
    (node.folder / "hook.key").write_text("a secret that only tests know")
    with serving(lambda _: Reply()) as server:
        told(node, webhook.Settings(name="chat", url=server.url, secret_file="hook.key"))
        response = alone(node)
        go_on(node)
        (asked,) = server.asked
        said = json.loads(asked.body)
        assert (said["event"], said["key"], said["thread"]) == ("in-force", response[:8], response)
        assert asked.headers["katchi-id"] == said["id"]
        assert said["link"] == f"{node.settings.url}/response?id={response}"
        assert not any(secret in asked.body.decode() for secret in SECRETS)


def test_a_test_is_sent_at_once(node: Node, server: MailServer) -> None:
    told(node, by_mail(server, language="ko"))
    assert notifying.try_out(node, "duty") == ""
    assert "시험 알림" in subjects(server)[0]
    with pytest.raises(notifying.UnknownTargetError):
        notifying.try_out(node, "nobody")
    assert node.store.notices.recent() == []


def test_simulated_devices_alone_are_none_that_anybody_hears_of(node: Node, server: MailServer) -> None:
    told(node, by_mail(server))
    assert isinstance(node.settings.actuator[0], simulated.Settings)
    for _ in range(3):
        forward(node, 60 * SECOND)
    assert server.taken == []


def test_killed_anywhere_a_node_tells_everything_and_a_double_can_be_told(
    tmp_path: Path, server: MailServer, killed_url: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.node.killing_notices", str(tmp_path / "kr"), server.address, killed_url],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    came = {str(each["Message-ID"]).strip("<>").partition("@")[0] for each in server.taken}
    assert found["kills"] > 10
    assert came == set(found["ids"])
    assert len(server.taken) > len(came)  # those that were killed after sending sent again
