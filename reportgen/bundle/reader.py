"""Reading bundles: verified from the manifest's root down to each prediction, then served as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .chain import parse_edits
from .checks import check_contents
from .digests import canonical_json, sha256
from .errors import (
    ExtraFile,
    HashMismatch,
    Incomplete,
    MissingFile,
    NewerVersion,
    NotABundle,
    RootMismatch,
    TooLarge,
    UnknownVersion,
    WrongTypes,
)
from .files import EDITS, MANIFEST, UNLISTED, cap, check_name
from .jsonio import loads, parse, wrong_types
from .kept import kept_bundle
from .limits import MAX_FILES
from .predictions import FILE as PREDICTIONS
from .predictions import SplitPredictions, from_parquet, scored_order
from .schema import SCHEMA, Config, Edit, Labels, Latency, Manifest, Reported
from .sources import Archive, FolderSource, Source, read, unreadable
from .tables import read_frame

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = frozenset({"config.json", "labels.json"})
_OUTCOMES = frozenset({PREDICTIONS, "audit.json", "latency.json"})
_ROW_TEXT = ("split", "row_id")
_SEALED = ("labels", "config", "_predictions", "_in_order", "all_rows", "training", "latency", "audit", "reported")


class Bundle:
    """A finished run, read into memory; adapters stay where they are.

    Made by `read_bundle`. Attributes are decoded on first use and cached, for bundles with the same root together:
    arrays are read-only, and nobody changes a frame.
    """

    def __init__(self, path: Path, manifest: Manifest, blobs: dict[str, bytes], verified: bool) -> None:
        self.path = path
        self.manifest = manifest
        self.verified = verified
        self._blobs = blobs

    def __repr__(self) -> str:
        return f"Bundle({self.run_id!r}, {self.manifest.kind}, splits={self.splits})"

    def take_over(self, known: Bundle) -> None:
        """What the same sealed files were decoded to before; edits are not sealed."""
        vars(self).update({name: getattr(known, name) for name in _SEALED})
        self._blobs.pop(PREDICTIONS, None)

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.manifest.run_id

    @property
    def root(self) -> str:
        """Digest of everything in the bundle but its edits."""
        return self.manifest.root or ""

    @cached_property
    def labels(self) -> Labels:
        """Label names in id order; no names in a reported bundle that knows none."""
        return parse(Labels, self._blobs["labels.json"], "labels.json")

    @cached_property
    def config(self) -> Config:
        """Arguments as passed and as resolved."""
        return parse(Config, self._blobs["config.json"], "config.json")

    @cached_property
    def _predictions(self) -> dict[str, SplitPredictions]:
        # Popped: the decoded arrays replace the file's bytes.
        data = self._blobs.pop(PREDICTIONS, None)
        return {} if data is None else from_parquet(data, len(self.labels.names))

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits with predictions, in the order train, val, test."""
        return tuple(self._predictions)

    @cached_property
    def _in_order(self) -> dict[str, SplitPredictions]:
        return {}

    def stored(self, split: str) -> SplitPredictions:
        """Outcomes on one split as the file holds them: in order of row_id as text.

        Raises:
            MissingFile: the run did not score that split.
        """
        if split not in self._predictions:
            raise MissingFile(
                f"run {self.run_id} has no predictions on {split}",
                remedy=f"it scored {', '.join(self.splits) or 'nothing'}; run it on {split} too",
            )
        return self._predictions[split]

    def predictions(self, split: str) -> SplitPredictions:
        """Outcomes on one split, in the order in which the rows were scored.

        Raises:
            MissingFile: the run did not score that split.
        """
        if split not in self._in_order:
            stored = self.stored(split)
            self._in_order[split] = stored.take(scored_order(stored.row_ids))
        return self._in_order[split]

    @cached_property
    def all_rows(self) -> pd.DataFrame | None:
        """Slice features of all splits, with a column `split`; None if not stored."""
        data = self._blobs.get("rows.parquet")
        return None if data is None else read_frame(data, "rows.parquet", text=_ROW_TEXT)

    def rows(self, split: str) -> pd.DataFrame | None:
        """Slice features of a split: `row_id` and numbers, in the order of its predictions; None if not stored."""
        if self.all_rows is None:
            return None
        found = self.all_rows[self.all_rows["split"] == split].drop(columns="split")
        if not len(found):
            return None
        return found.iloc[scored_order(found["row_id"].to_numpy(dtype=object))].reset_index(drop=True)

    @cached_property
    def training(self) -> pd.DataFrame | None:
        """Training log: step, epoch, loss, lr and validation metrics; None for runs that train nothing."""
        data = self._blobs.get("training.parquet")
        return None if data is None else read_frame(data, "training.parquet")

    @cached_property
    def latency(self) -> Latency | None:
        """Timed scenarios; None if nothing was timed."""
        data = self._blobs.get("latency.json")
        return None if data is None else parse(Latency, data, "latency.json")

    @cached_property
    def audit(self) -> dict[str, Any] | None:
        """Dataset audit; None if this is no audit run."""
        data = self._blobs.get("audit.json")
        if data is None:
            return None
        found = loads(data, "audit.json")
        if not isinstance(found, dict):
            raise WrongTypes("an audit is a JSON object", where="audit.json")
        return found

    @cached_property
    def reported(self) -> Reported | None:
        """Published figures; only in reported bundles."""
        data = self._blobs.get("reported.json")
        return None if data is None else parse(Reported, data, "reported.json")

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """Corrections recorded beside the sealed files, oldest first."""
        return parse_edits(self._blobs.get(EDITS, b""))

    @cached_property
    def log(self) -> str:
        """What the run printed, if it was kept."""
        return self._blobs.get("log.txt", b"").decode("utf-8", "replace")

    @property
    def adapter_files(self) -> tuple[str, ...]:
        """Names of the adapter's files, relative to the bundle, e.g. adapter/adapter_model.safetensors."""
        return tuple(sorted(name for name in self.manifest.files if name.startswith("adapter/")))

    def read_file(self, name: str) -> Iterator[bytes]:
        """Chunks of one of the bundle's files, from disk and checked against its digest again.

        Raises:
            MissingFile: no such file.
            HashMismatch: it changed since; raised after the last chunk.
        """
        with sources_at(self.path) as sources:
            source = _only(sources, self.path)
            if name not in self.manifest.files or name not in source.sizes:
                raise MissingFile(f"no {name}", where=self.path)
            digest = hashlib.sha256()
            for chunk in source.chunks(name):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != self.manifest.files[name].sha256:
            raise HashMismatch(f"{name} has changed", where=self.path)


def read_bundle(path: str | Path, *, verify: bool = True) -> Bundle:
    """Read a bundle from its folder or zip.

    Args:
        path: a folder with a manifest.json, or a zip of one.
        verify: check sizes, digests, the root and the contents. Only switch it off for a bundle verified before.

    Raises:
        BundleError: the subclass says what is wrong with it.
    """
    with sources_at(Path(path)) as sources:
        return read_source(_only(sources, Path(path)), verify)


def validate_bundle(path: str | Path) -> None:
    """Check everything about a bundle (of a zip: every bundle in it).

    Raises:
        BundleError: the subclass says what is wrong with it.
    """
    with sources_at(Path(path)) as sources:
        if not sources:
            raise NotABundle("no manifest.json in it", where=path)
        for source in sources:
            read_source(source, verify=True)


@contextmanager
def sources_at(path: Path) -> Iterator[list[Source]]:
    """The bundles at a folder, in a zip, or in one folder of a zip."""
    with unreadable(path):
        folder = path.is_dir()
        zipped = next((place for place in (path, *path.parents) if place.is_file()), None)
    if folder:
        yield [FolderSource(path)]
        return
    if zipped is None:
        raise NotABundle("there is nothing", where=path)
    with Archive(zipped) as archive:
        yield [source for source in archive.bundles() if zipped == path or source.path == path]


def _only(sources: list[Source], path: Path) -> Source:
    if len(sources) != 1:
        what = "no manifest.json in it" if not sources else f"it holds {len(sources)} bundles"
        raise NotABundle(what, where=path, remedy="unzip it and pass the folder" if sources else None)
    return sources[0]


def read_source(source: Source, verify: bool) -> Bundle:
    """One bundle of an open folder or zip; one that was read before is decoded once, and verified each time.

    Raises:
        BundleError: the subclass says what is wrong with it.
    """
    if MANIFEST not in source.sizes:
        raise NotABundle("no manifest.json in it", where=source.path)
    manifest = _read_manifest(read(source, MANIFEST, cap(MANIFEST)), source.path, verify)
    if len(manifest.files) > MAX_FILES:
        raise TooLarge(f"more than {MAX_FILES} files", where=source.path)
    _check_listing(manifest, source)
    blobs = {}
    for name, info in manifest.files.items():
        limit = cap(name)
        if source.sizes[name] != info.bytes:
            raise HashMismatch(
                f"{name} has {source.sizes[name]:,} bytes, the manifest says {info.bytes:,}", where=source.path
            )
        if name.endswith(".safetensors"):
            if info.bytes > limit:
                raise TooLarge(f"{name} has {info.bytes:,} bytes, at most {limit:,}", where=source.path)
            if verify and _stream_sha256(source.chunks(name)) != info.sha256:
                raise HashMismatch(f"{name} has changed", where=source.path)
            continue
        data = read(source, name, limit)
        if verify and sha256(data) != info.sha256:
            raise HashMismatch(f"{name} has changed", where=source.path)
        blobs[name] = data
    if EDITS in source.sizes:
        blobs[EDITS] = read(source, EDITS, cap(EDITS))
    bundle = Bundle(source.path, manifest, blobs, verify)
    if verify:
        _ = bundle.edits
        bundle.take_over(kept_bundle(bundle.root, lambda: _checked(bundle)))
    return bundle


def _checked(bundle: Bundle) -> Bundle:
    check_contents(bundle)
    return bundle


def _read_manifest(data: bytes, where: Path, verify: bool) -> Manifest:
    raw = loads(data, MANIFEST)
    if not isinstance(raw, dict):
        raise WrongTypes("a manifest is a JSON object", where=where)
    _check_version(raw.get("schema"), where)
    status = raw.get("status")
    if status in {"started", "failed", "interrupted"}:
        reason = f": {raw['error']}" if isinstance(raw.get("error"), str) else ""
        raise Incomplete(f"the run's status is {status}{reason}", where=where)
    if verify:
        stated = raw.get("root")
        if stated != sha256(canonical_json({key: value for key, value in raw.items() if key != "root"})):
            raise RootMismatch("the manifest does not match its root", where=where)
    try:
        return Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise wrong_types(error, str(where / MANIFEST)) from None


def _check_version(schema: object, where: Path) -> None:
    if schema == SCHEMA:
        return
    family, _, version = schema.rpartition("/") if isinstance(schema, str) else ("", "", "")
    if family == SCHEMA.rpartition("/")[0] and version.isascii() and version.isdigit() and int(version[:9]) > 1:
        raise NewerVersion(f"bundle of version {version[:9]}; this reportgen reads version 1", where=where)
    raise UnknownVersion(f"unknown schema {schema!r}", where=where)


def _check_listing(manifest: Manifest, source: Source) -> None:
    for name in manifest.files:
        check_name(name, source.path)
        cap(name)
        if name in UNLISTED:
            raise ExtraFile(f"{name} must not be listed", where=source.path)
    there = source.sizes.keys() - UNLISTED
    needed = _NEEDED | ({"reported.json"} if manifest.kind == "reported" else set())
    missing = (manifest.files.keys() | needed) - there
    if missing:
        raise MissingFile(f"{min(missing)} is missing", where=source.path)
    extra = there - manifest.files.keys()
    if extra:
        raise ExtraFile(f"{min(extra)} is not in the manifest", where=source.path)
    if manifest.kind == "measured" and not (_OUTCOMES & there):
        raise MissingFile("no predictions, audit or latency: nothing was measured", where=source.path)
    if manifest.kind == "reported" and PREDICTIONS in there:
        raise ExtraFile("a reported bundle has no predictions", where=source.path, remedy="write a measured bundle")


def _stream_sha256(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
