"""Fixtures every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party test data, which is never part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no third-party test data at {SHARED_DATA}")
    return SHARED_DATA
