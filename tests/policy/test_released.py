"""Nothing but a decision makes a `Released`, and nothing but `reopen` brings one back."""

from __future__ import annotations

import ast
import copy
import dataclasses
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import katchi
from katchi.policy import NotReleasedError, PageRow, Recipient, Release, Released, ReleasedPage, reopen, reopen_page
from tests.policy.small_world import decided, made, terms


@dataclass(frozen=True)
class Row:
    """A release as a store keeps it."""

    partner: str
    object_id: str
    of_id: str
    version: int | None
    version_text: str | None
    type: str
    spec_version: str
    raw: bytes
    rule: str
    epoch: int = 3
    is_recall: bool = False
    withdrawn_at: int | None = None


PARK = Recipient("park", is_active=True, epoch=3)


@pytest.fixture
def released() -> Released:
    decision = decided(made("indicator"), terms())
    assert isinstance(decision, Release)
    return decision.released


def row(released: Released, **changed: Any) -> Row:
    names = ("object_id", "of_id", "version", "version_text", "type", "spec_version", "raw", "rule")
    return Row(**({"partner": released.recipient} | {name: getattr(released, name) for name in names} | changed))


def parts(released: Released) -> dict[str, Any]:
    return {field.name: getattr(released, field.name) for field in dataclasses.fields(released)}


@pytest.mark.parametrize("seal", [None, object(), "sealed", True])
def test_nobody_else_makes_one(released: Released, seal: Any) -> None:
    with pytest.raises(NotReleasedError):
        Released(**parts(released), seal=seal)
    with pytest.raises(TypeError):
        Released(**parts(released))


def test_nor_changes_one(released: Released) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        released.raw = b"{}"  # type: ignore[misc]
    with pytest.raises((ValueError, TypeError, NotReleasedError)):
        dataclasses.replace(released, raw=b"{}")  # type: ignore[call-arg]
    with pytest.raises(NotReleasedError):
        dataclasses.replace(released, raw=b"{}", seal=None)  # type: ignore[arg-type]


def test_nor_makes_another_kind_of_it() -> None:
    with pytest.raises(NotReleasedError):
        type("Forged", (Released,), {})


def test_nor_brings_one_back_from_a_pickle(released: Released) -> None:
    with pytest.raises(NotReleasedError):
        pickle.dumps(released)
    with pytest.raises(NotReleasedError):
        copy.deepcopy(released)


def test_no_code_outside_this_package_reaches_for_the_seal() -> None:
    root = Path(katchi.__file__).parent
    for path in root.rglob("*.py"):
        if path.is_relative_to(root / "policy"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "katchi.policy.released", f"{path} imports from behind the seal"
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("_SEAL", "_Seal"), f"{path} reaches for the seal"


def test_a_stored_release_in_force_is_reopened_as_it_was(released: Released) -> None:
    assert reopen(row(released), PARK) == released


@pytest.mark.parametrize(
    ("changed", "recipient"),
    [
        ({"partner": "choi"}, PARK),
        ({"withdrawn_at": 1}, PARK),
        ({"epoch": 2}, PARK),
        ({"epoch": 4}, PARK),
        ({}, Recipient("park", is_active=False, epoch=3)),
        ({}, Recipient("choi", is_active=True, epoch=3)),
    ],
)
def test_any_other_stored_release_stays_shut(released: Released, changed: dict[str, Any], recipient: Recipient) -> None:
    with pytest.raises(NotReleasedError) as refused:
        reopen(row(released, **changed), recipient)
    assert refused.value.remedy


# --- Pages --------------------------------------------------------------------------------------

ROWS: list[PageRow] = [("park", 3, None, 10, 100, b"{1}"), ("park", 3, None, 11, 101, b"{2}")]


def test_a_page_of_stored_releases_is_reopened_at_once() -> None:
    page = reopen_page(ROWS, PARK)
    assert (page.recipient, page.raws) == ("park", (b"{1}", b"{2}"))
    assert (page.last_position, page.first_added, page.last_added) == (11, 100, 101)
    assert reopen_page([], PARK).raws == ()


@pytest.mark.parametrize("row", [("choi", 3, None), ("park", 2, None), ("park", 4, None), ("park", 3, 1)])
def test_one_row_that_may_not_go_shuts_the_whole_page(row: tuple[str, int, int | None]) -> None:
    with pytest.raises(NotReleasedError):
        reopen_page([*ROWS, (*row, 12, 102, b"{3}")], PARK)


def test_a_suspended_partner_gets_no_page_not_even_an_empty_one() -> None:
    for rows in (ROWS, []):
        with pytest.raises(NotReleasedError):
            reopen_page(rows, Recipient("park", is_active=False, epoch=3))


def test_nobody_else_makes_a_page() -> None:
    page = reopen_page(ROWS, PARK)
    with pytest.raises(NotReleasedError):
        ReleasedPage("park", (b"{}",), 1, 1, 1, seal=None)  # type: ignore[arg-type]
    with pytest.raises(NotReleasedError):
        dataclasses.replace(page, raws=(b"{}",), seal=None)  # type: ignore[arg-type]
    with pytest.raises(NotReleasedError):
        pickle.dumps(page)
    with pytest.raises(NotReleasedError):
        type("Forged", (ReleasedPage,), {})
