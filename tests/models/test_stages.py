"""Stages as a course's TOML states them: profiles that restate a run, prefixes, what is left out, weights kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import run as running
from models.registry import RunContext, Runner, RunnerConfig, RunResult, get_runner
from models.run import Runs, execute, keep_weights, run
from models.stages import restated, stages
from reportgen.bundle import read_bundle
from reportgen.bundle.schema import ModelInfo
from reportgen.data import Dataset
from reportgen.errors import Unavailable, UsageError

STAGES = """
[[week1.run]]
name = "base"
runner = "score"
set = { shift = 1 }

[[week1.run]]
name = "moved"
runner = "shift"
set = { run = "base", by = 1 }

[[week1.run]]
name = "moved-twice"
runner = "shift"
set = { run = "moved", by = 1 }

[profile.other]
score = { power = 2.0 }

[profile.other.run]
base = { set = { power = 3.0 } }
moved = { runner = "score", set = { power = 4.0 } }

[profile.gone.run]
base = { runner = "absent" }

[profile.broken.run]
base = { sett = { power = 2.0 } }
"""


class ScoreConfig(RunnerConfig):
    """A runner's keys."""

    shift: int = 0
    power: float = 1.0


def score(ctx: RunContext) -> RunResult:
    """The right label, moved by `shift`, said with `power`."""
    k = len(ctx.data.labels)
    logits = {
        name: ctx.config.power * np.eye(k)[(split.labels + ctx.config.shift) % k]
        for name, split in ctx.data.splits.items()
    }
    return RunResult(model=ModelInfo(name="score", family="linear"), logits=logits)


def absent(ctx: RunContext) -> RunResult:
    raise Unavailable("no such device")


@pytest.fixture
def data(topics: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The topics with a course of our own and two runners for it."""
    own = {
        "score": Runner("score", ScoreConfig, score, "linear", ""),
        "absent": Runner("absent", ScoreConfig, absent, "linear", ""),
    }
    monkeypatch.setattr(running, "get_runner", lambda name: own.get(name) or get_runner(name))
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "stages.toml").write_text(STAGES, encoding="utf-8")
    return replace(topics, course=topics.course.model_copy(update={"folder": folder, "extends": None}))


def settings_of(out: Path, name: str) -> dict[str, Any]:
    return read_bundle(out / name).config.resolved


def test_a_profile_restates_runs_by_name(data: Dataset) -> None:
    base, moved, last = stages(data.course)["week1"].run
    assert restated(data.course, None, base) is base
    assert restated(data.course, "other", base).overrides == {"shift": 1, "power": 3.0}
    other = restated(data.course, "other", moved)
    assert (other.name, other.runner) == ("moved", "score")
    assert other.overrides == {"power": 4.0}  # another runner: the stage's keys were not meant for it
    assert restated(data.course, "other", last) is last
    with pytest.raises(UsageError, match=r"profile\.broken\.run\.base cannot be read"):
        restated(data.course, "broken", base)
    with pytest.raises(UsageError, match="no profile called 'nobody'"):
        restated(data.course, "nobody", base)


def test_a_profiles_run_wins_over_the_stage_and_set_over_both(data: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    run("week1", data, out, profile="other")
    assert settings_of(out, "base") == {"shift": 1, "power": 3.0}
    assert read_bundle(out / "moved").manifest.runner == "score"
    again = tmp_path / "again"
    run("week1", data, again, profile="other", overrides=["power=5"])
    assert settings_of(again, "base")["power"] == settings_of(again, "moved")["power"] == 5


def test_a_name_is_a_prefix_of_every_run_and_of_what_it_builds_on(data: Dataset, tmp_path: Path) -> None:
    run("week1", data, tmp_path)
    paths = run("week1", data, tmp_path, name="mine", overrides=["shift=2"])
    assert [path.name for path in paths] == ["mine-base", "mine-moved", "mine-moved-twice"]
    assert settings_of(tmp_path, "mine-moved")["run"] == "mine-base"
    twice = read_bundle(tmp_path / "mine-moved-twice")
    assert [parent.run_id for parent in twice.manifest.parents] == ["mine-moved"]
    seen = twice.predictions("test")
    assert (seen.predictions == (seen.labels + 2 + 1 + 1) % len(data.labels)).all()


def test_what_builds_on_a_run_that_was_left_out_is_left_out(data: Dataset, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(Unavailable, match="no such device"):
        run("week1", data, tmp_path, profile="gone", say=said.append)
    text = "\n".join(said)
    assert "moved: left out, it builds on base, which was left out" in text
    assert "moved-twice: left out, it builds on moved, which was left out" in text
    assert not [path for path in tmp_path.glob("*/manifest.json") if path.parent.name[0] != "."]


def test_a_stage_goes_on_without_the_run_that_is_left_out(data: Dataset, tmp_path: Path) -> None:
    file = data.course.folder / "stages.toml"
    file.write_text(STAGES + '\n[[week1.run]]\nname = "alone"\nrunner = "score"\n', encoding="utf-8")
    assert [path.name for path in run("week1", data, tmp_path, profile="gone")] == ["alone"]


# Weights that later runs need


def learner(keeps: Callable[[int], bool], shifts: Callable[[int], int] = lambda _time: 0) -> tuple[Runner, list[int]]:
    """A runner that writes weights at the times that `keeps` names and slips its answers by what `shifts` says."""
    times: list[int] = []

    def learn(ctx: RunContext) -> RunResult:
        times.append(ctx.seed)
        if keeps(len(times)):
            (ctx.work / "model").mkdir(parents=True)
        return score(replace(ctx, config=ScoreConfig(shift=shifts(len(times)))))

    return Runner("learner", RunnerConfig, learn, "linear", ""), times


def trained(runner: Runner, data: Dataset, out: Path) -> Callable[[], None]:
    path = execute(runner, data, out, "taught", {}, {}, 7, Runs(out))
    return lambda: keep_weights(runner, data, path, {}, 7, Runs(out), lambda _line: None)


def test_weights_that_are_there_are_not_trained_again(topics: Dataset, tmp_path: Path) -> None:
    runner, times = learner(keeps=lambda _time: True)
    trained(runner, topics, tmp_path)()
    assert times == [7]


def test_lost_weights_are_trained_again_with_the_same_seed(topics: Dataset, tmp_path: Path) -> None:
    runner, times = learner(keeps=lambda time: time > 1)
    again = trained(runner, topics, tmp_path)
    again()
    assert times == [7, 7]
    assert (tmp_path / ".work" / "taught" / "model").is_dir()
    again()
    assert times == [7, 7]


def test_weights_that_predict_something_else_are_thrown_away(topics: Dataset, tmp_path: Path) -> None:
    runner, _ = learner(keeps=lambda time: time > 1, shifts=lambda time: time - 1)
    again = trained(runner, topics, tmp_path)
    rows = sum(len(split) for split in topics.splits.values())
    with pytest.raises(Unavailable, match=f"differs from its bundle in {rows} predictions"):
        again()
    assert not (tmp_path / ".work" / "taught").exists()


def test_a_run_that_keeps_no_weights_says_so(topics: Dataset, tmp_path: Path) -> None:
    runner, _ = learner(keeps=lambda _time: False)
    with pytest.raises(Unavailable, match="the weights of taught were not kept"):
        trained(runner, topics, tmp_path)()
