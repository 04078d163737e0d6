"""Bundles to read, break and seal again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.bundle import BundleWriter, Config, DatasetInfo, Labels, ModelInfo, canonical_json, labels_sha256

NAMES = ("a", "b", "c")
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Path:
    return GOLDEN


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A bundle with every kind of file, free to be damaged."""
    return Path(shutil.copytree(GOLDEN / "v1-logits", tmp_path / "copy"))


@pytest.fixture
def start() -> Callable[..., BundleWriter]:
    """Begin a run with three labels."""

    def begin(out: Path, run_id: str = "run", resolved: dict[str, Any] | None = None, **fields: Any) -> BundleWriter:
        settings: dict[str, Any] = {
            "labels": Labels(names=NAMES, train_counts=(5, 3, 0)),
            "runner": "test",
            "course": "generic",
            "model": ModelInfo(name="m", family="linear"),
            "dataset": DatasetInfo(name="d", labels_sha256=labels_sha256(NAMES), splits={}),
        }
        config = Config(passed={}, resolved={"C": 1} if resolved is None else resolved)
        return BundleWriter.start(out, run_id=run_id, config=config, **(settings | fields))

    return begin


@pytest.fixture
def score() -> Callable[[BundleWriter], None]:
    """Write four rows of predictions."""

    def write(writer: BundleWriter, split: str = "val") -> None:
        logits = np.eye(3)[[0, 1, 2, 0]]
        writer.write_predictions(split, ["r1", "r2", "r3", "r4"], None, np.array([0, 1, 2, 2]), logits=logits)

    return write


@pytest.fixture
def reseal() -> Callable[..., None]:
    """Make the manifest agree with what lies in the folder, as a forger would: only the contents can give it away."""

    def seal(bundle: Path, **changes: Any) -> None:
        path = bundle / "manifest.json"
        manifest = json.loads(path.read_text()) | changes
        for name in list(manifest["files"]):
            data = (bundle / name).read_bytes()
            manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest.pop("root")
        manifest["root"] = hashlib.sha256(canonical_json(manifest)).hexdigest()
        path.write_text(json.dumps(manifest))

    return seal
