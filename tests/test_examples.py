"""What a stranger sees first: the shipped bundles are sound, and the example memos hold what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.demo import RUNS, bundle, examples, prose
from reportgen.bundle import read_bundle, validate_bundle
from reportgen.memo import build_memo
from reportgen.memo.check import check_memo
from reportgen.memo.check.prose import WORDS

FOLDER = examples() / "banking77lt"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.zip")), ids=lambda path: path.stem)
def test_every_shipped_bundle_is_sound_and_names_no_local_path(path: Path) -> None:
    validate_bundle(path)
    manifest = read_bundle(path).manifest
    assert not manifest.model.name.startswith("/")
    assert manifest.dataset is not None
    assert manifest.dataset.licence == "CC BY 4.0"


def test_the_shipped_bundles_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.zip")) < 20_000_000


@pytest.fixture(scope="module")
def memos(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The six memos in order, so that each finds those before it."""
    out = tmp_path_factory.mktemp("memos")
    return {
        week: build_memo(week, map(bundle, names), out / f"week{week}.html", prose=prose(week), twins=True)[0]
        for week, names in RUNS.items()
    }


@pytest.mark.parametrize("week", sorted(RUNS))
def test_an_example_memo_verifies_against_its_bundles(week: int, memos: dict[int, Path]) -> None:
    page = memos[week]
    assert page.stat().st_size < 500_000
    report = check_memo(page, bundles=FOLDER)
    assert [str(finding) for finding in report.findings if finding.severity == "red"] == []
    assert report.ok


@pytest.mark.parametrize("week", sorted(RUNS))
def test_the_example_prose_is_complete_and_every_number_in_it_is_traced(week: int, memos: dict[int, Path]) -> None:
    report = check_memo(memos[week])
    codes = {finding.id for finding in report.findings}
    assert not codes & {"reasoning.empty", "disclosure.empty", "sections", "prose.length", "claim.overstated"}
    levels = [number.severity for number in report.numbers]
    assert levels.count("red") == 0
    assert levels.count("amber") <= 0.05 * len(levels)
    assert WORDS[0] < report.words < WORDS[1]


@pytest.mark.parametrize("week", sorted(RUNS))
def test_an_example_memo_leaves_nothing_unwritten_and_marks_its_author(week: int, memos: dict[int, Path]) -> None:
    html = memos[week].read_text(encoding="utf-8")
    assert "Example student" in html
    assert "An example shipped with reportgen, not a submission" in html
    assert 'class="todo"' not in html
    assert "Cited but not measured" not in html


@pytest.mark.parametrize("week", [4, 5])
def test_later_memos_quote_the_recommendation_of_week_3(week: int, memos: dict[int, Path]) -> None:
    assert "Deploy encoder-lora for the weekly batch" in memos[week].read_text(encoding="utf-8")
