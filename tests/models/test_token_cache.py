"""Tokens come back from the cache as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import token_cache
from models.token_cache import cached_tokens
from models.weights import resolve

pytestmark = pytest.mark.train

TEXTS = ["card late", "", "rate euro dollar " * 20, "phone"]


def test_the_second_call_reads_what_the_first_wrote(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = resolve(str(tiny_bert)).tokenizer()
    texts = TEXTS
    fresh = cached_tokens(tokenizer, texts, 16, tmp_path)
    monkeypatch.setattr(token_cache, "tokenise", lambda *_: pytest.fail("tokenised again"))
    again = cached_tokens(tokenizer, texts, 16, tmp_path)
    for name in ("flat", "offsets", "full_lengths"):
        kept, read = getattr(fresh, name), getattr(again, name)
        assert kept.dtype == read.dtype
        np.testing.assert_array_equal(kept, read)
    assert [path.suffix for path in tmp_path.iterdir()] == [".arrow"]


def test_other_texts_another_cap_and_a_broken_file_are_tokenised(tiny_bert: Path, tmp_path: Path) -> None:
    tokenizer = resolve(str(tiny_bert)).tokenizer()
    cached_tokens(tokenizer, ["card late", "phone"], 16, tmp_path)
    cached_tokens(tokenizer, ["card", "late phone"], 16, tmp_path)
    cached_tokens(tokenizer, ["card late", "phone"], 8, tmp_path)
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    for file in files:
        file.write_bytes(b"ARROW1 but not really")
    assert len(cached_tokens(tokenizer, ["card late", "phone"], 16, tmp_path)) == 2


def test_no_texts(tiny_bert: Path, tmp_path: Path) -> None:
    tokenizer = resolve(str(tiny_bert)).tokenizer()
    for _ in range(2):
        assert len(cached_tokens(tokenizer, [], 16, tmp_path)) == 0
