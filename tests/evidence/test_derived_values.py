"""From the figures the course published the values that follow from them come out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from reportgen.bundle import Reported
from reportgen.decide import load_scenario, reported_candidate
from reportgen.decide.cost import workload
from reportgen.evidence import published
from reportgen.evidence.numbers import percent_change, show
from reportgen.evidence.timings import Timing, job_seconds, throughput
from reportgen.stats import paired, row_counts


def run(name: str, **figures: float) -> SimpleNamespace:
    return SimpleNamespace(run_id=name, reported=Reported(**figures))


@pytest.mark.parametrize(("before", "after", "net"), [(70, 46, 24), (70, 37, 33), (46, 37, 9)])
def test_net_of_zero_f1_counts(before: int, after: int, net: int) -> None:
    """course-evidence §5.2, "Zero-F1": 70 is TF-IDF (R02), 37 the decoder (R15), 46 the encoder of the slides."""
    first, second = run("first", zero_f1_classes=before), run("second", zero_f1_classes=after)
    assert published.net_rescued(second, first).value == net
    assert published.net_rescued(first, second).value == -net
    assert f"net +{net}" in published.net_sentence(second, first)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(0.209, 0.240, "+14.8 %"), (0.209, 0.241, "+15.3 %"), (0.199, 0.216, "+8.5 %"), (0.240, 0.209, "−12.9 %")],
)
def test_change_of_macro_f1_in_per_cent(before: float, after: float, change: str) -> None:
    """course-evidence §5.2, "Macro F1 .240/.209 = +14.8 %"; .241/.209 and .216/.199 (R17, R16) as §5.3 I8 has them."""
    found = published.difference(run("after", macro_f1=after), run("before", macro_f1=before), "macro_f1")
    assert percent_change(found.value, before) == change
    assert published.difference_sentence(found, before).endswith(f"({change}).")


@pytest.mark.parametrize(("ms", "per_second"), [(10, 100), (8.33, 120), (53.2, 18.8)])
def test_examples_a_second(ms: float, per_second: float) -> None:
    """course-evidence §5.2, "Batched 100 req/s ↔ 10 ms"; R13 has 120 examples a second and 53.2 ms."""
    assert throughput(ms) == pytest.approx(per_second, rel=0.001)
    measured = Timing(run("timed"), SimpleNamespace(scenario="offline"), np.full(5, float(ms)))
    assert measured.throughput == pytest.approx(per_second, rel=0.001)


MINUTES = [(3, 3.2), (8.33, 8.9), (10, 10.7), (27, 28.8), (2.31, 2.46), (5.05, 5.39), (12.65, 13.5), (58, 61.9)]


@pytest.mark.parametrize(("ms", "minutes"), MINUTES)
def test_time_for_64000_examples(ms: float, minutes: float) -> None:
    """course-evidence §5.2, "64K time"; each to the digits it is printed with."""
    digits = len(str(minutes).partition(".")[2])
    assert round(job_seconds(ms) / 60, digits) == minutes
    assert show(job_seconds(ms), "seconds") == f"{minutes:.1f} min"
    hours = workload("batch_hours", np.array([ms]), np.array([1.0]), load_scenario("weekly-batch"))
    assert round(60 * hours[0], digits) == minutes
    stated = reported_candidate("m", {"minutes_per_64k": minutes}).latency[0].ms["unstated"]
    assert stated == pytest.approx(ms, rel=0.01)


def test_six_of_210_tail_rows() -> None:
    """course-evidence §5.2, "6/210 = .0286": the net of the rows that flip, among the tail's (§2.5, int4)."""
    labels = np.zeros(210, dtype=int)
    before, after = np.ones(210, dtype=int), np.ones(210, dtype=int)
    before[:4], after[4:14] = 0, 0
    found = paired(row_counts(210, resamples=50), labels, before, after, 2, "accuracy")
    assert round(found.delta, 4) == 0.0286
    assert show(found.delta, "fraction", signed=True) == "+2.9 pp"
    assert found.changed == 14
