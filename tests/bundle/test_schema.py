from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pydantic
import pytest

from reportgen.bundle import find_bundles, read_bundle, write_bundle
from reportgen.bundle.publish_schema import documents, publish

PUBLISHED = Path(__file__).parents[2] / "docs/schema/bundle-1"


@pytest.mark.skipif(pydantic.VERSION.startswith("2.8."), reason="that pydantic words a JSON schema otherwise")
def test_the_published_schema_is_the_code() -> None:
    assert {path.name for path in PUBLISHED.iterdir()} == set(documents())
    for name, data in documents().items():
        assert json.loads((PUBLISHED / name).read_text(encoding="utf-8")) == json.loads(data), (
            f"{name} drifted: run `python -m reportgen.bundle.publish_schema`"
        )


def test_publishing_writes_every_document(tmp_path: Path) -> None:
    assert {path.name for path in publish(tmp_path / "new")} == set(documents())
    manifest = json.loads((tmp_path / "new/manifest.schema.json").read_text())
    assert manifest["properties"]["schema"]["const"] == "reportgen/bundle/1"
    assert {"schema", "kind", "status", "run_id", "model"} - {"schema"} <= set(manifest["required"])


@pytest.fixture
def course_size(tmp_path: Path) -> Path:
    """Eight runs of the size of the course's validation split."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 113, 6_430)
    texts = [f"complaint {i}" for i in range(6_430)]
    for i in range(8):
        logits = rng.normal(0, 3, (6_430, 113)).astype(np.float32)
        write_bundle(tmp_path, labels, logits, names=[f"label {k}" for k in range(113)], texts=texts, run_id=f"run-{i}")
    return tmp_path


def test_reading_is_fast(course_size: Path) -> None:
    def best(action: object) -> float:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            action()
            times.append(time.perf_counter() - began)
        return min(times)

    assert best(lambda: read_bundle(course_size / "run-0")) < 0.15
    assert best(lambda: [b.predictions("val").logits for b in find_bundles(course_size)]) < 1
