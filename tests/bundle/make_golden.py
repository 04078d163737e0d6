"""Writes the golden bundles once: `python tests/bundle/make_golden.py`. Released files are never written again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from reportgen.bundle import (
    BundleWriter,
    Config,
    DatasetInfo,
    Hardware,
    Labels,
    Latency,
    LatencyRecord,
    MemoryRecord,
    ModelInfo,
    Parent,
    Reported,
    append_edit,
    labels_sha256,
    text_sha256,
)

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("Fees", "Closing an account", "Écriture — ünïcode", "=SUM(A1)", "<script>")
LABELS = Labels(
    names=NAMES,
    train_counts=(900, 120, 40, 3, 0),
    tiers={"rank": ("head",) * 5, "quartile": ("common", "common", "common", "rare", "rare")},
)
DATA = DatasetInfo(name="golden.csv", revision="1", labels_sha256=labels_sha256(NAMES), splits={}, licence="CC0-1.0")


def outcomes(split: str, n: int) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Ids, digests, labels and logits that depend on nothing but arithmetic."""
    i = np.arange(n)
    labels = (i * i + len(split)) % 5
    logits = ((i[:, None] * 7 + np.arange(5) * 11) % 13 - 6) / 4 + (np.arange(5) == labels[:, None]) * (i % 3)[:, None]
    ids = [f"{split}-{(j * 7) % n:02d}" for j in range(n)]
    return ids, text_sha256([f"complaint {split} {j}" for j in range(n)]), labels, logits


def measured() -> None:
    with BundleWriter.start(
        GOLDEN, run_id="v1-logits", config=Config(passed={"C": 2}, resolved={"C": 2, "max_features": 50_000}),
        labels=LABELS, runner="tfidf", course="generic", week=1, dataset=DATA, seed=42, trained_on=("train",),
        model=ModelInfo(name="TF-IDF", family="linear", parameters=1_000, trainable_parameters=1_000, precision="fp64"),
        hardware=Hardware(device="cpu", name="golden CPU", threads=1), environment={"python": "3.11"},
        parents=(Parent(role="baseline", run_id="majority", root="ab" * 32),),
    ) as writer:  # fmt: skip
        for split, n in (("test", 16), ("val", 24)):
            ids, digests, labels, logits = outcomes(split, n)
            writer.write_predictions(
                split, ids, digests, labels, logits=logits, sampled_of=99 if split == "test" else None
            )
        ids = outcomes("val", 24)[0]
        writer.write_rows(
            pd.DataFrame({"split": "val", "row_id": ids, "words": np.arange(24), "redacted": np.arange(24) % 2 == 0})
        )
        writer.write_training(pd.DataFrame({"step": [1, 2], "loss": [1.5, 0.75], "val_macro_f1": [np.nan, 0.25]}))
        record = LatencyRecord(
            scenario="single-stream", timed="vectorise + predict", includes_tokenisation=True, batch_size=1, examples=3,
            padding="none", token_lengths=(4, 5, 6), dtype="fp64", device="cpu", warmup=1,
            samples_s=(0.001, 0.002, 0.004),
        )  # fmt: skip
        memory = MemoryRecord(bytes=4_096, kind="weights_on_disk")
        writer.write_latency(Latency(records=(record,), memory=(memory,), cold_start_s=0.5))
        writer.write_audit({"rows": 40, "redacted_share": 0.635, "labels": list(NAMES)})
        writer.write_log("fitted\n")
        adapter = GOLDEN / "adapter.tmp"
        adapter.mkdir()
        save_file({"w": np.arange(4, dtype=np.float32)}, adapter / "adapter_model.safetensors")
        (adapter / "adapter_config.json").write_text('{"r": 8}\n')
        writer.write_adapter(adapter)
        for file in adapter.iterdir():
            file.unlink()
        adapter.rmdir()
        path = writer.finish(timings={"fit": 1.25})
    append_edit(path, "instructor", "wrong note", {"week": 1})
    append_edit(path, "instructor", "again", {"week": 2})


def predictions_only() -> None:
    with BundleWriter.start(
        GOLDEN, run_id="v1-predictions", config=Config(passed={}, resolved={"shots": 4}), labels=LABELS,
        runner="prompt", course="generic", dataset=DATA, model=ModelInfo(name="SmolLM2", family="prompted"),
    ) as writer:  # fmt: skip
        ids, digests, labels, _ = outcomes("val", 24)
        answers = np.where(np.arange(24) % 6 == 5, -1, (labels + (np.arange(24) % 4 == 0)) % 5)
        writer.write_predictions("val", ids, digests, labels, predictions=answers)
        writer.finish()


def reported() -> None:
    with BundleWriter.start(
        GOLDEN, run_id="v1-reported", config=Config(passed={}, resolved={}), labels=Labels(names=(), train_counts=()),
        runner="import", course="generic", kind="reported", model=ModelInfo(name="Published", family="encoder"),
    ) as writer:  # fmt: skip
        writer.write_reported(
            Reported(
                accuracy=0.61, macro_f1=0.2, latency_ms=12.5, latency_mode="single-stream", needs_gpu=True, source="§4"
            )
        )
        writer.finish()


if __name__ == "__main__":
    if any(GOLDEN.glob("v1-*")):
        sys.exit("the golden bundles exist; they show that old files load, so they stay")
    measured()
    predictions_only()
    reported()
