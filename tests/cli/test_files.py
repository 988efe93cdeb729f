"""`katchi import` and `katchi export`: what is kept, what is refused and why, what may leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.cli.conftest import Katchi
from tests.objects import bundle, indicator, stix_object


def _file(folder: Path, content: bytes, name: str = "given.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _one(katchi: Katchi, content: bytes) -> dict[str, Any]:
    """The report about one document, read from standard input."""
    answer = katchi("--json", "import", "-", given=content)
    assert answer.status in (0, 1)
    (report,) = answer.document["files"]
    assert (answer.status == 0) == (report.get("account", {}).get("refused") == 0)
    return dict(report)


def test_an_import_says_what_is_new_what_was_held_and_what_was_refused(katchi: Katchi, tmp_path: Path) -> None:
    path = _file(tmp_path, bundle(indicator(1), indicator(2)))
    first = katchi.good("import", path)
    assert "2 objects: 2 new, 0 already held, 0 refused" in first.out
    broken = indicator(3) | {"valid_from": "yesterday"}
    again = katchi("import", _file(tmp_path, bundle(indicator(1), broken)))
    assert again.status == 1
    assert "2 objects: 0 new, 1 already held, 1 refused" in again.out
    assert "valid_from" in again.err
    assert indicator(3)["id"] in again.err


def test_a_preview_says_the_same_and_keeps_nothing(katchi: Katchi, tmp_path: Path) -> None:
    path = _file(tmp_path, bundle(indicator(1), indicator(2), indicator(3) | {"pattern": 7}))
    rehearsed = katchi("--json", "import", "--preview", path)
    assert rehearsed.status == 1
    assert katchi.asked("search", "address")["objects"] == []
    real = katchi("--json", "import", path)
    for name in ("total", "stored", "held", "refused"):
        assert rehearsed.document[name] == real.document[name]


def test_one_unreadable_file_does_not_stop_the_others(katchi: Katchi, tmp_path: Path) -> None:
    good = _file(tmp_path, bundle(indicator(1)), "good.json")
    bad = _file(tmp_path, b'{"type": "bundle", ', "bad.json")
    answer = katchi("--json", "import", bad, good)
    assert answer.status == 1
    assert answer.document["stored"] == 1
    assert answer.document["files"][0]["error"]["where"].startswith(f"{bad}: line 1")


def test_nothing_is_touched_when_one_file_is_not_there(katchi: Katchi, tmp_path: Path) -> None:
    good = _file(tmp_path, bundle(indicator(1)))
    answer = katchi("import", good, tmp_path / "none.json")
    assert answer.status == 3
    assert "none.json" in answer.err
    assert katchi.asked("search", "address")["objects"] == []


def _nested(depth: int) -> bytes:
    return b'{"type":"x-a","id":"x-a--00000000-0000-4000-8000-000000000001","a":' + b"[" * depth + b"]" * depth + b"}"


UNREADABLE = {
    "broken JSON": (b'{"type": "bundle", "objects": [', "JSON"),
    "JSON of another kind": (b'"hello"', "Nothing"),
    "several documents on one line": (bundle(indicator(1)) + bundle(indicator(2)), "JSON"),
    "text that is not UTF-8": ("가".encode("cp949"), "Nothing"),
}


@pytest.mark.parametrize(("content", "word"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_document_that_cannot_be_read_is_refused_whole(katchi: Katchi, content: bytes, word: str) -> None:
    error = _one(katchi, content)["error"]
    assert word in error["sentence"]
    assert katchi.asked("search", "address")["objects"] == []


REFUSED = {
    "nested 10,000 deep": (_nested(10_000), "unreadable"),
    "a property twice": (b'{"objects":[{"type":"x-a","id":"x-a--1","type":"x-a"}]}', "unreadable"),
    "no type": (b'{"objects":[{"id":"indicator--1"}]}', "missing-type"),
    "no id": (b'{"objects":[{"type":"indicator"}]}', "missing-id"),
    "an id that lies": (bundle(indicator(1) | {"type": "malware"}), "lying-id"),
    "a wrong type": (bundle(indicator(1) | {"pattern": 7}), None),
    "a moment that never was": (bundle(indicator(1) | {"valid_from": "2016-02-31T00:00:00Z"}), None),
    "a moment out of range": (bundle(indicator(1) | {"modified": "99999-01-01T00:00:00Z"}), None),
    "an unknown spec_version": (bundle(indicator(1) | {"spec_version": "9.9"}), None),
    "a marking that points to nothing": (
        bundle(indicator(1) | {"object_marking_refs": [f"marking-definition--{UUID(int=9, version=4)}"]}),
        "marking-unknown",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_object_is_refused_with_its_reason_and_the_good_one_kept(
    katchi: Katchi, content: bytes, code: str | None
) -> None:
    katchi.good("import", "-", given=bundle(indicator(50)))
    report = _one(katchi, content)
    problem = report["error"] if "error" in report else report["account"]["problems"][0]
    assert code in (None, problem["code"])
    assert problem.get("message") or problem.get("sentence")
    assert [each["id"] for each in katchi.asked("search", "address")["objects"]] == [indicator(50)["id"]]


HELD = {
    "an older version": (indicator(1, second=4), "older-than-held"),
    "the same version with other bytes": (
        indicator(1, second=5, name="another name"),
        "same-version-other-bytes",
    ),
}


@pytest.mark.parametrize(("item", "code"), HELD.values(), ids=HELD.keys())
def test_the_log_is_not_rewritten(katchi: Katchi, item: dict[str, Any], code: str) -> None:
    katchi.good("import", "-", given=bundle(indicator(1, second=5)))
    (problem,) = _one(katchi, bundle(item))["account"]["problems"]
    assert problem["code"] == code
    assert problem["expected"].startswith("later than")


def test_an_origin_must_be_a_partner(katchi: Katchi) -> None:
    answer = katchi("import", "-", "--origin", "choi", given=bundle(indicator(1)))
    assert answer.status == 3
    assert "choi" in answer.err


def test_a_file_of_a_partner_is_that_partners(with_tool: Katchi) -> None:
    with_tool.good("import", "-", "--origin", "park-siem", given=bundle(indicator(1)))
    (found,) = with_tool.asked("search", "address")["objects"]
    assert found["origin"] == "park-siem"


def test_an_export_holds_what_the_terms_release_byte_for_byte_and_it_is_on_the_ledger(
    with_tool: Katchi, tmp_path: Path
) -> None:
    given = bundle(indicator(1), indicator(2, tlp="amber"), indicator(3, name="found at Nuri Bank"))
    with_tool.good("import", "-", given=given)
    out = tmp_path / "out.json"
    done = with_tool.asked("export", "--partner", "park-siem", "--out", out)
    went = {each["id"]: each for each in json.loads(out.read_bytes())["objects"]}
    assert indicator(1)["id"] in went
    assert not {indicator(2)["id"], indicator(3)["id"]} & set(went)
    assert json.dumps(indicator(1)).encode() in out.read_bytes()
    entries = with_tool.asked("ledger", "show", "--kind", "release", "--partner", "park-siem")["entries"]
    assert {entry["body"]["object_id"] for entry in entries} == set(went)
    assert done["objects"] == len(went)
    with_tool.good("ledger", "verify")


def test_an_export_can_go_to_stdout_line_by_line(with_tool: Katchi) -> None:
    with_tool.good("import", "-", given=bundle(indicator(1)))
    out = with_tool.good("export", "--partner", "park-siem", "--format", "ndjson").out
    assert indicator(1) in [json.loads(line) for line in out.splitlines()]


def test_nothing_is_exported_without_terms(katchi: Katchi) -> None:
    katchi.good("partner", "add-tool", "park-siem")
    answer = katchi("export", "--partner", "park-siem")
    assert (answer.status, answer.out) == (3, "")
    assert "No terms are in force" in answer.err


def test_nothing_is_exported_for_a_suspended_partner_and_no_file_is_left(with_tool: Katchi, tmp_path: Path) -> None:
    with_tool.good("import", "-", given=bundle(indicator(1)))
    with_tool.good("partner", "suspend", "park-siem")
    answer = with_tool("export", "--partner", "park-siem", "--out", tmp_path / "out.json")
    assert answer.status == 1
    assert "suspended" in answer.err
    assert not list(tmp_path.glob("out*"))


def test_a_backup_holds_everything_and_warns(katchi: Katchi, tmp_path: Path) -> None:
    katchi.good("import", "-", given=bundle(indicator(1, tlp="red"), indicator(2, tlp=None)))
    out = tmp_path / "backup.json"
    answer = katchi.good("export", "--everything-unsafe", "--out", out)
    assert "must not leave" in answer.err
    assert out.stat().st_mode & 0o077 == 0
    ids = {each["id"] for each in json.loads(out.read_bytes())["objects"]}
    assert {indicator(1)["id"], indicator(2)["id"]} <= ids
    assert katchi.asked("ledger", "show", "--kind", "release")["entries"] == []


def test_a_backup_restores_into_another_node(katchi: Katchi, tmp_path: Path) -> None:
    red = stix_object("note", 1, tlp="red", content="ours", object_refs=[indicator(1)["id"]])
    katchi.good("import", "-", given=bundle(indicator(1), red))
    katchi.good("export", "--everything-unsafe", "--format", "ndjson", "--out", tmp_path / "b.ndjson")
    other = Katchi(tmp_path / "other")
    other.good("init", "--name", "restored")
    assert other.asked("import", tmp_path / "b.ndjson")["stored"] == 3  # with the first node's identity


@pytest.mark.parametrize(
    "arguments",
    [[], ["--partner", "a", "--everything-unsafe"], ["--everything-unsafe", "--format", "pdf"]],
    ids=["neither", "both", "unknown format"],
)
def test_an_export_says_what_it_needs(katchi: Katchi, arguments: list[str]) -> None:
    assert katchi("export", *arguments).status == 2


def test_a_feed_for_devices_is_written_and_what_is_left_out_is_said(with_tool: Katchi, tmp_path: Path) -> None:
    items = [indicator(1), indicator(2, pattern="[ipv4-addr:value = '10.0.0.1']")]
    with_tool.good("import", "-", given=bundle(*items))
    out = tmp_path / "list.txt"
    said = with_tool.good("export", "--partner", "park-siem", "--format", "list", "--out", out).out
    assert out.read_text().splitlines()[-1] == "198.51.100.1"
    assert "--with-warned" in said
    done = with_tool.asked("export", "--partner", "park-siem", "--format", "nftables", "--out", out, "--with-warned")
    assert (done["entries"], done["left_out"]) == (2, {})
    assert with_tool("export", "--everything-unsafe", "--format", "list", "--out", out).status == 2
    assert with_tool("export", "--partner", "park-siem", "--format", "list", "--topic", "none").status != 0
