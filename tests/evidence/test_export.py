from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, f1_score

from reportgen.bundle import AlreadyExists, MissingFile, NotWritable, read_bundle, write_bundle
from reportgen.evidence.export import DEFINITIONS, export_bundle, guard

GOLDEN = Path(__file__).parents[1] / "bundle/golden"


def exported(run: str, out: Path) -> tuple[dict, list[dict[str, str]]]:
    export_bundle(read_bundle(GOLDEN / run), out)
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return json.loads((out / "metrics.json").read_text(encoding="utf-8")), list(csv.DictReader(file))


def test_metrics_are_recomputed_from_the_predictions(tmp_path: Path) -> None:
    document, _ = exported("v1-logits", tmp_path / "out")
    assert (document["schema"], document["run_id"], document["labels"]) == ("reportgen/metrics/1", "v1-logits", 5)
    assert list(document["splits"]) == ["val", "test"]
    for split, found in document["splits"].items():
        part = read_bundle(GOLDEN / "v1-logits").predictions(split)
        assert found["n"] == len(part)
        values = {item["name"]: item["value"] for item in found["metrics"] if "tier" not in item}
        fixed = {"labels": range(5), "average": "macro", "zero_division": 0}
        assert values["accuracy"] == pytest.approx(accuracy_score(part.labels, part.predictions))
        assert values["macro_f1"] == pytest.approx(f1_score(part.labels, part.predictions, **fixed))
        weighted = fixed | {"average": "weighted"}
        assert values["weighted_f1"] == pytest.approx(f1_score(part.labels, part.predictions, **weighted))
        each = f1_score(part.labels, part.predictions, **fixed | {"average": None})
        assert values["zero_f1"] == int((each == 0).sum())
        losses = -log_softmax(part.logits.astype(float), axis=1)[np.arange(len(part)), part.labels]
        assert values["nll"] == pytest.approx(losses.mean(), rel=1e-6)
        assert 0 < values["ece"] < 1
        rare = [item for item in found["metrics"] if item.get("tier") == "rare" and item["name"] == "tier_mean_f1"]
        assert rare[0]["value"] == pytest.approx(each[3:].mean())
        assert {item["name"] for item in found["metrics"]} == set(DEFINITIONS)
        assert all(item["definition"] and isinstance(item["higher_is_better"], bool) for item in found["metrics"])


def test_predictions_open_in_a_spreadsheet_without_running(tmp_path: Path) -> None:
    _, rows = exported("v1-logits", tmp_path / "out")
    assert len(rows) == 40
    assert list(rows[0]) == ["row_id", "split", "label", "prediction", "confidence"]
    assert rows[0]["row_id"] == "val-00"
    assert rows[0]["label"] == "'=SUM(A1)"
    assert rows[0]["prediction"] == "Closing an account"
    assert float(rows[0]["confidence"]) == pytest.approx(0.442191)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_unparsed_answers_are_empty_cells(tmp_path: Path) -> None:
    document, rows = exported("v1-predictions", tmp_path / "out")
    values = {item["name"]: item["value"] for item in document["splits"]["val"]["metrics"] if "tier" not in item}
    assert values["unparsed"] == 4
    assert "ece" not in values
    assert "nll" not in values
    assert rows[5]["prediction"] == ""
    assert {row["confidence"] for row in rows} == {""}
    assert not (tmp_path / "out/adapter").exists()


def test_the_adapter_comes_along(tmp_path: Path) -> None:
    written = export_bundle(read_bundle(GOLDEN / "v1-logits"), tmp_path / "out")
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in written) == [
        "adapter/adapter_config.json", "adapter/adapter_model.safetensors", "metrics.json", "predictions.csv"
    ]  # fmt: skip
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / "out" / name).read_bytes() == (GOLDEN / "v1-logits" / name).read_bytes()


def test_nothing_is_overwritten_and_nothing_left_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = read_bundle(GOLDEN / "v1-logits")
    (tmp_path / "predictions.csv").write_text("mine")
    with pytest.raises(AlreadyExists, match=r"predictions\.csv"):
        export_bundle(bundle, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]

    real, calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NotWritable, match="No space left"):
        export_bundle(bundle, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotWritable):
        export_bundle(bundle, tmp_path / "file")


def test_reported_figures_have_no_predictions_to_export(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no predictions to export"):
        export_bundle(read_bundle(GOLDEN / "v1-reported"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_metric_without_a_value_is_null(tmp_path: Path) -> None:
    bundle = read_bundle(write_bundle(tmp_path, [0], [[1.0, 0.0]], names=["a", "b"]))
    export_bundle(bundle, tmp_path / "out")
    assert "NaN" not in (tmp_path / "out/metrics.json").read_text()


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "-", "=x\ny"])
def test_formulas_are_guarded(cell: str) -> None:
    assert guard(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "Fees", "-5", "+3.25", "a=b", "<script>"])
def test_other_cells_stay(cell: str) -> None:
    assert guard(cell) == cell
