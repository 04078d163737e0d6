"""Timing in a process of its own: nothing another model left in memory, in caches or in thread pools is measured."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.bundle.schema import Latency
from reportgen.errors import InputError, UsageError

_KINDS = {"bf16": ("bfloat16", "BF16"), "fp16": ("float16", "F16"), "fp32": ("float32", "F32")}
"""Precision to its names in torch and in a safetensors file."""


@dataclass(frozen=True)
class _Saved:
    scorer: Any
    dtype: str
    size_bytes: int


def time_fresh(folder: Path, texts: Sequence[str], *, threads: int | None = None) -> Latency:
    """Time a saved model in a fresh CPU process: cold start, both scenarios with and without tokenisation, memory.

    Args:
        folder: written by `classifiers.save`, or by `export_onnx`; an .onnx file of such a folder is taken as it is.
        texts: real texts, at least one.
        threads: of the numerical libraries; None: what they choose.

    Returns:
        Four records; memory on disk and the peak of the process; seconds from starting the process to its first answer.

    Raises:
        InputError: there is no such model, or its process failed.
        UsageError: no texts.
    """
    if not len(texts):
        raise UsageError("nothing to time", remedy="give at least one text")
    if not folder.exists():
        raise InputError("no such model", where=folder)
    with tempfile.TemporaryDirectory() as name:
        given, answer = Path(name) / "given.json", Path(name) / "answer.json"
        given.write_text(json.dumps(list(texts)), encoding="utf-8")
        environment = dict(os.environ) | {"TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
        if threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [sys.executable, "-m", "models.fresh", str(folder), str(given), str(answer), repr(time.time())]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise InputError(f"could not be timed: {said[-1]}", where=folder)
        return Latency.model_validate_json(answer.read_text(encoding="utf-8"))


def main() -> None:
    """The fresh process: python -m models.fresh FOLDER TEXTS ANSWER STARTED."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("started", type=float)
    given = parser.parse_args()
    texts = np.array(json.loads(given.texts.read_text(encoding="utf-8")), dtype=object)
    saved = _load(given.folder)
    saved.scorer.texts(texts[:1])
    cold = time.time() - given.started

    from reportgen.bundle.schema import MemoryRecord

    from .batching import tokenise
    from .timing import time_scorer

    tokens = tokenise(saved.scorer.tokenizer, texts, saved.scorer.max_length)
    records = time_scorer(saved.scorer, texts, tokens, dtype=saved.dtype)
    memory = (
        MemoryRecord(bytes=saved.size_bytes, kind="weights_on_disk"),
        MemoryRecord(bytes=_peak(), kind="process_peak"),
    )
    answer = Latency(records=records, memory=memory, cold_start_s=cold)
    given.answer.write_text(answer.model_dump_json(), encoding="utf-8")


def _load(folder: Path) -> _Saved:
    from .batching import Scorer

    file = folder if folder.suffix == ".onnx" else folder / "model.onnx"
    if file.is_file():
        from .onnx import OnnxModel, read_card
        from .weights import Weights

        card = read_card(file.parent)
        threads = int(os.environ.get("OMP_NUM_THREADS", "0")) or None
        model = OnnxModel(file, threads=threads)
        tokenizer = Weights(str(file.parent), file.parent, "safetensors", "", "local").tokenizer()
        scorer = Scorer(model, tokenizer, 32, max_length=card["max_length"], side=card["side"])
        return _Saved(scorer, model.dtype, model.size_bytes)
    import torch

    from . import classifiers
    from .graphs import for_scoring

    classifier = classifiers.load(folder)
    dtype = _precision(folder / "model.safetensors")
    model = for_scoring(classifier.model, getattr(torch, _KINDS[dtype][0]))  # `load` made it float32
    scorer = Scorer(model, classifier.tokenizer, 32, max_length=classifier.card.max_length, side=classifier.card.side)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return _Saved(scorer, dtype, size)


def _precision(file: Path) -> str:
    """fp32, fp16 or bf16: what the weights are saved in; the base of an adapter is loaded in fp32."""
    from safetensors import safe_open

    if not file.is_file():
        return "fp32"
    with safe_open(file, "np") as weights:
        kinds = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 - no mapping
    return next((name for name, (_, kind) in _KINDS.items() if kind in kinds), "fp32")


def _peak() -> int:
    """Bytes of memory this process held at most."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
