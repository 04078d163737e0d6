"""Bundles written by the first release load forever, to the last value."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from reportgen.bundle import find_bundles, read_bundle
from reportgen.bundle.schema import Edit, LatencyRecord, MemoryRecord, Parent

NAMES = ("Fees", "Closing an account", "Écriture — ünïcode", "=SUM(A1)", "<script>")
VAL_LABELS = [3, 2, 4, 4, 4, 4, 2, 4, 2, 3, 2, 3, 2, 4, 2, 4, 4, 2, 4, 2, 3, 2, 3, 2]
VAL_ROWS = "841ecc26b19c0d8f6bae39760ef6d711b37a54e58109863b721242238ce5e0d0"


def test_roots() -> None:
    assert {bundle.run_id: bundle.root for bundle in find_bundles(Path(__file__).parent / "golden")} == {
        "v1-logits": "20ecbaacd0bdaed0bf2581a02fec1556a0f62b96bc3166c3ad24525347c28e51",
        "v1-predictions": "d01d5d097e68417bdf7b83a37d3218dd59e8a56a37426965e4b5deb24622af32",
        "v1-reported": "a3bdd0c39cde44eb282421560982ddd355cd6898a739f9b62ceb5bb54c00e9c6",
    }


def test_logits(golden: Path) -> None:
    bundle = read_bundle(golden / "v1-logits")
    manifest = bundle.manifest
    assert (manifest.kind, manifest.week, manifest.runner, manifest.seed) == ("measured", 1, "tfidf", 42)
    assert manifest.trained_on == ("train",)
    assert manifest.timings == {"fit": 1.25}
    assert manifest.parents == (Parent(role="baseline", run_id="majority", root="ab" * 32),)
    assert manifest.hardware.name == "golden CPU"
    assert manifest.model.trainable_parameters == 1_000
    assert manifest.dataset.splits["test"].sampled_of == 99
    assert manifest.dataset.splits["val"].rows_sha256 == VAL_ROWS
    assert bundle.config.passed == {"C": 2}
    assert bundle.config.resolved == {"C": 2, "max_features": 50_000}
    assert bundle.labels.names == NAMES
    assert bundle.labels.train_counts == (900, 120, 40, 3, 0)
    assert bundle.labels.tiers["quartile"] == ("common", "common", "common", "rare", "rare")

    assert bundle.splits == ("val", "test")
    part = bundle.predictions("val")
    assert part.row_ids.tolist() == [f"val-{i:02d}" for i in range(24)]
    assert part.labels.tolist() == VAL_LABELS
    assert part.predictions.tolist() == [1, 0, 4, 3, 2, 0, 0, 4, 3, 1, 0, 3, 4, 2, 2, 0, 0, 3, 2, 2, 3, 0, 3, 2]
    assert part.logits.dtype == np.float16
    assert part.logits[:2].tolist() == [[-1.5, 1.25, 0.75, 0.25, -0.25], [1.0, 0.5, 1.0, -0.5, -1.0]]
    assert part.confidence[:3] == pytest.approx([0.44219062, 0.33726856, 0.9214824], abs=1e-6)
    # Row val-07 was the second text: positions are (j · 7) mod 24.
    assert part.text_sha256[7] == hashlib.sha256(b"complaint val 1").hexdigest()
    assert bundle.predictions("test").labels.tolist() == [4, 3, 0, 4, 3, 3, 4, 0, 3, 4, 0, 3, 0, 0, 3, 0]

    rows = bundle.rows("val")
    assert rows["words"].tolist()[:4] == [0, 7, 14, 21]
    assert rows["redacted"].tolist()[:3] == [True, False, True]
    assert bundle.rows("test") is None
    assert bundle.training["loss"].tolist() == [1.5, 0.75]
    assert np.isnan(bundle.training["val_macro_f1"][0])
    assert bundle.latency.records == (
        LatencyRecord(
            scenario="single-stream", timed="vectorise + predict", includes_tokenisation=True, batch_size=1, examples=3,
            padding="none", token_lengths=(4, 5, 6), dtype="fp64", device="cpu", warmup=1,
            samples_s=(0.001, 0.002, 0.004),
        ),
    )  # fmt: skip
    assert bundle.latency.memory == (MemoryRecord(bytes=4_096, kind="weights_on_disk"),)
    assert bundle.latency.cold_start_s == 0.5
    assert bundle.audit == {"rows": 40, "redacted_share": 0.635, "labels": list(NAMES)}
    assert bundle.log == "fitted\n"
    assert bundle.reported is None
    assert bundle.adapter_files == ("adapter/adapter_config.json", "adapter/adapter_model.safetensors")
    when = "2026-11-23T14:00:29+00:00"
    assert bundle.edits == (
        Edit(who="instructor", when=when, why="wrong note", what={"week": 1}, previous=None),
        Edit(
            who="instructor", when=when, why="again", what={"week": 2},
            previous="c877692edebea048293e54889f25ff4ab8a5ed49af0628639ee6f8f04a8c9b8f",
        ),
    )  # fmt: skip


def test_the_adapter_loads_without_torch(golden: Path) -> None:
    from safetensors.numpy import load

    data = b"".join(read_bundle(golden / "v1-logits").read_file("adapter/adapter_model.safetensors"))
    assert load(data)["w"].tolist() == [0, 1, 2, 3]


def test_predictions_only(golden: Path) -> None:
    bundle = read_bundle(golden / "v1-predictions")
    part = bundle.predictions("val")
    assert part.labels.tolist() == VAL_LABELS
    assert part.predictions.tolist() == [4, 2, 4, 4, 0, -1, 2, 4, 3, 3, 2, -1, 3, 4, 2, 4, 0, -1, 4, 2, 4, 2, 3, -1]
    assert part.logits is None
    assert part.confidence is None
    assert part.rows_sha256 == VAL_ROWS
    assert bundle.config.resolved == {"shots": 4}
    assert (bundle.rows("val"), bundle.training, bundle.latency, bundle.audit, bundle.edits) == (
        None,
        None,
        None,
        None,
        (),
    )


def test_reported(golden: Path) -> None:
    bundle = read_bundle(golden / "v1-reported")
    assert bundle.manifest.kind == "reported"
    assert bundle.manifest.dataset is None
    assert bundle.splits == ()
    assert bundle.labels.names == ()
    known = {key: value for key, value in bundle.reported.model_dump().items() if value not in (None, {})}
    assert known == {
        "accuracy": 0.61, "macro_f1": 0.2, "latency_ms": 12.5, "latency_mode": "single-stream", "needs_gpu": True,
        "source": "§4",
    }  # fmt: skip


def test_the_digest_of_rows_and_the_root_by_hand(golden: Path) -> None:
    part = read_bundle(golden / "v1-logits").predictions("val")
    triples = [[i, t, int(y)] for i, t, y in zip(part.row_ids, part.text_sha256, part.labels, strict=True)]
    assert hashlib.sha256(json.dumps(triples, separators=(",", ":")).encode()).hexdigest() == VAL_ROWS
    manifest = json.loads((golden / "v1-logits/manifest.json").read_text(encoding="utf-8"))
    root = manifest.pop("root")
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == root
