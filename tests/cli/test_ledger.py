"""`katchi ledger`: shown, verified, proved."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from katchi.cli.ledger import _TAMPERED
from katchi.node import verification
from katchi.policy.ledger.audit import Fault
from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator


@pytest.fixture
def released(with_tool: Katchi) -> Katchi:
    """A node from which one indicator went to park-siem."""
    with_tool.good("import", "-", given=bundle(indicator(1)))
    with_tool.good("export", "--partner", "park-siem")
    return with_tool


def test_the_ledger_shows_what_happened_latest_first(released: Katchi) -> None:
    shown = released.asked("ledger", "show")
    kinds = [each["kind"] for each in shown["entries"]]
    assert kinds[-2:] == ["terms", "state"]
    assert set(kinds[:-2]) == {"release"}
    assert shown["size"] == len(kinds)
    text = released.good("ledger", "show", "--language", "ko").out
    assert "공개" in text
    assert indicator(1)["id"] in text


def test_verify_says_what_it_read_and_names_what_was_changed(released: Katchi) -> None:
    assert "Intact" in released.good("ledger", "verify").out
    with sqlite3.connect(released.folder / "katchi.db") as connection:
        connection.execute(
            "UPDATE object SET raw = replace(raw, '198.51.100.1', '198.51.100.2') WHERE type = 'indicator'"
        )
    answer = released("ledger", "verify")
    assert answer.status == 1
    assert "The bytes of an object are not those that arrived." in answer.err
    assert "table object, row 2" in answer.err
    assert indicator(1)["id"] in answer.err
    tampering = released("--json", "ledger", "verify").document["tampering"]
    assert {each["code"] for each in tampering} == {"object-changed", "release-changed"}


def test_every_kind_of_tampering_has_a_sentence() -> None:
    source = Path(str(verification.__file__)).read_text()
    of_audits = get_args(get_type_hints(Fault)["code"])
    assert {*re.findall(r'_name\(\s*"([a-z-]+)"', source), *of_audits} == set(_TAMPERED)


def test_a_proof_is_printed_or_written_and_checked_without_a_node(released: Katchi, tmp_path: Path) -> None:
    key = released.asked("store", "info")["public_key"]
    printed = released.good("ledger", "prove", indicator(1)["id"], "park-siem").out
    path = tmp_path / "proof.json"
    path.write_text(printed)
    judge = Katchi(tmp_path / "nowhere")
    proven = judge.asked("ledger", "check-proof", path, "--key", key)["proves"]
    assert (proven["kind"], proven["partner"], proven["object_id"]) == (
        "release",
        "park-siem",
        indicator(1)["id"],
    )
    told = released.good("ledger", "prove", indicator(1)["id"], "park-siem", "--out", tmp_path / "b.json").out
    assert f"--key {key}" in told
    assert "release of" in judge.good("ledger", "check-proof", tmp_path / "b.json", "--key", key).out


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda text: text, 0),
        (lambda text: text.replace("park-siem", "choi-siem"), 1),
        (lambda text: text[: len(text) // 2], 1),
        (lambda text: "{}", 1),
    ],
    ids=["as made", "another partner", "cut off", "nothing"],
)
def test_a_proof_that_was_changed_does_not_hold(
    released: Katchi, tmp_path: Path, change: Callable[[str], str], status: int
) -> None:
    key = released.asked("store", "info")["public_key"]
    path = tmp_path / "proof.json"
    path.write_text(change(released.good("ledger", "prove", indicator(1)["id"], "park-siem").out))
    assert released("ledger", "check-proof", path, "--key", key).status == status


@pytest.mark.parametrize("key", ["", "not-a-key", "A" * 43])
def test_a_key_that_is_none_is_refused(released: Katchi, tmp_path: Path, key: str) -> None:
    path = tmp_path / "proof.json"
    path.write_text(released.good("ledger", "prove", indicator(1)["id"], "park-siem").out)
    assert released("ledger", "check-proof", path, "--key", key).status == 1


def test_nothing_is_proved_that_never_went(released: Katchi) -> None:
    answer = released("ledger", "prove", indicator(9)["id"], "park-siem")
    assert answer.status == 3
    assert json.loads(released("--json", "ledger", "prove", indicator(9)["id"], "park-siem").out)["error"]["code"] == (
        "never-released"
    )


def test_a_tool_has_no_books_to_compare(released: Katchi) -> None:
    assert released("ledger", "reconcile", "park-siem").status == 1
