"""Random models and rows of real sizes, and the clock: what the GPU benchmarks share. Nothing is downloaded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from models.batching import Tokens

LABELS, LONGEST = 113, 128
DENSE_BF16 = 989e12
"""Operations a second of an H100 or H200 without sparsity, from the data sheet."""

SHAPES = ("modernbert-base", "qwen2.5-0.5b", "tiny", "tiny-decoder")


def build(shape: str, device: Any) -> Any:
    """A sequence classifier with random weights in float32, in eval mode."""
    import torch
    from transformers import (
        ModernBertConfig,
        ModernBertForSequenceClassification,
        Qwen2Config,
        Qwen2ForSequenceClassification,
    )

    torch.manual_seed(0)
    common = {"num_labels": LABELS, "pad_token_id": 0}
    marks = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1)
    if shape == "modernbert-base":  # the defaults are the base size: 22 layers of 768, vocabulary 50,368
        model = ModernBertForSequenceClassification(ModernBertConfig(**common, **marks))
    elif shape == "qwen2.5-0.5b":
        sizes = {"vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24}
        heads = {"num_attention_heads": 14, "num_key_value_heads": 2, "tie_word_embeddings": True}
        model = Qwen2ForSequenceClassification(Qwen2Config(**common, **sizes, **heads, use_cache=False))
    elif shape == "tiny":
        toy = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
        model = ModernBertForSequenceClassification(ModernBertConfig(**common, **marks, **toy, num_attention_heads=2))
    else:
        toy = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
        heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "use_cache": False}
        model = Qwen2ForSequenceClassification(Qwen2Config(**common, **toy, **heads))
    head = model.classifier if hasattr(model, "classifier") else model.score
    torch.nn.init.normal_(head.weight, std=0.2)  # logits apart enough for an argmax to mean something
    return model.to(device).eval()


def with_lora(model: Any) -> Any:
    """The course's adapters, not merged: r 16, alpha 32, dropout 0.05 on q, k, v and o; the head trains too."""
    import torch
    from peft import LoraConfig, get_peft_model

    names = ["q_proj", "k_proj", "v_proj", "o_proj"]
    config = LoraConfig(
        r=16, lora_alpha=32, lora_dropout=0.05, target_modules=names, modules_to_save=["score"], task_type="SEQ_CLS"
    )
    model = get_peft_model(model, config)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zero at the start: merging would have nothing to merge
            torch.nn.init.normal_(parameter, std=0.01)
    return model.eval()


def is_decoder(shape: str) -> bool:
    """Whether the shape is a decoder: trained and scored with adapters, as in the course."""
    return shape in ("qwen2.5-0.5b", "tiny-decoder")


def random_rows(n: int, vocabulary: int, seed: int) -> Tokens:
    """Rows with the lengths of the course's complaints: 68 tokens on average, 12 % at the cap of 128."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.gamma(3.0, 23.5, n), 8, LONGEST - 1).astype(np.int64)
    lengths[rng.random(n) < 0.095] = LONGEST
    flat = rng.integers(2, vocabulary, int(lengths.sum()), dtype=np.int32)
    return Tokens(flat, np.concatenate([[0], np.cumsum(lengths)]), lengths.astype(np.int32))


def multiplications(model: Any) -> int:
    """Operations of a forward pass a token: two a weight of every matrix but the embeddings and the head.

    Attention itself adds under 3 % at these lengths and is left out (Kaplan et al. 2020, 2.1).
    """
    import torch

    layers = [part for name, part in model.named_modules() if isinstance(part, torch.nn.Linear) and "layers" in name]
    return 2 * sum(part.weight.numel() for part in layers)


def tokenizer() -> Any:
    """What a Scorer asks a tokenizer when rows are tokens already."""
    return SimpleNamespace(pad_token_id=0)


def clock(work: Callable[[], Any], device: Any) -> tuple[float, Any]:
    """Seconds of a call, the device's own work included, and what it returned."""
    import torch

    wait = torch.cuda.synchronize if str(device).startswith("cuda") else (lambda: None)
    wait()
    started = time.perf_counter()
    found = work()
    wait()
    return time.perf_counter() - started, found


def machine(device: Any) -> dict[str, str]:
    """What it ran on."""
    import platform

    import torch
    import transformers

    name = torch.cuda.get_device_name() if str(device).startswith("cuda") else platform.processor() or "CPU"
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "device": name,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def write(out: Path, name: str, found: dict[str, Any]) -> None:
    """What was measured so far; each section is safe as soon as it is done."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(found, indent=1, default=float), encoding="utf-8")


def table(name: str, title: str, found: dict[str, Any], head: list[str], rows: dict[str, list[str]]) -> Path:
    """Print the ways side by side and keep them as benchmarks/results/<name>.md."""
    from benchmarks import report

    where = f"{found['date']}, {found['device']}, torch {found['torch']}, transformers {found['transformers']}."
    tokens = f"{found['rows']:,} rows of {found['mean_tokens']:.0f} tokens on average"
    note = f"Random weights, {tokens}. The first row is the course's recipe; every ratio is to it, in the same run."
    command = f"python -m benchmarks.bench_{name.partition('-')[0]}_gpu --shape {found['shape']}"
    return report.save(
        name, title, ["way", *head], [[way, *cells] for way, cells in rows.items()], [note], command, where
    )
