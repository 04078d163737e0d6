"""What is published works where the checkout is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import reportgen

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

INFO = f"reportgen-{reportgen.__version__}.dist-info"


def test_version_changelog_and_bounds_agree() -> None:
    assert PROJECT["version"] == reportgen.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, flags=re.M)[1] == reportgen.__version__
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    exact = {
        name.lower().replace("_", "-"): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", constraints, re.M)
    }
    for wanted in PROJECT["dependencies"]:
        name, low = re.match(r"([\w.-]+)>=([\w.]+)", wanted).groups()
        assert _number(low) <= _number(exact[name.lower()]), wanted


def test_the_packages_are_typed() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in ("reportgen", "models"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from the sdist alone."""
    pytest.importorskip("build", reason="build comes with the extra 'dev'")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "-o", out, ROOT], check=True, capture_output=True)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.mark.slow
def test_the_archives_hold_what_is_needed_and_nothing_else(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    for folder in ("reportgen", "models", "templates", "examples/banking77lt", "examples/prose"):
        target = re.sub("^(templates|examples)", r"reportgen/_\1", folder)
        there = {f"{target}/{path.relative_to(ROOT / folder)}" for path in _files(ROOT / folder)}
        assert there - files == set()
    assert {file.partition("/")[0] for file in files} == {"reportgen", "models", INFO}
    assert {top for top in tops if top.startswith(".")} <= {".gitignore"}
    assert {"app.py", "requirements.txt", "tests", "constraints.txt", "Makefile"} <= tops
    assert wheel.stat().st_size < 60_000_000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_alone_builds_the_demo_in_another_folder(built: tuple[Path, Path], tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    subprocess.run([home / "bin" / "pip", "install", "-q", built[1]], check=True, capture_output=True)
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    run = [home / "bin" / "reportgen", "demo", "--out", "demo"]
    said = subprocess.run(run, cwd=tmp_path, env=bare, check=True, capture_output=True, text=True)
    index = tmp_path / said.stdout.strip().splitlines()[-1]
    links = re.findall(r'href="([^"#]+)"', index.read_text(encoding="utf-8"))
    assert len(links) >= 6
    assert all((index.parent / link).is_file() for link in links)
    check = [home / "bin" / "reportgen", "check", index.parent / "week1.html"]
    assert subprocess.run(check, cwd=tmp_path, env=bare, check=False, capture_output=True).returncode == 0


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
