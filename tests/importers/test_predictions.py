from __future__ import annotations

import re

import numpy as np
import pytest

from reportgen.bundle import comparable, scored_order, text_sha256, write_bundle
from reportgen.evidence.export import export_bundle
from reportgen.stats import scores

from .conftest import LABELS, csv_text, predictions_csv, softmax


@pytest.mark.parametrize("key", ["row_id", "text"])
@pytest.mark.parametrize("ids", [False, True])
def test_rows_find_their_place_in_the_data_whatever_their_order(bring, place, data, logits, key, ids) -> None:
    order = np.random.default_rng(0).permutation(60)
    path = place("enc.csv", predictions_csv(data, logits, key=key, order=order, ids=ids))
    [bundle] = bring(path, data=data)
    part, val = bundle.predictions("val"), data.splits["val"]
    sort = scored_order(val.row_ids)
    assert bundle.splits == ("val",)
    assert part.row_ids.tolist() == val.row_ids[sort].tolist()
    assert part.text_sha256.tolist() == text_sha256(val.texts[sort]).tolist()
    assert part.labels.tolist() == val.labels[sort].tolist()
    if key == "row_id":
        np.testing.assert_array_equal(part.logits, logits[sort].astype(np.float16))
    else:
        # The two rows of one text and one label are told apart by their order only.
        assert sorted(map(tuple, part.logits.tolist())) == sorted(map(tuple, logits.astype(np.float16).tolist()))
    assert bundle.manifest.runner == "import"
    assert bundle.manifest.kind == "measured"
    assert bundle.manifest.dataset.name == data.name
    assert bundle.labels.train_counts == tuple(data.train_counts.tolist())
    assert set(bundle.labels.tiers) == {"count", "rank", "quartile"}
    assert bundle.rows("val")["redacted"].all()
    assert any("read as predictions" in line for line in bring.said)


def test_an_import_is_comparable_with_a_run_on_the_same_rows(bring, place, data, logits, tmp_path) -> None:
    [bundle] = bring(place("enc.csv", predictions_csv(data, logits)), data=data)
    val = data.splits["val"]
    own = write_bundle(
        tmp_path / "own", val.labels, logits, names=data.labels, row_ids=val.row_ids, texts=val.texts, run_id="own"
    )
    from reportgen.bundle import read_bundle

    comparable(bundle, read_bundle(own), "val")


def test_probabilities_become_their_logarithms(bring, place, data, logits) -> None:
    [bundle] = bring(place("enc.csv", predictions_csv(data, logits, scores="p_", prediction=False)), data=data)
    part = bundle.predictions("val")
    order = scored_order(data.splits["val"].row_ids)
    np.testing.assert_allclose(softmax(part.logits.astype(float)), softmax(logits)[order], atol=0.002)
    assert part.predictions.tolist() == logits.argmax(axis=1)[order].tolist()


def test_a_probability_of_zero_is_clipped(bring, place) -> None:
    path = place("p.csv", "row_id,label,p_a,p_b\n1,a,1,0\n2,b,0.25,0.75\n")
    [bundle] = bring(path)
    assert bundle.predictions("val").logits[0].tolist() == [0, pytest.approx(np.log(1e-12), rel=1e-3)]


def test_without_data_rows_have_positions_and_the_bundle_says_so(bring, place, data, logits) -> None:
    path = place("zero-shot.csv", predictions_csv(data, logits, key="", scores=""))
    [bundle] = bring(path)
    part = bundle.predictions("val")
    assert part.row_ids[:2].tolist() == ["00", "01"]
    assert set(part.text_sha256.tolist()) == {None}
    assert part.logits is None
    assert bundle.labels.names == tuple(sorted(LABELS))
    assert any("position" in note and "--data" in note for note in bundle.manifest.dataset.notes)
    assert bundle.manifest.model.family == "prompted"
    found = scores(part.labels, part.predictions, 5)
    assert found.accuracy == pytest.approx((logits.argmax(1) == data.splits["val"].labels).mean())


def test_unparsed_answers_are_wrong_answers(bring, place) -> None:
    path = place("p.csv", "row_id,label,prediction,confidence\n1,a,,0.2\n2,b,b,0.9\n3,a,-1,0.5\n")
    [bundle] = bring(path)
    assert bundle.predictions("val").predictions.tolist() == [-1, 1, -1]
    assert bundle.predictions("val").confidence.tolist() == pytest.approx([0.2, 0.9, 0.5])


def test_old_label_names_count_as_the_ones_they_were_merged_into(bring, place, course) -> None:
    rows = [["row_id", "label", "prediction"], [1, "Closing an account", "Closing your account"], [2, "Other fee", 7]]
    rows[2][2] = "closing  your ACCOUNT"
    [bundle] = bring(place("p.csv", csv_text(rows)), course=course)
    closing = course.labels.index("Closing your account")
    assert bundle.labels.names == course.labels
    assert bundle.predictions("val").labels.tolist() == [closing, course.labels.index("Other fee")]
    assert bundle.predictions("val").predictions.tolist() == [closing, closing]


def test_a_part_of_a_split_is_a_sample(bring, place, data, logits) -> None:
    [bundle] = bring(place("opus.csv", predictions_csv(data, logits, order=range(20))), data=data)
    assert bundle.manifest.dataset.splits["val"].sampled_of == 60
    assert any("20 of the 60 rows of val" in note for note in bundle.manifest.dataset.notes)


def test_rows_of_two_splits_make_one_bundle(bring, place, data) -> None:
    rows = [["row_id", "label", "prediction"]]
    for name in ("val", "test"):
        part = data.splits[name]
        rows += [[row, data.labels[label], "Other"] for row, label in zip(part.row_ids, part.labels, strict=True)]
    [bundle] = bring(place("p.csv", csv_text(rows)), data=data)
    assert bundle.splits == ("val", "test")
    assert len(bundle.predictions("test")) == 40


def test_what_we_export_we_import(bring, place, data, logits, tmp_path) -> None:
    [bundle] = bring(place("enc.csv", predictions_csv(data, logits)), data=data)
    export_bundle(bundle, tmp_path / "export")
    again = place("again.csv", (tmp_path / "export" / "predictions.csv").read_text(encoding="utf-8"))
    [back] = bring(again, data=data)
    before, after = bundle.predictions("val"), back.predictions("val")
    assert after.row_ids.tolist() == before.row_ids.tolist()
    assert after.predictions.tolist() == before.predictions.tolist()
    np.testing.assert_allclose(after.confidence, before.confidence, atol=1e-5)
    comparable(bundle, back, "val")
    [alone] = bring(place("alone.csv", again.read_text(encoding="utf-8")))
    assert alone.predictions("val").row_ids.tolist() == before.row_ids.tolist()


def test_npz_with_and_without_data(bring, place, data, logits) -> None:
    val = data.splits["val"]
    arrays = {"labels": val.labels, "logits": logits.astype(np.float32), "preds": logits.argmax(axis=1)}
    [bundle] = bring(place("a.npz", npz=arrays), data=data)
    assert bundle.config.resolved["rows_matched_by"] == "position, all labels agree"
    assert bundle.predictions("val").row_ids.tolist() == val.row_ids.tolist()
    [alone] = bring(place("b.npz", npz=arrays))
    assert alone.labels.names == ("0", "1", "2", "3", "4")
    np.testing.assert_array_equal(alone.predictions("val").logits, logits.astype(np.float16))
    # What is drawn by position (folds, resamples, samples of rows) must not depend on whether the data was at hand.
    np.testing.assert_array_equal(bundle.predictions("val").logits, logits.astype(np.float16))
    assert bundle.rows("val")["row_id"].tolist() == val.row_ids.tolist()
    shuffled = np.random.default_rng(1).permutation(60)
    moved = {name: values[shuffled] for name, values in arrays.items()}
    assert "not those of val" in bring.refused(place("c.npz", npz=moved), data=data)
    [found] = bring(place("d.npz", npz={**moved, "row_ids": val.row_ids[shuffled].astype("U")}), data=data)
    assert found.predictions("val").predictions.tolist() == bundle.predictions("val").predictions.tolist()


def test_the_same_file_again_changes_nothing(bring, place, data, logits) -> None:
    path = place("enc.csv", predictions_csv(data, logits))
    [first] = bring(path, data=data)
    [second] = bring(path, data=data)
    assert first.root == second.root
    other = place("enc.csv", predictions_csv(data, logits + 1))
    assert "exists with another" in bring.refused(other, data=data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("val-3,", "val-2,"), "occurs again in row 4"),
        (lambda t: t.replace("val-3,", "val-999,"), "not in the data"),
        (
            lambda t: re.sub(r"(val-3,)(\"[^\n]*?\"\"?[^\n]*?\"|[^,\n]+)", r"\1Nonsense", t, count=1),
            "'Nonsense' in row 4",
        ),
        (lambda t: t.replace("row_id,label,", "row_id,lable,"), ""),
        (lambda t: t.replace("prediction,logit_", "predictoin,logit_").replace("logit_", "x_"), "rename 'predictoin'"),
        (lambda t: t.replace("logit_Other", "logit_Othr"), "did you mean 'Other'"),
        (lambda t: t.replace("logit_Other", "logit_Closing"), "two columns"),
        (lambda t: t.splitlines()[0] + "\n", "no rows"),
    ],
)
def test_one_clear_line_for_a_broken_table(bring, place, data, logits, change, said) -> None:
    text = change(predictions_csv(data, logits))
    path = place("enc.csv", text)
    if said:
        assert said in bring.refused(path, kind="predictions", data=data)
    else:
        # The data know the labels.
        [bundle] = bring(path, kind="predictions", data=data)
        assert bundle.predictions("val").labels.size == 60


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,a,a,0.5,0.4", "do not sum to 1, first row 1: 0.9"),
        ("1,a,a,1.5,-0.5", "is no probability"),
        ("1,a,b,0.9,0.1", "not the argmax of their scores, first in row 1"),
        ("1,a,a,x,0.1", "'x' in row 1, column 'p_a' is no number"),
        ("1,a,a,nan,0.1", "must be finite"),
        ("1,c,a,0.9,0.1", "'c' in row 1"),
        ("1,,a,0.9,0.1", "empty in row 1"),
        (",a,a,0.9,0.1", "row_id is empty in row 1"),
        ("1,a,-1,0.9,0.1", "'-1' in row 1"),
    ],
)
def test_one_clear_line_for_a_broken_cell(bring, place, rows, said) -> None:
    path = place("p.csv", f"row_id,label,prediction,p_a,p_b\n{rows}\n")
    assert said in bring.refused(path, kind="predictions")


def test_labels_that_are_not_the_datas_are_refused_with_both_names(bring, place, data, logits) -> None:
    part = data.splits["val"]
    rows = [["row_id", "label", "prediction"]]
    rows += [[row, (int(label) + 1) % 5, int(label)] for row, label in zip(part.row_ids, part.labels, strict=True)]
    line = bring.refused(place("shifted.csv", csv_text(rows)), data=data)
    assert "60 of 60 labels are not those of val" in line
    by_text = [["text", "label", "prediction"], [part.texts[0], (int(part.labels[0]) + 1) % 5, 0]]
    assert "not the one its text has" in bring.refused(place("t.csv", csv_text(by_text)), data=data)


def test_text_that_occurs_too_often_or_never(bring, place, data) -> None:
    part = data.splits["val"]
    row = [part.texts[0], data.labels[part.labels[0]], "Other"]
    header = ["text", "label", "prediction"]
    assert "occurs more often" in bring.refused(place("a.csv", csv_text([header, row, row])), data=data)
    assert "not in val" in bring.refused(
        place("b.csv", csv_text([header, row, ["nobody wrote this", *row[1:]]])), data=data
    )


def test_ids_of_other_data_are_seen_by_their_texts(bring, place, data) -> None:
    part = data.splits["val"]
    rows = [["row_id", "text", "label", "prediction"]]
    rows += [[part.row_ids[at], part.texts[at + 1], data.labels[part.labels[at + 1]], "Other"] for at in range(1)]
    assert "is not the data's" in bring.refused(place("a.csv", csv_text(rows)), data=data)
    rows[1][0] = "my own id"
    [bundle] = bring(place("b.csv", csv_text(rows)), data=data)
    assert bundle.config.resolved["rows_matched_by"] == "text"


def test_wrong_label_lists_are_refused(bring, place, course, logits, data) -> None:
    labels = data.splits["val"].labels
    five = place("five.npz", npz={"labels": labels, "logits": logits})
    assert "5 scores a row for the 113 labels of course ecbs5200" in bring.refused(five, course=course)
    beyond = place("beyond.npz", npz={"labels": labels + 3, "logits": logits})
    assert "lie outside of the 5 labels" in bring.refused(beyond)


def test_ties_are_noted_not_refused(bring, place) -> None:
    path = place("tie.csv", "row_id,label,prediction,p_a,p_b\n1,a,b,0.5,0.5\n2,b,b,0.1,0.9\n")
    [bundle] = bring(path)
    assert bundle.predictions("val").predictions.tolist() == [0, 1]
    assert any("1 predictions are ties" in note for note in bundle.manifest.dataset.notes)


def test_stated_confidences_that_do_not_follow_are_noted(bring, place, logits, data) -> None:
    arrays = {"labels": data.splits["val"].labels, "logits": logits, "max_conf": np.full(60, 0.99)}
    [bundle] = bring(place("c.npz", npz=arrays))
    assert any("stated confidences are not the softmax" in note for note in bundle.manifest.dataset.notes)


def test_several_files_are_all_imported_or_none(bring, place, data, logits) -> None:
    good = place("good.csv", predictions_csv(data, logits))
    bad = place("bad.csv", predictions_csv(data, logits).replace("val-3,", "val-2,"))
    bring.refused(good, bad, data=data)
    assert not bring.runs.exists()
    assert "good.csv is given twice" in bring.refused(good, good, data=data)
    same = place("other/good.csv", predictions_csv(data, logits + 1))
    assert [bundle.run_id for bundle in bring(good, same, data=data)] == ["files-good", "other-good"]


def test_a_disk_that_fails_halfway_leaves_nothing(bring, place, data, logits, monkeypatch) -> None:
    from pathlib import Path

    files = [place(f"{name}.csv", predictions_csv(data, logits + at)) for at, name in enumerate("abc")]
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if Path(target) == bring.runs / "c":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    assert "No space left" in bring.refused(*files, data=data)
