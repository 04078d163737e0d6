"""Fixtures of the grading tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    """A helper module beside this file: tests are no package."""
    spec = importlib.util.spec_from_file_location(f"grading_{name.replace(chr(47), chr(95))}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def moodle() -> ModuleType:
    """The helpers that write Moodle's zips and worksheets."""
    return load("moodle")


@pytest.fixture(scope="session")
def classroom() -> ModuleType:
    """The helpers that make memos and spoil them."""
    return load("classroom")


@pytest.fixture(scope="session")
def memos(classroom, simulated, tmp_path_factory) -> list[str]:
    """Four honest memos of week 1, each with runs and prose of its own."""
    folder = tmp_path_factory.mktemp("memos")
    world = simulated.World()
    return [
        classroom.memo(simulated, folder / str(n), n, text=classroom.prose(f"Student {n}", n), world=world)
        for n in range(4)
    ]


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory) -> tuple[Path, dict[int, dict[str, list[float | str] | None]]]:
    """Six notebooks executed once and exported in two templates: their folder, and what they computed."""
    folder = tmp_path_factory.mktemp("notebooks")
    return folder, load("notebooks/build").build(folder)
