"""A bundle that is checked but not written yet, and writing several of them, all or none."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reportgen.bundle import (
    AlreadyExists,
    BundleWriter,
    Config,
    DatasetInfo,
    Labels,
    ModelInfo,
    Reported,
    SplitPredictions,
)
from reportgen.bundle.files import disk_errors, sync_folder
from reportgen.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

RUNNER = "import"
"""What the manifest's `runner` says of every bundle that was not measured here."""


@dataclass(frozen=True)
class Part:
    """Outcomes of one split; `sampled_of` is N when they are a sample of N rows."""

    outcomes: SplitPredictions
    sampled_of: int | None = None


@dataclass
class Draft:
    """Everything `write_all` needs; `notes` are for the user and are stored with the dataset where there is one."""

    run_id: str
    model: ModelInfo
    course: str
    config: Config
    labels: Labels
    kind: Literal["measured", "reported"]
    dataset: DatasetInfo | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    rows: pd.DataFrame | None = None
    training: pd.DataFrame | None = None
    reported: Reported | None = None
    week: int | None = None
    trained_on: Sequence[str] = ()
    seed: int | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    folder: str = ""
    """Name of the folder its file is in: tells files of the same name apart."""


def write_all(drafts: Sequence[Draft], out: Path) -> list[Path]:
    """Write the bundles, all or none; those that are there already stay as they are.

    They are written and validated in a hidden folder of `out` and then renamed, so `out` never shows half of them.

    Raises:
        UsageError: two of them have the same name.
        AlreadyExists: another run has one of the names.
        BundleError: one would not be sound, or the disk said no.
    """
    names = [draft.run_id for draft in drafts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(
            f"two of the results would be called {twice!r}", remedy="rename one file, or import them apart"
        )
    done: dict[str, Path] = {}
    for draft in drafts:
        try:
            found = BundleWriter.existing(out, draft.run_id, draft.config, runner=RUNNER, dataset=draft.dataset)
        except AlreadyExists as error:
            remedy = "import into another --out, or rename the file; files that belong together go in one call"
            raise AlreadyExists(error.what, where=error.where, remedy=remedy) from None
        if found is not None:
            done[draft.run_id] = found
    fresh = [draft for draft in drafts if draft.run_id not in done]
    if fresh:
        done |= _write_fresh(fresh, out)
    return [done[name] for name in names]


def _write_fresh(drafts: Sequence[Draft], out: Path) -> dict[str, Path]:
    existed = out.exists()
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".import-", dir=out))
    placed: list[Path] = []
    try:
        staged = [_write(draft, staging) for draft in drafts]
        for path in staged:
            target = out / path.name
            with disk_errors(target):
                path.rename(target)
            placed.append(target)
        with disk_errors(out):
            sync_folder(out)
    except BaseException:
        for path in placed:
            shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            with suppress(OSError):  # it holds what was placed, unless that was taken back
                out.rmdir()
    return {path.name: path for path in placed}


def _write(draft: Draft, folder: Path) -> Path:
    with BundleWriter.start(
        folder,
        run_id=draft.run_id,
        config=draft.config,
        labels=draft.labels,
        runner=RUNNER,
        course=draft.course,
        model=draft.model,
        dataset=draft.dataset,
        kind=draft.kind,
        week=draft.week,
        trained_on=draft.trained_on,
        seed=draft.seed,
        environment={
            "python": platform.python_version(),
            "reportgen": importlib.metadata.version("reportgen"),
            **draft.environment,
        },
    ) as writer:
        for split, part in draft.parts.items():
            found = part.outcomes
            writer.write_predictions(
                split,
                found.row_ids,
                found.text_sha256,
                found.labels,
                logits=found.logits,
                predictions=found.predictions if found.logits is None else None,
                confidence=found.confidence if found.logits is None else None,
                sampled_of=part.sampled_of,
            )
        if draft.rows is not None:
            writer.write_rows(draft.rows)
        if draft.training is not None:
            writer.write_training(draft.training)
        if draft.reported is not None:
            writer.write_reported(draft.reported)
        if draft.notes:
            writer.write_log("".join(f"{note}\n" for note in draft.notes))
        return writer.finish(timings=dict(draft.timings))
