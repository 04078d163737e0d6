"""A bundle from arrays: what a notebook calls after its last cell."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .digests import canonical_json, labels_sha256, sha256, text_sha256
from .errors import BadOutcome, WrongTypes
from .predictions import SPLITS, SplitPredictions, prepare
from .schema import Config, DatasetInfo, Labels, Latency, ModelInfo
from .writer import BundleWriter, slug

if TYPE_CHECKING:
    import pandas as pd

Arrays = Any
"""An array, list, Series or tensor of one split, or a dict from split name to those."""


def write_bundle(
    out: str | Path,
    labels: Arrays,
    logits: Arrays = None,
    *,
    names: Iterable[str],
    predictions: Arrays = None,
    row_ids: Arrays = None,
    texts: Arrays = None,
    split: str = "val",
    train_counts: Sequence[int] | None = None,
    model: str | ModelInfo = "my-model",
    family: str = "encoder",
    dataset: str = "notebook",
    course: str = "generic",
    run_id: str | None = None,
    seed: int | None = None,
    trained_on: Sequence[str] = ("train",),
    training: pd.DataFrame | None = None,
    latency: Latency | None = None,
) -> Path:
    """Write the outcomes of a model trained elsewhere as a bundle.

    NumPy arrays, lists, pandas Series and torch tensors (any device) are taken alike. Several splits at once: pass
    dicts such as `{"val": …, "test": …}` for `labels`, `logits`, `texts` and `row_ids`.

    Args:
        out: folder of runs; the bundle becomes `out/run_id`.
        labels: true labels, shape (n,): ids from 0, or names.
        logits: scores before the softmax, shape (n, K). Log-probabilities serve as well.
        names: the K label names in id order.
        predictions: ids (−1: the answer named no label) or names, shape (n,), only where there are no logits.
        row_ids: unique ids, shape (n,); positions by default. Runs are compared row by row only if these, the texts
            and the labels agree.
        texts: the rows' texts, shape (n,). Only their digests are stored.
        split: train, val or test, where the arrays are no dicts.
        train_counts: training rows of each label, shape (K,), for tiers; counted from `labels["train"]` if given.
        model: name of the model.
        family: majority, linear, embed, encoder, decoder or prompted.
        dataset: name of the data.
        course: name of the course.
        run_id: name of the run; made from the model's by default.
        seed: of the training run.
        trained_on: splits the model was fitted to.
        training: training log, a row a step or epoch.
        latency: timed scenarios.

    Returns:
        The bundle's folder. The same outcomes under the same name are not written again.

    Raises:
        BadOutcome: shapes, ranges or lengths that do not fit.
        AlreadyExists: another run has that name.
        NotWritable: the disk said no.
    """
    label_names = tuple(names)
    if isinstance(names, str) or not label_names or not all(isinstance(name, str) and name for name in label_names):
        raise BadOutcome("names are not a list of label names", remedy="pass all label names as strings, in id order")
    if (logits is None) == (predictions is None):
        raise BadOutcome("give either logits or predictions", remedy="logits are better: confidence follows from them")
    parts = _parts(split, label_names, labels, logits, predictions, row_ids, texts)
    k = len(label_names)
    if train_counts is not None:
        counts = tuple(int(count) for count in _numpy(train_counts).tolist())
    elif "train" in parts:
        counts = tuple(np.bincount(parts["train"].labels, minlength=k).tolist())
    else:
        counts = ()
    info = model if isinstance(model, ModelInfo) else _model(model, family)
    name = run_id or slug(info.name)
    passed: dict[str, Any] = {"model": info.name, "family": info.family, "dataset": dataset, "splits": list(parts)}
    passed |= {"run_id": run_id, "seed": seed}
    described = info.model_dump(mode="json"), course, list(counts), list(trained_on), _frame_digest(training)
    timed = None if latency is None else latency.model_dump(mode="json")
    resolved = {
        **passed,
        "run_id": name,
        "outcomes_sha256": _outcome_digests(parts),
        "description_sha256": sha256(canonical_json([*described, timed])),
    }
    config = Config(passed=passed, resolved=resolved)
    data = DatasetInfo(name=dataset, labels_sha256=labels_sha256(label_names), splits={})
    done = BundleWriter.existing(out, name, config, dataset=data)
    if done is not None:
        return done
    writer = BundleWriter.start(
        out,
        run_id=name,
        config=config,
        labels=Labels(names=label_names, train_counts=counts),
        runner="notebook",
        course=course,
        model=info,
        dataset=data,
        trained_on=trained_on,
        seed=seed,
        environment={"python": platform.python_version(), "reportgen": importlib.metadata.version("reportgen")},
    )
    with writer:
        for split_name, part in parts.items():
            stated = part.confidence if part.logits is None else None
            chosen = part.predictions if part.logits is None else None
            writer.write_predictions(
                split_name,
                part.row_ids,
                part.text_sha256,
                part.labels,
                logits=part.logits,
                predictions=chosen,
                confidence=stated,
            )
        if training is not None:
            writer.write_training(training)
        if latency is not None:
            writer.write_latency(latency)
        return writer.finish()


def _parts(
    split: str,
    names: tuple[str, ...],
    labels: Arrays,
    logits: Arrays,
    predictions: Arrays,
    row_ids: Arrays,
    texts: Arrays,
) -> dict[str, SplitPredictions]:
    """Checked outcomes of each split."""

    def of(values: Arrays, what: str) -> dict[str, Any]:
        if values is None:
            return {}
        found = dict(values) if isinstance(values, Mapping) else {split: values}
        wanted = set(labels) if isinstance(labels, Mapping) else {split}
        if set(found) != wanted:
            raise BadOutcome(
                f"{what} are given for {', '.join(map(str, found))}, labels for {', '.join(sorted(map(str, wanted)))}",
                remedy="pass dicts with the same splits, or plain arrays",
            )
        return found

    true, scores, chosen = of(labels, "labels"), of(logits, "logits"), of(predictions, "predictions")
    ids, words = of(row_ids, "row_ids"), of(texts, "texts")
    unknown = set(true) - set(SPLITS)
    if unknown or not true:
        raise BadOutcome(f"splits {', '.join(map(str, true)) or 'missing'}", remedy="splits are train, val and test")
    parts = {}
    for name in sorted(true, key=SPLITS.index):
        answers = _label_ids(true[name], names, f"labels of {name}")
        n = len(answers)
        parts[name] = prepare(
            _row_ids(ids[name], name) if name in ids else [f"{i:0{len(str(n))}d}" for i in range(n)],
            text_sha256(_texts(words[name])) if name in words else None,
            answers,
            k=len(names),
            logits=_numpy(scores[name]) if name in scores else None,
            predictions=_label_ids(chosen[name], names, f"predictions of {name}") if name in chosen else None,
            where=name,
        )
    return parts


def _numpy(values: Any) -> NDArray[Any]:
    """Anything array-like; tensors are recognised by their methods, so that torch is not imported."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        try:
            return np.asarray(values.numpy())
        except TypeError:  # bfloat16 has no NumPy type
            return np.asarray(values.float().numpy())
    try:
        return np.asarray(values)
    except ValueError:
        raise BadOutcome("rows of different lengths", remedy="pass rectangular arrays") from None


def _label_ids(values: Any, names: tuple[str, ...], what: str) -> NDArray[Any]:
    array = _numpy(values)
    if array.dtype.kind not in "OUT" or not all(isinstance(value, str) for value in array.tolist()):
        return array
    ids = {name: i for i, name in enumerate(names)}
    unknown = sorted(set(array.tolist()) - ids.keys())
    if unknown:
        raise BadOutcome(
            f"{len(unknown)} {what} are not in names, such as {unknown[0]!r}",
            remedy="pass all names; an answer that names no label is −1, with ids instead of names",
        )
    return np.array([ids[value] for value in array.tolist()], dtype=np.int64)


def _row_ids(values: Any, split: str) -> list[str]:
    found = _numpy(values).tolist()
    if not isinstance(found, list) or not all(isinstance(v, (str, int)) and not isinstance(v, bool) for v in found):
        raise BadOutcome("row ids are neither strings nor integers", where=split)
    return [str(value) for value in found]


def _texts(values: Any) -> list[str | None]:
    return [text if isinstance(text, str) else None for text in values]


def _model(name: str, family: str) -> ModelInfo:
    from pydantic import ValidationError

    try:
        return ModelInfo.model_validate({"name": name, "family": family})
    except ValidationError:
        raise WrongTypes(
            f"family {family!r}", remedy="one of majority, linear, embed, encoder, decoder, prompted"
        ) from None


def _outcome_digests(parts: Mapping[str, SplitPredictions]) -> dict[str, str]:
    found = {}
    for name, part in parts.items():
        raw = part.predictions if part.logits is None else part.logits
        found[name] = sha256(part.rows_sha256.encode() + np.ascontiguousarray(raw).tobytes())
    return found


def _frame_digest(frame: pd.DataFrame | None) -> str | None:
    return None if frame is None else sha256(frame.to_csv(index=False).encode("utf-8", "replace"))
