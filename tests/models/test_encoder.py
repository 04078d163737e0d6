"""Encoders: pooled heads, LoRA, saving and loading, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from models import classifiers
from models.adapters import LoraSettings, add_lora, count_parameters, match_targets
from models.encoder import EncoderConfig, encoder
from models.heads import pool
from models.probe import Probe
from models.registry import RunContext, get_runner
from models.weights import Weights, resolve
from reportgen.data import Dataset
from reportgen.errors import InputError, ReportgenError, UsageError
from reportgen.stats import scores

pytestmark = pytest.mark.train

Context = Callable[..., RunContext]


def _config(model: Path | str, **keys) -> EncoderConfig:
    return EncoderConfig(
        **({"model": str(model), "epochs": 2, "lr": 0.01, "batch_size": 16, "max_length": 32, "latency": False} | keys)
    )


def _macro_f1(data: Dataset, logits: np.ndarray, split: str = "val") -> float:
    return scores(data.splits[split].labels, logits.argmax(1), len(data.labels)).macro_f1


def test_registered() -> None:
    assert get_runner("encoder").config is EncoderConfig


def test_pooling_by_hand() -> None:
    import torch

    hidden = torch.arange(12.0).reshape(2, 3, 2)
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])  # padded right, padded left
    assert pool(hidden, mask, "mean").tolist() == [[1, 2], [9, 10]]
    assert pool(hidden, mask, "cls").tolist() == [[0, 1], [8, 9]]
    assert pool(hidden, mask, "last").tolist() == [[2, 3], [10, 11]]


def test_full_finetune_learns_and_is_saved(context: Context, tiny_bert: Path, topics: Dataset, tmp_path: Path) -> None:
    ctx = context(_config(tiny_bert, pooling="mean", epochs=6, save="full"))
    result = encoder(ctx)
    assert set(result.logits) == set(topics.splits) - {"train"}
    for split, logits in result.logits.items():
        assert logits.dtype == np.float32
        assert logits.shape == (len(topics.splits[split]), len(topics.labels))
    assert _macro_f1(topics, result.logits["val"]) > 0.8
    assert result.model.parameters == result.model.trainable_parameters
    assert result.hardware.device == "cpu"
    assert result.training["val_macro_f1"].max() == pytest.approx(_macro_f1(topics, result.logits["val"]))
    assert len(result.tokens["val"]) == len(topics.splits["val"])
    assert not [p for p in (tmp_path / "work").rglob("*") if p.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_same_seed_same_logits(context: Context, tiny_bert: Path, tmp_path: Path) -> None:
    one, two = (encoder(context(_config(tiny_bert), work=tmp_path / name)) for name in ("a", "b"))
    assert (one.logits["val"] == two.logits["val"]).all()


def test_lora_reports_what_it_matched(context: Context, tiny_bert: Path, topics: Dataset) -> None:
    result = encoder(context(_config(tiny_bert, pooling="mean", lora={"r": 4, "targets": ["query", "value"]})))
    assert result.decided["lora_matched"] == {"query": 2, "value": 2}
    # 4 layers × r 4 × (32 + 32), and the head's 32 × 4 + 4
    assert result.model.trainable_parameters == 4 * 4 * 64 + 32 * 4 + 4
    assert result.adapter is not None
    assert (result.adapter / "adapter_model.safetensors").is_file()
    assert {p.suffix for p in result.adapter.iterdir()} <= {".safetensors", ".json", ".txt", ".jinja"}


def test_lora_target_that_matches_nothing(context: Context, tiny_bert: Path) -> None:
    with pytest.raises(UsageError, match="'Wo2' matches no linear layer") as caught:
        encoder(context(_config(tiny_bert, lora={"targets": ["query", "Wo2"]})))
    assert "query" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_modernberts_parameter_counts_are_the_published_ones() -> None:
    import torch
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    with torch.device("meta"):
        model = ModernBertForSequenceClassification(ModernBertConfig(num_labels=113))
    assert count_parameters(model) == 149_691_761
    settings = LoraSettings(r=16, alpha=32, dropout=0.1)
    assert match_targets(model, None, ("classifier",)) == {"Wqkv": 22, "Wo": 44, "Wi": 22}
    adapted = add_lora(model, settings, ("classifier",))
    assert adapted.trainable == 3_466_097
    assert count_parameters(adapted.model) == 149_691_761 + 3_466_097 - 86_897


def test_stock_head_of_modernbert(context: Context, tiny_bert: Path, topics: Dataset, tmp_path: Path) -> None:
    import torch
    from transformers import ModernBertConfig, ModernBertModel

    tokenizer = resolve(str(tiny_bert)).tokenizer()
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path / "modernbert"
    ModernBertModel(config).save_pretrained(folder)  # without the prediction head that ModernBERT-base comes with
    tokenizer.save_pretrained(folder)
    result = encoder(context(_config(folder, lora={"r": 2}, pooling="mean", gradient_checkpointing=True)))
    assert result.decided["pooling_used"] == "mean"
    assert result.decided["lora_matched"] == {"Wqkv": 2, "Wo": 4, "Wi": 2}
    assert classifiers.read_card(result.adapter).fresh == ("classifier", "head.dense", "head.norm")


@pytest.mark.parametrize("keys", [{"save": "full"}, {"lora": {"r": 4}}, {"lora": {"r": 4}, "save": "full"}])
def test_saved_models_score_alike_elsewhere(
    context: Context, tiny_bert: Path, topics: Dataset, tmp_path: Path, keys: dict
) -> None:
    result = encoder(context(_config(tiny_bert, **keys)))
    loaded = classifiers.load(tmp_path / "work" / "model", topics.labels)
    from models.batching import Scorer

    scorer = Scorer(loaded.model, loaded.tokenizer, 64, max_length=32)
    assert scorer.texts(topics.splits["val"].texts) == pytest.approx(result.logits["val"], abs=1e-5)


def test_labels_that_differ_are_refused(context: Context, tiny_bert: Path, topics: Dataset, tmp_path: Path) -> None:
    encoder(context(_config(tiny_bert, epochs=0, save="full")))
    folder = tmp_path / "work" / "model"
    with pytest.raises(InputError, match="knows 4 labels, the data has 3"):
        classifiers.load(folder, topics.labels[:3])
    with pytest.raises(InputError, match="label 0 is 'card_arrival' in the model and 'exchange_rate'"):
        classifiers.load(folder, (*topics.labels[1:], topics.labels[0]))


def test_adapter_without_its_head_is_refused(context: Context, tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    result = encoder(context(_config(tiny_bert, epochs=0, lora={"r": 2})))
    file = result.adapter / "adapter_model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if "classifier" not in name}
    save_file(kept, file)
    with pytest.raises(InputError, match="does not hold its head 'classifier'") as caught:
        classifiers.load(result.adapter)
    assert "\n" not in str(caught.value)


def test_adapter_of_other_weights_is_refused(context: Context, tiny_bert: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_bert, base)
    result = encoder(context(_config(base, epochs=0, lora={"r": 2})))
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    with pytest.raises(InputError, match="an adapter fits only the weights"):
        classifiers.load(result.adapter)


def test_a_head_that_was_not_saved_is_noticed(
    context: Context, tiny_bert: Path, topics: Dataset, tmp_path: Path
) -> None:
    import torch

    from models.batching import Scorer, tokenise

    encoder(context(_config(tiny_bert, save="full")))
    folder = tmp_path / "work" / "model"
    loaded = classifiers.load(folder)
    scorer = Scorer(loaded.model, loaded.tokenizer, 16, max_length=32)
    probe = Probe(tokenise(loaded.tokenizer, topics.splits["val"].texts, 32), "fp32")
    probe.reload(scorer, folder, topics.labels)
    torch.nn.init.normal_(loaded.model.get_submodule(loaded.card.head).weight)
    with pytest.raises(ReportgenError, match="predictions change"):
        probe.reload(scorer, folder, topics.labels)


def test_logits_that_depend_on_padding_are_noticed(tiny_bert: Path, topics: Dataset) -> None:
    from models.batching import Scorer, tokenise

    built = classifiers.build(resolve(str(tiny_bert)), topics.labels, family="encoder", pooling="mean", max_length=32)
    scorer = Scorer(built.model.eval(), built.tokenizer, 16, max_length=32)
    probe = Probe(tokenise(built.tokenizer, topics.splits["val"].texts, 32), "fp32")
    probe.padding(scorer)
    forward = built.model.forward
    built.model.forward = lambda input_ids, attention_mask: forward(input_ids, attention_mask.clamp(min=1))
    with pytest.raises(ReportgenError, match="with the padding of their batch"):
        probe.padding(scorer)


def test_head_init_starts_from_a_regression(context: Context, tiny_bert: Path, topics: Dataset, tmp_path: Path) -> None:
    cold, warm = (
        encoder(context(_config(tiny_bert, pooling="mean", epochs=0, head_init=how), work=tmp_path / how))
        for how in ("random", "embedding_regression")
    )
    assert _macro_f1(topics, warm.logits["val"]) > _macro_f1(topics, cold.logits["val"]) + 0.2


def test_second_stage_moves_the_head_only(context: Context, tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    one = encoder(context(_config(tiny_bert, select="last", save="full"), work=tmp_path / "one"))
    two = encoder(context(_config(tiny_bert, select="last", save="full", stage2={"epochs": 2}), work=tmp_path / "two"))
    a, b = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    changed = {name for name in a if not a[name].equal(b[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    assert two.training["step"].is_monotonic_increasing
    assert len(two.training) == 2 * len(one.training)


def test_label_names_are_extra_rows(context: Context, tiny_bert: Path, topics: Dataset) -> None:
    result = encoder(context(_config(tiny_bert, epochs=1, label_names_as_rows=True, score_train=True)))
    assert result.decided["n_train"] == len(topics.splits["train"]) + 4
    assert len(result.logits["train"]) == len(topics.splits["train"])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"save": "adapter"}, "there is no adapter"),
        ({"max_length": 100}, "more than the 64 positions"),
        ({"precision": "fp16"}, "needs a CUDA device"),
    ],
)
def test_contradictions_are_one_line(context: Context, tiny_bert: Path, keys: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        encoder(context(_config(tiny_bert, **keys)))
    assert "\n" not in str(caught.value)


def test_data_without_training_split(context: Context, tiny_bert: Path, topics: Dataset) -> None:
    only = replace(topics, splits={"val": topics.splits["val"]})
    with pytest.raises(InputError, match="no training split"):
        encoder(context(_config(tiny_bert), data=only))


def test_minilm_learns_real_messages(context: Context, minilm: str, banking77lt: Dataset) -> None:
    """A smoke test on real weights and real text: the 8 largest classes, 240 rows, one epoch."""
    from reportgen.data.dataset import Split

    top = np.argsort(-banking77lt.train_counts, kind="stable")[:8]
    new = {int(old): i for i, old in enumerate(top)}

    def part(split: Split, n: int) -> Split:
        rows = np.concatenate([np.flatnonzero(split.labels == label)[:n] for label in top])
        labels = np.array([new[int(label)] for label in split.labels[rows]], np.int16)
        return Split(split.row_ids[rows], split.texts[rows], labels)

    data = replace(
        banking77lt,
        labels=tuple(banking77lt.labels[i] for i in top),
        splits={"train": part(banking77lt.splits["train"], 30), "val": part(banking77lt.splits["test"], 10)},
    )
    result = encoder(context(_config(minilm, epochs=1, lr=5e-4, head_init="embedding_regression"), data=data))
    assert result.decided["pooling_used"] == "mean"
    assert _macro_f1(data, result.logits["val"]) > 0.9


def test_pickled_adapters_are_never_looked_at(tmp_path: Path) -> None:
    card = classifiers.Card(
        "encoder", "minilm", "x", ("a", "b"), 32, "mean", "right", "classifier", ("classifier",), adapter=True
    )

    (tmp_path / classifiers.CARD).write_text(json.dumps(asdict(card)))
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04.")
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"no adapter_model\.safetensors"):
        classifiers.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"family": "encoder"}', '{"labels": 3}'])
def test_a_broken_card_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / classifiers.CARD).write_text(text)
    with pytest.raises(InputError, match="not the card"):
        classifiers.load(tmp_path)


def test_weights_are_loaded_without_pickle(tiny_bert: Path) -> None:
    found = resolve(str(tiny_bert))
    seen: dict[str, object] = {}

    class Auto:
        @staticmethod
        def from_pretrained(path: str, **options: object) -> str:
            seen.update(options)
            return path

    assert Weights.load(found, Auto) == str(tiny_bert)
    assert (seen["use_safetensors"], seen["trust_remote_code"]) == (True, False)
