"""`katchi partner`: each step is a person's, and the words must be compared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.node import partnering
from katchi.node.wiring import open_node
from tests.cli.conftest import TERMS, Katchi
from tests.nodes import Pair, a_pair, join, until
from tests.objects import bundle, indicator


def test_an_invitation_is_text_a_file_or_a_code(katchi: Katchi, tmp_path: Path) -> None:
    shown = katchi.good("partner", "invite", "us-cert")
    assert "-----BEGIN KATCHI INVITATION-----" in shown.out
    out = tmp_path / "invitation.txt"
    told = katchi.asked("partner", "invite", "jp-cert", "--out", out, "--qr")
    assert "-----END KATCHI INVITATION-----" in out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    assert told["invitation"] is None
    assert told["qr"].startswith("katchi:join?")
    assert "█" in katchi.good("partner", "invite", "sg-cert", "--qr").out
    listed = katchi.asked("partner", "list")["partners"]
    assert {each["name"]: each["state"] for each in listed} == dict.fromkeys(
        ("us-cert", "jp-cert", "sg-cert"), "invited"
    )


def test_a_name_is_taken_once(katchi: Katchi) -> None:
    katchi.good("partner", "invite", "us-cert")
    answer = katchi("partner", "invite", "us-cert")
    assert answer.status == 1
    assert "us-cert" in answer.err


@pytest.mark.parametrize(
    "text", ["", "hello", "katchi:join?u=http://127.0.0.1:1"], ids=["empty", "prose", "half a code"]
)
def test_what_is_no_invitation_is_refused(katchi: Katchi, text: str) -> None:
    assert katchi("partner", "join", "-", given=text.encode()).status == 1
    assert katchi.asked("partner", "list")["partners"] == []


def test_nobody_confirms_what_was_never_compared(katchi: Katchi) -> None:
    katchi.good("partner", "invite", "us-cert")
    assert katchi("partner", "confirm", "us-cert", "--yes").status == 1


def test_a_tool_is_active_at_once_but_gets_nothing_without_terms(katchi: Katchi) -> None:
    told = katchi.good("partner", "add-tool", "park-siem", "--own")
    assert "No terms are in force" in told.out
    shown = katchi.asked("partner", "show", "park-siem")
    assert (shown["kind"], shown["state"], shown["is_own"]) == ("tool", "active", True)


def test_a_suspension_and_a_resume_are_on_the_ledger(with_tool: Katchi) -> None:
    assert with_tool.asked("partner", "suspend", "park-siem")["state"] == "suspended"
    assert with_tool("partner", "suspend", "park-siem").status == 1
    assert with_tool.asked("partner", "resume", "park-siem")["state"] == "active"
    assert with_tool.good("--language", "ko", "partner", "list").out.count("교류 중") == 1
    events = [each["body"]["event"] for each in with_tool.asked("ledger", "show", "--kind", "state")["entries"]]
    assert events == ["resume", "suspend", "add-tool"]
    with_tool.good("ledger", "verify")


def test_an_arrangement_ends_only_when_somebody_means_it(with_tool: Katchi) -> None:
    assert with_tool("partner", "end", "park-siem").status == 2
    assert with_tool.asked("partner", "end", "park-siem", "--yes")["state"] == "ended"


def test_a_new_key_is_known_to_the_ledger(katchi: Katchi) -> None:
    before = katchi.asked("store", "info")["public_key"]
    after = katchi.asked("partner", "rotate-key")["public_key"]
    assert before != after == katchi.asked("store", "info")["public_key"]
    katchi.good("ledger", "verify")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two served nodes."""
    with a_pair(tmp_path / "pair") as both:
        yield both


def test_two_people_join_compare_words_and_confirm(pair: Pair, tmp_path: Path) -> None:
    kr, us = Katchi(pair.kr.folder), Katchi(pair.us.folder)
    kr.good("partner", "invite", "us-cert", "--out", tmp_path / "invitation.txt")
    joined = us.good("partner", "join", tmp_path / "invitation.txt", "--name", "kr-cert")
    words = us.asked("partner", "show", "kr-cert")["words"]
    assert " ".join(words["en"]) in joined.out
    assert " ".join(words["ko"]) in joined.out
    assert kr.asked("partner", "show", "us-cert")["words"] == words
    # Nobody is at a terminal, so nobody can have compared anything.
    assert kr("partner", "confirm", "us-cert").status == 2
    wrong = kr("partner", "confirm", "us-cert", "--words", "one two three four five six")
    assert wrong.status == 1
    assert "do not agree" in wrong.err
    assert kr.asked("partner", "confirm", "us-cert", "--words", " ".join(words["ko"]))["state"] == "active"
    assert us.asked("partner", "confirm", "kr-cert", "--yes")["state"] == "active"
    again = us("partner", "join", tmp_path / "invitation.txt", "--name", "other")
    assert again.status == 1


def test_both_keep_their_books_and_the_command_line_compares_them(pair: Pair, tmp_path: Path) -> None:
    join(pair)
    kr, us = Katchi(pair.kr.folder), Katchi(pair.us.folder)
    kr.good("import", "-", given=bundle(indicator(1), indicator(2, tlp="red")))
    until(lambda: bool(pair.us.store.log.versions(indicator(1)["id"])))
    until(lambda: pair.kr.store.releases.flows()["us-cert"].waiting == 0)
    both = kr.asked("ledger", "reconcile", "us-cert")
    assert both["is_clean"]
    assert both["outgoing"]["agreed"] == 1
    assert "Both books agree" in us.good("ledger", "reconcile", "kr-cert").out
    proof = tmp_path / "proof.json"
    kr.good("ledger", "prove", indicator(1)["id"], "us-cert", "--out", proof)
    # The partner knows the key; a judge is told it.
    assert us.asked("ledger", "check-proof", proof, "--partner", "kr-cert")["proves"]["partner"] == "us-cert"
    key = us.asked("partner", "show", "kr-cert")["current_key"]
    judge = Katchi(tmp_path / "no node at all")
    assert judge.asked("ledger", "check-proof", proof, "--key", key)["proves"]["object_id"] == indicator(1)["id"]
    for node in (kr, us):
        node.good("ledger", "verify")


def test_books_that_differ_are_an_exit_code(pair: Pair) -> None:
    join(pair)
    kr = Katchi(pair.kr.folder)
    kr.good("import", "-", given=bundle(indicator(1)))
    until(lambda: pair.us.store.log.end()[0] == 1)
    until(lambda: pair.kr.store.releases.flows()["us-cert"].waiting == 0)
    with pair.kr.store.database.writing() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM release")
    answer = kr("--json", "ledger", "reconcile", "us-cert")
    assert answer.status == 1
    assert [fact["object_id"] for fact in answer.document["outgoing"]["unexplained"]] == [indicator(1)["id"]]
    tampered = kr("--json", "ledger", "verify")
    assert tampered.status == 1
    assert {each["code"] for each in tampered.document["tampering"]} == {"release-missing"}


def test_a_partner_that_does_not_answer_is_said_plainly(tmp_path: Path) -> None:
    with a_pair(tmp_path / "pair") as pair:
        join(pair)
        shutil.copytree(pair.kr.folder, tmp_path / "alone")
    answer = Katchi(tmp_path / "alone")("ledger", "reconcile", "us-cert")
    assert answer.status == 1
    assert "did not answer" in answer.err


def test_terms_are_for_partners_that_exist(katchi: Katchi, tmp_path: Path) -> None:
    path = tmp_path / "terms.toml"
    path.write_text(TERMS)
    assert katchi("terms", "put", path, "park-siem").status == 3
    with open_node(katchi.folder) as node:
        assert partnering.known(node) == []
