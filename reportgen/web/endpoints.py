"""What other programs may call: few endpoints, JSON in and out, over the shipped runs only."""

from __future__ import annotations

from typing import Any

from reportgen.decide import to_json

from . import classify as handlers
from . import desk
from .home import Home
from .lib import gr
from .wiring import polite


def add_endpoints(home: Home) -> None:
    """Add the public endpoints to the page being built."""
    examples = home.examples

    def rescue(baseline: str, candidate: str, split: str = "val") -> dict[str, Any]:
        """Rare-class rescue of a shipped run against another, as `reportgen rescue --json` prints it.

        Parameters:
            baseline: name of a shipped run, such as tfidf.
            candidate: name of a shipped run, such as embed.
            split: val or test.
        """
        return examples.rescue(baseline, candidate, split)

    def compare(a: str, b: str, split: str = "val") -> dict[str, Any]:
        """Paired differences b - a of two shipped runs, as `reportgen compare --json` prints them.

        Parameters:
            a: name of a shipped run, such as tfidf.
            b: name of a shipped run, such as embed.
            split: val or test.
        """
        return examples.compare(a, b, split)

    def classify(text: str) -> dict[str, Any]:
        """What each model on this server says about a complaint: labels, confidences, latency.

        Parameters:
            text: a complaint in English, at most 5,000 characters.
        """
        return handlers.classify(home.models, text)

    def recommend(
        source: str = "runs",
        mode: str = "single-stream",
        wish: str = "macro_f1",
        max_latency_ms: float = 20.0,
        min_macro_f1: float = 0.0,
        max_ece: float = 0.3,
        monthly_volume: float = 250_000.0,
        gpu_hour: float = 0.35,
        cpu_hour: float = 0.04,
        gpu: bool = True,
    ) -> dict[str, Any]:
        """Which model to deploy, as `reportgen recommend --json` prints it.

        Parameters:
            source: runs, full-picture or week5-configurations.
            mode: single-stream or offline.
            wish: macro_f1 or monthly_cost.
            max_latency_ms: p90 an example; 100 or more is no limit.
            min_macro_f1: 0 is no floor.
            max_ece: after temperature scaling; 0.3 or more is no limit.
            monthly_volume: examples a month.
            gpu_hour: price in USD.
            cpu_hour: price in USD.
            gpu: whether there may be one.
        """
        wishes = desk.Wishes(
            source, mode, wish, max_latency_ms, min_macro_f1, max_ece, monthly_volume, gpu_hour, cpu_hour, gpu
        )
        return to_json(desk.decide(examples, wishes))

    for endpoint in (recommend, rescue, compare, classify):
        gr.api(polite(endpoint), api_name=endpoint.__name__, concurrency_limit=2)
