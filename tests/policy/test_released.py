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
from katchi.policy import NotReleasedError, Recipient, Release, Released, reopen
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
    return Row(
        **({"partner": released.recipient} | {name: getattr(released, name) for name in names} | changed)
    )


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
def test_any_other_stored_release_stays_shut(
    released: Released, changed: dict[str, Any], recipient: Recipient
) -> None:
    with pytest.raises(NotReleasedError) as refused:
        reopen(row(released, **changed), recipient)
    assert refused.value.remedy
