"""The author's recommendation beside the decision rule's choice."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from reportgen.evidence import build
from reportgen.memo import parse_prose, render
from reportgen.memo.check import Report, check_memo


@pytest.fixture(scope="module")
def week3(simulated, course, tmp_path_factory):
    spec = importlib.util.spec_from_file_location("simulated_weeks", Path(__file__).parents[1] / "simulated_weeks.py")
    weeks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weeks)
    folder = tmp_path_factory.mktemp("week3")
    return build(3, weeks.week3(simulated, folder, simulated.World(k=12, train=2_000, n=400)), course)


@pytest.fixture
def check(week3, tmp_path):
    def run(said: str, scenario: str = "") -> Report:
        text = f"---\nscenario: {scenario}\n---\n## 4\n{said}\n"
        path = tmp_path / "memo.html"
        path.write_text(render(week3, parse_prose(text, week3)), encoding="utf-8")
        return check_memo(path)

    return run


def chosen(week3, name: str) -> str:
    values = [value for section in week3.sections for item in section.items for value in item.values]
    return next(str(value.value) for value in values if value.metric == f"choice_{name}")


def ids(report: Report) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in report.findings if one.id.startswith("recommendation")]


def test_agreement_is_said_and_no_finding(check, week3) -> None:
    run = chosen(week3, "weekly_batch")
    report = check(f"For the weekly batch we recommend {run}.")
    assert ids(report) == []
    assert report.recommendation == f"{run} for weekly-batch: the decision rule chooses it too"
    assert f"recommendation: {run} for weekly-batch" in report.to_text()


def test_another_choice_is_amber_never_red(check, week3) -> None:
    run = next(name for name in ("tfidf", "encoder") if name != chosen(week3, "weekly_batch"))
    report = check(f"I would not hesitate. I recommend {run}, because I trust it.", "a weekly batch")
    assert ids(report) == [("recommendation.differs", "amber")]
    assert report.ok


def test_a_broken_limit_said_to_be_kept_is_red(check) -> None:
    report = check("I recommend decoder-lora. decoder-lora meets the latency limit.", "Real-time router")
    assert ("recommendation.contradicted", "red") in ids(report)
    assert not report.ok


@pytest.mark.parametrize(
    "said",
    [
        "decoder-lora does not meet the latency limit.",
        "decoder-lora would meet the latency limit on a GPU.",
        "decoder-lora meets the ECE limit.",
        "decoder-lora meets every limit but one.",
        "One of decoder-lora and encoder-lora meets the latency limit.",
    ],
)
def test_what_may_be_meant_otherwise_is_not_red(check, said: str) -> None:
    assert check(said, "real-time router").ok


@pytest.mark.parametrize(
    ("said", "scenario"),
    [
        ("I recommend tfidf.", ""),
        ("I do not recommend tfidf.", "weekly batch"),
        ("I recommend tfidf or encoder.", "weekly batch"),
        ("tfidf is good.", "weekly batch"),
        ("I recommend tfidf.", "weekly batch, no GPU"),
    ],
)
def test_what_is_not_clearly_said_is_not_compared(check, said: str, scenario: str) -> None:
    report = check(said, scenario)
    assert ids(report) == []
    assert report.recommendation is None
