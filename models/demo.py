"""What the package ships as its example: where it lies, and which runs and text make each week's memo."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]

RUNS = {
    1: ("majority", "tfidf", "embed", "encoder"),
    2: (
        *("encoder", "encoder-weighted", "encoder-bs16", "encoder-seed123", "encoder-early"),
        *("plain-s42", "rescue", "rescue-finetuned"),
    ),
    3: ("encoder", "encoder-weighted", "encoder-lora", "decoder-lora", "decoder-lora-weighted"),
    4: ("encoder-lora", "decoder-lora"),
    5: (
        *("encoder-lora", "encoder-fp16", "encoder-int8", "encoder-int4", "encoder-onnx-fp32", "encoder-onnx-int8"),
        *("decoder-lora", "decoder-fp16", "decoder-int8", "decoder-int4"),
    ),
    6: (
        *("teacher", "vanilla", "vanilla-tempered", "distilled", "grid-t1-a70", "grid-t1-a90", "grid-t4-a90"),
        *("grid-t8-a70", "grid-t8-a90", "student-half", "teacher-small", "distilled-small-teacher"),
        *("distilled-linear", "encoder-fp16", "encoder-int8", "encoder", "encoder-weighted", "tfidf"),
    ),
}
"""Week to the shipped runs its memo is built from."""


def examples() -> Path:
    """The shipped example: inside the package when installed from a wheel, at the top of a checkout."""
    installed = _PACKAGE / "reportgen" / "_examples"
    return installed if installed.is_dir() else _PACKAGE / "examples"


def bundle(name: str) -> Path:
    """A shipped run's bundle."""
    return examples() / "banking77lt" / f"{name}.zip"


def prose(week: int) -> Path:
    """The example student's text of a week."""
    return examples() / "prose" / f"week{week}.md"
