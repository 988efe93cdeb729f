"""The project speaks only of itself: no machine's paths, no package index, and a lock that fits."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Put together here, so that this file does not name what it forbids.
INDEXES = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"))]
PATHS = ["/" + folder + "/" for folder in ("work", "root", "home")]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        if path.is_file() and path.suffix not in {".png", ".ico"}:
            found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")))
    return found


def test_no_file_names_a_package_index() -> None:
    assert [name for name, text in texts() if any(index in text for index in INDEXES)] == []


def test_no_file_carries_a_path_of_somebodys_machine() -> None:
    pattern = re.compile("|".join(rf"(?<![\w.@:/-]){re.escape(path)}\w" for path in PATHS))
    assert [name for name, text in texts() if pattern.search(text)] == []


def test_the_lock_fits_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    names = {package["name"] for package in lock["package"]}
    extras = project["project"]["optional-dependencies"].values()
    own = [*project["project"]["dependencies"], *(requirement for extra in extras for requirement in extra)]
    groups = [*project["dependency-groups"].values(), own]
    wanted = {re.split(r"[\[<>=! ]", requirement)[0].lower() for group in groups for requirement in group}
    assert wanted <= names
    (ours,) = [package for package in lock["package"] if package["name"] == "katchi"]
    locked = {entry["name"] for entry in ours["metadata"]["requires-dist"]}
    assert locked == {re.split(r"[\[<>=! ]", requirement)[0].lower() for requirement in own}


def test_every_locked_file_has_a_hash() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    bare = [
        package["name"]
        for package in lock["package"]
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        if not file.get("hash", "").startswith("sha256:")
    ]
    assert bare == []
