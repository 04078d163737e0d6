"""Hostile files: every import ends in sound bundles or in one line, and never in half of a bundle."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reportgen.bundle import validate_bundle
from reportgen.data import load_course
from reportgen.errors import ReportgenError
from reportgen.importers import import_files

from .conftest import predictions_csv
from .test_course import WEEK1, WEEK2_ROWS, WEEK5
from .test_published import SHIPPED
from .test_trainer import STATE

FUZZ = settings(
    max_examples=int(os.environ.get("REPORTGEN_FUZZ", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

_NASTY = (
    "",
    "NaN",
    "-1",
    "1e999",
    '"',
    "\0",
    "\n",
    ",",
    "\u202e",
    "=1+1",
    "p_",
    "\ud83d\ude00",
    "９",
    "0x10",
    "∞",
    "'",
)


def _keys() -> st.SearchStrategy[str]:
    known = [
        "encoder",
        "decoder_lora",
        "flags",
        "encoder_int8",
        "int4",
        "accuracy",
        "macro_f1",
        "ece",
        "latency",
        "single_ms",
    ]
    known += ["per_class_f1", "label_counts", "train_time", "time_64k_min", "throughput_per_sec", "model", "precision"]
    known += ["log_history", "step", "loss", "eval_accuracy", "best_global_step", "best_model_checkpoint", "tail"]
    return st.sampled_from(known) | st.text(max_size=5)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from([0.5, 54.2, "0.5"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys(), inner, max_size=4),
    max_leaves=12,
)


def attempt(files: dict[str, bytes], **options: Any) -> int:
    """Import files; how many bundles came of it. Fails unless they are sound, or one line and nothing."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    try:
        for name, content in files.items():
            (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "in" / name).write_bytes(content)
        given_ = list(dict.fromkeys(folder / "in" / name.split("/")[0] for name in files))
        runs, told, refused = folder / "runs", [], "\n"
        try:
            made = import_files(given_, runs, say=told.append, **options)
        except ReportgenError as error:
            refused = str(error)
            made = []
        if not made:
            assert "\n" not in refused
            assert not runs.exists()
            return 0
        assert sorted(runs.iterdir()) == sorted(set(made))
        for path in made:
            validate_bundle(path)
        return len(made)
    finally:
        shutil.rmtree(folder)


@st.composite
def damaged(draw: st.DrawFn, base: bytes) -> bytes:
    """A file with up to four pieces cut out, doubled or replaced."""
    content = bytearray(base)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 2, 7, 40]))
        piece = draw(
            st.binary(max_size=4)
            | st.sampled_from([word.encode("utf-8", "surrogatepass") for word in _NASTY])
            | st.just(bytes(content[at : at + length]) * 2)
        )
        content[at : at + length] = piece
    return bytes(content)


@st.composite
def damaged_cells(draw: st.DrawFn, base: str) -> bytes:
    """A table in which up to three cells are something else."""
    lines = [line.split(",") for line in base.splitlines()]
    for _ in range(draw(st.integers(1, 3))):
        row = draw(st.sampled_from(lines))
        row[draw(st.integers(0, len(row) - 1))] = draw(
            st.sampled_from(_NASTY) | st.text(max_size=5) | st.floats().map(str) | st.integers().map(str)
        )
    return "\n".join(",".join(row) for row in lines).encode("utf-8", "surrogatepass")


PLAIN = "row_id,label,prediction,p_a,p_b\n1,a,a,0.75,0.25\n2,b,a,0.6,0.4\n3,b,b,0.125,0.875\n"
COURSE = load_course("ecbs5200")


@FUZZ
@given(damaged_cells(PLAIN) | damaged(PLAIN.encode()), st.sampled_from([None, "predictions", "reported", "course"]))
def test_predictions(content: bytes, kind: str | None) -> None:
    attempt({"p.csv": content}, kind=kind)


@FUZZ
@given(
    damaged_cells((SHIPPED / "full-picture.csv").read_text()) | damaged((SHIPPED / "full-picture.csv").read_bytes()),
    st.sampled_from([None, "reported"]),
)
def test_published(content: bytes, kind: str | None) -> None:
    attempt({"t.csv": content}, kind=kind, course=COURSE)


@FUZZ
@given(st.sampled_from([WEEK1, WEEK2_ROWS, WEEK5]).flatmap(damaged_cells), st.sampled_from("125"))
def test_course_tables(content: bytes, week: str) -> None:
    attempt({f"week{week}_hw_results.csv": content})


@FUZZ
@given(st.dictionaries(_keys(), _JSON, max_size=6), st.sampled_from(["week3_lab_results", "week5_homework_results"]))
def test_course_documents(document: dict[str, Any], name: str) -> None:
    attempt({f"{name}.json": json.dumps(document).encode()})


@FUZZ
@given(
    st.dictionaries(_keys(), _JSON, max_size=4),
    st.lists(st.dictionaries(_keys(), _JSON, max_size=4) | st.sampled_from(STATE["log_history"]), max_size=5),
    damaged_cells(PLAIN),
    st.dictionaries(_keys(), _JSON, max_size=4),
)
def test_trainer_folders(
    state: dict[str, Any], history: list[Any], predictions: bytes, results: dict[str, Any]
) -> None:
    folder = {"trainer_state.json": {"log_history": history, **state}, "eval_results.json": results}
    folder |= {"config.json": results, "adapter_config.json": state, "training_args.json": results}
    files = {f"out/{name}": json.dumps(content).encode() for name, content in folder.items()}
    attempt(files)
    attempt(files | {"out/predictions.csv": predictions})


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    return sink.getvalue()


_ARRAYS = hnp.arrays(
    st.sampled_from([np.int64, np.int8, np.uint64, np.float16, np.float32, np.float64, np.bool_, "U3", "S3", "c8"]),
    st.sampled_from([(), (0,), (3,), (3, 2), (2, 3), (3, 0), (0, 2), (1, 1, 1)]),
)
_NAMES = st.sampled_from(
    ["labels", "logits", "preds", "val_labels", "val_tiers", "tiers", "encoder_logits", "encoder_preds"]
) | st.sampled_from(["row_ids", "encoder_max_conf", "names", "x", "val_logits", "decoder_int8_logits"])
_GOOD = {
    "labels": np.array([0, 1, 1]),
    "logits": np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.5]], np.float32),
    "preds": np.array([0, 1, 0]),
}
_FILES = st.sampled_from(
    ["p.npz", "val_predictions.npz", "week5_lab_predictions.npz", "grid_Td4_a70_val_predictions.npz"]
)


@FUZZ
@given(st.dictionaries(_NAMES, _ARRAYS, max_size=4), _FILES)
def test_arrays(arrays: dict[str, np.ndarray], name: str) -> None:
    attempt({name: npz(_GOOD | arrays)})


@FUZZ
@given(damaged(npz(_GOOD)), _FILES)
def test_damaged_archives(content: bytes, name: str) -> None:
    attempt({name: content})


@FUZZ
@given(st.data())
def test_headers_that_lie(drawn: st.DataObject) -> None:
    """The .npy header is text inside the archive: shapes and types that were never written."""
    header = drawn.draw(
        st.sampled_from(
            [
                "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 113), }",
                "{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 2), }",
                "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
                "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }",
                "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 2), }",
                "{'descr': '<U0', 'fortran_order': False, 'shape': (10000000000,), }",
                "(" * 300,
                "__import__('os').system('true')",
            ]
        )
        | st.text(max_size=40)
    )
    text = header.encode("latin-1", "replace")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    array += drawn.draw(st.sampled_from([b"", bytes(48), bytes(24)]))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("logits.npy", array)
        archive.writestr("labels.npy", _npy(np.array([0, 1, 1])))
    attempt({"p.npz": sink.getvalue()})


def _npy(array: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.mkdir, (BOMB,))


BOMB = str(Path(tempfile.gettempdir()) / "reportgen-importers-unpickled")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    objects = np.array([Bomb(), 1, 2], dtype=object)
    sink = io.BytesIO()
    np.savez(sink, **(_GOOD | {"labels": objects}))
    (tmp_path / "p.npz").write_bytes(sink.getvalue())
    with pytest.raises(ReportgenError, match="never loaded"):
        import_files([tmp_path / "p.npz"], tmp_path / "runs")
    assert not Path(BOMB).exists()


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logits.npy", bytes(50_000_000))
    with pytest.raises(ReportgenError, match="inflates"):
        import_files([tmp_path / "p.npz"], tmp_path / "runs")


def test_pipes_and_folders_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.csv")
    with pytest.raises(ReportgenError, match="not a plain file"):
        import_files([tmp_path / "p.csv"], tmp_path / "runs")


def test_names_from_files_cannot_leave_the_folder_of_runs(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("model,n\n../../evil,3\n/etc/x,4\n.hidden,5\n<script>,6\n")
    made = import_files([tmp_path / "t.csv"], tmp_path / "runs")
    assert [path.name for path in made] == ["evil", "etc-x", "hidden", "script"]
    assert {path.parent for path in made} == {tmp_path / "runs"}


@pytest.fixture(scope="module")
def table(data, logits) -> str:
    return predictions_csv(data, logits, scores="")


@FUZZ
@given(drawn=st.data())
def test_mutations_against_data(data, table: str, drawn: st.DataObject) -> None:
    attempt({"p.csv": drawn.draw(damaged(table.encode()))}, data=data, kind="predictions")


@pytest.mark.parametrize(
    "name", [b"\xff\xfe.csv", b"a\nb\x1b[2J.csv", "ü \u202e.csv".encode(), b"x" * 200 + b".csv", b"-.csv"]
)
@pytest.mark.parametrize("content", [PLAIN, "model,n,extra\nA,1,2\n", "model,n\nA,1\n", "", WEEK1])
def test_file_names_nobody_expects(tmp_path: Path, name: bytes, content: str) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text(content)
    told: list[str] = []
    try:
        made = import_files([path], tmp_path / "runs", say=told.append)
    except ReportgenError as error:
        refused = str(error)
        assert refused.encode().decode().isprintable()
    else:
        for bundle in made:
            validate_bundle(bundle)
        assert all(line.encode() for line in told)
