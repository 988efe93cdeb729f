"""A list of what is blocked as a firewall meets it: its own token, what the leases say this moment, nobody else's."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import msgspec
import pytest

from katchi.node import acting, partnering, polled, responding, responses, topics
from katchi.node.clock import SetClock
from katchi.node.responses import Wish
from katchi.policy.topic import Topic
from katchi.respond.actuators import feed, simulated
from katchi.respond.actuators.lists import Format
from tests.nodes import until
from tests.respond.playbooks import blocking, playbook
from tests.web.conftest import Served, add_tool

OTHER = "another secret that only tests know"
SECRET = "a secret that only tests know"
HOUR = 3_600_000_000


@pytest.fixture
def fed(served: Served) -> Served:
    """The SIEM is our firewall, another tool is none; the list is for the first alone."""
    add_tool(served.node, "intranet", OTHER)
    lists: list[feed.Settings] = [
        feed.Settings(name="edge", roles=("firewall", "dns"), format="plain", readers=("siem",)),
        feed.Settings(name="nobody", format="plain"),
    ]
    served.node.settings = msgspec.structs.replace(served.node.settings, actuator=tuple(lists))
    return served


def poll(served: Served, name: str = "edge", who: str = "siem", secret: str = SECRET, **headers: str) -> httpx.Response:
    return httpx.get(f"{served.url}/feeds/blocked/{name}", auth=(who, secret), headers=headers, timeout=30)


def listed(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {line for line in answer.text.splitlines() if not line.startswith("#")}


def block(served: Served, things: str = "192.0.2.7 evil.example", **wish: str) -> str:
    """A response of our own, in force."""
    document = json.dumps(playbook(blocking())).encode()
    name = responding.accept(served.node, document, person="kim")[0].id
    made = responses.propose(served.node, Wish(name, {"things": things}, **wish), person="kim").id  # type: ignore[arg-type]
    until(lambda: served.node.store.responses.one(made).state in ("in-force", "failed"))
    return made


def test_a_firewall_fetches_what_is_blocked_and_hears_when_nothing_has_changed(fed: Served) -> None:
    empty = poll(fed)
    assert listed(empty) == set()
    response = block(fed)
    first = poll(fed, **{"If-None-Match": empty.headers["ETag"]})
    assert listed(first) == {"192.0.2.7", "evil.example"}
    assert first.headers["X-Katchi-Entries"] == "2"
    again = poll(fed, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    responses.recall(fed.node, response, things=["domain:evil.example"], reason="ours", person="kim")
    assert listed(poll(fed)) == {"192.0.2.7"}  # at once: the leases are the list
    responses.recall(fed.node, response, reason="all", person="kim")
    assert listed(poll(fed, **{"If-None-Match": first.headers["ETag"]})) == set()
    until(lambda: fed.node.store.responses.one(response).state == "over")


def test_head_says_the_same_without_the_list(fed: Served) -> None:
    block(fed)
    got = poll(fed)
    head = httpx.head(f"{fed.url}/feeds/blocked/edge", auth=("siem", SECRET))
    assert (head.status_code, head.headers["ETag"], head.content) == (200, got.headers["ETag"], b"")


def test_only_its_readers_have_it_and_others_do_not_learn_that_it_is_there(fed: Served) -> None:
    block(fed)
    assert httpx.get(f"{fed.url}/feeds/blocked/edge").status_code == 401
    assert poll(fed, secret="guessed").status_code == 401
    refused, none = poll(fed, who="intranet", secret=OTHER), poll(fed, "edge2", who="intranet", secret=OTHER)
    assert refused.status_code == none.status_code == 404
    assert refused.json()["title"] == none.json()["title"]
    assert poll(fed, "nobody").status_code == 404
    assert httpx.post(f"{fed.url}/feeds/blocked/edge", auth=("siem", SECRET)).status_code == 405
    partnering.suspend(fed.node, "siem", person="kim")
    assert poll(fed).status_code == 403


def test_what_ends_is_gone_from_the_list_though_nobody_looked_after_it(fed: Served) -> None:
    block(fed)
    fed.node.clock = SetClock(fed.node.clock.now() + 25 * HOUR)
    assert listed(poll(fed)) == set()


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("rpz", "evil.example CNAME ."), ("squid", ".evil.example"),
        ("suricata", 'drop dns any any -> any any (msg:"Katchi: evil.example"'), ("plain", "evil.example"),
    ],
)  # fmt: skip
def test_each_format_is_one_that_devices_read(fed: Served, form: Format, line: str) -> None:
    made = feed.Settings(name="edge", roles=("firewall", "dns"), format=form, readers=("siem",))
    fed.node.settings = msgspec.structs.replace(fed.node.settings, actuator=(made,))
    block(fed, "evil.example")
    answer = poll(fed)
    assert line in answer.text
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_policy_zone_s_serial_grows_with_each_change(fed: Served) -> None:
    made = feed.Settings(name="edge", roles=("firewall", "dns"), format="rpz", readers=("siem",))
    fed.node.settings = msgspec.structs.replace(fed.node.settings, actuator=(made,))
    serials = [serial(poll(fed))]
    response = block(fed)
    serials.append(serial(poll(fed)))
    fed.node.clock = SetClock(fed.node.clock.now() + 5_000_000)
    responses.recall(fed.node, response, reason="wrong", person="kim")
    serials.append(serial(poll(fed)))
    assert serials == sorted(set(serials))


def serial(answer: httpx.Response) -> int:
    return int(next(line for line in answer.text.splitlines() if " SOA " in line).split()[4])


def test_an_exercise_never_appears_in_it(fed: Served) -> None:
    play = simulated.Settings(name="play", roles=("firewall", "dns"))
    fed.node.settings = msgspec.structs.replace(fed.node.settings, actuator=(*fed.node.settings.actuator, play))
    response = block(fed, exercise="kapshida-2026")
    assert fed.node.store.responses.one(response).state == "in-force"
    assert {each.actuator for each in fed.node.store.leases.in_force()} == {"play"}
    assert listed(poll(fed)) == set()


def test_the_device_s_row_says_who_fetched_it_and_who_did_not(fed: Served) -> None:
    node = fed.node
    acting.look_again(node)
    devices = node.store.leases.devices()
    assert devices["edge"].problem == "Not fetched for 600 seconds by siem."
    assert devices["nobody"].problem == "Nobody may fetch it: `readers` is empty."
    poll(fed)
    acting.look_again(node)
    assert node.store.leases.devices()["edge"].problem is None
    ((row,),) = polled.polls_of(node).values()
    assert (row.feed, row.reader) == ("edge", "siem")
    poll(fed, who="intranet", secret=OTHER)
    assert [each.reader for each in node.store.notices.polls()] == ["siem"]
    node.clock = SetClock(node.clock.now() + 700_000_000)
    acting.look_again(node)
    assert node.store.leases.devices()["edge"].problem == "Not fetched for 600 seconds by siem."


def test_it_is_among_the_addresses_of_its_readers_alone(fed: Served) -> None:
    def urls(who: str, secret: str) -> list[str]:
        return [each["url"] for each in httpx.get(f"{fed.url}/feeds/", auth=(who, secret)).json()["feeds"]]

    assert f"{fed.url}/feeds/blocked/edge" in urls("siem", SECRET)
    assert not any("/blocked/" in each for each in urls("intranet", OTHER))
    with pytest.raises(topics.BadTopicError):
        topics.add(fed.node, Topic("blocked", labels=("x",)))


def test_two_lists_have_one_name_neither_in_the_settings(tmp_path: Path) -> None:
    from katchi.node.settings import SettingsError, read_settings

    (tmp_path / "katchi.toml").write_text(
        'name = "kr"\nnode-id = "identity--00000000-0000-4000-8000-000000000000"\n'
        + '[[actuator]]\nkind = "feed"\nname = "edge"\nformat = "plain"\n' * 2
    )
    with pytest.raises(SettingsError, match="one name"):
        read_settings(tmp_path)
