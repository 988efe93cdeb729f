"""`katchi init`: a whole node, or none."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Katchi
from tests.nodes import free_port


def test_a_new_node_is_whole_and_its_secrets_are_its_own(tmp_path: Path) -> None:
    katchi = Katchi(tmp_path / "node")
    made = katchi.asked(
        "init",
        "--name",
        "kr-cert",
        "--title",
        "한국 침해대응센터",
        "--language",
        "ko",
        "--administrator",
        "kim",
    )
    assert made["administrator"] == "kim"
    assert len(made["password"]) >= 6
    assert katchi.folder.stat().st_mode & 0o077 == 0
    for name in ("node.key", "tls.key", "copies.key"):
        assert (katchi.folder / name).stat().st_mode & 0o077 == 0
    (person,) = katchi.asked("user", "list")["people"]
    assert (person["name"], person["role"], person["language"]) == ("kim", "administrator", "ko")
    katchi.good("ledger", "verify")


def test_the_node_is_an_identity_that_may_go_to_anybody(tmp_path: Path) -> None:
    katchi = Katchi(tmp_path / "node")
    made = katchi.asked("init", "--name", "kr-cert", "--title", "한국 침해대응센터")
    identity = json.loads(katchi.good("show", made["node_id"], "--raw").out)
    assert (identity["type"], identity["name"]) == ("identity", "한국 침해대응센터")
    (found,) = katchi.asked("search", "--type", "identity")["objects"]
    assert (found["marking"], found["origin"]) == ("clear", "own")


def test_the_password_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    katchi = Katchi(tmp_path / "node")
    password = katchi.asked("init", "--name", "kr-cert")["password"].encode()
    for path in katchi.folder.rglob("*"):
        assert password not in path.read_bytes()


def test_the_folder_may_be_given_as_an_option_too(tmp_path: Path) -> None:
    Katchi(tmp_path / "unused").good("init", "--name", "kr-cert", "--folder", tmp_path / "here")
    Katchi(tmp_path / "here").good("search")
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--name", "KR CERT"),
        ("--listen", "nowhere"),
        ("--url", "http://kr-cert.example"),
        ("--url", "gopher://kr-cert.example"),
    ],
)
def test_settings_that_cannot_be_used_make_no_node(tmp_path: Path, wrong: tuple[str, str]) -> None:
    katchi = Katchi(tmp_path / "node")
    answer = katchi("init", *(("--name", "kr-cert") if wrong[0] != "--name" else ()), *wrong)
    assert answer.status in (1, 4)
    assert "Error" in answer.err
    assert not (katchi.folder / "katchi.toml").exists()


def test_a_node_is_never_made_over_another(katchi: Katchi) -> None:
    before = (katchi.folder / "node.key").read_bytes()
    assert katchi("init", "--name", "other").status == 4
    assert (katchi.folder / "node.key").read_bytes() == before


def test_serve_says_when_it_listens_and_ends_when_told(tmp_path: Path) -> None:
    port = free_port()
    Katchi(tmp_path / "node").good("init", "--name", "kr-cert", "--listen", f"127.0.0.1:{port}")
    command = [sys.executable, "-m", "katchi.cli", "--node", str(tmp_path / "node"), "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            assert f"127.0.0.1:{port}" in served.stdout.readline()
            assert httpx.get(f"http://127.0.0.1:{port}/taxii2/").status_code == 401
        finally:
            served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=30) == 0


def test_an_address_that_is_taken_is_an_error_of_settings(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        katchi = Katchi(tmp_path / "node")
        katchi.good("init", "--name", "kr-cert", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        answer = katchi("serve")
    assert answer.status == 4
    assert "cannot listen" in answer.err
