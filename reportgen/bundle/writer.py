"""Writing a run: into a hidden partial folder, file by file, renamed into place only when it is whole and sound."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike
from pydantic import ValidationError

from reportgen.errors import one_line

from . import predictions as outcomes
from .checks import check_labels
from .digests import canonical_json, labels_sha256, sha256
from .errors import AlreadyExists, BadOutcome, BadTable, BundleError, MissingFile, NotWritable, WrongTypes
from .files import MANIFEST, cap, disk_errors, read_chunks, sync_folder, write_file
from .identity import differences
from .jsonio import pretty, wrong_types
from .reader import read_bundle, validate_bundle
from .schema import (
    SCHEMA,
    Config,
    DatasetInfo,
    FileInfo,
    Git,
    Hardware,
    Labels,
    Latency,
    Manifest,
    ModelInfo,
    Parent,
    Reported,
    SplitInfo,
)
from .tables import frame_bytes

if TYPE_CHECKING:
    import pandas as pd

_RUN_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.ASCII)


def slug(text: str) -> str:
    """A run name made from any text: lower-case letters, digits and dashes, at most 80 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower(), flags=re.ASCII).strip("-")[:80].rstrip("-") or "run"


class BundleWriter:
    """Writes one run; made by `start`, used as a context manager, ended by `finish`.

    Everything lies in `RUNS/.<run_id>.partial/` until `finish` renames it to `RUNS/<run_id>`. An exception inside the
    `with` block is recorded there (status failed or interrupted) and goes on; so does leaving it without `finish`.
    """

    def __init__(self, path: Path, partial: Path, manifest: Manifest, config: Config, labels: Labels) -> None:
        self.path = path
        """Where the finished bundle will lie."""
        self.partial = partial
        """Where its files are until then."""
        self._manifest = manifest
        self._config = config
        self._labels = labels
        self._files: dict[str, FileInfo] = {}
        self._splits: dict[str, outcomes.SplitPredictions] = {}
        self._sampled_of: dict[str, int | None] = {}
        self._written = b""
        self._finished = False

    @classmethod
    def start(
        cls,
        out: str | Path,
        *,
        run_id: str,
        config: Config,
        labels: Labels,
        runner: str,
        course: str,
        model: ModelInfo,
        dataset: DatasetInfo | None = None,
        kind: Literal["measured", "reported"] = "measured",
        week: int | None = None,
        trained_on: Sequence[str] = (),
        parents: Sequence[Parent] = (),
        seed: int | None = None,
        hardware: Hardware | None = None,
        environment: Mapping[str, str] | None = None,
        git: Git | None = None,
    ) -> BundleWriter:
        """Claim a run name and write the first manifest, status started. A stale partial of that name is replaced.

        Args:
            out: folder of runs, created if need be.
            run_id: name of the run: lower-case letters, digits, `.`, `_`, `-`; at most 80.
            config: arguments as passed and as resolved.
            labels: names in id order, training counts (empty if unknown), tiers.
            runner: registered name of what produced it.
            course: name of the course.
            model: what is known about the model; `finish(model=…)` can complete it.
            dataset: where the rows came from; its `splits` are replaced by those that are scored.
            kind: reported for published figures without predictions.
            week: 1 … 6.
            trained_on: splits the model was fitted to.
            parents: runs it was derived from.
            seed: of the run.
            hardware: the device that runs it.
            environment: package to version.
            git: the commit it is run at.

        Raises:
            AlreadyExists: a finished run has that name (see `existing`).
            NotWritable: the folder cannot be written to, or a file is in the way.
            WrongTypes: a field that is not as the schema says.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise WrongTypes(
                f"run name {run_id!r}",
                remedy=f"use lower-case letters, digits, dots, dashes: {slug(run_id)}",
            )
        check_labels(labels)
        path = Path(out) / run_id
        if _taken(path):
            raise AlreadyExists(f"{run_id} exists already", where=out)
        manifest = _manifest(
            schema=SCHEMA,
            kind=kind,
            status="started",
            run_id=run_id,
            week=week,
            runner=runner,
            course=course,
            # Microseconds make every start's manifest distinct, so that a writer notices when it was replaced.
            created_utc=datetime.now(UTC).isoformat(timespec="microseconds"),
            tool_version=importlib.metadata.version("reportgen"),
            model=model,
            dataset=dataset,
            trained_on=tuple(trained_on),
            parents=tuple(parents),
            seed=seed,
            hardware=hardware,
            environment=dict(environment or {}),
            git=git,
        )
        writer = cls(path, path.with_name(f".{run_id}.partial"), manifest, config, labels)
        writer._claim()
        return writer

    @staticmethod
    def existing(
        out: str | Path,
        run_id: str,
        config: Config,
        *,
        runner: str | None = None,
        dataset: DatasetInfo | None = None,
        seed: int | None = None,
    ) -> Path | None:
        """The finished run of that name, if it is the same run; None if the name is free.

        The same run has the same resolved arguments and, where given, the same runner, seed, dataset name, label list
        and rows in the splits both name (sampled splits aside).

        Raises:
            AlreadyExists: the name belongs to another run; says what differs.
            BundleError: what lies there is not sound.
        """
        path = Path(out) / run_id
        if not _taken(path):
            return None
        if not (path / MANIFEST).is_file():
            raise AlreadyExists(f"{run_id} exists and is no run", where=out)
        differ = differences(read_bundle(path), config, runner, dataset, seed)
        if differ:
            raise AlreadyExists(f"{run_id} exists with another {', '.join(differ[:5])}", where=out)
        return path

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            self._record(error or RuntimeError("ended without finish()"))

    def write_predictions(
        self,
        split: str,
        row_ids: Sequence[str] | ArrayLike,
        text_sha256: ArrayLike | None,
        labels: ArrayLike,
        *,
        logits: ArrayLike | None = None,
        predictions: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        sampled_of: int | None = None,
    ) -> outcomes.SplitPredictions:
        """Store the outcomes of one split; see `predictions.prepare` for shapes and `store_logits` for rounding.

        Args:
            split: train, val or test.
            row_ids: unique strings, shape (n,).
            text_sha256: digests from `text_sha256`, shape (n,), or None.
            labels: true ids, shape (n,).
            logits: shape (n, K); predictions are their argmax as stored.
            predictions: ids, −1 for unparsed, only where a model has no logits.
            confidence: shape (n,), only beside `predictions`.
            sampled_of: N when these rows are a sample of N.

        Returns:
            What was stored: sorted by row_id, rounded to float16.

        Raises:
            BadOutcome: arrays that do not fit together.
        """
        if split not in outcomes.SPLITS:
            raise WrongTypes(f"split {split!r}", remedy="splits are train, val and test")
        k = len(self._labels.names)
        part = outcomes.prepare(
            row_ids,
            text_sha256,
            labels,
            k=k,
            logits=logits,
            predictions=predictions,
            confidence=confidence,
            where=split,
        )
        if not len(part):
            raise BadOutcome("no rows", where=split, remedy="score at least one row, or leave the split out")
        splits = {**self._splits, split: part}
        self._write(outcomes.FILE, outcomes.to_parquet(splits, k))
        self._splits = splits
        self._sampled_of[split] = sampled_of
        return part

    def write_rows(self, frame: pd.DataFrame) -> None:
        """Store slice features: columns split, row_id and numbers or booleans. No text."""
        import pandas as pd

        if not {"split", "row_id"} <= set(frame.columns):
            raise BadTable("columns split and row_id are missing", where="rows.parquet", remedy="add them")
        place = pd.Categorical(frame["split"], categories=outcomes.SPLITS)
        ordered = frame.assign(split=place).sort_values(["split", "row_id"], kind="stable")
        self._write("rows.parquet", frame_bytes(ordered.astype({"split": str}), "rows.parquet", ("split", "row_id")))

    def write_training(self, frame: pd.DataFrame) -> None:
        """Store the training log: step, epoch, loss, lr, metrics."""
        self._write("training.parquet", frame_bytes(frame, "training.parquet"))

    def write_latency(self, latency: Latency) -> None:
        """Store timed scenarios."""
        self._write("latency.json", pretty(latency))

    def write_audit(self, audit: Mapping[str, Any]) -> None:
        """Store a dataset audit: plain JSON values."""
        self._write("audit.json", pretty(dict(audit)))

    def write_reported(self, reported: Reported) -> None:
        """Store published figures, in a bundle of kind reported."""
        self._write("reported.json", pretty(reported))

    def write_config(self, config: Config) -> None:
        """Replace the configuration, to add what was `decided` while running."""
        self._config = config
        self._write("config.json", pretty(config))

    def write_log(self, text: str) -> None:
        """Store what the run printed."""
        self._write("log.txt", text.encode("utf-8", "replace"))

    def write_adapter(self, folder: Path) -> None:
        """Copy an adapter's safetensors and JSON files; anything else in its folder is left behind.

        Raises:
            MissingFile: no safetensors file there.
        """
        files = sorted(p for p in folder.glob("*") if p.suffix in {".safetensors", ".json"} and p.is_file())
        if not any(file.suffix == ".safetensors" for file in files):
            raise MissingFile("no safetensors file", where=folder, remedy="save the adapter as safetensors")
        with disk_errors(self.partial):
            (self.partial / "adapter").mkdir(exist_ok=True)
        for file in files:
            self._write(f"adapter/{file.name}", read_chunks(file))

    def finish(self, **updates: Any) -> Path:
        """Seal the bundle, check it as a reader would, and rename it into place.

        Args:
            updates: manifest fields that became known while running, such as `model`, `timings`, `hardware`.

        Returns:
            The bundle's folder.

        Raises:
            AlreadyExists: a run of that name was finished in the meantime.
            BundleError: what was written would be refused on reading; nothing is put in place.
        """
        try:
            self._save_manifest(status="success", error=None, **updates)
            validate_bundle(self.partial)
            if self.path.exists():
                raise AlreadyExists(f"{self.path.name} exists already", where=self.path.parent)
            with disk_errors(self.path):
                self.partial.rename(self.path)
                sync_folder(self.path.parent)
        except BaseException as error:
            self._record(error)
            raise
        self._finished = True
        return self.path

    def _claim(self) -> None:
        records = {"config.json": pretty(self._config), "labels.json": pretty(self._labels)}
        with disk_errors(self.partial):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.partial.is_symlink() or self.partial.is_file():
                raise NotWritable(f"{self.partial.name} is in the way", where=self.path.parent, remedy="remove it")
            if self.partial.exists():
                shutil.rmtree(self.partial)
            self.partial.mkdir()
        try:
            self._save_manifest()
            for name, data in records.items():
                self._write(name, data)
        except BaseException as error:
            self._record(error)
            raise

    def _write(self, name: str, data: bytes | Iterable[bytes]) -> None:
        cap(name)
        self._check_owner()
        self._files[name] = write_file(self.partial / name, data)
        self._save_manifest()

    def _check_owner(self) -> None:
        """Refuse to write into a folder that another run of the same name has claimed since."""
        manifest = self.partial / MANIFEST
        with disk_errors(manifest):
            taken = bool(self._written) and (not manifest.is_file() or manifest.read_bytes() != self._written)
        if taken:
            raise NotWritable(
                f"another run of the name {self.path.name} took over",
                where=self.path.parent,
                remedy="run one at a time, or choose another name with --name",
            )

    def _save_manifest(self, **updates: Any) -> None:
        self._check_owner()
        fields = {**dict(self._manifest), "schema": SCHEMA, "files": self._files, **updates, "root": None}
        fields.pop("schema_")
        dataset: DatasetInfo | None = fields["dataset"]
        if dataset is not None and self._splits:
            fields["dataset"] = dataset.model_copy(update={"splits": self._split_infos()})
        if dataset is not None and dataset.labels_sha256 != labels_sha256(self._labels.names):
            raise WrongTypes("dataset.labels_sha256 is not the digest of the label names", where=self.path.name)
        manifest = _manifest(**fields)
        if manifest.status == "success":
            sealed = manifest.model_dump(mode="json", by_alias=True, exclude={"root"})
            manifest = manifest.model_copy(update={"root": sha256(canonical_json(sealed))})
        data = pretty(manifest)
        write_file(self.partial / MANIFEST, data)
        self._manifest, self._written = manifest, data

    def _split_infos(self) -> dict[str, SplitInfo]:
        return {
            name: SplitInfo(n_rows=len(part), rows_sha256=part.rows_sha256, sampled_of=self._sampled_of[name])
            for name, part in sorted(self._splits.items(), key=lambda item: outcomes.SPLITS.index(item[0]))
        }

    def _record(self, error: BaseException) -> None:
        """Say in the partial manifest why the run ended; the error itself matters more than a failure to do so."""
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        message = None if status == "interrupted" else one_line(f"{type(error).__name__}: {error}")
        with contextlib.suppress(BundleError, OSError):
            self._save_manifest(status=status, error=message)


def _taken(path: Path) -> bool:
    with disk_errors(path):
        return path.is_symlink() or path.exists()


def _manifest(**fields: Any) -> Manifest:
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        raise wrong_types(error, MANIFEST) from None
