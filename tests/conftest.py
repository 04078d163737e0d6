"""Fixtures every test may use."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party test data, which is never part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no third-party test data at {SHARED_DATA}")
    return SHARED_DATA


_SIMULATED = Path(__file__).with_name("simulated.py")


def _load(path: Path = _SIMULATED) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """The helpers that write bundles."""
    return _load()


@pytest.fixture(scope="session")
def weeks() -> ModuleType:
    """The runs that the stages of weeks 2 and 3 leave."""
    return _load(_SIMULATED.with_name("simulated_weeks.py"))


@pytest.fixture(scope="session")
def course():
    """The course whose rubric is answered."""
    from reportgen.data import load_course

    return load_course("ecbs5200")


@pytest.fixture(scope="session")
def world(simulated):
    """Thirty labels, 900 rows."""
    return simulated.World()


@pytest.fixture(scope="session")
def runs(simulated, world, tmp_path_factory):
    """Majority, TF-IDF, a frozen encoder, an encoder under two seeds."""
    return simulated.week1(tmp_path_factory.mktemp("runs"), world)


@pytest.fixture(scope="session")
def evidence(runs, course):
    """Week 1 from the whole set of runs."""
    from reportgen.evidence import build

    return build(1, runs, course)
