"""Moodle's layouts, plain folders and files: who handed in what."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from reportgen.errors import ReportgenError
from reportgen.grading.intake import read_submissions

PAGE = "<!doctype html><html><body><h1>Memo</h1><p>words</p></body></html>"


@pytest.fixture(scope="module")
def students(moodle):
    return [
        moodle.Student("Zoë Müller", 12, {"week3.html": PAGE}),
        moodle.Student(
            "Ann_Marie O'Neil", 7, {"sub folder/memo.html": PAGE, "week3.html": PAGE + "2", "data.csv": "a,b"}
        ),
        moodle.Student("李 小龙", 3, {"备忘录.html": PAGE}, online_text="<p>See the file.</p>"),
        moodle.Student("Øyvind Æ", 99, online_text="<p>Typed here.</p>"),
    ]


@pytest.mark.parametrize("layout", ["folders", "folders_3_1", "flat"])
def test_moodle_layouts_give_the_same_class(moodle, students, layout, tmp_path):
    found = read_submissions(moodle.download(tmp_path / "class.zip", students, layout), tmp_path / "into")
    assert [(one.name, one.participant) for one in found] == [
        ("Ann Marie O'Neil".replace("'", ""), "7"),
        ("Zoë Müller", "12"),
        ("Øyvind Æ", "99"),
        ("李 小龙", "3"),
    ]
    ann, zoe, oyvind, li = found
    inner = "sub folder_memo.html" if layout == "flat" else "sub folder/memo.html"
    assert {file.name for file in ann.files} == {inner, "week3.html", "data.csv"}
    assert zoe.key == moodle.key(students[0], layout)
    assert li.key == moodle.key(students[2], layout)  # the file's folder, not the online text's
    assert oyvind.key == moodle.key(students[3], layout, "onlinetext")
    assert {file.name for file in li.files} == {"备忘录.html", "onlinetext.html"}
    assert not any(one.problems for one in found)
    assert {file.name: file.kind for file in ann.files}["data.csv"] == "other"
    for one in found:
        for file in one.files:
            assert file.path.parent == tmp_path / "into"
            assert file.size == file.path.stat().st_size
    assert zoe.files[0].path.read_text() == PAGE


def test_extracted_download_and_a_wrapping_folder(moodle, students, tmp_path):
    archive = moodle.download(tmp_path / "class.zip", students)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "course" / "class")
    flat = read_submissions(archive, tmp_path / "a")
    for source in (tmp_path / "course" / "class", tmp_path / "course"):
        other = read_submissions(source, tmp_path / "b")
        assert [(o.key, [f.name for f in o.files]) for o in other] == [(o.key, [f.name for f in o.files]) for o in flat]


def test_teams_without_an_id_are_rows_of_their_own(moodle, tmp_path):
    teams = [moodle.Student("Group A", 5, {"m.html": PAGE}), moodle.Student("Default group", None, {"m.html": PAGE})]
    found = read_submissions(moodle.download(tmp_path / "t.zip", teams), tmp_path / "into")
    assert [(one.name, one.participant) for one in found] == [("Default group", None), ("Group A", "5")]


def test_a_students_own_folder_cannot_name_somebody_else(moodle, tmp_path):
    mallory = moodle.Student("Mallory", 1, {"Bob_2_assignsubmission_file/m.html": PAGE})
    (row,) = read_submissions(moodle.download(tmp_path / "m.zip", [mallory]), tmp_path / "into")
    assert (row.name, row.participant) == ("Mallory", "1")


def test_feedback_given_earlier_is_not_the_students(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("Ann_1_assignsubmission_file/m.html", PAGE)
        archive.writestr("Ann_1_assignfeedback_file/feedback.html", PAGE)
    (row,) = read_submissions(tmp_path / "f.zip", tmp_path / "into")
    assert [file.name for file in row.files] == ["m.html"]


def test_a_plain_folder_has_a_student_a_folder_or_a_file(tmp_path):
    (tmp_path / "in" / "ann" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "deep" / "a.html").write_text(PAGE)
    (tmp_path / "in" / "bob.html").write_text(PAGE)
    (tmp_path / "in" / ".DS_Store").write_text("x")
    into = tmp_path / "in" / "out"  # inside the source: what we write is never read back
    for _ in range(2):
        found = read_submissions(tmp_path / "in", into)
        assert [(one.key, one.name, [file.name for file in one.files]) for one in found] == [
            ("ann", "ann", ["deep/a.html"]),
            ("bob", "bob", ["bob.html"]),
        ]


def test_one_file_and_a_plain_zip(tmp_path):
    page = tmp_path / "Ann Lee.html"
    page.write_text(PAGE)
    (row,) = read_submissions(page, tmp_path / "into")
    assert (row.key, row.participant, row.files[0].kind) == ("Ann Lee", None, "html")
    with zipfile.ZipFile(tmp_path / "week1.zip", "w") as archive:
        archive.writestr("week1/ann.html", PAGE)
        archive.writestr("week1/bob.html", PAGE)
        archive.writestr("__MACOSX/week1/._ann.html", b"junk")
    assert [one.name for one in read_submissions(tmp_path / "week1.zip", tmp_path / "into")] == ["ann", "bob"]


def test_the_week_orders_a_students_pages(moodle, tmp_path):
    ann = moodle.Student("Ann", 1, {"week2.html": PAGE, "week3.html": PAGE})
    source = moodle.download(tmp_path / "w.zip", [ann])
    assert [f.name for f in read_submissions(source, tmp_path / "a", week=3)[0].files] == ["week3.html", "week2.html"]
    assert [f.name for f in read_submissions(source, tmp_path / "a")[0].files] == ["week2.html", "week3.html"]


def test_names_in_utf8_without_the_flag(tmp_path):
    path = tmp_path / "mac.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Jose_1_assignsubmission_file/x.html", PAGE)
    raw = path.read_bytes().replace(b"Jose", "Jé".encode() + b"e")  # same length, no UTF-8 flag
    path.write_bytes(raw)
    assert read_submissions(path, tmp_path / "into")[0].name == "Jée"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.zip", None, "cannot be read"),
        ("torn.zip", b"PK\x03\x04 torn", "damaged zip"),
        ("empty.zip", b"PK\x05\x06" + bytes(18), "nothing was handed in"),
        ("class.rar", b"Rar!\x1a\x07\x00", "an archive that is no zip"),
    ],
)
def test_one_clear_line_when_nothing_can_be_read(name, content, said, tmp_path):
    source: Path = tmp_path / name
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(ReportgenError, match=said) as caught:
        read_submissions(source, tmp_path / "into")
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_an_empty_folder(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(ReportgenError, match="nothing was handed in"):
        read_submissions(tmp_path / "in", tmp_path / "into")
