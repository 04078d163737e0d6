"""Decoders as classifiers: pad token and side, last-token pooling, LoRA, and the shape of F2LLM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.adapters import LoraSettings, add_lora, count_parameters
from models.decoder import DecoderConfig, decoder
from models.registry import RunContext, get_runner
from reportgen.data import Dataset
from reportgen.stats import scores

pytestmark = pytest.mark.train

Context = Callable[..., RunContext]


def _config(model: Path | str, **keys) -> DecoderConfig:
    return DecoderConfig(
        **({"model": str(model), "epochs": 4, "lr": 0.01, "batch_size": 16, "max_length": 32, "latency": False} | keys)
    )


def test_registered_with_the_courses_recipe() -> None:
    config = get_runner("decoder").config()
    assert config.lora == LoraSettings(r=16, alpha=32, dropout=0.05)
    assert (config.lr, config.max_length, config.padding_side) == (2e-4, 128, "left")


@pytest.mark.parametrize("side", ["left", "right"])
def test_tiny_qwen3_learns_without_a_pad_token_of_its_own(
    context: Context, tiny_qwen3: Path, topics: Dataset, side: str
) -> None:
    result = decoder(context(_config(tiny_qwen3, padding_side=side, epochs=15)))
    assert result.decided["lora_matched"] == {"q_proj": 2, "k_proj": 2, "v_proj": 2, "o_proj": 2}
    assert result.decided["pad_token_id"] == 1  # <eos>, since there is no pad token
    assert result.decided["padding_side"] == side
    found = scores(topics.splits["val"].labels, result.logits["val"].argmax(1), len(topics.labels))
    assert found.macro_f1 > 0.8
    assert result.model.merged is False
    assert result.adapter is not None


def test_gradient_checkpointing_changes_nothing_but_memory(context: Context, tiny_qwen3: Path, tmp_path: Path) -> None:
    keys = {"epochs": 1, "lora": LoraSettings(r=4, dropout=0.0)}
    plain, saving = (
        decoder(context(_config(tiny_qwen3, gradient_checkpointing=flag, **keys), work=tmp_path / str(flag)))
        for flag in (False, True)
    )
    assert saving.logits["val"] == pytest.approx(plain.logits["val"], abs=1e-4)


def test_f2llm_trains_under_one_percent() -> None:
    """Qwen3-0.6B, which F2LLM-0.6B is: shapes only, no memory."""
    import torch
    from transformers import Qwen3Config, Qwen3ForSequenceClassification

    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=1_024,
        intermediate_size=3_072,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        num_labels=113,
    )
    with torch.device("meta"):
        model = Qwen3ForSequenceClassification(config)
        adapted = add_lora(model, LoraSettings(), ("score",))
    # a layer: q 16 · (1024 + 2048), k and v 16 · (1024 + 1024), o 16 · (2048 + 1024); head 1024 · 113
    assert adapted.trainable == 28 * (49_152 + 2 * 32_768 + 49_152) + 115_712
    assert 0.006 < adapted.trainable / count_parameters(adapted.model) < 0.009


def test_qwen25s_parameter_counts_are_the_published_ones() -> None:
    import torch
    from transformers import Qwen2Config, Qwen2ForSequenceClassification

    config = Qwen2Config(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4_864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        num_labels=113,
    )
    with torch.device("meta"):
        model = Qwen2ForSequenceClassification(config)
        assert count_parameters(model) == 494_134_016
        adapted = add_lora(model, LoraSettings(), ("score",))
    assert adapted.trainable == 2_263_936
    # The published total counts the frozen twin of the head that PEFT keeps.
    assert count_parameters(adapted.model) + 896 * 113 == 496_397_952


@pytest.mark.slow
def test_smollm2_path_end_to_end(context: Context, smollm2: str, topics: Dataset) -> None:
    result = decoder(context(_config(smollm2, epochs=1, lr=1e-3, batch_size=24, max_length=24)))
    assert result.logits["val"].shape == (len(topics.splits["val"]), 4)
    assert result.decided["lora_matched"] == {"q_proj": 30, "k_proj": 30, "v_proj": 30, "o_proj": 30}
