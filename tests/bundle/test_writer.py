# ruff: noqa: PT012 - the run that must fail is the block itself

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reportgen.bundle import (
    AlreadyExists,
    BadJson,
    BadOutcome,
    BadTable,
    BundleError,
    BundleWriter,
    Config,
    Contradiction,
    DatasetInfo,
    Incomplete,
    Labels,
    MissingFile,
    ModelInfo,
    NotWritable,
    Reported,
    SplitInfo,
    WrongTypes,
    labels_sha256,
    read_bundle,
    slug,
)

Start = Callable[..., BundleWriter]
Score = Callable[..., None]


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run_is_hidden_until_it_is_whole(tmp_path: Path, start: Start, score: Score) -> None:
    with start(tmp_path) as writer:
        assert names_in(tmp_path) == [
            ".run.partial", ".run.partial/config.json", ".run.partial/labels.json", ".run.partial/manifest.json"
        ]  # fmt: skip
        manifest = json.loads((writer.partial / "manifest.json").read_text())
        assert (manifest["status"], manifest["root"]) == ("started", None)
        score(writer)
        manifest = json.loads((writer.partial / "manifest.json").read_text())
        assert set(manifest["files"]) == {"config.json", "labels.json", "predictions.parquet"}
        path = writer.finish(timings={"fit": 2.0}, model=ModelInfo(name="better", family="linear", parameters=7))
    assert path == tmp_path / "run"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    bundle = read_bundle(path)
    assert bundle.manifest.status == "success"
    assert bundle.manifest.timings == {"fit": 2.0}
    assert bundle.manifest.model.parameters == 7
    assert bundle.predictions("val").predictions.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RuntimeError("no\nmemory"), "failed", "RuntimeError: no memory"),
        (KeyboardInterrupt(), "interrupted", None),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_an_exception_is_recorded_and_nothing_put_in_place(
    tmp_path: Path, start: Start, score: Score, error: BaseException, status: str, message: str | None
) -> None:
    with pytest.raises(type(error)), start(tmp_path) as writer:
        score(writer)
        raise error
    assert not (tmp_path / "run").exists()
    manifest = json.loads((tmp_path / ".run.partial/manifest.json").read_text())
    assert (manifest["status"], manifest["error"], manifest["root"]) == (status, message, None)
    with pytest.raises(Incomplete, match=f"status is {status}"):
        read_bundle(tmp_path / ".run.partial")


def test_leaving_without_finish_is_a_failure(tmp_path: Path, start: Start) -> None:
    with start(tmp_path):
        pass
    manifest = json.loads((tmp_path / ".run.partial/manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert "finish" in manifest["error"]


def test_a_killed_run_says_started_and_the_next_one_replaces_it(tmp_path: Path, start: Start, score: Score) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from reportgen.bundle import *
        names = ("a", "b", "c")
        writer = BundleWriter.start(
            Path({str(tmp_path)!r}), run_id="run", config=Config(passed={{}}, resolved={{"C": 1}}), runner="test",
            labels=Labels(names=names, train_counts=()), course="generic", model=ModelInfo(name="m", family="linear"),
            dataset=DatasetInfo(name="d", labels_sha256=labels_sha256(names), splits={{}}),
        )
        writer.write_predictions("val", ["x"], None, [0], logits=[[1, 2, 3]])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    checkpoint = tmp_path / ".work/run/step-9.bin"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("resume from here")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert json.loads((tmp_path / ".run.partial/manifest.json").read_text())["status"] == "started"
    assert BundleWriter.existing(tmp_path, "run", Config(passed={}, resolved={"C": 1})) is None
    with start(tmp_path) as writer:
        assert "predictions.parquet" not in names_in(writer.partial)
        score(writer)
        writer.finish()
    assert len(read_bundle(tmp_path / "run").predictions("val")) == 4
    assert checkpoint.read_text() == "resume from here"


def finished(tmp_path: Path, start: Start, score: Score, **fields: object) -> Path:
    with start(tmp_path, **fields) as writer:
        score(writer)
        return writer.finish()


def test_the_same_run_is_found_and_another_is_refused(tmp_path: Path, start: Start, score: Score) -> None:
    path = finished(tmp_path, start, score, resolved={"C": 1, "folder": Path("x"), "pair": (1, 2)}, seed=1)
    before = {name: (path / name).read_bytes() for name in names_in(path)}
    same = Config(passed={"other": "words"}, resolved={"pair": [1, 2], "C": 1, "folder": "x"}, decided={"epoch": 3})
    info = read_bundle(path).manifest.dataset
    assert BundleWriter.existing(tmp_path, "run", same, runner="test", dataset=info, seed=1) == path
    assert BundleWriter.existing(tmp_path, "free", same) is None

    def refused(says: str, config: Config = same, **given: object) -> None:
        with pytest.raises(AlreadyExists, match=f"run exists with another {says}.*--name"):
            BundleWriter.existing(tmp_path, "run", config, **given)

    refused("C", Config(passed={}, resolved={**same.resolved, "C": 2}))
    refused("C", Config(passed={}, resolved={**same.resolved, "C": True}))  # 1 == True in Python, not in JSON
    refused("extra", Config(passed={}, resolved={**same.resolved, "extra": None}))
    refused("pair", Config(passed={}, resolved={"C": 1, "folder": "x"}))
    refused("runner", runner="tfidf")
    refused("seed", seed=2)
    refused(r"dataset \(name\)", dataset=info.model_copy(update={"name": "e"}))
    refused(r"dataset \(labels_sha256\)", dataset=info.model_copy(update={"labels_sha256": "0" * 64}))
    other = SplitInfo(n_rows=4, rows_sha256="0" * 64)
    refused(r"dataset \(val rows\)", dataset=info.model_copy(update={"splits": {"val": other}}))
    sample = other.model_copy(update={"sampled_of": 9})
    known = info.model_copy(update={"splits": {"val": sample, "test": other}})
    assert BundleWriter.existing(tmp_path, "run", same, dataset=known) == path
    with pytest.raises(AlreadyExists, match="--name"):
        start(tmp_path)
    assert {name: (path / name).read_bytes() for name in names_in(path)} == before


def test_a_damaged_run_is_not_taken_for_done(tmp_path: Path, start: Start, score: Score) -> None:
    path = finished(tmp_path, start, score)
    (path / "labels.json").write_text("{}")
    with pytest.raises(BundleError):
        BundleWriter.existing(tmp_path, "run", Config(passed={}, resolved={"C": 1}))


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path, start: Start) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.txt").write_text("mine")
    for attempt in (
        lambda: start(tmp_path),
        lambda: BundleWriter.existing(tmp_path, "run", Config(passed={}, resolved={})),
    ):
        with pytest.raises(AlreadyExists):
            attempt()
    assert names_in(tmp_path) == ["run", "run/thesis.txt"]


@pytest.mark.parametrize("run_id", ["", "My Run", "../up", "a/b", ".hidden", "é", "x" * 81, "-a", "a\n", "run\x00"])
def test_run_names_are_slugs(tmp_path: Path, start: Start, run_id: str) -> None:
    with pytest.raises(WrongTypes, match="run name"):
        start(tmp_path, run_id)
    assert names_in(tmp_path) == []


def test_numbers_that_json_has_no_word_for_are_not_written_as_null(tmp_path: Path, start: Start) -> None:
    for value in (float("nan"), float("inf"), object()):
        with pytest.raises(BadJson, match="cannot be written"):
            start(tmp_path, resolved={"clip": value})
    assert list(tmp_path.iterdir()) == []


def test_slug() -> None:
    assert slug("Qwen/Qwen2.5-0.5B (LoRA)") == "qwen-qwen2-5-0-5b-lora"
    assert slug("Ünï") == "n"
    assert slug("日本") == "run"
    assert len(slug("x" * 200)) == 80


def test_a_file_in_the_way_of_the_folder(tmp_path: Path, start: Start) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(NotWritable, match="cannot write"):
        start(tmp_path / "runs")
    (tmp_path / ".run.partial").write_text("mine")
    with pytest.raises(NotWritable, match="in the way"):
        start(tmp_path)
    assert (tmp_path / ".run.partial").read_text() == "mine"


def test_a_link_in_the_way_is_not_followed(tmp_path: Path, start: Start) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.run.partial").symlink_to(precious)
    with pytest.raises(NotWritable, match="in the way"):
        start(tmp_path / "out")
    assert (precious / "file").read_text() == "keep"


def test_a_folder_without_permission(tmp_path: Path, start: Start) -> None:
    """Root may write anywhere, so it becomes nobody for the moment."""
    root = os.geteuid() == 0
    tmp_path.chmod(0o500)
    try:
        if root:
            os.seteuid(65_534)
        with pytest.raises(NotWritable, match="ermission denied"):
            start(tmp_path)
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", range(12))
def test_a_full_disk_at_any_moment_leaves_nothing_half_written(
    tmp_path: Path, start: Start, score: Score, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    real, calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls > at:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    # Folders are flushed too, where it is allowed to fail: so some of these moments may pass.
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NotWritable, match="No space left on device"), start(tmp_path) as writer:
        score(writer)
        writer.finish()
    assert not (tmp_path / "run").exists()
    assert not [name for name in names_in(tmp_path) if name.endswith(".tmp")]
    for name in names_in(tmp_path):
        if name.endswith(".json"):
            json.loads((tmp_path / name).read_text())


def test_two_runs_of_one_name_do_not_mix(tmp_path: Path, start: Start, score: Score) -> None:
    with pytest.raises(NotWritable, match="took over"), start(tmp_path) as first:
        with start(tmp_path) as second:
            score(second)
            with pytest.raises(NotWritable, match="took over"):
                score(first)
            second.finish()
        score(first)
    assert read_bundle(tmp_path / "run").manifest.status == "success"


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path, start: Start, score: Score) -> None:
    with pytest.raises(AlreadyExists), start(tmp_path) as writer:
        score(writer)
        (tmp_path / "run").mkdir()
        (tmp_path / "run/file").write_text("keep")
        writer.finish()
    assert (tmp_path / "run/file").read_text() == "keep"


@pytest.mark.parametrize(
    ("write", "error", "says"),
    [
        (lambda w: w.write_predictions("dev", ["a"], None, [0], logits=[[1, 2, 3]]), WrongTypes, "split 'dev'"),
        (
            lambda w: w.write_predictions("val", [], None, np.array([], int), logits=np.zeros((0, 3))),
            BadOutcome,
            "no rows",
        ),
        (lambda w: w.write_predictions("val", ["a"], None, [0], logits=[[1, 2]]), BadOutcome, "2 logits a row for 3"),
        (lambda w: w.write_audit({"x": float("nan")}), BadJson, "cannot be written"),
        (lambda w: w.write_audit({"x": object()}), BadJson, "cannot be written"),
        (lambda w: w.write_rows(pd.DataFrame({"row_id": ["a"]})), BadTable, "split and row_id are missing"),
        (
            lambda w: w.write_rows(pd.DataFrame({"split": "val", "row_id": ["a"], "text": ["hi"]})),
            BadTable,
            "holds text",
        ),
        (lambda w: w.write_training(pd.DataFrame({"x": [{"a": 1}]})), BadTable, "column 'x' is of type struct"),
        (lambda w: w.write_adapter(w.partial), MissingFile, "no safetensors"),
        (lambda w: w.finish(weak=1), MissingFile, "nothing was measured"),
        (lambda w: w.finish(week=9), WrongTypes, "week"),
    ],
)
def test_what_a_runner_may_not_write(
    tmp_path: Path, start: Start, write: Callable[[BundleWriter], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says), start(tmp_path) as writer:
        write(writer)
    assert not (tmp_path / "run").exists()
    assert json.loads((tmp_path / ".run.partial/manifest.json").read_text())["status"] == "failed"


def test_rows_must_be_those_of_the_predictions(tmp_path: Path, start: Start, score: Score) -> None:
    with start(tmp_path) as writer:
        score(writer)
        writer.write_rows(pd.DataFrame({"split": "val", "row_id": ["r3", "r1", "r4", "r2"], "words": [3, 1, 4, 2]}))
        path = writer.finish()
    assert read_bundle(path).rows("val").to_dict("list") == {"row_id": ["r1", "r2", "r3", "r4"], "words": [1, 2, 3, 4]}
    assert read_bundle(path).rows("test") is None
    with pytest.raises(Contradiction, match="rows of val"), start(tmp_path, "other") as writer:
        score(writer)
        writer.write_rows(pd.DataFrame({"split": "val", "row_id": ["r1", "r2", "r3", "r5"], "words": 1}))
        writer.finish()


def test_labels_must_be_those_of_the_dataset(tmp_path: Path, start: Start) -> None:
    with pytest.raises(WrongTypes, match="labels_sha256"):
        start(tmp_path, dataset=DatasetInfo(name="d", labels_sha256="0" * 64, splits={}))
    with pytest.raises(Contradiction, match="names repeat"):
        start(tmp_path, labels=Labels(names=("a", "a", "b"), train_counts=()))
    with pytest.raises(Contradiction, match="2 train_counts for 3"):
        start(tmp_path, labels=Labels(names=("a", "b", "c"), train_counts=(1, 2)))
    assert not (tmp_path / "run").exists()


def test_splits_come_in_their_order_and_only_scored_ones_are_described(
    tmp_path: Path, start: Start, score: Score
) -> None:
    promised = {"train": SplitInfo(n_rows=9, rows_sha256="0" * 64)}
    info = DatasetInfo(name="d", labels_sha256=labels_sha256(("a", "b", "c")), splits=promised)
    with start(tmp_path, dataset=info) as writer:
        score(writer, "test")
        score(writer, "val")
        bundle = read_bundle(writer.finish())
    assert bundle.splits == ("val", "test")
    assert list(bundle.manifest.dataset.splits) == ["val", "test"]
    with pytest.raises(MissingFile, match=r"no predictions on train.*it scored val, test"):
        bundle.predictions("train")


def test_an_audit_alone_is_a_measurement(tmp_path: Path, start: Start) -> None:
    promised = {"train": SplitInfo(n_rows=9, rows_sha256="0" * 64)}
    info = DatasetInfo(name="d", labels_sha256=labels_sha256(("a", "b", "c")), splits=promised)
    with start(tmp_path, dataset=info) as writer:
        writer.write_audit({"rows": 9})
        bundle = read_bundle(writer.finish())
    assert bundle.audit == {"rows": 9}
    assert bundle.splits == ()
    assert bundle.manifest.dataset.splits["train"].n_rows == 9


def test_reported_figures_carry_no_predictions(tmp_path: Path, start: Start, score: Score) -> None:
    with start(tmp_path, kind="reported", dataset=None) as writer:
        writer.write_reported(Reported(macro_f1=0.2))
        bundle = read_bundle(writer.finish())
    assert bundle.reported.macro_f1 == 0.2
    assert bundle.reported.accuracy is None
    with (
        pytest.raises(BundleError, match="reported bundle has no predictions"),
        start(tmp_path, "b", kind="reported") as w,
    ):
        w.write_reported(Reported())
        score(w)
        w.finish()


def test_adapters_leave_pickles_behind(tmp_path: Path, start: Start, score: Score, golden: Path) -> None:
    source = tmp_path / "adapter"
    source.mkdir()
    weights = (golden / "v1-logits/adapter/adapter_model.safetensors").read_bytes()
    (source / "adapter_model.safetensors").write_bytes(weights)
    (source / "adapter_config.json").write_text("{}")
    (source / "training_args.bin").write_bytes(b"\x80\x04.")
    (source / "README.md").write_text("card")
    with start(tmp_path) as writer:
        score(writer)
        writer.write_adapter(source)
        bundle = read_bundle(writer.finish())
    assert bundle.adapter_files == ("adapter/adapter_config.json", "adapter/adapter_model.safetensors")
    assert b"".join(bundle.read_file("adapter/adapter_model.safetensors")) == weights


def test_what_was_decided_while_running_does_not_make_it_another_run(
    tmp_path: Path, start: Start, score: Score
) -> None:
    with start(tmp_path, resolved={"batch": 32}) as writer:
        score(writer)
        writer.write_config(Config(passed={}, resolved={"batch": 32}, decided={"batch": 8}))
        path = writer.finish()
    assert read_bundle(path).config.decided == {"batch": 8}
    assert BundleWriter.existing(tmp_path, "run", Config(passed={}, resolved={"batch": 32})) == path
