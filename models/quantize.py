"""Quantisation: the saved weights of a trained run in fewer bits, scored and timed on the device that runs them."""

from __future__ import annotations

import gc
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import Hardware, MemoryRecord
from reportgen.errors import InputError, Unavailable, UsageError, one_line

from . import classifiers, device, environment
from .adapters import count_parameters
from .batching import Scorer, tokenise
from .derive import parent
from .footprint import forget_peak, process_peak, saved_bytes
from .fresh import time_fresh
from .graphs import CudaGraphs, compile_blocks, for_scoring
from .lowbit import Converted, no_kernel, to_bitsandbytes
from .onnx import OnnxModel, export_onnx, quantize_int8
from .predict import rescore, saved_weights
from .registry import RunContext, RunnerConfig, RunResult, runner
from .timing import OFFLINE_BATCH

if TYPE_CHECKING:
    from reportgen.data import Dataset

Backend = Literal["torch", "bitsandbytes", "onnx"]

_CASTS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
_OFFERED: dict[Backend, tuple[str, ...]] = {
    "torch": tuple(_CASTS),
    "bitsandbytes": ("int8", "int4"),
    "onnx": ("fp32", "int8"),
}


class QuantizeConfig(RunnerConfig):
    """Whose weights, and what becomes of them."""

    run: str = Field(description="run_id of a fine-tuned run whose weights are kept.")
    precision: Literal["fp32", "fp16", "bf16", "int8", "int4"] = "fp16"
    backend: Literal["auto", "torch", "bitsandbytes", "onnx"] = Field(
        "auto", description="auto: torch casts, bitsandbytes has int8 and int4; onnx is the CPU path."
    )
    layers: Literal["faithful", "all"] = Field(
        "faithful",
        description="Of int8 by onnx. faithful: those whose rounding changes least; all: smaller and faster.",
    )
    serve: Literal["eager", "graphs", "compiled"] = Field(
        "eager",
        description="On a GPU. graphs: every batch shape is recorded and replayed; compiled: of compiled layers.",
    )
    merge: Literal["auto", True, False] = Field("auto", description="Merge a LoRA adapter first; auto: where one is.")
    eval_batch_size: int = Field(64, ge=1)
    latency: bool = True
    fresh: bool = Field(
        False,
        description="Time in a process of its own, with cold start and peak memory; where it can load the saved form "
        "(onnx, and torch's own precisions on a CPU).",
    )


@dataclass(frozen=True)
class Form:
    """A model in the form it is scored in."""

    model: Any
    where: Any
    """The torch device that runs it."""
    hardware: Hardware
    layers: Converted | None
    saved: int
    """Bytes on disk."""
    folder: Path | None = None
    """Where a process of its own can load it from."""


@runner("quantize", QuantizeConfig, family="encoder")
def quantize(ctx: RunContext) -> RunResult:
    """Convert a run's saved weights to fp16, bf16, int8 or int4 and score every split of that run again."""
    cfg: QuantizeConfig = ctx.config
    backend = backend_of(cfg.precision, cfg.backend)
    source = parent(ctx, cfg.run)
    gc.collect()  # an earlier run's model would count in this one's peaks
    started = time.perf_counter()
    classifier = classifiers.load(saved_weights(source, ctx.work), ctx.data.labels)
    model, merged = merge(classifier, cfg.merge)
    card, tokenizer, parameters = classifier.card, classifier.tokenizer, count_parameters(model)
    classifier = replace(classifier, model=model)
    form = _in_onnx(ctx, classifier) if backend == "onnx" else _in_torch(ctx, classifier, backend, merged)
    apart = cfg.latency and cfg.fresh and form.folder is not None
    if cfg.fresh and form.folder is None:
        ctx.say(f"{cfg.precision} by {backend} on {form.where.type} is timed in this process: no other can load it")
    del model, classifier
    gc.collect()
    forgotten = forget_peak()
    scorer = Scorer(
        form.model, tokenizer, cfg.eval_batch_size, device=form.where, max_length=card.max_length, side=card.side
    )
    _try(scorer, ctx.data, cfg.precision, backend)
    converted = time.perf_counter() - started
    layers = f", {form.layers.quantised} linear layers, {form.layers.skipped} kept" if form.layers else ""
    ctx.say(f"{cfg.precision} by {backend} on {form.where.type}{layers}, {form.saved / 1e6:.1f} MB on disk")
    result = rescore(
        ctx,
        source,
        scorer,
        precision=cfg.precision,
        merged=merged,
        parameters=parameters,
        latency=cfg.latency and not apart,
    )
    result = replace(result, memory=_memory(form, forgotten))
    if apart:
        result = _timed_apart(ctx, form.folder, result, merged)
    return replace(
        result,
        hardware=form.hardware,
        timings={**result.timings, "convert": converted},
        decided={
            **result.decided,
            "backend_used": backend,
            "timed_in": ("a process of its own" if apart else "the process that scored") if cfg.latency else None,
            "layers_quantised": form.layers.quantised if form.layers else 0,
            "layers_skipped": form.layers.skipped if form.layers else None,
        },
    )


def backend_of(precision: str, wanted: Backend | Literal["auto"]) -> Backend:
    """The backend for a precision.

    Raises:
        UsageError: the one asked for does not offer it.
    """
    if wanted == "auto":
        return "torch" if precision in _CASTS else "bitsandbytes"
    if precision not in _OFFERED[wanted]:
        raise UsageError(
            f"backend={wanted} has no {precision}", remedy=f"it has {', '.join(_OFFERED[wanted])}; or backend=auto"
        )
    return wanted


def merge(classifier: classifiers.Classifier, wanted: Literal["auto", True, False]) -> tuple[Any, bool | None]:
    """The model with its adapter merged, and whether it was; None where it has none.

    Raises:
        UsageError: merge=true without an adapter.
    """
    model = classifier.model
    if not hasattr(model, "merge_and_unload"):
        if wanted is True:
            raise UsageError("merge=true, but there is no adapter", remedy="set merge=auto")
        return model, None
    return (model, False) if wanted is False else (model.merge_and_unload(), True)


def _timed_apart(ctx: RunContext, folder: Path, result: RunResult, merged: bool | None) -> RunResult:
    """The result with the latency, memory and cold start of a fresh process."""
    sample = next(name for name in ("test", "val", "train") if name in result.logits)
    found = time_fresh(folder, ctx.data.splits[sample].texts.tolist(), threads=environment.cpu().threads)
    records = tuple(record.model_copy(update={"merged": merged}) for record in found.records)
    return replace(result, latency=records, memory=found.memory, cold_start_s=found.cold_start_s)


def _in_torch(ctx: RunContext, classifier: classifiers.Classifier, backend: Backend, merged: bool | None) -> Form:
    """Cast, or converted by bitsandbytes, on the device there is."""
    import torch

    cfg: QuantizeConfig = ctx.config
    accelerator, best = device.accelerator("auto")
    where, model, layers = accelerator.device, classifier.model.eval(), None
    if cfg.precision == "bf16" and where.type == "cuda" and best != "bf16":
        raise Unavailable("bf16 would be emulated on this GPU", remedy="set precision=fp16")
    if backend == "torch":
        model = for_scoring(model, getattr(torch, _CASTS[cfg.precision])).to(where)
    else:
        # LLM.int8 works on 16-bit activations, and so does the course's 4-bit set-up; a CPU is slow in 16 bits.
        compute = torch.float32 if where.type == "cpu" else torch.float16
        keep = (classifier.card.head, *classifier.card.fresh)
        layers = to_bitsandbytes(model.to(compute), cfg.precision, keep=keep, device=where, compute=compute)
    if cfg.precision == "bf16" and where.type == "cpu" and not environment.native_bf16():
        ctx.say("this processor emulates bf16: smaller, but slower than fp32")
    folder = None
    if cfg.fresh and backend == "torch" and where.type == "cpu" and merged is not False:
        folder = ctx.work / "fresh"
        classifiers.save(replace(classifier, model=model), folder, adapter=False)
    saved = saved_bytes(model, ctx.work)
    if cfg.serve != "eager":
        model = _recorded(model, where, classifier.card.max_length, compiled=cfg.serve == "compiled")
    return Form(model, where, device.hardware(accelerator), layers, saved, folder)


def _recorded(model: Any, where: Any, longest: int, *, compiled: bool) -> CudaGraphs:
    """The model as a server runs it: the shapes of both latency scenarios are recorded before anybody waits for them.

    Raises:
        Unavailable: this is no CUDA device, or the model cannot be recorded.
    """
    if where.type != "cuda":
        raise Unavailable(
            f"serve=graphs and serve=compiled need a CUDA device, this is {where.type}", remedy="set serve=eager"
        )
    if compiled:
        compile_blocks(model)
    graphs = CudaGraphs(model)
    graphs.record((1, OFFLINE_BATCH), longest)
    if graphs.refused:
        raise Unavailable(f"this model cannot be recorded: {one_line(graphs.refused, 120)}", remedy="set serve=eager")
    return graphs


def _in_onnx(ctx: RunContext, classifier: classifiers.Classifier) -> Form:
    """Exported, and with int8 weights where asked; ONNX Runtime on the CPU."""
    import torch

    cfg: QuantizeConfig = ctx.config
    card, kept = classifier.card, ctx.work / "onnx"
    ctx.say("exporting to ONNX")
    layers = None
    if cfg.precision == "fp32":
        path = export_onnx(classifier.model, classifier.tokenizer, kept, max_length=card.max_length, side=card.side)
    else:
        with tempfile.TemporaryDirectory(dir=ctx.work) as folder:
            whole = export_onnx(
                classifier.model, classifier.tokenizer, Path(folder), max_length=card.max_length, side=card.side
            )
            path = quantize_int8(whole, kept / whole.name, cfg.layers)
            for file in Path(folder).iterdir():  # the tokenizer and the card; the float32 graph is not kept
                if not file.name.startswith(whole.name):
                    shutil.copy(file, kept)
        layers = _integer_layers(path)
    model = OnnxModel(path, threads=environment.cpu().threads)
    return Form(model, torch.device("cpu"), environment.cpu(), layers, model.size_bytes, kept)


def _integer_layers(path: Path) -> Converted:
    """Matrix products in integers and in floats, those between activations left out.

    Raises:
        InputError: none is in integers.
    """
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    integers = sum(node.op_type in {"MatMulInteger", "DynamicQuantizeMatMul"} for node in graph.node)
    floats = sum(node.op_type in {"MatMul", "Gemm"} and bool(weights & {*node.input}) for node in graph.node)
    if not integers:
        raise InputError("the exported graph has no layer to quantise", where=path, remedy="set precision=fp32")
    return Converted(integers, floats)


def _try(scorer: Scorer, data: Dataset, precision: str, backend: Backend) -> None:
    """One short batch: a kernel that is missing says so before the whole dataset is scored."""
    texts = next(split.texts for split in data.splits.values() if len(split))[:2]
    try:
        logits = scorer.tokens(tokenise(scorer.tokenizer, texts, scorer.max_length))
    except (RuntimeError, NotImplementedError, AttributeError, NameError) as error:
        if backend == "bitsandbytes":
            raise no_kernel(precision, scorer.device, error) from None
        if "not implemented" in str(error):
            raise Unavailable(
                f"{scorer.device.type} cannot compute in {precision}: {error}", remedy="set precision=fp32"
            ) from None
        raise
    if not np.isfinite(logits).all():
        raise Unavailable(f"this model overflows in {precision}", remedy="set precision=bf16 or fp32")


def _memory(form: Form, forgotten: bool) -> tuple[MemoryRecord, ...]:
    """Bytes on disk, the process's peak while it worked, and on a GPU the allocator's peak since it was loaded."""
    import torch

    records = [MemoryRecord(bytes=form.saved, kind="weights_on_disk")]
    if form.where.type == "cuda":
        peak = torch.cuda.max_memory_allocated(form.where)
        records.append(MemoryRecord(bytes=peak, kind="allocated_peak"))
    if forgotten and (resident := process_peak()) is not None:
        records.append(MemoryRecord(bytes=resident, kind="process_peak"))
    return tuple(records)
