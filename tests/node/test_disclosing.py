"""What a proposal names tells no partner anything that its markings keep from it, and goes to nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi.node import responses, terms
from katchi.node.disclosing import NotTellableError, require_marking, require_tellable, texts_in
from katchi.node.making import own_id
from katchi.node.receive import receive
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.respond.cacao import read
from tests.node.test_exchange import held
from tests.node.test_responses import add, equip, state
from tests.nodes import Pair, a_node, a_pair, join, until
from tests.objects import bundle, indicator
from tests.respond.playbooks import blocking, playbook

ADDRESS = "192.0.2.7"
PATTERN = f"[ipv4-addr:value = '{ADDRESS}']"
ASKED = ("us-cert",)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "kr", "kr-cert") as made:
        yield made


def hold(node: Node, marking: str | None, origin: str) -> None:
    members = indicator(1, pattern=PATTERN, tlp=marking) if marking else indicator(1, pattern=PATTERN)
    if marking is None:
        members.pop("object_marking_refs", None)
    account = receive(node, bundle(members), via="test", origin=origin, submitter="kim")
    assert account.is_clean, account.problems


MAY: dict[str, tuple[str, str | None, str, bool]] = {
    "clear, whosever": ("bank", "clear", "green", True),
    "ours, amber, under amber": ("own", "amber", "amber", True),
    "ours, amber, under green": ("own", "amber", "green", False),
    "ours, green, under amber": ("own", "green", "amber", True),
    "ours, strict": ("own", "amber+strict", "amber+strict", False),
    "ours, red": ("own", "red", "amber+strict", False),
    "ours, unmarked": ("own", None, "amber", False),
    "another's, green": ("bank", "green", "amber+strict", False),
    "another's, red": ("bank", "red", "amber+strict", False),
    "theirs, amber, under amber": ("us-cert", "amber", "amber", True),
    "theirs, amber, under clear": ("us-cert", "amber", "clear", False),
    "theirs, red, under strict": ("us-cert", "red", "amber+strict", True),
}  # fmt: skip


@pytest.mark.parametrize(("origin", "marking", "under", "may"), MAY.values(), ids=MAY)
def test_what_is_known_goes_only_where_an_object_that_speaks_of_it_could_go(
    node: Node, origin: str, marking: str | None, under: str, may: bool
) -> None:
    hold(node, marking, origin)
    for texts, about in (([f"block {ADDRESS} now"], []), (["hxxp://192.0.2[.]7/a", "192[.]0[.]2[.]7"], []),
                         ([], [f"ipv4:{ADDRESS}"])):  # fmt: skip
        if may:
            require_tellable(node, texts, about, ASKED, under)
        else:
            with pytest.raises(NotTellableError) as refused:
                require_tellable(node, texts, about, ASKED, under)
            assert ADDRESS in str(refused.value)


def test_what_nobody_reported_a_person_may_say(node: Node) -> None:
    require_tellable(node, ["198.51.100.9 and evil.example"], ["domain:bad.example"], ASKED, "clear")


def test_all_who_are_asked_must_be_allowed_to_know(node: Node) -> None:
    hold(node, "amber", "us-cert")
    with pytest.raises(NotTellableError):
        require_tellable(node, [ADDRESS], [], ("us-cert", "bank"), "amber")


LEVELS = {"TLP:CLEAR": True, "TLP:GREEN": True, "TLP:AMBER": True, "TLP:AMBER+STRICT": False, "TLP:RED": False,
          "TLP:PURPLE": False}  # fmt: skip


@pytest.mark.parametrize(("level", "may"), LEVELS.items())
def test_a_playbook_s_own_marking_counts(level: str, may: bool) -> None:
    name = "marking-tlp--94868c89-83c2-464b-929b-a1a8aa3c8487"
    marked = marked_with(name, {"type": "marking-tlp", "tlpv2_level": level})
    if may:
        require_marking([marked], "amber")
    else:
        with pytest.raises(NotTellableError):
            require_marking([marked], "amber")


def test_a_marking_that_only_people_can_read_is_no_permission() -> None:
    name = "marking-iep--94868c89-83c2-464b-929b-a1a8aa3c8487"
    with pytest.raises(NotTellableError):
        require_marking([marked_with(name, {"type": "marking-iep"})], "amber+strict")


def marked_with(name: str, definition: dict[str, Any]) -> Any:
    more: dict[str, Any] = {"markings": [name], "data_marking_definitions": {name: definition}}
    return read(msgspec.json.encode(playbook(blocking(), **more)))[0]


def test_a_proposal_that_would_tell_too_much_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with a_pair(tmp_path) as pair:
        join(pair)
        equip(pair.kr)
        hold(pair.kr, "red", "own")
        wish = Wish(add(pair.kr, playbook(blocking())), {"things": ADDRESS}, ["us-cert"], "wiper")
        with pytest.raises(NotTellableError):
            responses.propose(pair.kr, wish, person="kim")
        assert responses.every(pair.kr) == []
        responses.propose(pair.kr, Wish(wish.playbook, wish.values, reason="alone"), person="kim")  # for us alone: yes


def test_only_who_takes_part_hears_of_a_response(tmp_path: Path) -> None:
    with a_pair(tmp_path) as pair, a_node(tmp_path / "bank", "bank") as bank:
        join(pair)
        equip(pair.kr)
        wish = Wish(add(pair.kr, playbook(blocking())), {"things": ADDRESS}, ["us-cert"], "wiper")
        response = responses.propose(pair.kr, wish, person="kim").id
        until(lambda: state(pair.us, response) == "asked")
        name = own_id(pair.kr, "course-of-action", response)
        assert name in held(pair.us)
        assert responses.read(pair.us, response).row.state == "asked"
        stranger = explained_for(pair, bank, name)
        assert stranger == "not-addressed"


def explained_for(pair: Pair, bank: Node, name: str) -> str:
    """Why another partner whose terms would let everything go does not get an object."""
    from katchi.node import partnering
    from katchi.web.serve import serving
    from tests.nodes import TERMS

    with serving(bank):
        invitation = partnering.invite(pair.kr, "bank", person="kim")
        partnering.join(bank, invitation.to_text(), name="kr-cert", person="choi")
        partnering.confirm(pair.kr, "bank", person="kim")
        terms.put_terms(pair.kr, "bank", TERMS.format(partner="bank"), person="kim")
        return terms.explain(pair.kr, name, "bank").steps[-1].code


ESCAPED = {
    "json in json": {"command": f'{{"action":"deny","target":{{"ipv4_net":"{ADDRESS}"}}}}'},
    "a line of its own": {"description": f"Hosts:\n{ADDRESS}\n"},
    "base64": {"command_b64": base64.b64encode(f"block {ADDRESS}".encode()).decode()},
    "base64 of json": {"command_b64": base64.b64encode(f'{{"a": ["{ADDRESS}"]}}'.encode()).decode()},
    "a name": {ADDRESS: 1},
}  # fmt: skip


@pytest.mark.parametrize("members", ESCAPED.values(), ids=ESCAPED)
def test_nothing_is_hidden_by_how_a_playbook_writes_it(node: Node, members: dict[str, Any]) -> None:
    hold(node, "red", "own")
    written = json.loads(json.dumps({"steps": [members]}))
    with pytest.raises(NotTellableError):
        require_tellable(node, texts_in(written), [], ASKED, "amber")


def test_a_reason_tells_no_more_than_a_proposal_may(tmp_path: Path) -> None:
    with a_pair(tmp_path) as pair:
        join(pair)
        equip(pair.kr)
        wish = Wish(add(pair.kr, playbook(blocking())), {"things": "evil.example"}, ["us-cert"], "wiper")
        response = responses.propose(pair.kr, wish, person="kim").id
        hold(pair.kr, "red", "own")
        with pytest.raises(NotTellableError):
            responses.recall(pair.kr, response, reason=f"it was {ADDRESS}", person="kim")
        responses.recall(pair.kr, response, reason="it was another", person="kim")
