"""`katchi playbook` and `katchi respond`: a person accepts a playbook, others do what it asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.cli.conftest import Katchi
from tests.nodes import a_node, until
from tests.respond.pack import build

LINES = """
s: start then=a
a: do in=address out=tickets ok=i fail=b
b: do then=f
f: end
i: if when={__tickets__:value > 2} yes=c then=e
c: do timeout=200 then=g
g: end
e: end
"""
VARIABLES: dict[str, dict[str, Any]] = {
    "address": {"type": "ipv4-addr", "external": True}, "tickets": {"type": "integer", "value": "0"},
}  # fmt: skip


def playbook(folder: Path, **more: Any) -> Path:
    path = folder / "playbook.json"
    path.write_text(json.dumps(build("Phishing wave", LINES, VARIABLES) | more), encoding="utf-8")
    return path


def test_a_run_from_the_command_line(katchi: Katchi, tmp_path: Path) -> None:
    file = str(playbook(tmp_path))
    assert "katchi playbook add" in katchi.good("playbook", "list").out
    assert katchi.asked("playbook", "check", file) == {"accepted": True, "findings": []}
    katchi.good("playbook", "add", file)
    katchi.good("playbook", "add", file)
    assert len(katchi.asked("playbook", "list")["playbooks"]) == 1
    assert "katchi respond begin" in katchi.good("respond", "list").out
    assert katchi("respond", "begin", "Phishing").status == 1  # a value is missing
    assert katchi("respond", "begin", "Phishing", "--set", "address=here").status == 1
    run = katchi.asked("respond", "begin", "Phishing", "--set", "address=192.0.2.7")["id"]
    (asked,) = katchi.asked("respond", "waiting")["waiting"]
    assert (asked["step"], asked["command"], asked["agent"], asked["phase"]) == ("a", "do a", "operator", "asked")
    assert "do a" in katchi.good("respond", "waiting").out
    katchi.good("respond", "done", asked["key"][:8], "--set", "tickets=3", "--say", "at the gateway")
    assert katchi("respond", "done", asked["key"]).status == 4
    (asked,) = katchi.asked("respond", "waiting")["waiting"]
    assert asked["step"] == "c"
    assert katchi.asked("respond", "failed", asked["key"], "--say", "no access")["status"] == "failed"
    shown = katchi.asked("respond", "show", run[:8])
    assert [(each["step"], each["phase"], each["reason"]) for each in shown["orders"]] == [
        ("a", "done", "at the gateway"), ("c", "failed", "no access")
    ]  # fmt: skip
    assert shown["timeline"][-1]["what"] == "failed"
    assert "no access" in katchi.good("respond", "show", run).out
    assert "Nobody" in katchi.good("respond", "waiting").out


def test_what_cannot_be_is_said(katchi: Katchi, tmp_path: Path) -> None:
    bad = playbook(tmp_path, workflow_start="start--none")
    said = katchi("playbook", "check", str(bad))
    assert (said.status, "dangling" in said.err) == (1, True)
    refused = katchi("playbook", "add", str(bad))
    assert (refused.status, "dangling" in refused.err) == (1, True)
    katchi.good("playbook", "add", str(playbook(tmp_path)))
    assert katchi("playbook", "add", str(playbook(tmp_path, description="changed"))).status == 4
    old = {"modified": "2026-11-25T00:00:00.000Z", "valid_until": "2026-11-26T00:00:00.000Z"}
    late = {"modified": "2026-11-26T00:00:00.000Z", "valid_from": "2126-11-26T00:00:00.000Z"}
    gone = {"modified": "2026-11-27T00:00:00.000Z", "revoked": True}
    for more in (old, late, gone):
        katchi.good("playbook", "add", str(playbook(tmp_path, **more)))
    assert katchi("respond", "begin", "Phishing", "--set", "address=192.0.2.7").status == 4  # the newest is revoked
    assert katchi("respond", "begin", "nothing").status == 3
    assert katchi("respond", "begin", "Phishing", "--set", "address").status == 2
    for wrong in (("show", "r"), ("cancel", "r"), ("done", "r")):
        assert katchi("respond", *wrong).status == 3


def test_a_served_node_sees_to_timeouts(tmp_path: Path) -> None:
    from katchi.node import responding
    from katchi.web.serve import serving

    with a_node(tmp_path / "n", "kr-cert") as node, serving(node):
        responding.accept(node, playbook(tmp_path).read_bytes(), person="kim")
        run = responding.begin(node, "Phishing", {"address": "192.0.2.7"}, person="kim").id
        (asked,) = responding.waiting(node)
        responding.answer(node, asked.row.key, is_good=True, out={"tickets": "9"}, reason="", person="kim")
        until(lambda: node.store.runs.one(run).status == "failed")
        assert node.store.runs.one(run).reason == "timeout"
        ended = responding.begin(node, "Phishing", {"address": "192.0.2.8"}, person="kim").id
        assert responding.cancel(node, ended, reason="a mistake").status == "cancelled"
        assert responding.waiting(node) == []


def test_a_playbook_is_shown_given_out_and_drawn(katchi: Katchi, tmp_path: Path) -> None:
    file, out = playbook(tmp_path, description="때가 되면"), tmp_path / "out"
    katchi.good("playbook", "add", str(file))
    katchi.good("playbook", "add", "wiper-outbreak")
    shown = katchi.good("playbook", "show", "Phishing").out
    assert "do a" in shown
    assert "Nobody has signed it." in shown
    document = katchi.asked("playbook", "show", "Phishing")
    assert [(each["number"], each["name"], each["agent"]) for each in document["steps"]][:2] == [
        (1, "a", "operator"), (2, "i", None)
    ]  # fmt: skip
    assert (document["signatures"], document["findings"]) == ([], [])
    assert katchi.good("playbook", "export", "Phishing").out.encode() == file.read_bytes()
    version = document["version"]
    katchi.good("playbook", "export", "Phishing", "--version", version, "--out", out)
    assert out.read_bytes() == file.read_bytes()
    assert katchi("playbook", "export", "Phishing", "--version", "2020").status == 3
    assert katchi("--json", "playbook", "export", "Phishing").status == 2
    assert katchi("playbook", "show", "Nothing").status == 3
    katchi.good("playbook", "picture", "Wiper", "--out", out)
    root = ElementTree.fromstring(out.read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "svg.workflow" in (root.findtext("{http://www.w3.org/2000/svg}style") or "")
    words = " ".join("".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "Save the backups" in words


def test_what_changed_between_versions_is_said(katchi: Katchi, tmp_path: Path) -> None:
    katchi.good("playbook", "add", str(playbook(tmp_path)))
    assert "only one version" in katchi.good("playbook", "compare", "Phishing").out
    second = {"modified": "2026-11-27T00:00:00.000Z", "description": "피싱 대응"}
    katchi.good("playbook", "add", str(playbook(tmp_path, **second)))
    found = katchi.asked("playbook", "compare", "Phishing")
    assert found["to"] == second["modified"]
    assert found["differences"] == [
        {"part": "playbook", "change": "added", "id": "", "name": "", "member": "description", "before": "",
         "after": "피싱 대응"}
    ]  # fmt: skip
    file = playbook(tmp_path, name="Other", **second)
    said = katchi.good("playbook", "compare", "Phishing", "--file", file).out
    assert "Phishing wave" in said
    assert "Other" in said
    first = found["from"]
    assert "Both say the same" in katchi.good("playbook", "compare", "Phishing", "--from", first, "--to", first).out
    assert katchi("playbook", "compare", "Phishing", "--to", first, "--file", file).status == 2
    assert katchi("playbook", "compare", "Phishing", "--from", "none").status == 3
    assert katchi("playbook", "compare", "none").status == 3
    file.write_text("[]", encoding="utf-8")
    assert katchi("playbook", "compare", "Phishing", "--file", file).status == 1
