"""`katchi import` of what is not STIX: shown with where it comes from, taken in once somebody says yes."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Katchi
from tests.objects import TLP, bundle, indicator

REPORT = """\
침해사고 분석 보고서
공격자는 hxxp://update[.]shop-login[.]example/a.php 로 접속을 유도했다.
The implant then called 198.51.100[.]7 every ten minutes. It exploits CVE-2021-44228.
"""


def _report(folder: Path, name: str = "report.txt", content: bytes = REPORT.encode()) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_report_is_shown_with_its_sentences_and_taken_in_after_a_yes(katchi: Katchi, tmp_path: Path) -> None:
    path = _report(tmp_path)
    looked = katchi("import", "--preview", path)
    assert "198.51.100.7" in looked.out
    assert "every ten minutes" in looked.out
    assert katchi.asked("search", "198.51.100.7")["objects"] == []
    katchi.good("import", "--marking", "amber", "--yes", path)
    (found,) = katchi.asked("search", "198.51.100.7")["objects"]
    shown = katchi.asked("show", found["id"])
    assert TLP["amber"] in str(shown)


def test_nothing_is_taken_in_that_nobody_marked_or_looked_at(katchi: Katchi, tmp_path: Path) -> None:
    path = _report(tmp_path)
    unmarked = katchi("import", path)
    unconfirmed = katchi("import", "--marking", "green", path)
    wrong = katchi("import", "--marking", "purple", "--yes", path)
    assert {unmarked.status, unconfirmed.status, wrong.status} == {1}
    assert "--marking" in unmarked.err
    assert "--yes" in unconfirmed.err
    assert "amber+strict" in wrong.err
    assert katchi.asked("search", "198.51.100.7")["objects"] == []


def test_a_report_that_is_read_again_tells_nothing_new(katchi: Katchi, tmp_path: Path) -> None:
    path = _report(tmp_path)
    katchi.good("import", "--marking", "green", "--yes", path)
    again = katchi.asked("import", "--marking", "green", "--yes", path)
    assert again["stored"] == 0
    assert again["files"][0]["known"] == 3


def test_a_table_is_read_by_its_columns_and_a_person_may_say_otherwise(katchi: Katchi, tmp_path: Path) -> None:
    path = _report(tmp_path, "list.csv", b"indicator,note\nbad.example,first\n198.51.100.9,second\n")
    guessed = katchi.asked("import", "--preview", path)["files"][0]
    assert guessed["mapping"]["indicator"] == "value"
    assert guessed["kind"] == "csv"
    said = katchi.asked("import", "--preview", "--column", "indicator=value", "--column", "note=description", path)
    assert '"description":"first"' in str(said).replace("'", '"').replace(": ", ":")


def test_packed_files_are_opened_and_each_document_in_them_is_accounted_for(katchi: Katchi, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/objects.json", bundle(indicator(1)))
        archive.writestr("a/report.txt", REPORT)
    path = _report(tmp_path, "mixed.zip", packed.getvalue())
    taken = katchi.asked("import", "--marking", "green", "--yes", path)
    assert [file["source"].rpartition("/")[2] for file in taken["files"]] == ["objects.json", "report.txt"]
    assert taken["stored"] == 4
    again = katchi.asked("import", _report(tmp_path, "b.json.gz", gzip.compress(bundle(indicator(1)))))
    assert (again["held"], again["stored"]) == (1, 0)


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str | tuple[str, ...]]] = {
    "a way out of the folder": (lambda: _zip("../../etc/cron.d/x", REPORT.encode()), "archive-unsafe"),
    "a package cut off": (lambda: gzip.compress(REPORT.encode() * 99)[:-20], "archive-broken"),
    "nothing but noise": (lambda: b"\x00\x01\x02" * 50, ("unknown-document", "nothing-found")),
}


@pytest.mark.parametrize(("make", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_whole_and_named(
    katchi: Katchi, tmp_path: Path, make: Callable[[], bytes], code: str | tuple[str, ...]
) -> None:
    path = _report(tmp_path, "hostile", make())
    answer = katchi("--json", "import", "--marking", "green", "--yes", path)
    assert answer.status == 1
    error = answer.document["files"][0]["error"]
    assert error["code"] in code
    assert "hostile" in error["where"]
