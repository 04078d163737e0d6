"""A class from zip to feedback: what is compared, flagged, written, kept and refused."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from reportgen.bundle.chain import parse_edits
from reportgen.errors import ReportgenError
from reportgen.grading import Request, grade_class, record_edit
from reportgen.grading.tables import guarded


@pytest.fixture(scope="module")
def people(moodle, classroom, memos):
    student = moodle.Student
    late = "Thursday, 19 November 2026, 9:03 AM"
    return [
        student("Anna Nagy", 101, {"memo.html": memos[0]}),
        student("Béla Őz", 102, {"memo.html": memos[1].replace("Baseline Results", "Baseline Triumphs")}),
        student("Chen Li", 103, {"memo.html": memos[2]}, submitted=late),
        student("Dora Kiss", 104, {"sub/memo.html": memos[3]}),
        student("Emil Copy", 105, {"memo.html": memos[0]}),
        student("<img src=x onerror=alert(7)>", 106, {"page.html": classroom.HOSTILE, "=1+1.txt": "=1+1"}),
        student("=HYPERLINK(1)", 107, {"memo.html": memos[2][:50_000]}),
        student("Gone Girl", 108),
        student("Only Notes", 109, {"notes.txt": "hi"}),
    ]


@pytest.fixture(scope="module")
def handed_in(moodle, people, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("handed-in")
    sheet = folder / "Grades-ADL-Week 1-77.csv"
    sheet.write_bytes(moodle.worksheet(people, bom=True, newline="\r\n", grades={104: "91.00"}))
    return moodle.download(folder / "ADL-Week 1-77.zip", people), sheet


@pytest.fixture(scope="module")
def request_for(handed_in):
    def make(out: Path, **options) -> Request:
        given = {"worksheet": handed_in[1], "due": "2026-11-18T12:00", "jobs": 0} | options
        return Request(handed_in[0], 1, out, **given)

    return make


@pytest.fixture(scope="module")
def graded(request_for, tmp_path_factory):
    out = tmp_path_factory.mktemp("graded")
    return out, grade_class(request_for(out))


def flags(report, name: str) -> dict[str, str]:
    (student,) = (one for one in report.students if one.shown == name)
    return {flag.code: flag.severity for flag in student.flags}


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def test_flags_of_the_class(graded) -> None:
    _, report = graded
    assert flags(report, "Anna Nagy") == {"predictions": "red", "prose": "amber"}
    assert flags(report, "Emil Copy") == {"predictions": "red", "prose": "amber"}
    assert flags(report, "Béla Őz") == {"edited": "red"}
    assert flags(report, "Chen Li") == {"late": "amber"}
    assert flags(report, "Dora Kiss") == {}
    assert flags(report, "=HYPERLINK(1)")["record"] == "red"
    assert flags(report, "Only Notes") == {"empty": "red"}
    (missing,) = (one for one in report.students if one.status == "missing")
    assert missing.shown == "Gone Girl"
    assert [(pair.one, pair.other, pair.similarity) for pair in report.pairs] == [("101", "105", 1.0)]


def test_late_days_cost_what_was_asked(graded, request_for, tmp_path) -> None:
    _, report = graded
    (late,) = (one for one in report.students if one.days)
    assert (late.shown, late.days, late.total, late.grade) == ("Chen Li", 1, 100, 90)
    harder = grade_class(request_for(tmp_path / "out", late_per_day=25.0, dry_run=True))
    assert next(one.grade for one in harder.students if one.shown == "Chen Li") == 75


def test_the_worksheet_is_filled_and_a_grade_given_by_a_person_stays(graded, handed_in) -> None:
    out, report = graded
    before, after = handed_in[1].read_bytes(), (out / handed_in[1].name).read_bytes()
    assert after.startswith(b"\xef\xbb\xbf")
    old, new = (list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))) for raw in (before, after))
    grade, feedback = old[0].index("Grade"), old[0].index("Feedback comments")
    for one, other in zip(old, new, strict=True):
        kept = [n for n in range(len(one)) if n not in (grade, feedback)]
        assert [one[n] for n in kept] == [other[n] for n in kept]
    grades = {row[0]: row[grade] for row in new[1:]}
    assert grades["Participant 101"] == "100.00"
    assert grades["Participant 103"] == "90.00"
    assert grades["Participant 104"] == "91.00"
    assert grades["Participant 108"] == ""
    assert grades["Participant 109"] == ""
    assert after.splitlines(keepends=True)[4] == before.splitlines(keepends=True)[4]
    assert after.splitlines(keepends=True)[8] == before.splitlines(keepends=True)[8]
    assert "Dora Kiss: left alone, graded 91.00 already" in report.changes


def test_the_feedback_zip_uses_moodles_folders_and_holds_no_student_file(graded, handed_in) -> None:
    out, _ = graded
    with zipfile.ZipFile(handed_in[0]) as given, zipfile.ZipFile(out / "feedback.zip") as ours:
        folders = {name.partition("/")[0] for name in given.namelist()}
        names = ours.namelist()
        assert {name.partition("/")[0] for name in names} == folders
        assert {name.rpartition("/")[2] for name in names} == {"feedback.html"}
        for name in names:
            assert "reportgen-record" not in ours.read(name).decode()
    anna = out / "feedback" / "Anna Nagy_101_assignsubmission_file" / "feedback.html"
    assert "Emil" not in anna.read_text(encoding="utf-8")


def test_formulas_are_guarded_in_our_tables(graded) -> None:
    out, _ = graded
    rows = table(out / "grades.csv")
    assert len(rows) == 9
    assert "'=HYPERLINK(1)" in {row["student"] for row in rows}
    for name in ("grades.csv", "criteria.csv"):
        cells = [cell for row in table(out / name) for cell in row.values()]
        assert not [cell for cell in cells if cell[:1] in ("=", "@", "+", "\t") or cell[:2] == "-1"]
    assert guarded(" =1") == "'=1"
    assert guarded("\t=1") == "'=1"
    assert guarded(-1.5) == "-1.5"
    criteria = table(out / "criteria.csv")
    states = {row["state"] for row in criteria if row["participant"] == "101" and ".e" in row["item"]}
    assert states == {"present", "unverifiable"}


def test_criteria_leave_reasoning_to_the_instructor(graded, request_for, tmp_path) -> None:
    rows = table(graded[0] / "criteria.csv")
    mine = [row for row in rows if row["participant"] == "101" and row["section"] == "w1.s2"]
    assert [row["item"] for row in mine][-2:] == ["w1.s2.r1", "w1.s2.r2"]
    assert {(row["state"], row["value"], row["band"]) for row in mine[-2:]} == {("yours to judge", "", "18 to 20")}
    grade_class(request_for(tmp_path))
    record_edit(tmp_path, "101", "w1.s2.r1", "Names the mechanism.", "instructor", "read")
    grade_class(request_for(tmp_path))
    remarks = {row["item"]: row["value"] for row in table(tmp_path / "criteria.csv") if row["participant"] == "101"}
    assert remarks["w1.s2.r1"] == "Names the mechanism."


def test_what_could_not_be_graded_says_what_to_hand_in(graded) -> None:
    page = (graded[0] / "feedback" / "Only Notes_109_assignsubmission_file" / "feedback.html").read_text("utf-8")
    assert "no HTML page among notes.txt" in page
    assert "one page as HTML" in page
    assert "Data Audit" not in page


def test_the_overview_has_no_column_without_content(graded, request_for, tmp_path) -> None:
    assert "Days late" in (graded[0] / "overview.html").read_text("utf-8")
    grade_class(request_for(tmp_path, due=None))
    undated = (tmp_path / "overview.html").read_text("utf-8")
    assert "Days late" not in undated
    assert "<dt>Late</dt><dd>–</dd>" in undated


def test_what_the_command_prints(graded, request_for, tmp_path) -> None:
    lines = graded[1].to_text().splitlines()
    assert lines[0] == "7 of 9 graded, 7 need attention"
    assert lines[7] == "- Gone Girl: Nothing handed in"  # the gravest come first
    assert lines[-1].endswith('Week 1-77.csv: for Moodle, "Upload grading worksheet"')
    one = grade_class(request_for(tmp_path, only="Chen Li", dry_run=True)).to_text().splitlines()
    assert one[:2] == ["Chen Li: 90 of 100, a draft", "- Late: 1 day, 10 % off"]


def test_a_dry_run_writes_nothing(request_for, graded, tmp_path) -> None:
    report = grade_class(request_for(tmp_path / "out", dry_run=True))
    assert not (tmp_path / "out").exists()
    assert "Anna Nagy: grade none → 100.00, feedback written" in report.changes
    assert report.changes == graded[1].changes


def test_the_same_input_gives_the_same_files(graded, request_for, tmp_path) -> None:
    grade_class(request_for(tmp_path / "again", jobs=2))
    for name in ("overview.html", "grades.csv", "criteria.csv", "feedback.zip", "Grades-ADL-Week 1-77.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (graded[0] / name).read_bytes(), name
    assert not (tmp_path / "again" / ".work").exists()


def test_edits_survive_and_count(request_for, tmp_path) -> None:
    out = tmp_path / "out"
    grade_class(request_for(out))
    changed = grade_class(
        request_for(out, only="Dora Kiss", changes=("w1.s2=11", "comment=Szép <b>munka</b>"), why="mechanism missing")
    )
    dora = next(one for one in changed.students if one.shown == "Dora Kiss")
    assert (dora.points["w1.s2"], dora.grade, dora.decided) == (11, 91, True)
    record_edit(out, "103", "late_days", 0, "instructor", "ill")
    record_edit(out, "101", "grade", 42, "instructor", "talked to both")
    again = grade_class(request_for(out))
    grades = {one.place.id: one.grade for one in again.students}
    assert (grades["104"], grades["103"], grades["101"]) == (91, 100, 42)
    sheet = (out / "Grades-ADL-Week 1-77.csv").read_bytes()
    assert b"Sz&#233;p &lt;b&gt;munka&lt;/b&gt;" in sheet
    page = (out / "feedback" / "Dora Kiss_104_assignsubmission_file" / "feedback.html").read_text(encoding="utf-8")
    assert "Szép &lt;b&gt;munka&lt;/b&gt;" in page
    lines = parse_edits((out / "edits.jsonl").read_bytes())
    assert [line.what.get("field") for line in lines] == [None, "w1.s2", "comment", "late_days", "grade"]
    record_edit(out, "101", "grade", None, "instructor", "back to the draft")
    assert next(one.grade for one in grade_class(request_for(out)).students if one.place.id == "101") == 100


def test_edits_of_another_assignment_or_a_changed_log_are_refused(request_for, moodle, memos, tmp_path) -> None:
    out = tmp_path / "out"
    grade_class(request_for(out))
    log = (out / "edits.jsonl").read_bytes()
    with pytest.raises(ReportgenError, match="belong to week 1"):
        grade_class(Request(request_for(out).source, 2, out, jobs=0))
    others = moodle.download(tmp_path / "b.zip", [moodle.Student("Anna Nagy", 900, {"memo.html": memos[0]})])
    with pytest.raises(ReportgenError, match="other submissions"):
        grade_class(Request(others, 1, out, jobs=0))
    assert (out / "edits.jsonl").read_bytes() == log
    record_edit(out, "101", "grade", 42, "instructor", "x")
    record_edit(out, "102", "grade", 42, "instructor", "x")
    (out / "edits.jsonl").write_bytes((out / "edits.jsonl").read_bytes().replace(b'"value":42', b'"value":99', 1))
    with pytest.raises(ReportgenError, match="does not follow"):
        grade_class(request_for(out))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"only": "Nobody"}, "no student 'Nobody'"),
        ({"changes": ("w1.s2=1",), "why": "x"}, "--set changes one student"),
        ({"only": "101", "changes": ("w1.s2=1",)}, "needs its reason"),
        ({"only": "101", "changes": ("w1.s2=21",), "why": "x"}, "not a number from 0 to 20"),
        ({"only": "101", "changes": ("w9.s2=1",), "why": "x"}, "no edit"),
        ({"worksheet": None}, "--due without a worksheet"),
        ({"late_per_day": 110.0}, "no percentage"),
        ({"labels": Path("/nowhere.csv")}, "cannot be read"),
    ],
)
def test_bad_requests_are_refused_and_write_nothing(request_for, tmp_path, options, said) -> None:
    with pytest.raises(ReportgenError, match=said):
        grade_class(request_for(tmp_path / "out", **options))
    assert not list(tmp_path.rglob("*.html"))


def test_only_one_student_is_graded_again(request_for, tmp_path, monkeypatch) -> None:
    import reportgen.grading.pool as pool

    out, seen = tmp_path / "out", []
    grade_class(request_for(out))
    real = pool.grade_one
    monkeypatch.setattr(pool, "grade_one", lambda one, options: seen.append(one.name) or real(one, options))
    report = grade_class(request_for(out, only="102"))
    assert seen == ["Béla Őz"]
    assert sum(one.status == "graded" for one in report.students) == 7
    fresh = grade_class(request_for(tmp_path / "fresh", only="102"))
    assert {one.status for one in fresh.students} == {"graded", "pending", "missing"}


def test_a_killed_run_goes_on_where_it_stopped(request_for, tmp_path, handed_in) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from reportgen.cli import main; main()", "grade", str(handed_in[0])]
    command += ["--week", "1", "--out", str(out), "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None and len(list((out / ".cache").glob("*.json"))) < 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = set((out / ".cache").glob("*.json"))
    assert len(kept) >= 2
    times = {path: path.stat().st_mtime_ns for path in kept}
    grade_class(request_for(out, worksheet=None, due=None))
    assert {path: path.stat().st_mtime_ns for path in kept} == times
    assert (out / "overview.html").is_file()


def test_names_can_be_left_out(request_for, tmp_path) -> None:
    out = tmp_path / "out"
    report = grade_class(request_for(out, anonymous=True))
    assert {one.graded.file for one in report.students if one.graded} == {""}
    for name in ("overview.html", "grades.csv", "criteria.csv"):
        text = (out / name).read_text(encoding="utf-8-sig")
        assert "Participant 104" in text or "104" in text
        assert "Dora" not in text.replace("Dora%20Kiss_104", "")


def test_other_rows_and_forged_labels_stand_out(moodle, memos, classroom, simulated, tmp_path) -> None:
    other = classroom.memo(simulated, tmp_path / "runs", 9, world=simulated.World(n=500, seed=5))

    def relabel(record: dict) -> None:
        from reportgen.memo.record.packing import Inflater, pack_ids

        entry = record["row_sets"][0]
        k = len(record["label_lists"][0]["names"])
        labels = Inflater().ids(entry["labels"], entry["n"], k, "")
        labels[:40] = (labels[:40] + 1) % k
        entry["labels"] = pack_ids(labels, k)

    students = [moodle.Student(f"S{n}", n + 1, {"m.html": html}) for n, html in enumerate(memos)]
    students += [moodle.Student("Other", 8, {"m.html": other})]
    students += [moodle.Student("Forger", 9, {"m.html": classroom.reseal(memos[1], relabel)})]
    archive = moodle.download(tmp_path / "x.zip", students)
    report = grade_class(Request(archive, 1, tmp_path / "out", jobs=0))
    assert flags(report, "Other")["rows"] == "red"
    assert flags(report, "Forger")["labels"] == "red"
    assert "rows" not in flags(report, "S0")
    assert "labels" not in flags(report, "S0")


def test_group_assignments_are_refused_or_expanded(moodle, memos, tmp_path) -> None:
    members = [moodle.Student(name, n, {"m": "x"}, group="Team One") for n, name in ((21, "Ann"), (22, "Bob_B"))]
    sheet = tmp_path / "Grades.csv"
    sheet.write_bytes(moodle.worksheet(members, teams=True))
    teams = moodle.download(tmp_path / "teams.zip", [moodle.Student("Team One", 5, {"m.html": memos[0]})])
    with pytest.raises(ReportgenError, match="group assignment"):
        grade_class(Request(teams, 1, tmp_path / "out", worksheet=sheet, jobs=0))
    nameless = moodle.download(tmp_path / "none.zip", [moodle.Student("Default group", None, {"m.html": memos[0]})])
    with pytest.raises(ReportgenError, match="names no participant"):
        grade_class(Request(nameless, 1, tmp_path / "out", jobs=0))
    assert not (tmp_path / "out" / "overview.html").exists()
    report = grade_class(Request(teams, 1, tmp_path / "out", worksheet=sheet, jobs=0, expand_groups=True))
    assert [(one.place.id, one.grade) for one in report.students] == [("21", 100), ("22", 100)]
    assert not any(one.flags for one in report.students)
    with zipfile.ZipFile(tmp_path / "out" / "feedback.zip") as archive:
        assert archive.namelist() == [
            "Ann_21_assignsubmission_file/feedback.html",
            "Bob B_22_assignsubmission_file/feedback.html",
        ]


def test_what_a_group_shares_with_another_stands_at_all_its_members(moodle, memos, tmp_path) -> None:
    named = (("Ann", "One"), ("Bob", "One"), ("Cid", "Two"))
    members = [moodle.Student(name, n, {"m": "x"}, group=group) for n, (name, group) in enumerate(named, start=1)]
    sheet = tmp_path / "Sheet.csv"
    sheet.write_bytes(moodle.worksheet(members, teams=True))
    teams = [moodle.Student(name, n, {"m.html": memos[0]}) for n, name in ((5, "One"), (6, "Two"))]
    source = moodle.download(tmp_path / "teams.zip", teams)
    report = grade_class(Request(source, 1, tmp_path / "out", worksheet=sheet, jobs=0, expand_groups=True))
    said = {one.shown: next(flag.text for flag in one.flags if flag.code == "predictions") for one in report.students}
    assert said == {
        "Ann": "the very same as Two in encoder",
        "Bob": "the very same as Two in encoder",
        "Cid": "the very same as One in encoder",
    }
    assert "One and Two: 100%" in (tmp_path / "out" / "overview.html").read_text("utf-8")


def test_a_flat_download_and_a_plain_folder(moodle, memos, tmp_path) -> None:
    flat = moodle.download(tmp_path / "f.zip", [moodle.Student("Ann", 21, {"memo.html": memos[0]})], "flat")
    grade_class(Request(flat, 1, tmp_path / "out", jobs=0))
    with zipfile.ZipFile(tmp_path / "out" / "feedback.zip") as archive:
        assert archive.namelist() == ["Ann_21_assignsubmission_file_/feedback.html"]
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "ann.html").write_text(memos[0])
    (plain / "..bob.html").write_text(memos[1])
    report = grade_class(Request(plain, 1, tmp_path / "plain-out", jobs=0))
    assert [one.grade for one in report.students] == [100, 100]
    assert report.notes[0].startswith("No worksheet was given. Moodle offers one only")


def test_no_grade_where_no_reasoning_is_written(moodle, classroom, memos, simulated, tmp_path) -> None:
    bare = classroom.memo(simulated, tmp_path / "runs", 7)
    block = re.findall(r'<div class="prose">.*?</div>', memos[1], re.DOTALL)[2]
    partly = memos[1].replace(block, '<div class="prose"><p>n/a</p></div>', 1)
    people = [
        moodle.Student("Bare", 1, {"memo.html": bare}),
        moodle.Student("Partly", 2, {"memo.html": classroom.reseal(partly)}),
        moodle.Student("Whole", 3, {"memo.html": memos[2]}),
    ]
    archive, sheet = moodle.download(tmp_path / "class.zip", people), tmp_path / "Sheet.csv"
    sheet.write_bytes(moodle.worksheet(people))

    def grade(**options) -> tuple[dict, dict]:
        report = grade_class(Request(archive, 1, tmp_path / "out", worksheet=sheet, jobs=0, **options))
        rows = csv.DictReader(io.StringIO((tmp_path / "out" / sheet.name).read_text(encoding="utf-8-sig"), newline=""))
        return {one.shown: one for one in report.students}, {row["Identifier"]: row["Grade"] for row in rows}

    students, grades = grade()
    assert grades == {"Participant 1": "", "Participant 2": "", "Participant 3": "100.00"}
    assert (students["Bare"].total, students["Bare"].grade, len(students["Bare"].held)) == (100, None, 5)
    assert [(flag.code, flag.severity) for flag in students["Bare"].flags] == [("reasoning", "red")]
    assert len(students["Partly"].held) == 1
    assert students["Partly"].needs_attention
    assert "100.00" not in (tmp_path / "out" / "feedback" / students["Bare"].folder / "feedback.html").read_text()
    held = {row["student"]: row["decided_by"] for row in table(tmp_path / "out" / "grades.csv")}
    assert held == {"Bare": "held: reasoning not written", "Partly": "held: reasoning not written", "Whole": "draft"}

    section = next(one.id for one in students["Partly"].graded.sections if not one.reasoned)
    _, grades = grade(only="2", changes=[f"{section}=10"], why="evidence only")
    assert grades["Participant 1"] == ""
    assert 0 < float(grades["Participant 2"]) < 100
    _, grades = grade(only="1", changes=["grade=0"], why="no reasoning")
    assert grades["Participant 1"] == "0.00"


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_reason_names_the_students_own_file(moodle, memos, tmp_path: Path, jobs: int) -> None:
    cut = memos[0][: memos[0].index("<section")]
    archive = moodle.download(tmp_path / "class.zip", [moodle.Student("Cut Short", 1, {"my memo.html": cut})])
    report = grade_class(Request(archive, 1, tmp_path / "out", jobs=jobs))
    assert "my memo.html" in report.students[0].graded.reason
    assert ".data" not in report.students[0].graded.reason
