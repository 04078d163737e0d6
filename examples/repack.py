"""Make the example's bundles from the folders the runs left: the same outcomes, without adapter weights.

    python examples/repack.py RUNS [NAME …]

What is measured is copied as it is. Left out: adapter weights (size). Replaced: the path of the local weights by the
model's public name, the data folder's name by the dataset's, the kernel's build string. The result is a new bundle with
a root of its own.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from reportgen.bundle import Bundle, BundleWriter, read_bundle, zip_bundle

OUT = Path(__file__).parent / "banking77lt"
MODELS = {"minilm": "sentence-transformers/all-MiniLM-L6-v2", "SmolLM2": "HuggingFaceTB/SmolLM2-135M-Instruct"}


def public(text: str) -> str:
    """A local weights path as the model's public name; other text as it is."""
    for mark, name in MODELS.items():
        if mark.lower() in text.lower():
            head, plus, tail = text.partition(" + ")
            return name + plus + tail if "/" in head else text
    return text


def repack(bundle: Bundle, out: Path) -> Path:
    """Write the bundle again and zip it."""
    manifest = bundle.manifest
    assert manifest.dataset is not None
    resolved = {key: public(value) if key == "model" else value for key, value in bundle.config.resolved.items()}
    passed = {key: public(value) if key == "model" else value for key, value in bundle.config.passed.items()}
    model = manifest.model.model_copy(update={"name": public(manifest.model.name)})
    with BundleWriter.start(
        out,
        run_id=manifest.run_id,
        config=bundle.config.model_copy(update={"resolved": resolved, "passed": passed}),
        labels=bundle.labels,
        runner=manifest.runner,
        course=manifest.course,
        model=model,
        dataset=manifest.dataset.model_copy(update={"name": "Banking77-LT", "licence": "CC BY 4.0"}),
        week=manifest.week,
        trained_on=manifest.trained_on,
        parents=manifest.parents,
        seed=manifest.seed,
        hardware=manifest.hardware,
        environment={key: value for key, value in manifest.environment.items() if key != "platform"},
        git=manifest.git,
    ) as writer:
        for split in bundle.splits:
            part = bundle.predictions(split)
            writer.write_predictions(split, part.row_ids, part.text_sha256, part.labels, logits=part.logits)
        for name in ("training", "latency", "audit", "all_rows"):
            value = getattr(bundle, name)
            if name == "audit" and value:
                value = {**value, "dataset": "Banking77-LT"}
            if value is not None:
                getattr(writer, "write_rows" if name == "all_rows" else f"write_{name}")(value)
        folder = writer.finish(timings=manifest.timings)
    (out / f"{manifest.run_id}.zip").unlink(missing_ok=True)
    return zip_bundle(folder, out / f"{manifest.run_id}.zip")


if __name__ == "__main__":
    runs, *names = sys.argv[1:]
    OUT.mkdir(exist_ok=True)
    for path in sorted(Path(runs).glob("*/manifest.json")):
        if not names or path.parent.name in names:
            print(repack(read_bundle(path.parent), OUT))
            shutil.rmtree(OUT / path.parent.name)
