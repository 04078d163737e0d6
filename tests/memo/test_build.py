"""From paths to files."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from reportgen.data import load_course
from reportgen.errors import InputError, ReportgenError, UsageError
from reportgen.memo import build_memo


def test_memo_and_twins(runs, tmp_path) -> None:
    prose = tmp_path / "week1.md"
    prose.write_text("---\nauthor: Ada\n---\n## 1\nText.\n", encoding="utf-8")
    folder = runs[0].path.parent
    written = build_memo(1, [folder], tmp_path / "out" / "memo.html", prose=prose, twins=True)
    assert [path.name for path in written] == ["memo.html", "memo.md", "memo.json"]
    assert "Ada" in written[0].read_text(encoding="utf-8")
    again = build_memo(1, [folder], tmp_path / "again.html", prose=prose)
    assert again[0].read_bytes() == written[0].read_bytes()


def test_no_set_decides_an_order(runs, tmp_path) -> None:
    pages = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "reportgen", "memo", "2", *(run.path for run in runs), "--twins"]
        env = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([*command, "--out", tmp_path / "memo.html"], check=True, capture_output=True, env=env)
        pages.append([(tmp_path / f"memo.{kind}").read_bytes() for kind in ("html", "md", "json")])
    assert pages[0] == pages[1]


def test_nothing_is_written_when_anything_is_wrong(runs, tmp_path) -> None:
    prose = tmp_path / "week1.md"
    prose.write_text("## 9. Nowhere\n", encoding="utf-8")
    out = tmp_path / "memo.html"
    with pytest.raises(InputError):
        build_memo(1, [runs[0].path.parent], out, prose=prose)
    with pytest.raises(ReportgenError):
        build_memo(1, [tmp_path / "none"], out)
    with pytest.raises(UsageError, match="no course"):
        build_memo(1, [runs[0].path.parent], out, course="nonesuch")
    assert not out.exists()


def test_the_course_is_the_bundles_own(runs, tmp_path) -> None:
    page = build_memo(1, [runs[0].path], tmp_path / "memo.html")[0].read_text(encoding="utf-8")
    assert load_course("ecbs5200").title in page


def test_a_folder_keeps_later_weeks_to_themselves(simulated, world, tmp_path) -> None:
    shelf = tmp_path / "runs"
    for name, week in (("tfidf", 1), ("encoder", 5), ("decoder-lora", 3), ("mine", 2)):
        simulated.write_run(shelf, world, name, "linear" if name == "tfidf" else "encoder", week=week, draw=week)
    said: list[str] = []

    def ids(week: int, *paths) -> set[str]:
        build_memo(week, paths, tmp_path / "memo.html", twins=True, say=said.append)
        return {run["run_id"] for run in json.loads((tmp_path / "memo.json").read_text(encoding="utf-8"))["runs"]}

    # The encoder was made again in week 5, and week 2's stage asks for it by that name.
    assert ids(2, shelf) == {"tfidf", "encoder", "mine"}
    assert said == ["Made for a later week and left out: decoder-lora (3). To have one in, name its own path."]
    assert ids(3, shelf) == {"tfidf", "encoder", "mine", "decoder-lora"}
    assert ids(2, shelf, shelf / "decoder-lora") == {"tfidf", "encoder", "mine", "decoder-lora"}
    assert ids(1, shelf / "decoder-lora") == {"decoder-lora"}
    assert len(said) == 1
