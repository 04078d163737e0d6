"""One submission: items and their states, the draft score, and what a spoiled memo gives away."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from reportgen.evidence import load_rubric
from reportgen.grading.model import Submission, SubmittedFile
from reportgen.grading.one import Options, grade_one
from reportgen.grading.results import Graded, ItemResult
from reportgen.grading.scoring import band, draft, score
from reportgen.grading.truth import read_truth


@pytest.fixture
def grade(tmp_path):
    def run(html: str | bytes, week: int = 1, kind: str = "memo", **options) -> Graded:
        path = tmp_path / "00001-01.data"
        path.write_bytes(html.encode() if isinstance(html, str) else html)
        file = SubmittedFile("memo.html", path, path.stat().st_size, kind)
        one = Submission("A_1_assignsubmission_file", "1", "A", (file,))
        return grade_one(one, Options(week, "ecbs5200", **options))

    return run


def codes(graded: Graded, severity: str = "red") -> list[str]:
    return [flag.code for flag in graded.flags if flag.severity == severity]


def states(graded: Graded) -> dict[str, str]:
    return {item.id: item.state for section in graded.sections for item in section.items}


def test_an_honest_memo_gets_every_point_for_evidence(grade, memos) -> None:
    graded = grade(memos[0])
    assert (graded.status, graded.draft, graded.kind) == ("graded", 100.0, "memo")
    assert codes(graded) == []
    found = states(graded)
    assert found["w1.s2.e1"] == "present"
    assert found["w1.s1.e4"] == "unverifiable"
    item = graded.sections[1].items[0]
    assert item.how == "recomputed"
    assert item.value.startswith("accuracy ")
    assert "(tfidf)" in item.value
    assert item.place == "section 2"
    assert [section.band for section in graded.sections] == [(18, 20), (18, 20), (22, 25), (18, 20), (13, 15)]
    assert all(section.reasoning_words >= 80 for section in graded.sections)


def test_results_travel_unchanged(grade, memos) -> None:
    graded = grade(memos[0])
    assert Graded.model_validate_json(graded.model_dump_json()) == graded
    assert pickle.loads(pickle.dumps(graded)) == graded  # noqa: S301 - our own, to be sent to a worker


def test_a_forged_figure_is_wrong_and_costs_its_item(grade, memos, classroom) -> None:
    graded = grade(classroom.reseal(memos[0], classroom.inflate))
    assert "impossible" in codes(graded)
    item = graded.sections[2].items[0]
    assert (item.id, item.state) == ("w1.s3.e1", "wrong")
    assert item.finding.startswith("accuracy of encoder does not follow from the memo's predictions; says 95.0 %")
    assert "its record says 95.0 %" in item.finding  # the page was right: it is not said to be wrong
    assert "['" not in item.finding
    assert graded.sections[2].draft == round(25 * sum(i.state != "wrong" for i in graded.sections[2].items) / 7, 1)
    assert graded.draft < 100


def test_intervals_are_checked_only_when_asked(grade, memos, classroom) -> None:
    def narrow(record: dict) -> None:
        for group in record["groups"]:
            for value in group["values"]:
                if value["metric"] == "macro_f1" and value.get("interval") and value.get("run") == "encoder":
                    value["interval"] |= {"low": value["value"] - 0.0004, "high": value["value"] + 0.0004}

    forged = classroom.reseal(memos[0], narrow)
    assert "impossible" not in codes(grade(forged))
    assert "impossible" in codes(grade(forged, intervals=True))


def test_an_edited_page_is_red(grade, memos) -> None:
    graded = grade(memos[0].replace("Baseline Results", "Baseline Triumphs"))
    assert codes(graded) == ["edited"]
    assert graded.sections[1].findings == ("its text was changed after the memo was built",)


def test_another_week_answers_nothing(grade, memos) -> None:
    graded = grade(memos[0], week=2)
    assert "week" in codes(graded)
    assert graded.draft == 0
    assert set(states(graded).values()) == {"absent"}


def test_a_record_that_lists_fewer_items_does_not_raise_the_share(grade, memos, classroom) -> None:
    def drop(record: dict) -> None:
        record["groups"] = [group for group in record["groups"] if group["id"] != "w1.s2.e3"]

    graded = grade(classroom.reseal(memos[0], drop))
    assert states(graded)["w1.s2.e3"] == "absent"
    assert graded.sections[1].draft == 16.0


def test_a_truncated_memo_is_read_like_any_other_page(grade, memos) -> None:
    graded = grade(memos[0][:60_000])
    assert codes(graded)[0] == "record"
    assert "present" not in states(graded).values()


def test_test_data_used_for_decisions_is_flagged(grade, simulated, classroom, tmp_path, course) -> None:
    from reportgen.evidence import build
    from reportgen.memo import render

    world = simulated.World(n=300)
    runs = [
        simulated.write_run(tmp_path / "runs", world, name, family, split="test", trained_on=("train", "val"))
        for name, family in (("tfidf", "linear"), ("encoder", "encoder"))
    ]
    graded = grade(render(build(1, runs, course)))
    assert {"test", "leak"} <= set(codes(graded, "amber"))
    assert codes(graded) == ["reasoning"]  # nobody wrote a word


def test_published_figures_without_predictions_are_red(grade, memos, classroom) -> None:
    def claim(record: dict) -> None:
        run = next(run for run in record["runs"] if run["run_id"] == "encoder")
        run |= {"rows": None, "predictions": None, "confidence": None}
        for group in record["groups"]:
            for value in group["values"]:
                if value.get("run") == "encoder" and not value.get("baseline"):
                    said = {"accuracy": 0.5659, "macro_f1": 0.2085}.get(value["metric"])
                    value["value"] = value["value"] if said is None else said

    graded = grade(classroom.reseal(memos[0], claim))
    flag = next(flag for flag in graded.flags if flag.code == "published")
    assert flag.severity == "red"
    assert "R06" in flag.text


def test_the_instructors_labels_decide(grade, memos, classroom, simulated, tmp_path) -> None:
    world = simulated.World()
    names = np.array(world.names)
    path = tmp_path / "labels.csv"
    rows = "".join(f"{row},{names[label]}\n" for row, label in zip(world.row_ids, world.labels, strict=True))
    path.write_text("row_id,label\n" + rows)
    assert "labels" not in codes(grade(memos[0], truth=read_truth(path)))
    wrong = world.labels.copy()
    wrong[:50] = (wrong[:50] + 1) % len(names)
    path.write_text("row_id,label\n" + "".join(f"{r},{names[n]}\n" for r, n in zip(world.row_ids, wrong, strict=True)))
    flag = next(flag for flag in grade(memos[0], truth=read_truth(path)).flags if flag.code == "labels")
    assert flag.text.startswith("50 of 900 true labels differ")
    path.write_text("label\n" + "".join(f"{names[n]}\n" for n in world.labels[:100]))
    flag = next(flag for flag in grade(memos[0], truth=read_truth(path)).flags if flag.code == "labels")
    assert flag.text == "scored on 900 rows of val; your labels have 100"


def test_a_bundle_serves_as_labels(grade, memos, simulated, tmp_path) -> None:
    bundle = simulated.write_run(tmp_path, simulated.World(), "tfidf", "linear")
    assert "labels" not in codes(grade(memos[0], truth=read_truth(bundle.path)))


def test_nothing_to_grade(tmp_path) -> None:
    empty = grade_one(Submission("k", "1", "A", (), ("refused: too large",)), Options(1, "ecbs5200"))
    assert (empty.status, empty.reason) == ("empty", "refused: too large")
    path = tmp_path / "x"
    path.write_text("hi")
    notes = Submission("k", "1", "A", (SubmittedFile("notes.txt", path, 2, "other"),))
    assert grade_one(notes, Options(1, "ecbs5200")).reason == "no HTML page among notes.txt"


def test_whatever_breaks_fails_alone(monkeypatch, grade, memos) -> None:
    import reportgen.grading.memos as module

    def explode(*_: object) -> None:
        raise RecursionError("deep")

    monkeypatch.setattr(module, "grade_memo", explode)
    graded = grade(memos[0])
    assert (graded.status, graded.reason) == ("failed", "RecursionError: deep")


def test_the_memo_of_the_right_week_is_chosen(tmp_path, memos, classroom) -> None:
    other = classroom.reseal(memos[0], lambda record: record.update(week=2))
    files = []
    for name, html in (("a.html", other), ("b.html", memos[0])):
        path = tmp_path / name
        path.write_text(html)
        files.append(SubmittedFile(name, path, path.stat().st_size, "memo"))
    graded = grade_one(Submission("k", "1", "A", tuple(files)), Options(1, "ecbs5200"))
    assert graded.file == "b.html"
    assert any("also handed in: a.html" in flag.text for flag in graded.flags)


def test_the_draft_is_the_share_answered_and_not_contradicted(course) -> None:
    section = load_rubric(course, 1).sections[2]

    def items(*found: str) -> list[ItemResult]:
        return [ItemResult(id=str(n), label="", state=state) for n, state in enumerate(found)]

    assert draft(25, items("present", "unverifiable", "wrong", "absent")) == 12.5
    assert draft(25, []) == 0
    assert band(section, 21.9, True) == (15, 21)
    assert band(section, 22.0, True) == (22, 25)
    assert band(section, 25.0, False) == (0, 14)
    assert sum(part.draft for part in score(load_rubric(course, 1), {}, {})) == 0


def test_a_missing_page_file_is_a_reason_not_a_crash() -> None:
    gone = Submission("k", "1", "A", (SubmittedFile("m.html", Path("/nowhere/m"), 1, "memo"),))
    graded = grade_one(gone, Options(1, "ecbs5200"))
    assert graded.status in ("unreadable", "failed")


def test_a_page_nobody_read_has_no_score(grade) -> None:
    deep = grade("<!doctype html><html><body>" + "<div>" * 2_000, kind="html")
    assert deep.status == "unreadable"
    assert "nested deeper" in deep.reason
    assert deep.sections == ()
