"""Scenarios: the shipped ones load, a user's file is checked key by key, every error is one line with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.decide import (
    Candidate,
    LatencyFigure,
    Metric,
    load_scenario,
    parse_scenario,
    recommend,
    reported_candidate,
    scenario_names,
)
from reportgen.decide.quantities import Quantity
from reportgen.decide.readings import read
from reportgen.errors import ReportgenError

FILE = """
name = "mine"
mode = "offline"
primary = { metric = "macro_f1", tolerance = 0.01 }
secondary = { metric = "monthly_cost" }
constraints = [
  { metric = "latency_ms", mode = "offline", statistic = "p95", limit = 20 },
  { metric = "monthly_cost", limit = "200 EUR" },
]
load = { volume = 1000, per = "day" }
price = { gpu_hour = "0.60 EUR", cpu_hour = "0.05 EUR" }
"""


def test_all_shipped_scenarios_load() -> None:
    expected = ["realtime-router", "weekly-batch", "no-gpu", "week5-envelope", "week6-a", "week6-b", "week6-c"]
    assert scenario_names() == expected
    assert [load_scenario(name).name for name in expected] == expected


def test_week5_envelope_says_what_the_course_says() -> None:
    scenario = load_scenario("week5-envelope")
    assert [c.text for c in scenario.constraints] == [
        "p50 offline latency at batch size 32 <= 10 ms",
        "macro F1 >= 0.2",
        "ECE after temperature scaling <= 0.05",
    ]
    assert scenario.hardware == "T4"


@pytest.mark.parametrize("wrap", ["{}", "[[scenario]]\n{}"])
def test_a_users_file(tmp_path: Path, wrap: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(wrap.format(FILE))
    scenario = load_scenario(path)
    assert scenario.monthly_volume == pytest.approx(1000 * 365 / 12)
    assert [c.operator for c in scenario.constraints] == ["<=", "<="]  # the side follows from the metric
    assert (scenario.price.currency, scenario.price.gpu_hour) == ("EUR", 0.60)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"macro_f1"', '"makro_f1"', "unknown metric 'makro_f1' .*did you mean 'macro_f1'"),
        ("primary =", "primry =", "primary is missing"),
        ('mode = "offline"\nprimary', 'mood = "offline"\nprimary', "unknown key 'mood' .*did you mean 'mode'"),
        ('cpu_hour = "0.05 EUR"', 'cpu_hour = "0.05 USD"', "prices in EUR and in USD"),
        ('limit = "200 EUR"', 'limit = "200 USD"', "prices in EUR and in USD"),
        ('limit = "200 EUR"', "limit = 200", "limit is 200"),
        ('"0.60 EUR"', '"a few EUR"', "is no price"),
        ("limit = 20 ", "limit = nan ", "limit is nan"),
        ("limit = 20 ", "limit = -1 ", "nothing can keep"),
        (', mode = "offline", statistic', ", statistic", "a latency limit without a mode"),
        ('statistic = "p95"', 'statistic = "mean"', "statistic is 'mean'"),
        ('statistic = "p95"', "batch_size = 0.5", "batch size 0.5"),
        ("tolerance = 0.01", "tolerance = -1", "tolerance of -1"),
        ("volume = 1000", "volume = -5", "a load of -5"),
        ("volume = 1000", 'volume = "many"', "volume is 'many'"),
        ('per = "day"', 'per = "year"', "per is 'year'"),
        ('name = "mine"', "name = [", "not TOML"),
        ('name = "mine"', 'name = "a"\nname = "b"', "not TOML"),
        ('"latency_ms", mode = "offline"', '"needs_gpu", limit = true', "needs_gpu can only be ruled out|not TOML"),
    ],
)
def test_errors_of_a_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(ReportgenError, match=message) as caught:
        load_scenario(path)
    assert "\n" not in str(caught.value)


def test_hostile_files(tmp_path: Path) -> None:
    for name, content in {
        "binary": b"\xff\xfe\x00",
        "deep": b"a = " + b"[" * 5000,
        "large": b"#" * 70_000,
        "list": b"scenario = [1]",
        "two": (f"[[scenario]]\n{FILE}\n[[scenario]]\n{FILE}").encode(),
        "empty": b"",
    }.items():
        path = tmp_path / f"{name}.toml"
        path.write_bytes(content)
        with pytest.raises(ReportgenError) as caught:
            load_scenario(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 700


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(ReportgenError, match="did you mean 'weekly-batch'"):
        load_scenario("weekly_batch")
    with pytest.raises(ReportgenError, match="no scenario file"):
        load_scenario(tmp_path / "nothing.toml")
    with pytest.raises(ReportgenError, match="no scenario called"):
        load_scenario(tmp_path.name)
    with pytest.raises(ReportgenError, match="no scenario called"):
        load_scenario("x" * 5000)
    with pytest.raises(ReportgenError, match="no scenario called"):
        load_scenario("nul\0")


def test_contradictory_limits() -> None:
    table = {"name": "s", "primary": {"metric": "accuracy"}}
    floor = {"metric": "macro_f1", "operator": ">=", "limit": 0.5}
    with pytest.raises(ReportgenError, match=r"macro F1 >= 0\.5 contradicts macro F1 <= 0\.4"):
        parse_scenario({**table, "constraints": [floor, {"metric": "macro_f1", "operator": "<=", "limit": 0.4}]}, "s")
    with pytest.raises(ReportgenError, match="contradicts"):
        parse_scenario({**table, "constraints": [floor, {"metric": "macro_f1", "operator": "<", "limit": 0.5}]}, "s")
    with pytest.raises(ReportgenError, match="limited twice"):
        parse_scenario({**table, "constraints": [floor, floor]}, "s")
    exactly = [floor, {"metric": "macro_f1", "operator": "<=", "limit": 0.5}]
    assert len(parse_scenario({**table, "constraints": exactly}, "s").constraints) == 2


def test_overrides() -> None:
    envelope = load_scenario("week5-envelope").with_overrides(
        max_latency_ms=5, min_macro_f1=0.3, max_ece=0.08, monthly_volume=5
    )
    assert [c.limit for c in envelope.constraints] == [5, 0.3, 0.08]
    assert envelope.constraints[0].quantity.batch_size == 32
    router = load_scenario("realtime-router").with_overrides(max_latency_ms=20, min_macro_f1=0.2, no_gpu=True)
    assert [c.text for c in router.constraints] == [
        "p90 single-stream latency < 20 ms",
        "macro F1 >= 0.2",
        "no GPU",
    ]
    batch = load_scenario("weekly-batch").with_overrides(max_latency_ms=20, monthly_volume=520_000, max_ece=0.1)
    assert [c.text for c in batch.constraints[1:]] == [
        "p50 offline latency <= 20 ms",
        "ECE after temperature scaling <= 0.1",
    ]
    assert batch.load.volume == pytest.approx(120_000)
    assert load_scenario("week6-b").with_overrides(max_ece=0.1).constraints[0].text == "ECE <= 0.1"
    assert load_scenario("week6-a").with_overrides() == load_scenario("week6-a")


@pytest.mark.parametrize(
    "overrides",
    [
        {"max_latency_ms": float("nan")},
        {"max_latency_ms": -1},
        {"min_macro_f1": 1.5},
        {"max_ece": -0.1},
        {"monthly_volume": 0},
        {"monthly_volume": float("inf")},
    ],
)
def test_impossible_overrides(overrides: dict[str, float]) -> None:
    with pytest.raises(ReportgenError):
        load_scenario("week5-envelope").with_overrides(**overrides)


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"macro_f1": float("nan")}, r"macro_f1 is nan \(m\)"),
        ({"accuracy": 56.6}, "give shares between 0 and 1, not percent"),
        ({"latency_ms": float("inf"), "latency_mode": "offline"}, "latency is inf"),
        ({"latency_ms": -3.0}, "latency is negative"),
        ({"latency_ms": 3.0, "latency_mode": "offline", "batch_size": 0}, "batch size 0"),
    ],
)
def test_impossible_candidates(figures: dict[str, float], message: str) -> None:
    with pytest.raises(ReportgenError, match=message):
        reported_candidate("m", figures)


def test_candidate_sets() -> None:
    scenario = load_scenario("no-gpu")
    with pytest.raises(ReportgenError, match="no candidate"):
        recommend([], scenario)
    with pytest.raises(ReportgenError, match="two candidates are called 'm'"):
        recommend([Candidate("m"), Candidate("m")], scenario)


def test_a_latency_answers_only_its_statistic() -> None:
    timed = Candidate("m", metrics={"macro_f1": Metric(0.2)}, latency=(LatencyFigure("single-stream", {"p50": 3.0}),))
    found = recommend([timed], load_scenario("realtime-router"))  # asks for the p90
    assert found.candidates[0].passes == "unknown"
    assert found.missing[0].record == "p90 single-stream latency"


@pytest.mark.parametrize("first", [True, False])
def test_a_latency_is_what_a_user_waits_for(first: bool) -> None:
    """The model's share without tokenisation is always shorter, and answers only where nothing else was timed."""
    whole = LatencyFigure("single-stream", {"p50": 12.0})
    share = LatencyFigure("single-stream", {"p50": 9.0}, tokenised=False)
    asked = Quantity("latency_ms", "single-stream")
    both = Candidate("both", {}, latency=(whole, share) if first else (share, whole))
    assert read(both, asked).value == 12
    alone = read(Candidate("alone", {}, latency=(share,)), asked)
    assert (alone.value, alone.note) == (9, "without tokenisation")
