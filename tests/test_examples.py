"""What a stranger sees first: the shipped bundles are sound, and the demo's memos verify against them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.demo import RUNS, examples
from reportgen.bundle import read_bundle, validate_bundle
from reportgen.data import load_course
from reportgen.evidence import weeks_built
from reportgen.memo import build_memo, write_new_prose
from reportgen.memo.check import check_memo

FOLDER = examples() / "banking77lt"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.zip")), ids=lambda path: path.stem)
def test_every_shipped_bundle_is_sound_and_names_no_local_path(path: Path) -> None:
    validate_bundle(path)
    manifest = read_bundle(path).manifest
    assert not manifest.model.name.startswith("/")
    assert manifest.dataset is not None
    assert manifest.dataset.licence == "CC BY 4.0"


@pytest.mark.parametrize("week", [week for week in weeks_built() if week in RUNS])
def test_a_memo_with_prose_verifies_against_its_bundles(week: int, tmp_path: Path) -> None:
    prose = write_new_prose(week, load_course("banking77lt"), tmp_path / f"text{week}.md")
    prose.write_text(prose.read_text().replace("direction:", "direction: up"))
    runs = [FOLDER / f"{name}.zip" for name in RUNS[week]]
    page = build_memo(week, runs, tmp_path / f"week{week}.html", prose=prose)[0]
    assert page.stat().st_size < 500_000
    report = check_memo(page, bundles=runs)
    assert [finding for finding in report.findings if finding.severity == "red"] == []
    assert report.ok
