"""Names and families of models that nobody described."""

from __future__ import annotations

import re
from typing import Any

from reportgen.bundle import ModelInfo
from reportgen.errors import one_line

_FAMILIES = (
    ("majority", r"majority|most.?frequent|dummy"),
    ("linear", r"tf.?idf|log.?reg|logistic|svm|linear"),
    ("prompted", r"zero.?shot|few.?shot|prompt|opus|gpt|claude"),
    ("embed", r"minilm|sentence|embed"),
    ("decoder", r"decoder|qwen|llama|smollm|f2llm|mistral|gemma|teacher"),
    ("encoder", r"encoder|bert|electra|student|vanilla|distil"),
)
_PRECISION = re.compile(r"(?:^|[\W_])(fp32|fp16|bf16|int8|int4)(?:$|[\W_])", re.IGNORECASE)


def model_info(name: str, *, family: str | None = None, **known: Any) -> tuple[ModelInfo, list[str]]:
    """What a name tells about a model, with a note where the family had to be assumed.

    Args:
        name: the model's name.
        family: its family, if known.
        known: further fields of `ModelInfo`.
    """
    name, notes = one_line(name, 120) or "model", []
    if family is None:
        family = next((found for found, words in _FAMILIES if re.search(words, name, re.IGNORECASE)), None)
    if family is None:
        family = "encoder"
        notes.append(f"{name}: the model's family is not known; it is listed with the encoders.")
    if known.get("precision") is None and (match := _PRECISION.search(name)):
        known["precision"] = match[1].lower()
    return ModelInfo.model_validate({"name": name, "family": family, **known}), notes


def split_of(stem: str) -> str | None:
    """The split a file name speaks of, if it does."""
    match = re.search(r"(?:^|[\W_])(train|val|valid|validation|dev|test)(?:$|[\W_])", stem, re.IGNORECASE)
    if match is None:
        return None
    word = match[1].lower()
    return word if word in ("train", "test") else "val"
