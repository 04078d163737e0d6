"""The course's published figures as candidates."""

from __future__ import annotations

from typing import Any

import pytest

from reportgen.decide import Candidate, reported_candidate


def reported(model: str, **figures: Any) -> Candidate:
    return reported_candidate(model, figures)


@pytest.fixture
def slides() -> list[Candidate]:
    """The week 1 slides: latencies without their mode, the largest models without any."""
    return [
        reported("majority", accuracy=0.2305, macro_f1=0.0033, zero_f1_classes=112, needs_gpu=False),
        reported("TF-IDF", accuracy=0.542, macro_f1=0.132, zero_f1_classes=70, needs_gpu=False),
        reported("encoder", accuracy=0.566, macro_f1=0.2085, zero_f1_classes=46, latency_ms=3, needs_gpu=True),
        reported("decoder", accuracy=0.570, macro_f1=0.240, zero_f1_classes=37, latency_ms=58, needs_gpu=True),
        reported("decoder 1.5B", accuracy=0.583, macro_f1=0.252, needs_gpu=True),
        reported("decoder 3B", accuracy=0.587, macro_f1=0.250, needs_gpu=True),
        reported("Opus zero-shot", accuracy=0.440, macro_f1=0.174, latency_ms=2300, n=500),
    ]


@pytest.fixture
def six() -> list[Candidate]:
    """The week 5 table: two models at three precisions on a T4, batches of 32."""
    rows = [
        ("encoder fp16", 0.2095, 2.31, 0.41, 0.040),
        ("encoder int8", 0.2071, 5.80, 0.59, 0.039),
        ("encoder int4", 0.212, 3.19, 0.62, 0.027),
        ("decoder fp16", 0.2399, 5.05, 1.15, 0.069),
        ("decoder int8", 0.2401, 12.65, 1.87, 0.072),
        ("decoder int4", 0.2205, 7.92, 1.89, 0.070),
    ]
    return [
        reported(
            name,
            macro_f1=f1,
            latency_ms=ms,
            latency_mode="offline",
            batch_size=32,
            memory_bytes=round(gb * 1e9),
            memory_kind="allocated_peak",
            ece_post=ece,
            hardware="Tesla T4",
            needs_gpu=True,
        )
        for name, f1, ms, gb, ece in rows
    ]
