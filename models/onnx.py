"""The CPU deployment path: ONNX export, int8 weights, and ONNX Runtime behind the interface of a torch model."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reportgen.errors import InputError, ReportgenError, Unavailable

from . import environment

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

FILE, CARD = "model.onnx", "onnx.json"
CPU = "CPUExecutionProvider"

TOLERANCE = 1e-3
"""Largest difference, relative to the largest logit, between torch and the exported graph in float32."""

_TABLE_ROWS = 1_000
"""Tables with fewer rows (positions, segments) weigh nothing and stay float32."""

_INLINE_BYTES = 1_900_000_000
"""A protobuf file ends at 2 GiB; larger weights go to a file beside it."""


@dataclass(frozen=True)
class Agreement:
    """How far two ways to score the same rows agree."""

    rows: int
    argmax: float
    """Share of rows with the same highest logit."""
    largest_difference: float
    """Between any two logits."""


def agreement(expected: NDArray[np.floating], found: NDArray[np.floating]) -> Agreement:
    """Compare two arrays of logits, both of shape (n, K), n ≥ 1."""
    same = float((expected.argmax(1) == found.argmax(1)).mean())
    return Agreement(len(expected), same, float(np.abs(expected - found).max()))


def export_onnx(model: Any, tokenizer: Any, folder: Path, *, max_length: int, side: str = "right") -> Path:
    """Write `folder/model.onnx` (float32, batch and length dynamic), the tokenizer and a card; returns the file.

    The whole classifier is exported: backbone, pooling and head; adapters are merged in a copy. The graph is run on
    rows of another shape than the traced one before this returns.

    Args:
        model: a sequence classifier, called as `model(input_ids=…, attention_mask=…).logits`.
        tokenizer: its tokenizer.
        folder: created if missing.
        max_length: token cap the model is used with; kept in the card.
        side: the side padding goes to.

    Raises:
        Unavailable: onnx, onnxscript or onnxruntime is missing.
        ReportgenError: the graph does not say what the model says, or the model cannot be exported.
    """
    import torch

    _need("onnx", "onnxscript", "onnxruntime")
    model = copy.deepcopy(model).cpu().float().eval()
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    pad_id = tokenizer.pad_token_id or 0
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / FILE
    with _silence(), torch.no_grad():
        try:
            _write(model, _rows(2, min(16, max_length), pad_id, side), target)
        except ReportgenError:
            raise
        except Exception as error:  # exporters raise dozens of unrelated types: each means "not this architecture"
            raise ReportgenError(f"{type(model).__name__} cannot be exported to ONNX: {error}") from error
        probe = _rows(3, min(24, max_length), pad_id, side)
        expected = model(**probe).logits.float().numpy()
    found = OnnxModel(target, threads=1)(**probe).logits.numpy()
    gap = agreement(expected, found).largest_difference / max(float(np.abs(expected).max()), 1e-6)
    if not gap <= TOLERANCE:
        raise ReportgenError(f"the exported graph differs from the model by {gap:.2%}", where=target)
    tokenizer.save_pretrained(folder)
    (folder / CARD).write_text(json.dumps({"max_length": max_length, "side": side}), encoding="utf-8")
    return target


def read_card(folder: Path) -> dict[str, Any]:
    """`max_length` and `side` of an exported model.

    Raises:
        InputError: the folder holds none.
    """
    try:
        said = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return {"max_length": int(said["max_length"]), "side": str(said["side"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"no usable {CARD}: not an exported model", where=folder) from None


def quantize_int8(source: Path, target: Path, layers: Literal["faithful", "all"] = "faithful") -> Path:
    """Write `target`: `source` with int8 weights; activations are quantised as they come (dynamic quantisation).

    Activations get one scale a batch, which is coarse: MiniLM with all layers in int8 changes 1 to 4 % of its answers,
    with the default about 1 %. "faithful" takes queries, keys and values alone (all layers
    where a model has them in one product) in 8 bits. What each way costs and gives: docs/speed.md.

    Weights get a scale a column. "all" uses 7 of the 8 bits where the processor has no VNNI: its 16-bit sums of two
    products saturate otherwise (ONNX Runtime's documentation on quantisation); "faithful" uses unsigned weights there,
    which do not saturate. The head stays float32: it is small and decides.
    Embedding tables get a scale a row; ONNX Runtime would give a whole table one, and its largest value would decide
    how coarse all words are.

    Raises:
        Unavailable: onnx or onnxruntime is missing.
        InputError: `source` is not there.
    """
    _need("onnx", "onnxruntime")
    if not source.is_file():
        raise InputError("no such file", where=source, remedy="write it with export_onnx")
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target.parent.mkdir(parents=True, exist_ok=True)
    proto = onnx.load(str(source))
    large = proto.ByteSize() > _INLINE_BYTES
    head, chosen = _head(proto.graph), _attention_inputs(proto.graph) if layers == "faithful" else []
    signed = _has_vnni() or not chosen
    _tables_to_int8(proto.graph)
    with _silence():
        quantize_dynamic(
            proto,
            str(target),
            per_channel=True,
            reduce_range=signed and not _has_vnni(),
            weight_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            op_types_to_quantize=["MatMul"],  # a Gemm is made one first, under another name
            nodes_to_quantize=chosen or None,
            nodes_to_exclude=[*head, *(f"{name}_MatMul" for name in head)],
            use_external_data_format=large,
        )
    small = onnx.load(str(target), load_external_data=False)
    onnx.helper.set_model_props(small, {"dtype": "int8"})
    onnx.save(small, str(target))
    return target


class OnnxModel:
    """An ONNX file with the interface of a torch classifier in eval mode, so that `Scorer` takes it as it is.

    Args:
        path: the .onnx file.
        threads: threads within an operation; None: what ONNX Runtime chooses, a thread a core.
        provider: the execution provider it must run on.

    Raises:
        Unavailable: onnxruntime is missing, or runs the file on another provider than asked (T34: never silently).
        InputError: not an ONNX file.
    """

    training = False

    def __init__(self, path: Path, threads: int | None = None, provider: str = CPU) -> None:
        _need("onnxruntime")
        import onnxruntime

        if provider not in onnxruntime.get_available_providers():
            raise Unavailable(f"this onnxruntime has no {provider}", remedy=f"use {CPU} or install another build")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise InputError(f"not a usable ONNX file: {error}", where=path) from None
        self.provider: str = self._session.get_providers()[0]
        if self.provider != provider:
            raise Unavailable(f"asked for {provider}, runs on {self.provider}", where=path)
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        self.dtype: str = self._session.get_modelmeta().custom_metadata_map.get("dtype", "fp32")
        self.path = path
        self.size_bytes = sum(file.stat().st_size for file in (path, _beside(path)) if file.is_file())
        """Bytes on disk, weights beside the graph included."""

    def __call__(self, **batch: torch.Tensor) -> SimpleNamespace:
        """Scores of a batch: `.logits`, a float32 tensor of shape (n, K)."""
        import torch

        found = self._session.run(["logits"], {name: batch[name].numpy() for name in self._inputs})
        return SimpleNamespace(logits=torch.from_numpy(found[0]))

    def eval(self) -> OnnxModel:
        """Itself: a graph is always in eval mode."""
        return self

    def train(self, mode: bool = True) -> OnnxModel:
        """Itself, where `mode` is false.

        Raises:
            ReportgenError: a graph cannot be trained.
        """
        if mode:
            raise ReportgenError("an ONNX graph cannot be trained", where=self.path)
        return self


def _write(model: Any, sample: dict[str, torch.Tensor], target: Path) -> None:
    """Trace and save: transformers' own exporter knows its models' quirks; older versions fall back to torch's."""
    import torch

    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    shapes = dict.fromkeys(sample, free)
    for old in (target, _beside(target)):
        old.unlink(missing_ok=True)
    large = sum(p.numel() * p.element_size() for p in model.parameters()) > _INLINE_BYTES
    try:
        from transformers.exporters import OnnxConfig, OnnxExporter
    except ImportError:
        torch.onnx.export(
            model,
            kwargs=sample,
            f=str(target),
            dynamo=True,
            dynamic_shapes=shapes,
            output_names=["logits"],
            external_data=large,
        )
        return
    import onnx_ir

    exported = OnnxExporter().export(model, sample, config=OnnxConfig(dynamic=True, dynamic_shapes=shapes))
    # Older exporters return torch's ONNXProgram, which calls the same graph `model`.
    graph = exported.program if hasattr(exported, "program") else exported.model
    onnx_ir.save(graph, str(target), external_data=_beside(target).name if large else None)


def _rows(n: int, length: int, pad_id: int, side: str) -> dict[str, torch.Tensor]:
    """Rows of a few low token ids, each shorter than the one before."""
    import torch

    ids = (torch.arange(n * length).reshape(n, length) * 7) % 50 + 1
    mask = torch.ones_like(ids)
    for row in range(1, n):
        cut = max(1, length - 3 * row)
        empty = slice(0, length - cut) if side == "left" else slice(cut, length)
        ids[row, empty], mask[row, empty] = pad_id, 0
    return {"input_ids": ids, "attention_mask": mask}


def _tables_to_int8(graph: Any) -> None:
    """Embedding tables, in place: int8 with a scale a row, looked up together and multiplied."""
    from onnx import TensorProto, helper, numpy_helper

    tables = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2 and tensor.dims[0] >= _TABLE_ROWS
    }
    nodes, done = [], set[str]()
    for node in graph.node:
        name = node.input[0] if node.op_type == "Gather" else None
        if name not in tables or any(attribute.name == "axis" and attribute.i for attribute in node.attribute):
            nodes.append(node)
            continue
        if name not in done:
            done.add(name)
            values = numpy_helper.to_array(tables[name])
            scales = np.abs(values).max(axis=1, keepdims=True).clip(1e-12) / 127
            whole = np.round(values / scales).astype(np.int8)
            graph.initializer.append(numpy_helper.from_array(whole, f"{name}_int8"))
            graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
        ids, out = node.input[1], node.output[0]
        nodes += [
            helper.make_node("Gather", [f"{name}_int8", ids], [f"{out}_int8"]),
            helper.make_node("Cast", [f"{out}_int8"], [f"{out}_whole"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [f"{name}_scales", ids], [f"{out}_scale"]),
            helper.make_node("Mul", [f"{out}_whole", f"{out}_scale"], [out]),
        ]
    kept = {name for node in nodes for name in node.input}
    nodes = [copy.deepcopy(node) for node in nodes]  # those of the graph go with its list
    del graph.node[:]
    graph.node.extend(nodes)
    for name in done - kept:
        graph.initializer.remove(tables[name])


def _attention_inputs(graph: Any) -> list[str]:
    """Products with weights that read the same activations as two others: queries, keys and values."""
    weights = {tensor.name for tensor in graph.initializer}
    readers: dict[str, list[str]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            readers.setdefault(node.input[0], []).append(node.name)
    return [name for names in readers.values() if len(names) > 2 for name in names]


def _head(graph: Any) -> list[str]:
    """The last matrix product before the logits."""
    made_by = {name: node for node in graph.node for name in node.output}
    names, seen = [graph.output[0].name], set[str]()
    while names:
        node = made_by.get(names.pop(0))
        if node is None or node.name in seen:
            continue
        if node.op_type in {"MatMul", "Gemm"}:
            return [node.name]
        seen.add(node.name)
        names += node.input
    return []


def _has_vnni() -> bool:
    """Whether this processor multiplies int8 without saturating; unknown counts as no."""
    return bool(environment.cpu_flags() & {"avx512_vnni", "avx_vnni", "asimddp"})


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.data")


def _need(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise Unavailable(f"the ONNX path needs the package {package}", remedy="pip install 'reportgen[onnx]'")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Exporters and quantisers print progress, notes on versions and on packages that are not needed."""
    from transformers.utils import logging as transformers_logging

    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "root", "")]
    levels = [logger.level for logger in loggers]
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
