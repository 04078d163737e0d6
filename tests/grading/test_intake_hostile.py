"""Downloads built to hurt: nothing leaves our folder or is inflated without bound, every row says what was refused."""

from __future__ import annotations

import io
import os
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from reportgen.errors import ReportgenError
from reportgen.grading import intake_limits as limits
from reportgen.grading.intake import read_submissions

PAGE = "<!doctype html><html><body><h1>Memo</h1></body></html>"
ANN = "Ann_1_assignsubmission_file/"


def read(source: Path, tmp_path: Path):
    """Submissions by name; whatever was read, nothing but our own files may be there."""
    into = tmp_path / "sandbox" / "into"
    found = read_submissions(source, into)
    written = {path for path in (tmp_path / "sandbox").rglob("*") if path.is_file()}
    assert written == {file.path for one in found for file in one.files}
    assert all(path.parent == into and not path.is_symlink() for path in written)
    return {one.name: one for one in found}


def archive(tmp_path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes | str]) -> Path:
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("Good_9_assignsubmission_file/m.html", PAGE)
        for name, content in entries:
            opened.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (ANN + "../../../evil.html", "leaves the folder"),
        ("../" + ANN + "evil.html", "leaves the folder"),
        ("/" + ANN + "evil.html", "absolute"),
        ("C:\\" + ANN.replace("/", "\\") + "evil.html", "drive"),
        (ANN + "..\\..\\evil.html", "leaves the folder"),
        (ANN + "a/" * 40 + "evil.html", "folders inside one another"),
        (ANN + "x" * 2000 + ".html", "characters"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused_in_the_students_row(name, said, tmp_path):
    rows = read(archive(tmp_path, (name, "<p>evil</p>")), tmp_path)
    assert rows["Ann"].files == ()
    assert said in rows["Ann"].problems[0]
    assert rows["Good"].files[0].kind == "html"
    assert not list(tmp_path.rglob("evil*"))


def test_a_nul_in_a_name(tmp_path):
    path = archive(tmp_path, (ANN + "a#b.html", PAGE))
    path.write_bytes(path.read_bytes().replace(b"a#b.html", b"a\x00b.html"))
    assert "NUL" in read(path, tmp_path)["Ann"].problems[0]


def test_paths_without_any_name_have_a_row(tmp_path):
    rows = read(archive(tmp_path, ("../..", "x"), ("../../evil.html", "x")), tmp_path)
    assert any("leaves the folder" in problem for row in rows.values() for problem in row.problems)
    assert rows["evil"].files == ()


@pytest.mark.parametrize(
    ("kind", "said"), [(stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a device"), (stat.S_IFIFO, "a device")]
)
def test_links_and_devices_in_a_zip(kind, said, tmp_path):
    info = zipfile.ZipInfo(ANN + "passwd.html")
    info.external_attr = (kind | 0o777) << 16
    row = read(archive(tmp_path, (info, "/etc/passwd")), tmp_path)["Ann"]
    assert row.files == ()
    assert said in row.problems[0]


def test_links_and_pipes_in_a_folder(tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("<p>secret</p>")
    ann = tmp_path / "in" / "ann"
    ann.mkdir(parents=True)
    (ann / "link.html").symlink_to(secret)
    (ann / "loop").symlink_to(ann)
    os.mkfifo(ann / "pipe.html")
    row = read(tmp_path / "in", tmp_path)["ann"]
    assert row.files == ()
    assert [problem.split(": ")[1] for problem in row.problems] == ["a link", "a link", "a device, not a file"]


def test_nested_archives_are_reported_and_not_opened(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb.html", b"\0" * 5_000_000)
    row = read(archive(tmp_path, (ANN + "hw.zip", inner.getvalue()), (ANN + "hw.html", inner.getvalue())), tmp_path)[
        "Ann"
    ]
    assert [file.kind for file in row.files] == ["other", "other"]
    assert all("not opened" in problem for problem in row.problems)
    assert len(row.problems) == 2
    assert sum(file.size for file in row.files) < 50_000


def test_bombs_are_refused_before_they_are_inflated(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, megabytes in (("large.html", 200), ("dense.html", 20)):
            with opened.open(ANN + name, "w") as out:
                for _ in range(megabytes):
                    out.write(bytes(1_000_000))
    tracemalloc.start()
    row = read(path, tmp_path)["Ann"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert row.files == ()
    assert "200,000,000 bytes" in row.problems[0]
    assert "inflate" in row.problems[1]
    assert peak < 20_000_000


def test_a_size_that_lies_is_found_while_copying(tmp_path, monkeypatch):
    path = archive(tmp_path, (ANN + "m.html", os.urandom(300_000)))
    monkeypatch.setattr(limits, "MAX_STUDENT", 100_000)
    row = read(path, tmp_path)["Ann"]
    assert row.files == ()
    assert "100,000 bytes" in row.problems[0]


def test_a_sparse_file_of_200_mb_in_a_folder(tmp_path):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    with (tmp_path / "in" / "ann" / "m.html").open("wb") as file:
        file.truncate(200_000_000)
    assert "200,000,000 bytes" in read(tmp_path / "in", tmp_path)["ann"].problems[0]


def test_a_hundred_thousand_entries(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("Good_9_assignsubmission_file/m.html", PAGE)
        for n in range(100_000):
            opened.writestr(f"{ANN}{n}.html", b"")
    rows = read(path, tmp_path)
    assert len(rows["Ann"].files) == limits.MAX_FILES
    assert rows["Ann"].problems == (
        f"{100_000 - limits.MAX_FILES:,} files left out: at most {limits.MAX_FILES} are read",
    )
    assert len(rows["Good"].files) == 1


def test_more_entries_than_a_class_has(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ENTRIES", 10)
    path = archive(tmp_path, *((f"{ANN}{n}.html", "") for n in range(20)))
    with pytest.raises(ReportgenError, match="21 entries"):
        read_submissions(path, tmp_path / "into")


def test_an_oversized_table_of_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_DIRECTORY", 100)
    with pytest.raises(ReportgenError, match="table of contents"):
        read_submissions(archive(tmp_path, (ANN + "m.html", PAGE)), tmp_path / "into")


def test_duplicate_names(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path, (ANN + "m.html", "<p>first</p>"), (ANN + "m.html", "<p>second</p>"))
    row = read(path, tmp_path)["Ann"]
    assert [file.path.read_text() for file in row.files] == ["<p>first</p>"]
    assert "twice" in row.problems[0]


def test_a_damaged_entry_is_its_rows_problem_only(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(ANN + "m.html", "<p>" + "a" * 500)
        opened.writestr("Bob_2_assignsubmission_file/m.html", PAGE)
    path.write_bytes(path.read_bytes().replace(b"aaaaa", b"aaaab", 1))
    rows = read(path, tmp_path)
    assert rows["Ann"].files == ()
    assert "damaged" in rows["Ann"].problems[0]
    assert len(rows["Bob"].files) == 1


def test_every_entry_damaged(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(ANN + "m.html", "<p>" + "a" * 500)
    path.write_bytes(path.read_bytes().replace(b"aaaaa", b"aaaab", 1))
    with pytest.raises(ReportgenError, match="every file"):
        read_submissions(path, tmp_path / "into")


def test_an_encrypted_entry(tmp_path):
    path = archive(tmp_path, (ANN + "m.html", PAGE))
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 8] |= 1
    path.write_bytes(raw)
    assert "encrypted" in read(path, tmp_path)["Ann"].problems[0]


def test_control_characters_in_names_stay_data(tmp_path):
    name = "Eve\x1b[2J_3_assignsubmission_file/<script>alert(1)</script>\u202e.html"
    (row,) = [row for key, row in read(archive(tmp_path, (name, PAGE)), tmp_path).items() if key != "Good"]
    assert row.files[0].path.name.endswith(".data")
    assert row.key == name.split("/", 1)[0]
