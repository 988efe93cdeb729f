"""Playbooks that come along, for the missions of national CERTs and banks: a start, to be looked at before use."""

from __future__ import annotations

from importlib import resources

from katchi.errors import KatchiError


class NotInLibraryError(KatchiError):
    """No playbook of this name comes along."""

    code = "not-in-library"
    exit_status = 3


def names() -> list[str]:
    """What there is."""
    found = (each.name for each in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


def document(name: str) -> bytes:
    """One of them, as CACAO. Raises NotInLibraryError."""
    if name not in names():
        raise NotInLibraryError(
            "There is no such file, and no playbook of this name comes along.", what=name[:80],
            remedy="`katchi playbook library`",
        )  # fmt: skip
    return resources.files(__name__).joinpath(f"{name}.json").read_bytes()
