"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that tests marked `shared` read; they skip where it is absent."""
    folder = Path(os.environ.get("KATCHI_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found: set KATCHI_SHARED_DATA (looked in {folder})")
    return folder
