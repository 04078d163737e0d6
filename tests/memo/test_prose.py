"""The author's file: front matter, sections, prompts, citations."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.data import load_course
from reportgen.errors import InputError, UsageError
from reportgen.evidence import build, load_rubric
from reportgen.memo import new_prose, parse_prose, read_prose, render, write_new_prose
from reportgen.memo.citations import index
from reportgen.memo.prose import CITABLE

RUBRIC = load_rubric(load_course("ecbs5200"), 1)


def simulated_weeks():
    spec = importlib.util.spec_from_file_location("simulated_weeks", Path(__file__).parents[1] / "simulated_weeks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parse(text: str):
    return parse_prose(text, RUBRIC)


def test_front_matter_and_sections() -> None:
    prose = parse(
        "---\nauthor: Ada Okafor\nai_use: >\n  none,\n  at all\n---\nOpening.\n\n"
        "## 1. Data Audit\n\nText *one*.\n\n### Mine\n\n## Fine-Tuning Results\nthree\n## w1.s4\nfour\n## 5\nfive\n"
    )
    assert prose.front == {"author": "Ada Okafor", "ai_use": "> none, at all"}
    assert prose.opening == "Opening."
    assert prose.sections == {
        "w1.s1": "Text *one*.\n\n### Mine",
        "w1.s3": "three",
        "w1.s4": "four",
        "w1.s5": "five",
    }


@pytest.mark.parametrize("title", ["2. Baseline", "2) baseline results", "§2 Baseline Results and Interpretation", "2"])
def test_titles_are_matched_by_number(title: str) -> None:
    assert parse(f"## {title}\nx").sections == {"w1.s2": "x"}


def test_headings_in_code_are_not_sections() -> None:
    assert parse("## 1\n```\n## 2. not a section\n```\n").sections == {"w1.s1": "```\n## 2. not a section\n```"}


def test_comments_are_dropped_and_empty_sections_left_out() -> None:
    assert parse("## 1\n\n<!-- a prompt\nover two lines -->\n\n## 2\nx\n").sections == {"w1.s2": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("## 7. Nonsense\n", "no section is called '7. Nonsense' (the prose, line 1)"),
        ("## 2. Data Audit\n", "no section is called '2. Data Audit'"),
        ("## 1\na\n## Data Audit\nb", "appears twice"),
        ("---\nauthor: A\n", "without an end"),
        ("---\npassword: A\n---\n", "no key 'password' (the prose, line 2)"),
    ],
)
def test_what_cannot_be_placed_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_a_new_file_parses_to_nothing(tmp_path) -> None:
    course = load_course("ecbs5200")
    path = write_new_prose(1, course, tmp_path / "week1.md")
    text = path.read_text(encoding="utf-8")
    assert text == new_prose(RUBRIC, course.title)
    assert all(item.prompt in text for section in RUBRIC.sections for item in section.reasoning)
    prose = parse(text)
    assert (prose.sections, prose.front, prose.opening, prose.words) == ({}, {}, "", 0)
    with pytest.raises(UsageError, match="already"):
        write_new_prose(1, course, path)


@pytest.mark.parametrize("week", [1, 2, 3, 4])
def test_the_names_a_new_file_offers_can_be_cited(simulated, week, tmp_path) -> None:
    runs = simulated_weeks().week3(simulated, tmp_path, simulated.World(k=12, train=2_000, n=300))
    known = index(build(week, runs, load_course("ecbs5200")))
    assert set(CITABLE[week]) <= {name.partition(".")[2] for name in known}


def test_what_cannot_be_cited_is_said_with_what_was_meant(evidence) -> None:
    said: list[str] = []
    render(evidence, parse("## 1\nIt is [@tfidf.macrof1], [@tfidf.macro_f1] and [@nobody.x].\n"), said.append)
    assert said == ["Cited but not measured: [@tfidf.macrof1], [@nobody.x]; perhaps [@tfidf.macro_f1]."]


@pytest.mark.parametrize("week", range(1, 7))
def test_every_week_has_a_skeleton_that_parses(week: int) -> None:
    rubric = load_rubric(load_course("ecbs5200"), week)
    text = new_prose(rubric, "x")
    filled = (text + "\n\n").replace("-->\n\n\n", "-->\nwords\n\n")
    assert set(parse_prose(filled, rubric).sections) == {section.id for section in rubric.sections}


def test_unreadable_files_are_one_clear_line(tmp_path, evidence) -> None:
    (tmp_path / "latin.md").write_bytes(b"\xff\xfe\x00caf\xe9")
    for name in ("latin.md", "none.md"):
        with pytest.raises(InputError, match="cannot be read"):
            read_prose(tmp_path / name, evidence)


@given(st.text(max_size=400))
def test_any_text_parses_or_is_refused_politely(text: str) -> None:
    try:
        prose = parse(text)
    except InputError:
        return
    assert all(part.strip() for part in prose.sections.values())


def test_text_beside_a_comment_is_kept_and_an_open_comment_is_refused() -> None:
    rubric = load_rubric(load_course("generic"), 1)
    text = "## 1.\n\n<!-- prompt --> my answer\n\n## 2.\n\n<!-- a\nlong prompt -->\nand another\n"
    found = parse_prose(text, rubric)
    assert list(found.sections.values()) == ["my answer", "and another"]
    with pytest.raises(InputError, match=r"comment without an end.*line 3"):
        parse_prose("## 1.\n\n<!-- prompt\n\nmy answer\n\n## 2.\n\nmore\n", rubric)


def test_the_command_takes_runs_to_leave_lines_for(simulated, tmp_path) -> None:
    from typer.testing import CliRunner

    from reportgen.cli import app

    runs = simulated_weeks().week3(simulated, tmp_path / "runs", simulated.World(k=12, train=2_000, n=300))
    paths = [str(run.path) for run in runs]
    made = CliRunner().invoke(app, ["new", "2", *paths, "--out", str(tmp_path / "with.md")])
    bare = CliRunner().invoke(app, ["new", "2", "--out", str(tmp_path / "bare.md"), "--course", "ecbs5200"])
    assert (made.exit_code, bare.exit_code) == (0, 0)
    assert "**Prediction (encoder-bs16):**" in (tmp_path / "with.md").read_text(encoding="utf-8")
    assert "**Prediction (RUN):**" in (tmp_path / "bare.md").read_text(encoding="utf-8")
