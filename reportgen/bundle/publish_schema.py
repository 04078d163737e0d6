"""The bundle's JSON Schema as files: `python -m reportgen.bundle.publish_schema [FOLDER]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .files import write_file
from .predictions import COLUMNS
from .schema import SCHEMA, Config, Edit, Labels, Latency, Manifest, Reported

DEFAULT_FOLDER = Path("docs/schema/bundle-1")

_RECORDS: dict[str, type[BaseModel]] = {
    "manifest.json": Manifest,
    "config.json": Config,
    "labels.json": Labels,
    "latency.json": Latency,
    "reported.json": Reported,
    "edits.jsonl": Edit,
}


def documents() -> dict[str, bytes]:
    """The files of the schema folder by name: one JSON Schema a record, and the columns of predictions.parquet."""
    found = {f"{name.partition('.')[0]}.schema.json": _schema(name, model) for name, model in _RECORDS.items()}
    found["predictions.columns.json"] = _text(COLUMNS)
    return found


def publish(folder: Path = DEFAULT_FOLDER) -> list[Path]:
    """Write the documents; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in documents().items():
        write_file(folder / name, data)
    return [folder / name for name in documents()]


def _schema(name: str, model: type[BaseModel]) -> bytes:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA}/{name}",
    }
    return _text(head | model.model_json_schema(by_alias=True))


def _text(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


if __name__ == "__main__":
    for path in publish(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER):
        sys.stdout.write(f"{path}\n")
