"""Make the example's bundles from the folders the runs left: the same outcomes, without adapter weights.

    python examples/repack.py [--splits val,test] RUNS [NAME …]

What is measured is copied as it is. Left out: adapter weights (size) and the splits that are not asked for. Replaced:
the path or short name of the weights by the model's public name, the data folder's name by the dataset's, the kernel's
build string. Added: settings that came after the run, at the value that leaves them off, so that two runs of different
days differ in what was changed. The result is a new bundle with a root of its own, and its parents are named by the
roots they have here.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from models.registry import get_runner
from reportgen.bundle import Bundle, BundleWriter, read_bundle, zip_bundle
from reportgen.bundle.schema import Parent

OUT = Path(__file__).parent / "banking77lt"
LATER = ("compile", "token_mask", "rdrop", "supcon", "supcon_temperature", "train_fraction")
MODELS = {"minilm": "sentence-transformers/all-MiniLM-L6-v2", "SmolLM2": "HuggingFaceTB/SmolLM2-135M-Instruct"}


def public(text: str) -> str:
    """A local weights path as the model's public name; other text as it is."""
    for mark, name in MODELS.items():
        if mark.lower() in text.lower():
            head, plus, tail = text.partition(" + ")
            return name + plus + tail if "/" in head or head == mark.lower() else text
    return text


def repack(bundle: Bundle, out: Path, splits: set[str]) -> Path:
    """Write the bundle again, with these splits, and zip it."""
    manifest = bundle.manifest
    assert manifest.dataset is not None
    resolved = settings(manifest.runner) | bundle.config.resolved
    resolved = {key: public(value) if key == "model" else value for key, value in resolved.items()}
    passed = {key: public(value) if key == "model" else value for key, value in bundle.config.passed.items()}
    kept = [name for name in bundle.splits if name in splits]
    scored = {name: manifest.dataset.splits[name] for name in kept}
    with BundleWriter.start(
        out,
        run_id=manifest.run_id,
        config=bundle.config.model_copy(update={"resolved": resolved, "passed": passed}),
        labels=bundle.labels,
        runner=manifest.runner,
        course=manifest.course,
        model=manifest.model.model_copy(update={"name": public(manifest.model.name)}),
        dataset=manifest.dataset.model_copy(update={"name": "Banking77-LT", "licence": "CC BY 4.0", "splits": scored}),
        week=manifest.week,
        trained_on=manifest.trained_on,
        parents=tuple(here(one, out) for one in manifest.parents),
        seed=manifest.seed,
        hardware=manifest.hardware,
        environment={key: value for key, value in manifest.environment.items() if key != "platform"},
        git=manifest.git,
    ) as writer:
        for split in kept:
            part = bundle.predictions(split)
            writer.write_predictions(split, part.row_ids, part.text_sha256, part.labels, logits=part.logits)
        for name in ("training", "latency", "audit"):
            value = getattr(bundle, name)
            if name == "audit" and value:
                value = {**value, "dataset": "Banking77-LT"}
            if value is not None:
                getattr(writer, f"write_{name}")(value)
        if (rows := bundle.all_rows) is not None:
            writer.write_rows(rows[rows["split"].isin(kept)])
        folder = writer.finish(timings=manifest.timings)
    (out / f"{manifest.run_id}.zip").unlink(missing_ok=True)
    return zip_bundle(folder, out / f"{manifest.run_id}.zip")


def settings(runner: str) -> dict[str, object]:
    """Settings that came after the example's first runs, at the value that leaves them off; of `runner` alone."""
    known = get_runner(runner).config.model_fields
    off = {key: known[key].default for key in LATER if key in known} | {"cuda_graphs": False}
    return {key: value for key, value in off.items() if key in known}


def here(parent: Parent, out: Path) -> Parent:
    """The parent under the root it has in the example, if it is there."""
    file = out / f"{parent.run_id}.zip"
    return parent.model_copy(update={"root": read_bundle(file).root}) if file.is_file() else parent


def parents_first(bundles: list[Bundle]) -> list[Bundle]:
    """Each bundle after those it was derived from."""
    order: list[Bundle] = []
    while bundles:
        waiting = {bundle.run_id for bundle in bundles}
        ready = [b for b in bundles if not waiting & {parent.run_id for parent in b.manifest.parents}]
        assert ready, "two runs are each other's parents"
        order += ready
        bundles = [bundle for bundle in bundles if bundle not in ready]
    return order


def main() -> None:
    """Repack the runs named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--splits", default="val,test")
    parser.add_argument("runs", type=Path)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    paths = [path.parent for path in sorted(asked.runs.glob("*/manifest.json"))]
    chosen = [read_bundle(path) for path in paths if not asked.names or path.name in asked.names]
    for bundle in parents_first(chosen):
        print(repack(bundle, OUT, set(asked.splits.split(","))))
        shutil.rmtree(OUT / bundle.run_id)


if __name__ == "__main__":
    main()
