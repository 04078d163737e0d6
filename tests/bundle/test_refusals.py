"""Every way a bundle can be wrong has its own error and one line of remedy."""

from __future__ import annotations

import inspect
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reportgen.bundle import (
    BadJson,
    BadTable,
    BrokenChain,
    BundleError,
    Contradiction,
    ExtraFile,
    HashMismatch,
    Incomplete,
    LinkRefused,
    MissingFile,
    NewerVersion,
    NotABundle,
    RootMismatch,
    TooLarge,
    UnknownVersion,
    UnsafePath,
    WrongTypes,
    canonical_json,
    errors,
    find_bundles,
    read_bundle,
    sha256,
    validate_bundle,
)

Reseal = Callable[..., None]
GOLDEN = Path(__file__).parent / "golden/v1-logits"
SEALED = sorted(str(p.relative_to(GOLDEN)) for p in GOLDEN.rglob("*") if p.is_file() and p.name != "edits.jsonl")


def manifest_of(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "manifest.json").read_text())


def test_every_refusal_is_one_line_with_a_remedy(copy: Path) -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BundleError)]
    assert len(kinds) > 20
    remedies = [kind.default_remedy for kind in kinds]
    assert all(remedies)
    assert all("\n" not in str(kind("what\nnow", where=copy)) for kind in kinds)
    assert str(HashMismatch("x has changed", where="run")).startswith("x has changed (run): take the bundle from")


def test_the_untouched_bundle_is_sound(copy: Path) -> None:
    validate_bundle(copy)


@pytest.mark.parametrize("name", SEALED)
def test_one_byte_changed_in_any_file(copy: Path, name: str) -> None:
    data = (copy / name).read_bytes()
    for at in random.Random(name).sample(range(len(data)), min(len(data), 12)):
        if name == "manifest.json" and data[at : at + 1].isspace():
            continue  # blanks between values mean nothing
        (copy / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(BundleError) as caught:
            read_bundle(copy)
        if name != "manifest.json":
            assert type(caught.value) is HashMismatch
            assert str(caught.value).startswith(f"{name} has changed")


@pytest.mark.parametrize("name", SEALED)
def test_a_byte_more_or_less_in_any_file(copy: Path, name: str) -> None:
    data = (copy / name).read_bytes()
    for changed in (data[:-2], data + b"x", b""):
        (copy / name).write_bytes(changed)
        with pytest.raises((HashMismatch, BadJson)):
            read_bundle(copy)


def fields_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from fields_of(child, (*path, key))


FIELDS = list(fields_of(manifest_of(GOLDEN)))


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: ".".join(map(str, f)))
def test_any_field_of_the_manifest_changed_or_removed(copy: Path, field: tuple[Any, ...]) -> None:
    for change in ("replace", "remove", "rename"):
        manifest = manifest_of(copy)
        parent = manifest
        for key in field[:-1]:
            parent = parent[key]
        old = parent[field[-1]]
        if change == "replace":
            number = isinstance(old, (int, float)) and not isinstance(old, bool)
            parent[field[-1]] = old + 1 if number else f"{old}x" if isinstance(old, str) else "other"
        elif change == "remove" or isinstance(parent, list):
            del parent[field[-1]]
        else:
            parent[f"{field[-1]}_"] = parent.pop(field[-1])
        (copy / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(BundleError) as caught:
            read_bundle(copy)
        if field[0] != "schema":
            assert type(caught.value) is RootMismatch, change
        shutil.copy(GOLDEN / "manifest.json", copy / "manifest.json")


def test_a_field_added_to_the_manifest(copy: Path) -> None:
    (copy / "manifest.json").write_text(json.dumps(manifest_of(copy) | {"verified_by": "me"}))
    with pytest.raises(RootMismatch):
        read_bundle(copy)


def test_fields_of_a_newer_minor_version_are_read_over(copy: Path, reseal: Reseal) -> None:
    reseal(copy, energy_kwh=0.5)
    assert read_bundle(copy).run_id == "v1-logits"


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        ("reportgen/bundle/2", NewerVersion),
        ("reportgen/bundle/99999999999999999999", NewerVersion),
        ("reportgen/bundle/0", UnknownVersion),
        ("reportgen/bundle/1.5", UnknownVersion),
        ("reportgen/bundle/²", UnknownVersion),
        ("inspect/log/2", UnknownVersion),
        ("", UnknownVersion),
        (None, UnknownVersion),
        (2, UnknownVersion),
        (["reportgen/bundle/2"], UnknownVersion),
    ],
)
def test_versions(copy: Path, schema: object, error: type[BundleError]) -> None:
    (copy / "manifest.json").write_text(json.dumps(manifest_of(copy) | {"schema": schema}))
    with pytest.raises(error):
        read_bundle(copy)


@pytest.mark.parametrize("status", ["started", "failed", "interrupted"])
def test_runs_that_did_not_end_well(copy: Path, reseal: Reseal, status: str) -> None:
    reseal(copy, status=status, error="out of memory")
    with pytest.raises(Incomplete, match=f"status is {status}: out of memory"):
        read_bundle(copy)


@pytest.mark.parametrize("name", SEALED)
def test_a_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(NotABundle if name == "manifest.json" else MissingFile):
        read_bundle(copy)


@pytest.mark.parametrize("name", ["notes.txt", "model.pt", "adapter/training_args.bin", "manifest.json.bak", ".hidden"])
def test_an_extra_file(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ExtraFile, match=name.replace(".", r"\.")):
        read_bundle(copy)


@pytest.mark.parametrize("name", ["model.pt", "adapter/optimizer.bin", "adapter/evil.py", "p.pkl", "edits.jsonl"])
def test_a_listed_file_bundles_do_not_hold(copy: Path, reseal: Reseal, name: str) -> None:
    (copy / name).write_bytes(b"x")
    reseal(copy, files=manifest_of(copy)["files"] | {name: None})
    with pytest.raises(ExtraFile):
        read_bundle(copy)


@pytest.mark.parametrize("junk", [".DS_Store", "Thumbs.db", "adapter/.DS_Store"])
def test_what_operating_systems_drop_is_read_over(copy: Path, junk: str) -> None:
    (copy / junk).write_bytes(b"junk")
    validate_bundle(copy)


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/etc/passwd", "adapter/../../evil.json", "C:\\evil", "a\\b", "adapter//x.json", "x\n", "./a", ""],
)
def test_names_that_leave_the_bundle(copy: Path, name: str) -> None:
    manifest = manifest_of(copy)
    manifest["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    manifest.pop("root")
    manifest["root"] = sha256(canonical_json(manifest))
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UnsafePath):
        read_bundle(copy)


@pytest.mark.parametrize(
    "name", ["predictions.parquet", "manifest.json", "edits.jsonl", "adapter", "adapter/adapter_config.json"]
)
def test_links_are_refused(copy: Path, tmp_path: Path, name: str) -> None:
    (copy / name).rename(tmp_path / "moved")
    (copy / name).symlink_to(tmp_path / "moved")
    with pytest.raises(LinkRefused):
        read_bundle(copy)


def test_a_linked_bundle_and_a_dangling_link_are_refused(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(copy)
    with pytest.raises(LinkRefused):
        read_bundle(tmp_path / "link")
    (copy / "audit2.json").symlink_to("nowhere")
    with pytest.raises(LinkRefused):
        read_bundle(copy)


def test_only_adapter_is_a_folder_and_pipes_are_no_files(copy: Path) -> None:
    (copy / "deep").mkdir()
    with pytest.raises(UnsafePath):
        read_bundle(copy)
    (copy / "deep").rmdir()
    (copy / "adapter/deep").mkdir()
    with pytest.raises(UnsafePath):
        read_bundle(copy)
    (copy / "adapter/deep").rmdir()
    os.mkfifo(copy / "log2.txt")
    with pytest.raises(UnsafePath):
        read_bundle(copy)


@pytest.mark.parametrize("path", ["nothing", "x" * 300, "file.txt", ""])
def test_no_bundle_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "file.txt").write_text("hello")
    with pytest.raises(BundleError):
        read_bundle(tmp_path / path)
    with pytest.raises(BundleError):
        find_bundles(tmp_path / path)


JSON_FILES = ["config.json", "labels.json", "latency.json", "audit.json"]
BAD = [
    b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e999}', b'{"a": 1, "a": 2}', b"{", b"",
    b"\xff\xfe", b'"\\ud800"', b"[" * 100 + b"]" * 100, b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5_000,
    b"\xef\xbb\xbf{}",
]  # fmt: skip


@pytest.mark.parametrize("data", BAD, ids=lambda d: repr(d[:16]))
@pytest.mark.parametrize("name", ["manifest.json", *JSON_FILES])
def test_json_that_is_none_of_ours(copy: Path, reseal: Reseal, name: str, data: bytes) -> None:
    (copy / name).write_bytes(data)
    if name != "manifest.json":
        reseal(copy)
    with pytest.raises(BadJson):
        read_bundle(copy)


@pytest.mark.parametrize(
    "data", [b"[]", b"3", b"null", b'"x"', b'{"names": 3}', b'{"records": [1]}', b'{"resolved": []}']
)
@pytest.mark.parametrize("name", ["config.json", "labels.json", "latency.json"])
def test_json_of_other_types(copy: Path, reseal: Reseal, name: str, data: bytes) -> None:
    (copy / name).write_bytes(data)
    reseal(copy)
    with pytest.raises(WrongTypes, match=name):
        read_bundle(copy)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("week", "1"), ("week", 7), ("seed", 1.5), ("run_id", "../x"), ("kind", "made up"), ("trained_on", ["dev"]),
        ("files", []), ("model", None), ("created_utc", 5), ("timings", {"fit": "slow"}), ("dataset", None),
        ("git", "abc"),
    ],
)  # fmt: skip
def test_manifest_fields_of_other_types(copy: Path, reseal: Reseal, field: str, value: object) -> None:
    if field == "files":
        manifest = manifest_of(copy) | {"files": []}
        manifest.pop("root")
        (copy / "manifest.json").write_text(json.dumps(manifest | {"root": sha256(canonical_json(manifest))}))
    else:
        reseal(copy, **{field: value})
    with pytest.raises(WrongTypes, match=field):
        read_bundle(copy)


def table_of(bundle: Path) -> pa.Table:
    return pq.read_table(bundle / "predictions.parquet")


def edited(column: str, change: Callable[[list[Any]], Any]) -> Callable[[pa.Table], pa.Table]:
    def edit(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        at = table.column_names.index(column)
        change(values)
        return table.set_column(at, column, pa.array(values, table[column].type))

    return edit


def set_to(at: int, value: Any) -> Callable[[list[Any]], None]:
    return lambda values: values.__setitem__(at, value)


LOGITS = [np.float16(v) for v in (9, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("edit", "error", "says"),
    [
        (edited("prediction", set_to(0, 2)), Contradiction, "not the argmax of their logits, first in row 'val-00'"),
        (edited("logits", set_to(0, LOGITS)), Contradiction, "not the argmax"),
        (edited("logits", set_to(1, [np.float16(np.nan)] * 5)), Contradiction, "NaN"),
        (edited("confidence", set_to(3, 0.99)), Contradiction, "softmax"),
        (edited("confidence", set_to(3, 2.0)), Contradiction, "outside of 0 … 1"),
        (edited("confidence", set_to(3, None)), Contradiction, "softmax"),
        (edited("label", set_to(0, 5)), Contradiction, "label lies outside of 0 … 4"),
        (edited("label", set_to(0, -1)), Contradiction, "label lies outside"),
        (edited("label", set_to(0, 0)), Contradiction, "rows of val are not those"),
        (edited("prediction", set_to(0, -1)), Contradiction, "prediction lies outside of 0"),
        (edited("row_id", set_to(0, "val-01")), Contradiction, "repeat or are not in order"),
        (edited("row_id", set_to(0, "val-000")), Contradiction, "rows of val are not those"),
        (edited("row_id", set_to(0, "x" * 999)), TooLarge, "999 bytes"),
        (edited("row_id", set_to(0, None)), BadTable, "empty cells"),
        (edited("text_sha256", set_to(0, None)), Contradiction, "rows of val are not those"),
        (edited("split", set_to(0, "dev")), BadTable, "unknown split 'dev'"),
        (edited("split", set_to(0, "test")), BadTable, "not in one block"),
        (lambda t: t.slice(0, 24), Contradiction, "predictions on val, the manifest says val, test"),
        (lambda t: t.slice(1), Contradiction, "rows of val are not those"),
        (lambda t: t.slice(0, 0), Contradiction, "predictions on nothing, the manifest says val, test"),
        (lambda t: t.drop_columns(["logits"]), None, None),
        (lambda t: t.drop_columns(["label"]), BadTable, "columns are"),
        (lambda t: t.append_column("text", t["row_id"]), BadTable, "columns are"),
        (lambda t: t.append_column("label", t["label"]), BadTable, "columns are"),
        (lambda t: t.set_column(3, "label", t["label"].cast(pa.int64())), BadTable, "label is int64, not int16"),
        (lambda t: t.set_column(1, "row_id", t["label"]), BadTable, "row_id is int16, not text"),
        (lambda t: t.set_column(6, "logits", t["logits"].cast(pa.list_(pa.float16()))), BadTable, "logits is list"),
        (lambda t: t.set_column(6, "logits", t["logits"].cast(pa.list_(pa.float32(), 5))), BadTable, "logits is fixed"),
    ],
)  # fmt: skip
def test_predictions_that_contradict_themselves(
    copy: Path, reseal: Reseal, edit: Callable[[pa.Table], pa.Table], error: type[BundleError] | None, says: str | None
) -> None:
    pq.write_table(edit(table_of(copy)), copy / "predictions.parquet")
    reseal(copy)
    if error is None:
        assert read_bundle(copy).predictions("val").logits is None
        return
    with pytest.raises(error, match=says):
        read_bundle(copy)


@pytest.mark.parametrize("name", ["predictions.parquet", "rows.parquet", "training.parquet"])
@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 9, b"\x80\x04N.", b"row_id,label\n1,2\n"])
def test_tables_that_are_no_parquet(copy: Path, reseal: Reseal, name: str, data: bytes) -> None:
    (copy / name).write_bytes(data)
    reseal(copy)
    with pytest.raises(BadTable, match=name):
        read_bundle(copy)


def test_a_parquet_bomb_is_seen_in_its_footer(copy: Path, reseal: Reseal) -> None:
    rows = 1_000_001
    bomb = pa.table(
        {
            "split": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["val"]),
            "row_id": pa.nulls(rows, pa.string()),
        }
    )
    pq.write_table(bomb, copy / "rows.parquet", compression="zstd")
    assert (copy / "rows.parquet").stat().st_size < 10_000
    reseal(copy)
    with pytest.raises(TooLarge, match="1,000,001 rows"):
        read_bundle(copy)


def test_a_long_string_repeated_for_free_is_never_expanded(copy: Path, reseal: Reseal) -> None:
    rows = 900_000
    ids = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["A" * 1_000_000])
    splits = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["val"])
    pq.write_table(pa.table({"split": splits, "row_id": ids}), copy / "rows.parquet", compression="zstd")
    assert (copy / "rows.parquet").stat().st_size < 20_000  # 900 GB once expanded
    reseal(copy)
    with pytest.raises(TooLarge, match="1,000,000 bytes"):
        read_bundle(copy)


def test_a_table_with_too_many_columns(copy: Path, reseal: Reseal) -> None:
    pq.write_table(pa.table({f"c{i}": [1] for i in range(65)}), copy / "training.parquet")
    reseal(copy)
    with pytest.raises(TooLarge, match="65 columns"):
        read_bundle(copy)


def test_texts_of_rows_are_refused(copy: Path, reseal: Reseal) -> None:
    table = pq.read_table(copy / "rows.parquet")
    pq.write_table(table.append_column("text", table["row_id"]), copy / "rows.parquet")
    reseal(copy)
    with pytest.raises(BadTable, match="holds text"):
        read_bundle(copy)


def test_metadata_of_strangers_is_not_obeyed(copy: Path, reseal: Reseal) -> None:
    table = pq.read_table(copy / "training.parquet")
    hostile = {"pandas": json.dumps({"index_columns": ["step"], "columns": [{"name": "step", "pandas_type": "evil"}]})}
    pq.write_table(table.replace_schema_metadata(hostile), copy / "training.parquet")
    reseal(copy)
    assert list(read_bundle(copy).training.columns) == ["step", "loss", "val_macro_f1"]


def test_too_many_labels(copy: Path, reseal: Reseal) -> None:
    labels = json.loads((copy / "labels.json").read_text())
    (copy / "labels.json").write_text(json.dumps(labels | {"names": [str(i) for i in range(2_001)]}))
    reseal(copy)
    with pytest.raises(TooLarge, match="2,001 labels"):
        read_bundle(copy)


def test_labels_of_another_list(copy: Path, reseal: Reseal) -> None:
    labels = json.loads((copy / "labels.json").read_text())
    labels["names"][0] = "Fraud"
    (copy / "labels.json").write_text(json.dumps(labels))
    reseal(copy)
    with pytest.raises(Contradiction, match="not the dataset's label list"):
        read_bundle(copy)


def test_files_larger_than_their_kind(copy: Path, reseal: Reseal, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / "log.txt").write_text("x" * 2_000)
    reseal(copy)
    monkeypatch.setattr("reportgen.bundle.limits.MAX_LOG_BYTES", 1_000)
    with pytest.raises(TooLarge, match=r"log\.txt has 2,000 bytes"):
        read_bundle(copy)


def test_too_many_files(copy: Path) -> None:
    for i in range(257):
        (copy / f"adapter/{i}.json").write_text("{}")
    with pytest.raises(TooLarge, match="more than 256 files"):
        read_bundle(copy)


def test_edits_are_no_part_of_the_seal_but_of_the_check(copy: Path) -> None:
    lines = (copy / "edits.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "edits.jsonl").unlink()
    assert read_bundle(copy).edits == ()
    for broken in (
        lines[1], lines[0][:-1], lines[0] + lines[0], lines[0].replace(b"wrong", b"wrung") + lines[1], lines[0] + b"\n"
    ):  # fmt: skip
        (copy / "edits.jsonl").write_bytes(broken)
        with pytest.raises((BrokenChain, BadJson)):
            read_bundle(copy)


def test_without_verification_a_trusted_bundle_still_parses_strictly(copy: Path) -> None:
    (copy / "log.txt").write_text("fittex\n")
    assert read_bundle(copy, verify=False).log == "fittex\n"
    (copy / "training.parquet").write_bytes(b"x" * (copy / "training.parquet").stat().st_size)
    trusting = read_bundle(copy, verify=False)
    assert not trusting.verified
    with pytest.raises(BadTable):
        _ = trusting.training


@pytest.mark.parametrize("name", ["predictions.parquet", "rows.parquet", "training.parquet", *JSON_FILES])
def test_fuzzed_contents_under_a_forged_seal_raise_only_bundle_errors(copy: Path, reseal: Reseal, name: str) -> None:
    original = (copy / name).read_bytes()
    rng = random.Random(name)
    refused = 0
    for _ in range(60):
        data = bytearray(original)
        for _ in range(rng.choice([1, 1, 2, 8])):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([0, 1, 1, 4])] = rng.randbytes(rng.choice([0, 1, 1, 4]))
        (copy / name).write_bytes(data)
        reseal(copy)
        try:
            read_bundle(copy)
        except BundleError:
            refused += 1
    assert refused > 10


def test_fuzzed_manifests_raise_only_bundle_errors(copy: Path) -> None:
    original = (copy / "manifest.json").read_bytes()
    rng = random.Random(5)
    for _ in range(300):
        data = bytearray(original)
        for _ in range(rng.choice([1, 2, 8])):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([0, 1, 1, 4])] = rng.randbytes(rng.choice([0, 1, 1, 4]))
        (copy / "manifest.json").write_bytes(data)
        try:
            same = read_bundle(copy).manifest
        except BundleError:
            continue
        assert json.loads(data) == json.loads(original)  # only blanks changed
        assert same.run_id == "v1-logits"


def test_reading_is_one_pass_over_the_bytes(copy: Path) -> None:
    """What was verified is what is served: a file exchanged later has no say."""
    bundle = read_bundle(copy)
    for path in copy.glob("*.*"):
        path.write_bytes(b"")
    assert bundle.training["loss"].tolist() == [1.5, 0.75]
    assert len(bundle.rows("val")) == 24
    with pytest.raises(BundleError):
        list(bundle.read_file("log.txt"))
    assert io.BytesIO(bundle.log.encode()).read() == b"fitted\n"
