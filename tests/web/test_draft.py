"""Draft's handlers: notes, shelves, citations, the live memo; one session never sees another's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reportgen.errors import ReportgenError
from reportgen.web import draft
from reportgen.web.notebook import Notes, read_notes
from reportgen.web.sessions import Downloads
from reportgen.web.shelf import Shelf
from reportgen.web.uploads import plain_name

RUNS = Path(__file__).parents[2] / "examples" / "banking77lt"


def upload(folder: Path, *paths: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return [str(shutil.copy(path, folder / path.name)) for path in paths]


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    made = Shelf(tmp_path / "session")
    draft.take(made, Notes(), upload(tmp_path / "uploads", RUNS / "majority.zip", RUNS / "tfidf.zip"))
    return made


@pytest.mark.parametrize(
    "raw",
    [None, [], "x", {}, {"schema": 2}, {"schema": 1, "course": 7, "week": True, "texts": [1], "roots": {"a": "b"}}],
)
def test_notes_of_any_browser_are_read(raw) -> None:
    assert read_notes(raw).boxes == {}


def test_notes_survive_the_browser() -> None:
    notes = Notes(week=3).written({"front": "author: Ann", "w3.s1": "Text"}).about({"tfidf": "ab" * 32})
    assert read_notes(notes.to_json()) == notes


def test_markdown_goes_out_and_comes_back() -> None:
    notes = Notes(week=1).written({"front": "author: Ann", "w1.s2": "Numbers.\n\n### Mine\n\nMore."})
    back = draft.from_markdown(Notes(week=1), draft.markdown(notes))
    assert back.boxes["front"] == "author: Ann"
    assert back.boxes["w1.s2"] == notes.boxes["w1.s2"]


@pytest.mark.parametrize(
    ("text", "cursor", "expected"),
    [
        ("", None, "[@a.b]"),
        ("It is", None, "It is [@a.b]"),
        ("It is  here", 6, "It is [@a.b] here"),
        ("It is [@a. here", 10, "It is [@a.b] here"),
        ("x", 99, "x [@a.b]"),
    ],
)
def test_a_citation_goes_where_it_was_begun(text, cursor, expected) -> None:
    assert draft.insert(text, "[@a.b]", cursor) == expected


def test_a_visitor_names_no_folders(tmp_path) -> None:
    with pytest.raises(ReportgenError, match="no such course"):
        draft.course_of(str(tmp_path))
    assert plain_name("../../a<b>.ZIP") == "_._a_b_.zip" or "/" not in plain_name("../../a<b>.ZIP")


def test_the_live_memo_shows_one_section_and_finds_the_contradiction(shelf) -> None:
    drafts = draft.Drafts()
    notes = Notes(week=1).written({"front": "author: Ann", "w1.s2": "The accuracy of tfidf is 0.99. See [@tfidf.mac"})
    now = draft.live(drafts, shelf, notes, "w1.s2")
    assert 'sandbox=""' in now.html
    assert "reportgen-record" not in now.html
    assert "0.99" in now.checks
    assert "contradicted" in now.checks
    assert "[@tfidf.macro_f1]" in now.checks
    assert any(citation == "[@tfidf.macro_f1]" for _, citation in draft.citable(drafts, shelf, notes))
    broken = draft.live(drafts, shelf, notes.written({"front": "colour: red"}), None)
    assert "no key" in broken.checks
    assert broken.html == ""


def test_files_are_asked_for_again_by_root(shelf, tmp_path) -> None:
    notes = draft.expecting(shelf, Notes())
    empty = Shelf(tmp_path / "later")
    assert draft.files_view(empty, notes).count("upload it again") == 2
    other = Notes().about({"tfidf": "0" * 64})
    assert "not what it was" in draft.files_view(shelf, other)


def test_refused_files_leave_nothing(tmp_path) -> None:
    made = Shelf(tmp_path / "session")
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK nothing")
    with pytest.raises(ReportgenError):
        draft.take(made, Notes(), upload(tmp_path / "u", RUNS / "tfidf.zip", bad))
    assert made.bundles() == []
    program = tmp_path / "x.exe"
    program.write_bytes(b"MZ")
    with pytest.raises(ReportgenError, match="cannot use"):
        draft.take(made, Notes(), upload(tmp_path / "u", program))


def test_a_table_of_predictions_becomes_a_run(tmp_path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("row_id,label,prediction\n" + "".join(f"{n},a,{'ab'[n % 2]}\n" for n in range(30)) + "99,b,b\n")
    made = Shelf(tmp_path / "session")
    draft.take(made, Notes(course="generic"), upload(tmp_path / "u", table))
    assert len(made.bundles()) == 1


def test_nothing_to_download_without_runs(tmp_path) -> None:
    with pytest.raises(ReportgenError, match="no runs"):
        draft.downloads(draft.Drafts(), Shelf(tmp_path), Notes(), Downloads(60))
