"""`katchi store`, `katchi user` and `katchi token`: keeping a node."""

from __future__ import annotations

import hashlib
import sqlite3

import pytest

from katchi.node.wiring import open_node
from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator


def test_derived_tables_are_the_same_after_a_rebuild(katchi: Katchi) -> None:
    katchi.good("import", "-", given=bundle(*[indicator(number) for number in range(1, 30)]))
    katchi.good("import", "-", given=bundle(*[indicator(number, second=3) for number in range(1, 9)]))

    def derived() -> list[object]:
        with sqlite3.connect(katchi.folder / "katchi.db") as connection:
            return [
                connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
                for table in ("newest", "mention", "link")
            ]

    before = derived()
    with sqlite3.connect(katchi.folder / "katchi.db") as connection:
        connection.execute("DELETE FROM newest")
    assert katchi.asked("store", "rebuild")["versions"] == 38
    assert derived() == before


def test_info_says_what_is_held(katchi: Katchi) -> None:
    katchi.good("import", "-", given=bundle(indicator(1), indicator(1, second=2)))
    info = katchi.asked("store", "info")
    assert (info["objects"], info["versions"]) == (2, 3)
    assert info["types"] == {"identity": 1, "indicator": 1}
    assert info["bytes"] > 0
    assert "indicator" in katchi.good("store", "info", "--types").out


def test_an_upgrade_of_the_newest_schema_changes_nothing(katchi: Katchi) -> None:
    done = katchi.asked("store", "upgrade")
    assert done["before"] == done["after"]


def test_people_come_change_and_go(katchi: Katchi) -> None:
    added = katchi.asked("user", "add", "lee", "--role", "releaser", "--language", "ko")
    assert added["password"]
    katchi.good("user", "role", "lee", "analyst")
    people = {each["name"]: each for each in katchi.asked("user", "list")["people"]}
    assert (people["lee"]["role"], people["lee"]["language"]) == ("analyst", "ko")
    assert katchi.asked("user", "password", "lee")["password"] != added["password"]
    katchi.good("user", "close", "lee")
    people = {each["name"]: each for each in katchi.asked("user", "list")["people"]}
    assert not people["lee"]["is_active"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["user", "add", "kim"], 1),
        (["user", "add", "lee", "--role", "king"], 2),
        (["user", "role", "choi", "reader"], 3),
        (["user", "password", "choi"], 3),
        (["user", "close", "choi"], 3),
    ],
)
def test_what_cannot_be_done_with_people_is_said(katchi: Katchi, arguments: list[str], status: int) -> None:
    assert katchi(*arguments).status == status


def test_a_token_opens_the_door_until_it_is_revoked(with_tool: Katchi) -> None:
    made = with_tool.asked("token", "create", "--partner", "park-siem", "--label", "SIEM", "--days", "30")
    digest = hashlib.sha256(made["secret"].encode()).digest()
    with open_node(with_tool.folder) as node:
        found = node.store.partners.token(digest)
        assert found is not None
        assert found.partner == "park-siem"
    (listed,) = with_tool.asked("token", "list")["tokens"]
    assert listed["id"] == made["id"]
    assert "secret" not in listed
    with_tool.good("token", "revoke", made["id"])
    assert with_tool.asked("token", "list")["tokens"] == []
    kinds = [each["body"] for each in with_tool.asked("ledger", "show", "--kind", "key")["entries"]]
    assert [(each["old"], each["new"]) for each in kinds] == [
        (f"token {made['id']}", ""),
        ("", f"token {made['id']}"),
    ]
    with_tool.good("ledger", "verify")


def test_a_partner_with_a_node_needs_no_token(katchi: Katchi) -> None:
    katchi.good("partner", "invite", "us-cert")
    answer = katchi("token", "create", "--partner", "us-cert")
    assert answer.status == 1
    assert "add-tool" in answer.err
