"""A class of twelve, generated and graded: memos from real runs, texts from a stock of sentences, invented names."""

from __future__ import annotations

import csv
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.demo import bundle
from reportgen.memo.index_page import Page

WEEK, COURSE = 1, "banking77lt"
DUE = "2026-11-18T23:59"
ON_TIME, LATE = "Wednesday, 18 November 2026, 9:03 AM", "Friday, 20 November 2026, 6:40 PM"
Deed = Literal["honest", "edited", "contradicts", "copies", "exported", "missing"]


@dataclass(frozen=True)
class Student:
    """A member of the class: the run handed in, and what was done to the memo."""

    name: str
    number: int
    run: str = ""
    deed: Deed = "honest"
    submitted: str = ON_TIME


CLASS = (
    Student("Ada Ferenc", 4101, "encoder"),
    Student("Ben Okoye", 4102, "encoder-bs16"),
    Student("Chiara Lind", 4103, "encoder-seed123"),
    Student("Dmitri Varga", 4104, "encoder-early"),
    Student("Elif Tanaka", 4105, "encoder-weighted"),
    Student("Farid Novak", 4106, "plain-s42"),
    Student("Greta Silva", 4107, "plain-s123", submitted=LATE),
    Student("Hugo Marsh", 4108, "plain-s7", "edited"),
    Student("Ines Kovacs", 4109, "rescue-finetuned-s7", "contradicts"),
    Student("Jon Adeyemi", 4110, "rescue-finetuned", "copies"),
    Student("Kira Bauer", 4111, "encoder-lora", "exported"),
    Student("Leo Santos", 4112, deed="missing"),
)

SECTIONS = (
    (
        (
            "The tail shapes everything here: the largest class holds [@data.top_class_share] of the training rows "
            "and the "
            "smallest have two or three messages each, so a loss that averages over rows will hear the frequent "
            "classes."
        ),
        (
            "Length is harmless, with a median of [@data.words_median] words. The counts are not: with [@data.classes] "
            "classes and a long tail, macro F1 and accuracy will tell two different stories about one model."
        ),
    ),
    (
        (
            "The baseline is right on [@tfidf.accuracy] of the rows. Its macro F1 of [@tfidf.macro_f1] is lower "
            "because "
            "[@tfidf.zero_f1] classes are never found at all, and each of them counts as much as the largest."
        ),
        (
            "Unclear messages go to frequent classes. That costs those classes precision and the rare ones everything, "
            "which is why [@tfidf.macro_f1] in macro F1 is the bar and [@tfidf.accuracy] in accuracy is not."
        ),
    ),
    (
        (
            "My fine-tuned model reaches a macro F1 of [@{run}.macro_f1], a difference of [@{run}.delta_macro_f1] "
            "to the "
            "baseline. I keep the checkpoint that the rule chose on validation rows, which flatters it a little."
        ),
        (
            "Against the baseline macro F1 moves by [@{run}.delta_macro_f1]. It rescues [@{run}.rescued] classes "
            "and loses "
            "[@{run}.lost]; how many of these are more than chance stands in the rescue table."
        ),
    ),
    (
        (
            "All runs I made are in the log, each with its seed and settings. What is missing is a second seed of the "
            "fine-tuned model, without which I cannot say how much of the difference is luck."
        ),
        (
            "The log holds every run with its configuration and the digest of its rows. I made each run once, so "
            "the log "
            "is complete as a list and thin as an experiment."
        ),
    ),
    (
        (
            "First risk: [@{run}.zero_f1] classes are still at zero, and more training may only polish the frequent "
            "ones; "
            "I would measure rescues per class. Second: four labels have no validation row, so the test split comes "
            "last."
        ),
        (
            "Open questions: do class weights move the [@{run}.zero_f1] classes at zero, and does the difference "
            "survive "
            "another seed? For both I would look at paired intervals and not at single scores."
        ),
    ),
)
SIGHTED = (
    "I spent an evening reading the messages about refunds next to those about top-ups that failed, with a colleague "
    "who once worked at a call centre. She sorted twenty of them by hand and disagreed with the label on three, always "
    "where a customer described two problems in one breath. That made me doubt the ceiling of this task more than the "
    "model, and I now think that part of the tail is not rare but filed elsewhere."
)
"""What one student saw and another hands in as well."""


def grade(out: Path) -> list[Page]:
    """Write the submissions as Moodle would hand them out, grade them, and say where the results are."""
    from reportgen.grading import Request, grade_class

    source, sheet = out / "submissions.zip", out / "worksheet.csv"
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for student in CLASS:
            if student.deed != "missing":
                archive.writestr(f"{student.name}_{student.number}_assignsubmission_file/week1.html", memo(student))
    _write_worksheet(sheet)
    results = out / "results"
    grade_class(Request(source, WEEK, results, course=COURSE, worksheet=sheet, due=DUE, jobs=0))
    where = f"{out.name}/{results.name}"
    return [
        Page(f"{where}/overview.html", "The class at a glance", "Who needs a look first, and why; every item checked"),
        Page(f"{where}/grades.csv", "Grades", "A row a student, as a spreadsheet reads it"),
        Page(f"{where}/feedback.zip", "Feedback", "A page a student, ready for Moodle, as is the filled worksheet"),
    ]


def memo(student: Student) -> str:
    """What the student hands in."""
    from reportgen.bundle import find_bundles
    from reportgen.data import load_course
    from reportgen.evidence import build
    from reportgen.memo import parse_prose, render

    runs = find_bundles([bundle(name) for name in ("majority", "tfidf", student.run)])
    evidence = build(WEEK, runs, load_course(COURSE))
    page = render(evidence, parse_prose(text(student), evidence))
    if student.deed == "edited":
        return _raised(page, student.run)
    return _exported(page) if student.deed == "exported" else page


def text(student: Student) -> str:
    """Front matter and five sections; every other student writes the other version of each."""
    disclosure = "data: Banking77-LT\nlicences: CC BY 4.0\ncode: none\nai_use: this text was generated for a demo"
    said = [pair[(student.number + at) % 2].replace("{run}", student.run) for at, pair in enumerate(SECTIONS)]
    if student.deed == "copies" or student.run == "encoder-early":
        said[0] += f"\n\n{SIGHTED}"
    if student.deed == "contradicts":
        said[2] += f" The macro F1 of {student.run} is 0.951."
    body = "\n\n".join(f"## {number}\n\n{part}" for number, part in enumerate(said, start=1))
    return f"---\nauthor: {student.name}\n{disclosure}\n---\n\n{body}\n"


def _raised(page: str, run: str) -> str:
    """The accuracy as its author would like it, typed over in the finished page."""
    shown = re.compile(
        rf'(<data value="[^"]*" data-metric="accuracy" data-run="{run}" data-split="val">)[^<]*(</data>)'
    )
    return shown.sub(r"\g<1>91.4 %\g<2>", page, count=1)


def _exported(page: str) -> str:
    """The same page printed by another program: no record left to check it by."""
    return re.sub(r'<script type="application/json" id="reportgen-record">.*?</script>', "", page, flags=re.DOTALL)


def _write_worksheet(path: Path) -> None:
    columns = ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed")
    columns += ("Last modified (submission)", "Last modified (grade)", "Feedback comments")
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        for one in CLASS:
            email = f"{one.name.split()[0].lower()}@example.edu"
            state, when = ("No submission", "-") if one.deed == "missing" else ("Submitted for grading", one.submitted)
            named = (f"Participant {one.number}", one.name, email, state)
            rows.writerow((*named, "", "100.00", "Yes", when, "-", ""))
