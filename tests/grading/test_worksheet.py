"""Moodle's worksheet: two cells a row may change, every other byte stays."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.errors import ReportgenError
from reportgen.grading.late import days_late, parse_due, penalised
from reportgen.grading.worksheet import parse_date, parse_worksheet


@pytest.fixture
def people(moodle):
    return [
        moodle.Student("Anna Nagy", 101, {"memo.html": "x"}),
        moodle.Student('Béla "Buddy" Őz, Jr.', 102, {"memo.html": "x"}),
        moodle.Student("=cmd|'/C calc'!A0", 103),
    ]


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_untouched_is_the_same_bytes(moodle, people, bom, newline) -> None:
    data = moodle.worksheet(people, bom=bom, newline=newline, grades={102: "85.00"})
    sheet = parse_worksheet(data)
    assert sheet.filled({}) == data
    assert sheet.filled({1: ("85.00", "")}) == data


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_grade_and_feedback_change(moodle, people, bom, newline) -> None:
    data = moodle.worksheet(people, bom=bom, newline=newline)
    filled = parse_worksheet(data).filled({0: ("78.50", 'He said "no", twice'), 1: (None, "plain")})
    assert filled.startswith(b"\xef\xbb\xbf") is bom
    before, after = (list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))) for raw in (data, filled))
    grade, feedback = before[0].index("Grade"), before[0].index("Feedback comments")
    assert after[1][grade] == "78.50"
    assert after[1][feedback] == 'He said "no", twice'
    assert after[2][grade] == ""
    assert after[2][feedback] == "plain"
    for old, new in zip(before, after, strict=True):
        assert [c for n, c in enumerate(old) if n not in (grade, feedback)] == [
            c for n, c in enumerate(new) if n not in (grade, feedback)
        ]
    assert after[1][0] == "Participant 101"
    # What stands between the two cells is the same bytes, quotes and all.
    assert filled.replace(b"78.50", b"").replace(b'"He said ""no"", twice"', b"").replace(b"plain", b"") == data


def test_unusual_quoting_and_foreign_bytes_survive() -> None:
    data = (
        b'"Identifier";"Grade";Maximum grade;"Last modified (grade)";"Feedback comments"\r\n'
        b'"Teilnehmer/in 7";"";"100,00";"-";\r\n\r\nTeilnehmer/in 8;;"caf\xe9";-;"a\r\nb"'
    )
    sheet = parse_worksheet(data)
    assert sheet.codec == "latin-1"
    assert [row.number for row in sheet.rows] == ["7", "8"]
    assert sheet.filled({}) == data
    assert sheet.filled({0: ("5.00", "x")}) == data.replace(b'7";"";', b'7";5.00;').replace(b'"-";\r\n', b'"-";x\r\n')


@given(
    st.lists(st.lists(st.text(alphabet='ab"=,\n\r é<', max_size=6), min_size=2, max_size=2), min_size=1, max_size=5),
    st.booleans(),
)
def test_any_text_in_other_columns_survives(rows, quoted) -> None:
    # Python's writer, unlike PHP's, leaves a bare carriage return without quotes.
    rows = [[cell if quoted else cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(["Identifier", "Full name", "Grade", "Last modified (grade)", "Feedback comments"])
    writer.writerows([f"Participant {n}", name, "", "-", said] for n, (name, said) in enumerate(rows))
    data = text.getvalue().encode()
    sheet = parse_worksheet(data)
    assert [row.cells["full name"].value for row in sheet.rows] == [name for name, _ in rows]
    assert [row.cells["feedback comments"].value for row in sheet.rows] == [said for _, said in rows]
    assert sheet.filled({}) == data
    again = parse_worksheet(sheet.filled({0: ("1.00", "new")}))
    assert [row.cells["full name"].value for row in again.rows] == [name for name, _ in rows]
    assert again.rows[0].text("grade") == "1.00"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no column 'Identifier'"),
        (b"a,b\n1,2\n", "no column 'Identifier'"),
        (b"Identifier,Grade,Last modified (grade)\nParticipant 1,\n", "record 2 has 2 fields"),
        (b'Identifier,Grade,Last modified (grade)\n"Participant 1,,-\n', "quoted wrongly"),
        (b"Identifier,Grade,Last modified (grade)\nParticipant 1,,-\nParticipant 1,,-\n", "twice"),
        ("Identifier,Grade".encode("utf-16"), "UTF-8"),
        (b"Identifier,Grade,Grade,Last modified (grade)\n", "same name"),
    ],
)
def test_what_is_no_worksheet_is_refused_with_a_remedy(data, said) -> None:
    with pytest.raises(ReportgenError, match=said) as caught:
        parse_worksheet(data)
    assert caught.value.remedy


def test_dates_as_moodle_writes_them() -> None:
    nine = datetime(2026, 11, 18, 9, 3)  # noqa: DTZ001 - the worksheet names no zone
    assert parse_date("Wednesday, 18 November 2026, 9:03 AM") == nine
    assert parse_date("Wednesday, 18 November 2026, 9:03\u202fAM") == nine
    assert parse_date("2026-11-18 09:03") == nine
    assert parse_date("-") is None
    assert parse_date("szerda, 2026. november 18.") is None


def test_lateness_counts_days_begun() -> None:
    due = parse_due("2026-11-18")
    day = datetime(2026, 11, 18, 23, 59)  # noqa: DTZ001
    assert days_late(day, due) == 0
    assert days_late(day.replace(day=19, hour=0, minute=0), due) == 1
    assert days_late(day.replace(day=20), due) == 2
    assert days_late(None, due) is None
    assert penalised(80, 2, 10) == 64
    assert penalised(80, 12, 10) == 0
    for text in ("tomorrow", "2026-11-18T23:59+01:00"):
        with pytest.raises(ReportgenError, match="--due"):
            parse_due(text)
