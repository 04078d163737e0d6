"""`reportgen demo`: what stands beside the six memos."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from models.demo import bundle
from reportgen.demo import classroom
from reportgen.demo.build import PARTS, build_demo
from reportgen.demo.desk import CANDIDATES, write_desk
from reportgen.demo.rescue import FROZEN, PLAIN, SPLIT, TUNED, write_rescue
from reportgen.errors import UsageError
from reportgen.evidence.paired import compare_report, rescue_report
from reportgen.memo.index_page import Page


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The class's results."""
    out = tmp_path_factory.mktemp("demo")
    classroom.grade(out)
    return out / "results"


def test_every_deed_of_the_class_is_found_and_no_honest_memo_is_red(graded: Path) -> None:
    page = (graded / "overview.html").read_text(encoding="utf-8")
    with (graded / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(classroom.CLASS) == 12
    flagged = dict(re.findall(r"<[^>]*>([A-Z]\w+ \w+)</a>.{0,900}?<(?:strong|b)[^>]*>([^<]+)", page, re.DOTALL))
    assert flagged["Hugo Marsh"].startswith("Changed after building")
    assert flagged["Ines Kovacs"].startswith("Text or citations contradict")
    assert flagged["Kira Bauer"].startswith("Record missing")
    assert "Dmitri Varga and Jon Adeyemi" in page
    alike = re.findall(r"(\w+ \w+) and (\w+ \w+): \d+%", page)
    assert alike == [("Dmitri Varga", "Jon Adeyemi")]


def test_the_rescue_page_shows_what_the_rescue_and_compare_commands_say(tmp_path: Path) -> None:
    page = (tmp_path / write_rescue(tmp_path).href).read_text(encoding="utf-8")
    for run, base in zip(TUNED, PLAIN, strict=True):
        found = compare_report(bundle(base), bundle(run), SPLIT)["metrics"]["macro_f1"]
        assert f"{found['a']:.3f}" in page
        assert f"{found['b']:.3f}" in page
        assert f"[+{found['low']:.3f}, +{found['high']:.3f}]" in page
    rescued = [len(rescue_report(bundle(base), bundle(FROZEN), SPLIT)["rescued"]) for base in PLAIN]
    assert " / ".join(map(str, rescued)) in page
    assert "<script" not in page


def test_the_desk_shows_every_candidate_in_every_deployment_without_a_script(tmp_path: Path) -> None:
    page = (tmp_path / write_desk(tmp_path).href).read_text(encoding="utf-8")
    deployments = page.count('class="rubric"')
    assert deployments >= 7
    for name in CANDIDATES:
        assert page.count(f">{name}") >= deployments
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="https?:', page)


def test_the_index_links_what_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Page("one.html", "One", "text")]
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    for name in PARTS:
        monkeypatch.setitem(PARTS, name, lambda out: made)
    said: list[str] = []
    index = build_demo(tmp_path, said.append)
    assert index.read_text(encoding="utf-8").count('href="one.html"') == len(PARTS)
    assert said == ["One: one.html"] * len(PARTS)


def test_a_missing_example_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportgen.demo.build.prose", lambda week: tmp_path / "nothing.md")
    monkeypatch.setattr("reportgen.demo.build.examples", lambda: tmp_path)
    with pytest.raises(UsageError, match="missing"):
        build_demo(tmp_path / "out")
