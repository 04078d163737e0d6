"""What is written is what is read, from the folder and from its zip."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reportgen.bundle import (
    BundleWriter,
    Config,
    DatasetInfo,
    Labels,
    ModelInfo,
    labels_sha256,
    read_bundle,
    zip_bundle,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
name = text.filter(bool)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(text, children, max_size=3),
    max_leaves=8,
)


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    names = tuple(draw(st.lists(name, unique=True, min_size=1, max_size=4)))
    ids = draw(st.lists(name, unique=True, min_size=1, max_size=8))
    n, k = len(ids), len(names)
    return {
        "names": names,
        "ids": ids,
        "labels": draw(hnp.arrays(np.int16, n, elements=st.integers(0, k - 1))),
        "logits": draw(hnp.arrays(np.float32, (n, k), elements=st.floats(-50, 50, width=32))),
        "words": draw(hnp.arrays(np.int64, n, elements=st.integers(0, 10**6))),
        "loss": draw(hnp.arrays(np.float64, 3, elements=st.floats(allow_infinity=False))),
        "config": draw(st.dictionaries(text, json_values, max_size=4)),
        "notes": draw(st.lists(text, max_size=2)),
        "timings": draw(st.dictionaries(text, st.floats(0, 1e300), max_size=3)),
    }


@settings(deadline=None, max_examples=25)
@given(runs())
def test_a_whole_bundle(run: dict[str, Any]) -> None:
    order = sorted(range(len(run["ids"])), key=lambda i: (len(run["ids"][i]), run["ids"][i]))
    with tempfile.TemporaryDirectory() as folder:
        with BundleWriter.start(
            folder,
            run_id="run",
            config=Config(passed={}, resolved=run["config"]),
            labels=Labels(names=run["names"], train_counts=()),
            runner="r",
            course="c",
            model=ModelInfo(name="m", family="linear"),
            dataset=DatasetInfo(
                name="d", labels_sha256=labels_sha256(run["names"]), splits={}, notes=tuple(run["notes"])
            ),
        ) as writer:
            writer.write_predictions("val", run["ids"], None, run["labels"], logits=run["logits"])
            writer.write_rows(pd.DataFrame({"split": "val", "row_id": run["ids"], "words": run["words"]}))
            writer.write_training(pd.DataFrame({"loss": run["loss"]}))
            writer.write_audit(run["config"])
            path = writer.finish(timings=run["timings"])
        for place in (path, zip_bundle(path, Path(folder) / "run.zip")):
            bundle = read_bundle(place)
            assert bundle.config.resolved == run["config"] == bundle.audit
            assert bundle.labels.names == run["names"]
            assert bundle.manifest.timings == run["timings"]
            assert bundle.manifest.dataset.notes == tuple(run["notes"])
            part = bundle.predictions("val")
            assert part.row_ids.tolist() == [run["ids"][i] for i in order]
            assert part.labels.tolist() == run["labels"][order].tolist()
            assert part.logits.tolist() == run["logits"][order].astype(np.float16).tolist()
            assert bundle.rows("val")["words"].tolist() == run["words"][order].tolist()
            np.testing.assert_array_equal(bundle.training["loss"].to_numpy(), run["loss"])
