"""ONNX export, int8 weights and the scorer on ONNX Runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import classifiers
from models.batching import Scorer
from models.onnx import CPU, OnnxModel, agreement, export_onnx, quantize_int8, read_card
from models.weights import resolve
from reportgen.data import Dataset
from reportgen.errors import InputError, ReportgenError, Unavailable

pytestmark = pytest.mark.train

for package in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def exported(
    tiny_bert: Path, topics: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[classifiers.Classifier, Path]:
    classifier = classifiers.build(
        resolve(str(tiny_bert)), topics.labels, family="encoder", pooling="mean", max_length=32
    )
    folder = tmp_path_factory.mktemp("onnx")
    path = export_onnx(classifier.model.eval(), classifier.tokenizer, folder, max_length=32)
    return classifier, path


def _logits(model: Any, classifier: classifiers.Classifier, topics: Dataset, **options: Any) -> np.ndarray:
    return Scorer(model, classifier.tokenizer, 16, max_length=32, **options).texts(topics.splits["train"].texts)


def test_the_graph_says_what_the_model_says(exported: Any, topics: Dataset) -> None:
    classifier, path = exported
    model = OnnxModel(path, threads=1)
    expected = _logits(classifier.model, classifier, topics)
    for options in ({}, {"padding": "max_length"}, {"tokens_per_batch": 64}):
        found = agreement(expected, _logits(model, classifier, topics, **options))
        assert found.argmax == 1
        assert found.largest_difference < 1e-4
    assert model.provider == CPU
    assert model.dtype == "fp32"
    assert model.size_bytes == path.stat().st_size
    assert read_card(path.parent) == {"max_length": 32, "side": "right"}


@pytest.mark.parametrize(("layers", "products"), [("faithful", 6), ("all", 12)])
def test_int8_takes_the_layers_it_says_and_never_the_head(
    layers: str, products: int, exported: Any, topics: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    monkeypatch.setattr("models.onnx._TABLE_ROWS", 60)  # the words and the positions of the toy
    classifier, path = exported
    small = OnnxModel(quantize_int8(path, tmp_path / "int8.onnx", layers), threads=1)
    graph = onnx.load(str(small.path)).graph
    assert sum(node.op_type == "MatMulInteger" for node in graph.node) == products
    shapes = {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in graph.initializer}
    rows = len(classifier.tokenizer)
    assert (onnx.TensorProto.INT8, (rows, 32)) in shapes.values()
    assert (onnx.TensorProto.FLOAT, (rows, 32)) not in shapes.values()
    k = len(topics.labels)
    assert {kind for kind, dims in shapes.values() if set(dims) == {32, k}} == {onnx.TensorProto.FLOAT}
    expected, found = (_logits(model, classifier, topics) for model in (OnnxModel(path, threads=1), small))
    assert small.dtype == "int8"
    assert small.size_bytes < path.stat().st_size
    assert 0 < np.abs(expected - found).max() < 0.1 * np.abs(expected).max()


@pytest.mark.slow
def test_a_decoder_padded_on_the_left(tiny_qwen3: Path, topics: Dataset, tmp_path: Path) -> None:
    classifier = classifiers.build(
        resolve(str(tiny_qwen3)), topics.labels, family="decoder", side="left", max_length=32
    )
    model = classifier.model.eval()
    path = export_onnx(model, classifier.tokenizer, tmp_path, max_length=32, side="left")
    expected, found = (_logits(m, classifier, topics, side="left") for m in (model, OnnxModel(path, threads=1)))
    assert agreement(expected, found).largest_difference < 1e-4


def test_agreement_by_hand() -> None:
    found = agreement(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 2.5], [0.0, 0.5]]))
    assert (found.rows, found.argmax, found.largest_difference) == (2, 0.5, 3.0)


def test_a_graph_is_never_trained(exported: Any) -> None:
    model = OnnxModel(exported[1])
    assert model.eval() is model.train(False) is model
    with pytest.raises(ReportgenError, match="cannot be trained"):
        model.train()


def test_what_is_missing_is_one_line(exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="TensorrtExecutionProvider"):
        OnnxModel(exported[1], provider="TensorrtExecutionProvider")
    (tmp_path / "broken.onnx").write_bytes(b"not a graph")
    with pytest.raises(InputError, match="not a usable ONNX file"):
        OnnxModel(tmp_path / "broken.onnx")
    with pytest.raises(InputError, match="no such file"):
        quantize_int8(tmp_path / "absent.onnx", tmp_path / "int8.onnx")
    with pytest.raises(InputError, match="not an exported model"):
        read_card(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"onnxruntime.*reportgen\[onnx\]"):
        OnnxModel(exported[1])
