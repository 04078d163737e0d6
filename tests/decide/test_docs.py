"""docs/decide.md shows what the program prints."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from reportgen.decide import (
    DERIVED,
    METRICS,
    Candidate,
    load_scenario,
    parse_scenario,
    recommend,
    reported_candidate,
    to_text,
)
from reportgen.decide.scenario_files import tomllib

PAGE = Path(__file__).parents[2] / "docs" / "decide.md"


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def published() -> list[Candidate]:
    texts = ("model", "latency_mode", "memory_kind", "hardware")
    rows = csv.DictReader(io.StringIO(block("csv")))
    return [
        reported_candidate(
            row["model"],
            {
                name: value if name in texts else value == "true" if name == "needs_gpu" else float(value)
                for name, value in row.items()
            },
        )
        for row in rows
    ]


def test_the_example_is_what_the_command_prints() -> None:
    assert block("text").rstrip("\n") == to_text(recommend(published(), load_scenario("week5-envelope")))


def test_the_scenario_file_is_accepted() -> None:
    scenario = parse_scenario(tomllib.loads(block("toml")), "docs")
    assert [c.text for c in scenario.constraints] == [
        "time for one batch <= 6 h",
        "p95 single-stream latency <= 250 ms",
        "no GPU",
    ]


def test_every_metric_is_listed() -> None:
    listed = re.findall(r"`(\w+)`", PAGE.read_text().partition("Metrics: ")[2])
    assert listed == [*METRICS, *DERIVED]


@pytest.mark.parametrize("overrides", [{"min_macro_f1": 0.3}, {"no_gpu": True}, {"max_latency_ms": 1}])
def test_text_without_a_choice(overrides: dict[str, float]) -> None:
    text = to_text(recommend(published(), load_scenario("week5-envelope").with_overrides(**overrides)))
    assert "choice: none" in text
    assert "nearest: " in text


def test_text_of_an_unknown() -> None:
    text = to_text(
        recommend([reported_candidate("m", {"macro_f1": 0.2, "latency_ms": 3})], load_scenario("realtime-router"))
    )
    assert "conditional: m: 3 ms was published without its mode" in text
    assert "missing: p90 single-stream latency of m: the choice depends on it" in text
