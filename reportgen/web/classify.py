"""Classify: one complaint, what each available model says, and how far to believe it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import InputError, ReportgenError
from reportgen.evidence.numbers import show
from reportgen.stats import softmax

from .pages import page

if TYPE_CHECKING:
    from models.small import SmallModel

MOST_CHARACTERS = 5_000
_TOP = 4
_REPEATS = 5
_PATIENCE_S = 0.5
"""A slow model is not timed five times over."""
_SHIPPED = Path(__file__).parent / "model" / "complaints.safetensors"

SAMPLES = (
    "A debt collector keeps calling me at work about a loan I never took out. I asked for proof and got none.",
    "My credit report shows an account that is not mine. I disputed it three times and it comes back every month.",
    "The bank closed my checking account without a reason and is holding my paycheck for two weeks.",
    "I mailed my mortgage payment on time, the servicer says it arrived late and charged a fee again.",
    "My student loan servicer lost my income-driven repayment forms and now my payment has tripled.",
    "I sent money through an app to someone who turned out to be a fraud, and the company will not give it back.",
)
"""Written for this page; nobody's complaint."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """A model on the page: how it scores a text, its temperature, and what is known of each of its labels."""

    name: str
    about: str
    labels: tuple[str, ...]
    score: Callable[[str], Floats]
    """A text to logits, (k,)."""
    temperature: float | None
    said: dict[str, int] | None = None
    """Label to how often this model predicted it on held-out rows; None: not known."""


class Models:
    """The models at hand: the shipped one in three readings, and saved classifiers the host named."""

    def __init__(self, folders: Sequence[str] = ()) -> None:
        self._folders = tuple(folders)

    @cached_property
    def small(self) -> SmallModel:
        """The shipped linear model."""
        from models.small import load_small

        return load_small(_SHIPPED)

    @cached_property
    def voices(self) -> tuple[Voice, ...]:
        """All models, the baseline first. A folder that cannot be loaded is left out; the log says why."""
        small = self.small
        share = small.train_counts[small.seen] / small.train_counts.sum()
        seen = tuple(small.labels[label] for label in small.seen)
        card = small.card
        voices = [
            Voice(
                "Baseline",
                "words and pairs of words, logistic regression",
                seen,
                small.logits,
                card["temperature"],
                _said(small.labels, small.said),
            ),
            Voice(
                "Tuned for rare labels",
                f"the same weights, minus {card['tau']:g} × the log of each label’s share",
                seen,
                lambda text: small.adjusted(small.logits(text)),
                card["temperature_adjusted"],
                _said(small.labels, small.said_adjusted),
            ),
            Voice("Majority", "never reads the text", seen, lambda text: np.log(share), None, None),
        ]
        for folder in self._folders:
            try:
                voices.append(_saved(Path(folder)))
            except (ReportgenError, ImportError, OSError) as error:
                print(f"classify: left out {folder}: {error}", flush=True)  # noqa: T201 - the server's log
        return tuple(voices)


def _said(labels: Sequence[str], counts: NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(labels, counts.tolist(), strict=True))


def _saved(folder: Path) -> Voice:
    """A classifier written by `models.classifiers.save`; needs torch."""
    from models import classifiers
    from models.batching import Scorer

    loaded = classifiers.load(folder)
    card = loaded.card
    scorer = Scorer(loaded.model.eval(), loaded.tokenizer, 1, device="cpu", max_length=card.max_length, side=card.side)

    def score(text: str) -> Floats:
        return np.asarray(scorer.texts(np.array([text], dtype=object))[0], dtype=np.float64)

    return Voice(folder.name, f"{card.family} from {card.base}", card.labels, score, None)


def classify(models: Models, text: str) -> dict[str, Any]:
    """What each model says about a text, as JSON values.

    Raises:
        InputError: no text, or too much of it.
    """
    text = str(text or "").strip()
    if not text:
        raise InputError("there is no text", remedy="write a complaint or pick one")
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"{len(text):,} characters", remedy=f"send at most {MOST_CHARACTERS:,}")
    baseline = models.voices[0].said or {}
    return {"models": [_answer(voice, text, baseline, models.small) for voice in models.voices]}


def _answer(voice: Voice, text: str, baseline: dict[str, int], small: SmallModel) -> dict[str, Any]:
    times: list[float] = []
    while len(times) < _REPEATS and sum(times) < _PATIENCE_S:
        started = time.perf_counter()
        logits = voice.score(text)
        times.append(time.perf_counter() - started)
    plain = softmax(logits[None])[0]
    scaled = None if voice.temperature is None else softmax(logits[None] / voice.temperature)[0]
    counts = _said(small.labels, small.train_counts)
    best = np.argsort(-logits, kind="stable")[:_TOP].tolist()
    return {
        "model": voice.name,
        "about": voice.about,
        "temperature": voice.temperature,
        "latency_ms": float(np.median(times)) * 1000,
        "top": [
            {
                "label": voice.labels[i],
                "confidence": float(plain[i]),
                "confidence_scaled": None if scaled is None else float(scaled[i]),
                "training_rows": counts.get(voice.labels[i]),
                "baseline_predictions": baseline.get(voice.labels[i]),
                "own_predictions": None if voice.said is None else voice.said[voice.labels[i]],
            }
            for i in best
        ],
    }


def classify_view(models: Models, text: str) -> str:
    """The answers side by side as HTML."""
    found = classify(models, text)
    return page("classify.html", models=found["models"], held_out=models.small.card["rows"]["test"])


def about_view(models: Models) -> str:
    """Where the shipped model comes from and how good it is."""
    small, card = models.small, models.small.card
    return page(
        "about_model.html",
        seen=len(small.seen),
        labels=len(small.labels),
        rows=card["rows"],
        provenance=card["provenance"],
        scores=[
            (
                name,
                show(card[key]["accuracy"], "fraction"),
                show(card[key]["macro_f1"], "score"),
                card[key]["zero_f1"],
                show(card[key]["ece"], "score"),
                show(card[key]["ece_post"], "score"),
            )
            for name, key in (("Baseline", "plain"), ("Tuned for rare labels", "adjusted"))
        ],
        majority=show(card["majority"]["accuracy"], "fraction"),
    )
