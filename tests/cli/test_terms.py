"""`katchi terms`: drafts, checks, trials and explanations before and after terms are in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import TERMS, Katchi
from tests.objects import bundle, indicator


def _terms(folder: Path, text: str) -> Path:
    path = folder / "terms.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", [[], ["--own-tool"]], ids=["partner", "own tool"])
def test_a_draft_is_good_terms_for_the_partner(katchi: Katchi, tmp_path: Path, kind: list[str]) -> None:
    katchi.good("terms", "new", "park", "--out", tmp_path / "park.toml", *kind)
    assert katchi.asked("terms", "check", tmp_path / "park.toml")["partner"] == "park"


def test_a_draft_never_takes_the_place_of_a_file(katchi: Katchi, tmp_path: Path) -> None:
    path = _terms(tmp_path, "mine")
    assert katchi("terms", "new", "park", "--out", path).status == 1
    assert path.read_text() == "mine"


BAD = {
    "a typo": (TERMS.replace("up-to", "up-too"), 11, "up-to"),
    "not TOML": (TERMS.replace('"green"\nreferences', "green\nreferences"), 11, "TOML"),
    "an unknown label": (TERMS.replace('up-to = "green"', 'up-to = "gren"'), 11, "green"),
    "red": (TERMS.replace('up-to = "green"', 'up-to = "red"'), 11, "RED"),
    "no rules": ('format = 1\npartner = "park-siem"\n', 1, "release nothing"),
}


@pytest.mark.parametrize(("text", "line", "word"), BAD.values(), ids=BAD.keys())
def test_bad_terms_name_the_line_and_are_not_put_in_force(
    with_tool: Katchi, tmp_path: Path, text: str, line: int, word: str
) -> None:
    before = with_tool.asked("terms", "show", "park-siem")
    for command in (["check"], ["put"], ["try"]):
        partner = [] if command == ["check"] else ["park-siem"]
        answer = with_tool("terms", *command, _terms(tmp_path, text), *partner)
        assert answer.status == 1
        assert f"terms.toml:{line}" in answer.err
        assert word in answer.err
    assert with_tool.asked("terms", "show", "park-siem") == before


def test_terms_of_another_partner_are_refused(with_tool: Katchi, tmp_path: Path) -> None:
    answer = with_tool("terms", "put", _terms(tmp_path, TERMS.replace("park-siem", "choi")), "park-siem")
    assert answer.status == 1
    assert "choi" in answer.err


def test_terms_are_on_the_ledger_with_who_put_them_in_force(with_tool: Katchi, tmp_path: Path) -> None:
    done = with_tool.asked("terms", "put", _terms(tmp_path, TERMS + "# agreed\n"), "park-siem")
    (latest, first) = with_tool.asked("ledger", "show", "--kind", "terms")["entries"]
    assert latest["body"]["digest"] == done["digest"] != first["body"]["digest"]
    assert latest["body"]["person"]
    history = with_tool.asked("terms", "show", "park-siem")["history"]
    assert [each["number"] for each in history] == [2, 1]


def test_the_same_terms_again_change_nothing(with_tool: Katchi, tmp_path: Path) -> None:
    done = with_tool.asked("terms", "put", _terms(tmp_path, TERMS), "park-siem")
    assert done["was_in_force"]
    assert len(with_tool.asked("ledger", "show", "--kind", "terms")["entries"]) == 1


def test_an_explanation_names_the_rule_that_decided(with_tool: Katchi) -> None:
    with_tool.good("import", "-", given=bundle(indicator(1), indicator(2, name="seen at Nuri Bank")))
    goes = with_tool.asked("terms", "explain", indicator(1)["id"], "park-siem")
    assert (goes["decision"], goes["rule"], goes["is_copy"]) == ("release", "green", False)
    stays = with_tool.asked("terms", "explain", indicator(2)["id"], "park-siem")
    assert (stays["decision"], stays["code"], stays["rule"]) == ("withheld", "withhold-rule", "our victims")
    assert stays["steps"][-1]["line"] == 4
    told = with_tool.good("terms", "explain", indicator(2)["id"], "park-siem").out
    assert "stays" in told
    assert "our victims" in told


def test_an_explanation_is_there_in_korean(with_tool: Katchi) -> None:
    with_tool.good("import", "-", given=bundle(indicator(1, tlp="amber")))
    told = with_tool.good("terms", "explain", indicator(1)["id"], "park-siem", "--language", "ko").out
    assert "공개하지 않습니다" in told


def test_every_step_has_a_sentence_in_both_languages() -> None:
    from katchi import policy
    from katchi.cli.invocation import Invocation
    from katchi.cli.terms import _why

    for language in ("en", "ko"):
        for code in policy.STEP_CODES:
            assert code not in _why(Invocation(asked_language=language), code, "").split(), (code, language)


def test_an_object_that_is_not_held_cannot_be_explained(with_tool: Katchi) -> None:
    answer = with_tool("terms", "explain", indicator(1)["id"], "park-siem")
    assert answer.status == 3


def test_a_trial_shows_what_would_change_and_changes_nothing(with_tool: Katchi, tmp_path: Path) -> None:
    given = bundle(indicator(1), indicator(2, tlp="amber"), indicator(3, tlp="red"))
    with_tool.good("import", "-", given=given)
    wider = _terms(tmp_path, TERMS.replace('up-to = "green"', 'up-to = "amber"'))
    before = with_tool.asked("ledger", "show")
    outlook = with_tool.asked("terms", "try", wider, "park-siem")
    assert [each["object_id"] for each in outlook["would_go"]["first"]] == [indicator(2)["id"]]
    assert outlook["would_stay"]["count"] == 0
    narrower = _terms(tmp_path, TERMS.replace('up-to = "green"', 'up-to = "clear"'))
    outlook = with_tool.asked("terms", "try", narrower, "park-siem")
    assert outlook["would_stay"]["by_reason"] == {"tlp-too-strict": 1}
    assert with_tool.asked("ledger", "show") == before


def test_a_trial_finds_what_would_go_in_another_form(with_tool: Katchi, tmp_path: Path) -> None:
    with_tool.good("import", "-", given=bundle(indicator(1, description="how we found it")))
    redacting = _terms(tmp_path, TERMS + 'strip = ["description"]\n')
    outlook = with_tool.asked("terms", "try", redacting, "park-siem")
    assert outlook["would_change"]["count"] == 1


def test_a_trial_for_a_partner_without_terms_compares_with_nothing(katchi: Katchi, tmp_path: Path) -> None:
    katchi.good("partner", "add-tool", "park-siem")
    katchi.good("import", "-", given=bundle(indicator(1)))
    outlook = katchi.asked("terms", "try", _terms(tmp_path, TERMS), "park-siem")
    assert (outlook["released_now"], outlook["would_go"]["count"]) == (0, outlook["released_then"])
