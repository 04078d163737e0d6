"""The Space says what pyproject.toml and constraints.txt say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from reportgen.errors import UsageError
from reportgen.web import space

ROOT = Path(__file__).parents[2]


def test_the_front_matter_pins_the_gradio_we_test_with() -> None:
    import importlib.metadata

    said = dict(line.split(": ", 1) for line in space.front_matter().splitlines() if ": " in line)
    assert said["sdk"] == "gradio"
    assert said["sdk_version"] == importlib.metadata.version("gradio")
    assert said["python_version"] == '"3.11"'
    assert (ROOT / said["app_file"]).is_file()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["app"]
    floor = re.search(r"gradio>=([\d.]+)", " ".join(wanted))[1]
    assert said["sdk_version"].startswith(floor)
    assert len(said["short_description"]) <= 60


def test_the_requirements_are_current_and_small() -> None:
    written = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert written == space.requirements()
    assert not re.search(r"^(torch|transformers|datasets|bitsandbytes)\b", written, re.MULTILINE)


def test_a_folder_holds_everything_and_overwrites_nothing(tmp_path) -> None:
    folder = space.assemble(tmp_path / "space")
    names = (
        "app.py",
        "README.md",
        "requirements.txt",
        "reportgen/web/model/complaints.safetensors",
        "templates/base.html",
    )
    assert all((folder / name).is_file() for name in names)
    assert len(list((folder / "examples" / "banking77lt").glob("*.zip"))) >= 10
    assert not list(folder.rglob("__pycache__"))
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("---\ntitle:")
    with pytest.raises(UsageError, match="not empty"):
        space.assemble(tmp_path / "space")
