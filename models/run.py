"""From a runner and a dataset to a bundle: the one place where runs are executed."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from reportgen.bundle import Bundle, BundleWriter, find_bundles, labels_sha256, read_bundle, rows_sha256, text_sha256
from reportgen.bundle.schema import Config, DatasetInfo, Labels, Latency, ModelInfo, SplitInfo
from reportgen.data import Course, Dataset, row_features
from reportgen.errors import Unavailable, UsageError
from reportgen.stats import TIER_RULES, tiers

from . import environment
from .registry import RunContext, Runner, RunnerConfig, RunResult, get_runner, runners
from .stages import profile as profile_of
from .stages import restated, stages

DEFAULT_SEED = 42

_BUILDS_ON = ("run", "teacher")
"""Keys of a config that name another run."""

Say = Callable[[str], None]


class Runs(Mapping[str, Bundle]):
    """Bundles by run_id, read when asked for: those of the given folders, then those written so far to `out`."""

    def __init__(self, out: Path, folders: Sequence[Path] = ()) -> None:
        self._out = out
        self._given: dict[str, Bundle] = {}
        for bundle in find_bundles(folders) if folders else ():
            if bundle.run_id in self._given:
                raise UsageError(f"--from holds two runs called {bundle.run_id!r}", remedy="pass one of them")
            self._given[bundle.run_id] = bundle

    def __getitem__(self, run_id: str) -> Bundle:
        if run_id in self._given:
            return self._given[run_id]
        if (self._out / run_id / "manifest.json").is_file():
            return read_bundle(self._out / run_id)
        raise KeyError(run_id)

    def __iter__(self) -> Iterator[str]:
        written = sorted(path.parent.name for path in self._out.glob("*/manifest.json") if path.parent.name[0] != ".")
        yield from dict.fromkeys([*self._given, *written])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def run(
    target: str,
    data: Dataset,
    out: Path,
    *,
    overrides: Sequence[str] = (),
    profile: str | None = None,
    seed: int | None = None,
    name: str | None = None,
    runs: Mapping[str, Bundle] | None = None,
    say: Say = lambda line: None,
) -> list[Path]:
    """Execute a stage or a single runner; returns the bundles, those that existed already included.

    Args:
        target: a stage of the data's course (week1 …) or a runner.
        data: the dataset; the `train` split is what runners learn from.
        out: the folder of runs.
        overrides: `key=value` pairs for the runner's config.
        profile: a named set of model choices from the course's stages.toml.
        seed: overrides the seed of every run of the stage.
        name: run_id of a single run, prefix of the run_ids of a stage.
        runs: bundles that runners may build on.
        say: called with one line of progress at a time.

    Raises:
        UsageError: unknown target, key or value.
    """
    check_target(data.course, target, profile)
    known = stages(data.course)
    runs = Runs(out) if runs is None else runs
    passed = _parse(overrides)
    if target not in known:
        run_seed = DEFAULT_SEED if seed is None else seed
        run_id = name or (target if run_seed == DEFAULT_SEED else f"{target}-s{run_seed}")
        base = dict(profile_of(data.course, profile, target))
        return [execute(get_runner(target), data, out, run_id, base | passed, passed, run_seed, runs, say=say)]

    stage = known[target]
    items = [restated(data.course, profile, item) for item in stage.run]
    done: list[Path] = []
    skipped: list[Unavailable] = []
    names, left_out = {item.name for item in items}, set[str]()
    stray = set(passed) - set().union(*(get_runner(item.runner).config.model_fields for item in items))
    if stray:
        raise UsageError(f"no run of {target} has a key {sorted(stray)[0]!r}")
    for position, item in enumerate(items, start=1):
        runner = get_runner(item.runner)
        own = {key: value for key, value in passed.items() if key in runner.config.model_fields}
        settings = dict(profile_of(data.course, profile, item.runner)) | item.overrides | own
        needed = {key: settings[key] for key in _BUILDS_ON if settings.get(key) in names}
        if name:
            settings |= {key: f"{name}-{run}" for key, run in needed.items()}
        run_seed = next(s for s in (seed, item.seed, DEFAULT_SEED) if s is not None)
        run_id = f"{name}-{item.name}" if name else item.name
        say(f"[{position}/{len(items)}] {run_id}")
        try:
            if lacking := sorted(left_out.intersection(needed.values())):
                raise Unavailable(f"it builds on {lacking[0]}, which was left out")
            path = execute(
                runner,
                data,
                out,
                run_id,
                settings,
                own,
                run_seed,
                runs,
                week=stage.week,
                audit=item.audit,
                say=say,
            )
            done.append(path)
            if item.weights:
                keep_weights(runner, data, path, settings, run_seed, runs, say)
        except Unavailable as error:
            skipped.append(error)
            left_out.add(item.name)
            say(f"{run_id}: left out, {error}")
    if skipped and not done:
        raise skipped[0]
    return done


def check_target(course: Course, target: str, profile: str | None = None) -> None:
    """What can be refused before any data is read.

    Raises:
        UsageError: no such stage, runner or profile.
    """
    known = stages(course)
    if target not in known and target not in runners():
        if target.startswith("week"):
            have = ", ".join(known) or "none"
            raise UsageError(f"course {course.name!r} has no stage {target!r}", remedy=f"its stages: {have}")
        get_runner(target)
    profile_of(course, profile, target)


def execute(
    runner: Runner,
    data: Dataset,
    out: Path,
    run_id: str,
    settings: Mapping[str, Any],
    passed: Mapping[str, Any],
    seed: int,
    runs: Mapping[str, Bundle],
    *,
    week: int | None = None,
    audit: bool = False,
    say: Say = lambda line: None,
) -> Path:
    """Run one runner on one dataset and write its bundle; a no-op where the same run exists already."""
    config = _validated(runner, settings)
    arguments = Config(passed=dict(passed), resolved=config.model_dump(mode="json"))
    dataset = dataset_info(data)
    if existing := BundleWriter.existing(out, run_id, arguments, runner=runner.name, dataset=dataset, seed=seed):
        say(f"{run_id}: already there, nothing to do")
        return existing

    if int(os.environ.get("RANK", "0")) > 0:
        # Under `accelerate launch` every process trains; the first one writes the bundle.
        work = out / ".work" / run_id
        work.mkdir(parents=True, exist_ok=True)
        seed_everything(seed)
        runner.run(RunContext(data=data, config=config, seed=seed, work=work, runs=runs, say=lambda line: None))
        return out / run_id

    log: list[str] = []

    def note(line: str) -> None:
        log.append(line)
        say(f"{run_id}: {line}")

    work = out / ".work" / run_id
    with BundleWriter.start(
        out,
        run_id=run_id,
        runner=runner.name,
        config=arguments,
        labels=labels_of(data),
        dataset=dataset,
        model=ModelInfo(name=runner.name, family=runner.family),
        course=data.course.name,
        week=week,
        seed=seed,
        environment=environment.versions(),
        git=environment.git(),
        hardware=environment.cpu(),
    ) as writer:
        work.mkdir(parents=True, exist_ok=True)
        seed_everything(seed)
        started = time.perf_counter()
        try:
            result = runner.run(RunContext(data=data, config=config, seed=seed, work=work, runs=runs, say=note))
        except ModuleNotFoundError as error:
            raise Unavailable(
                f"{error.name} is not installed", where=f"runner {runner.name}", remedy="pip install 'reportgen[train]'"
            ) from None
        timings = dict(result.timings)
        if result.decided.get("resumed_at_step") is None:
            timings["total"] = time.perf_counter() - started
        if audit:
            from reportgen.data.audit import audit as audit_of

            writer.write_audit(audit_of(data).to_json())
        _write_predictions(writer, data, result)
        if result.training is not None:
            writer.write_training(result.training)
        if result.latency or result.memory:
            writer.write_latency(
                Latency(records=result.latency, memory=result.memory, cold_start_s=result.cold_start_s)
            )
        if result.adapter is not None:
            writer.write_adapter(result.adapter)
        writer.write_log("".join(f"{line}\n" for line in log))
        writer.write_config(arguments.model_copy(update={"decided": dict(result.decided)}))
        return writer.finish(
            model=result.model,
            hardware=result.hardware or environment.cpu(),
            parents=result.parents,
            trained_on=result.trained_on,
            timings=timings,
        )


def keep_weights(
    runner: Runner,
    data: Dataset,
    path: Path,
    settings: Mapping[str, Any],
    seed: int,
    runs: Mapping[str, Bundle],
    say: Say,
) -> None:
    """Train a run again, with the same seed, where its bundle is there and its weights are not.

    Raises:
        Unavailable: what was trained does not predict what the bundle says; its weights are removed. Or its settings
            keep none.
    """
    from .derive import aligned_logits
    from .predict import saved_weights

    bundle = read_bundle(path)
    work = path.parent / ".work" / bundle.run_id
    try:
        saved_weights(bundle, work)
        return
    except Unavailable:
        say(f"{bundle.run_id}: its weights were not kept, training it again")
    work.mkdir(parents=True, exist_ok=True)
    seed_everything(seed)
    context = RunContext(
        data=data, config=_validated(runner, settings), seed=seed, work=work, runs=runs, say=lambda line: None
    )
    logits = runner.run(context).logits or {}
    differ = sum(
        int((scores.argmax(1) != aligned_logits(bundle, data, name).argmax(1)).sum())
        for name, scores in logits.items()
        if name in bundle.splits
    )
    if differ:
        shutil.rmtree(work, ignore_errors=True)
        raise Unavailable(
            f"trained again, {bundle.run_id} differs from its bundle in {differ} predictions, so its weights are not "
            "the ones that were measured",
            remedy="move the bundle away and run the stage again",
        )
    saved_weights(bundle, work)


def dataset_info(data: Dataset) -> DatasetInfo:
    """The identity of a dataset: the digests of its labels and of the rows of every split."""
    return DatasetInfo(
        name=data.name,
        revision=data.revision,
        labels_sha256=labels_sha256(data.labels),
        splits={
            name: SplitInfo(
                n_rows=len(split),
                rows_sha256=rows_sha256(split.row_ids, text_sha256(split.texts), split.labels),
                sampled_of=split.sampled_of,
            )
            for name, split in data.splits.items()
        },
        synthetic=data.synthetic,
        licence=data.licence,
        notes=data.notes,
    )


def labels_of(data: Dataset) -> Labels:
    """The label list with training counts and the tier of each label under every rule."""
    counts = data.train_counts
    return Labels(
        names=data.labels,
        train_counts=tuple(int(count) for count in counts),
        tiers={rule: tuple(str(tier) for tier in tiers(counts, rule)) for rule in TIER_RULES},
    )


def _write_predictions(writer: BundleWriter, data: Dataset, result: RunResult) -> None:
    """Outcomes and slice features of every split the runner scored."""
    import pandas as pd

    outcomes, kind = (result.logits, "logits") if result.logits is not None else (result.predictions, "predictions")
    features = []
    for name, scores in (outcomes or {}).items():
        split = data.splits[name]
        at = result.rows.get(name, np.arange(len(split)))
        sampled_of = split.sampled_of or (len(split) if len(at) < len(split) else None)
        writer.write_predictions(
            name,
            split.row_ids[at],
            text_sha256(split.texts[at]),
            split.labels[at],
            sampled_of=sampled_of,
            **{kind: scores},
        )
        tokens = result.tokens.get(name)
        frame = row_features(split.texts[at], None if tokens is None else tokens[at])
        features.append(frame.assign(split=name, row_id=split.row_ids[at]))
    if features:
        writer.write_rows(pd.concat(features, ignore_index=True))


def seed_everything(seed: int) -> None:
    """Seed the generators of the standard library, NumPy and, where it is loaded, torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries we call draw from the global generator
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _parse(pairs: Sequence[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {pair!r} is not key=value", remedy="for example --set C=0.5")
        try:
            parsed[key.strip()] = json.loads(text)
        except json.JSONDecodeError:
            parsed[key.strip()] = text
    return parsed


def _validated(runner: Runner, settings: Mapping[str, Any]) -> RunnerConfig:
    try:
        return runner.config.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            keys = ", ".join(sorted(runner.config.model_fields)) or "none"
            raise UsageError(f"{runner.name} has no key {key!r}", remedy=f"its keys: {keys}") from None
        raise UsageError(
            f"{key}={first['input']!r} does not fit: {first['msg']}", where=f"runner {runner.name}"
        ) from None
