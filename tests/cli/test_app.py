"""What every command has in common: options, languages, exit codes, errors for people and for scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from katchi.cli import words
from katchi.cli.app import app, everywhere
from katchi.cli.printing import columns, safe
from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator

KATCHI = Path(sys.executable).with_name("katchi")


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        (["search", "x", "--json"], ["--json", "search", "x"]),
        (["search", "--node", "here", "x"], ["--node", "here", "search", "x"]),
        (["search", "x", "--language=ko", "-q"], ["--language=ko", "-q", "search", "x"]),
        (["search", "--", "--json"], ["search", "--", "--json"]),
        (["search", "--node"], ["--node", "search"]),
    ],
)
def test_the_options_of_every_command_may_stand_anywhere(given: list[str], understood: list[str]) -> None:
    assert everywhere(given) == understood


STATUSES = {
    "good": (["search"], 0),
    "something refused": (["import", "-"], 1),
    "usage": (["search", "--limit", "none"], 2),
    "usage of an option of every command": (["--language", "fr", "search"], 2),
    "no such command": (["serch"], 2),
    "unknown format": (["export", "--everything-unsafe", "--format", "pdf"], 2),
    "no such file": (["import", "none.json"], 3),
    "no such object": (["show", "indicator--none"], 3),
    "no such partner": (["partner", "show", "choi"], 3),
    "no such token": (["token", "revoke", "none"], 3),
    "a node is there already": (["init", "--name", "kr-cert"], 4),
}


@pytest.mark.parametrize(("arguments", "status"), STATUSES.values(), ids=STATUSES.keys())
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_script_can_tell_what_happened(katchi: Katchi, arguments: list[str], status: int, as_json: bool) -> None:
    answer = katchi(*(["--json"] if as_json else []), *arguments, given=bundle(indicator(1) | {"id": "x"}))
    assert answer.status == status
    if as_json:
        assert ("error" in answer.document) == (status > 1)
        assert answer.err == ""
    elif status > 1:
        assert answer.out == ""
        assert "Error" in answer.err


def test_no_node_is_an_error_of_settings(tmp_path: Path) -> None:
    answer = Katchi(tmp_path)("search")
    assert answer.status == 4
    assert "katchi init" in answer.err


def test_settings_that_cannot_be_used_name_the_file(katchi: Katchi) -> None:
    settings = katchi.folder / "katchi.toml"
    settings.write_text(settings.read_text().replace('listen = "', 'listen = "nowhere'))
    settings.write_text(settings.read_text().replace(":", "!"))
    answer = katchi("search")
    assert answer.status == 4
    assert "katchi.toml" in answer.err


def test_a_database_that_cannot_be_used_is_an_error_of_the_store(katchi: Katchi) -> None:
    (katchi.folder / "katchi.db").write_bytes(b"this is not a database, but long enough to be looked at" * 100)
    answer = katchi("--json", "search")
    assert answer.status == 5
    assert answer.document["error"]["code"] in ("store", "store-unreachable")


def test_an_old_schema_is_an_error_of_the_store_that_says_what_to_do(katchi: Katchi) -> None:
    (katchi.folder / "katchi.db").unlink()
    answer = katchi("search")
    assert answer.status == 5
    assert "katchi store upgrade" in answer.err
    katchi.good("store", "upgrade")
    katchi.good("search")


def test_an_error_is_laid_out_in_the_language_asked_for(tmp_path: Path) -> None:
    english, korean = Katchi(tmp_path)("search"), Katchi(tmp_path)("search", "--language", "ko")
    assert english.err.splitlines()[1].startswith("  where: ")
    assert korean.err.startswith("오류: ")
    assert "조치:" in korean.err


def test_a_korean_node_speaks_korean_until_somebody_asks_otherwise(tmp_path: Path) -> None:
    katchi = Katchi(tmp_path / "kr")
    made = katchi.good("init", "--name", "kr-cert", "--language", "ko")
    assert "비밀번호:" in made.out
    assert "찾은 것이 없습니다" in katchi.good("search", "nothing-like-it").out
    assert "Nothing found" in katchi.good("search", "nothing-like-it", "--language", "en").out


def test_every_sentence_is_there_in_both_languages_with_the_same_values() -> None:
    import string

    for key, (english, korean) in words.SENTENCES.items():
        named = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, korean)]
        assert named[0] == named[1], key
        assert english, key
        assert korean, key


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("한국인터넷진흥원", "한국인터넷진흥원"),
        ("\x1b[2J\x1b]0;gotcha\x07", r"\x1b[2J\x1b]0;gotcha\x07"),
        ("a\nb\r", r"a\nb\r"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\x9b31m", r"\x9b31m"),
        ("Beyoncé naïve", "Beyoncé naïve"),
    ],
)
def test_foreign_text_cannot_command_the_terminal(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_name_with_an_escape_sequence_is_shown_not_obeyed(katchi: Katchi) -> None:
    katchi.good("import", "-", given=bundle(indicator(1, name="bad\x1b[2Jname [red]x[/red]")))
    for answer in (katchi.good("search"), katchi.good("show", indicator(1)["id"])):
        assert "\x1b" not in answer.out
        assert "[2Jname [red]x[/red]" in answer.out


def test_korean_letters_take_two_columns() -> None:
    assert (columns("조치"), columns("do")) == (4, 2)


def test_a_command_that_is_quiet_says_only_what_was_asked_for(katchi: Katchi) -> None:
    assert katchi.good("--quiet", "search", "nothing-like-it").out == ""
    assert katchi.good("--quiet", "show", _identity(katchi), "--raw").out.startswith("{")


def _identity(katchi: Katchi) -> str:
    return str(katchi.asked("store", "info")["node_id"])


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KATCHI", "LC_", "LANG"))}
    return subprocess.run(
        [KATCHI, *arguments], capture_output=True, text=True, env=clean | environment, timeout=60, check=False
    )


def test_the_installed_command_runs_and_finds_its_node_by_the_environment(made_node: Path) -> None:
    answer = _run("search", "--json", KATCHI_NODE=str(made_node))
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["objects"]


def test_help_is_there_at_once_and_loads_no_node() -> None:
    started = time.monotonic()
    answer = _run("--help")
    took = time.monotonic() - started
    assert answer.returncode == 0
    assert "partner" in answer.stdout
    assert took < 3, "a quarter of a second on an idle machine"
    code = (
        "import sys; import katchi.cli.app;"
        " heavy = {'sqlalchemy', 'litestar', 'msgspec', 'rich', 'httpx', 'cryptography'} & set(sys.modules);"
        " assert heavy <= {'msgspec'}, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_command_has_help() -> None:
    from typer.testing import CliRunner

    nouns = ("partner", "terms", "ledger", "store", "user", "token")
    for noun in ("", *nouns):
        text = CliRunner().invoke(app, [noun, "--help"] if noun else ["--help"]).stdout
        commands = text.split("Commands:")[1].split("\n\n")[0].split("\n  ")[1:]
        assert commands
        for line in commands:
            assert len(line.split(maxsplit=1)) == 2, line
            assert not line.rstrip().endswith("..."), line


def test_the_shell_completes_commands() -> None:
    answer = _run(_KATCHI_COMPLETE="complete_bash", COMP_WORDS="katchi par", COMP_CWORD="1")
    assert answer.stdout.split() == ["partner"]


def test_a_reader_that_stops_reading_is_no_error_worth_a_traceback(made_node: Path) -> None:
    line = f"{KATCHI} --node {made_node} search | true"
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in answer.stderr


def test_ctrl_c_ends_a_command_with_a_word_and_a_status(katchi: Katchi, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("katchi.node.look.find", interrupted)
    answer = katchi("search")
    assert answer.status == 130
    assert "Stopped" in answer.err
