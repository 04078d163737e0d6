"""The command line as a contract: exit codes, one line on stderr, nothing half written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reportgen.bundle import BundleWriter, write_bundle, zip_bundle
from reportgen.cli import main

Cli = Callable[..., tuple[int, str, str]]

NAMES = ("card", "fee", "loan")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reportgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def refused(cli: Cli) -> Callable[..., str]:
    def call(*arguments: object) -> str:
        code, out, err = cli(*arguments)
        lines = err.strip().splitlines()
        assert code == 2, (code, out, err)
        assert out == ""
        assert lines[-1].startswith("reportgen: ")
        assert "Traceback" not in err
        return lines[-1]

    return call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    words = {"card": "card lost plastic", "fee": "fee charge refund", "loan": "loan rate mortgage"}
    lines = ["text,label"]
    lines += [f"{' '.join(rng.choice(words[name].split(), 3))} number {i},{name}" for name in NAMES for i in range(30)]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def bundle(out: Path, run_id: str, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), 20)
    logits = rng.normal(size=(60, 3)) + 2 * np.eye(3)[labels]
    return write_bundle(out, labels, logits, names=NAMES, train_counts=(50, 40, 9), run_id=run_id)


def test_help_answers_fast_and_version_is_printed() -> None:
    command = [sys.executable, "-c", "from reportgen.cli import main; main()"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    for name in ("run", "memo", "rescue", "compare", "recommend", "demo", "data", "bundle", "new"):
        assert f"  {name} " in done.stdout
    heavy = "import sys; sys.argv[1:] = ['--help']\nimport reportgen.cli as c\ntry: c.main()\nexcept SystemExit: pass\n"
    heavy += "print([m for m in ('numpy', 'pandas', 'pydantic', 'torch', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_run_then_a_memo(cli: Cli, table: Path, tmp_path: Path) -> None:
    code, out, err = cli("run", "tfidf", "--data", table, "--out", tmp_path / "runs")
    assert (code, out.strip()) == (0, str(tmp_path / "runs" / "tfidf")), err
    code, out, err = cli("run", "majority", "--data", table, "--out", tmp_path / "runs")
    assert code == 0, err
    code, out, err = cli("memo", 1, tmp_path / "runs", "--out", tmp_path / "week1.html", "--twins")
    assert code == 0, err
    assert {Path(line).name for line in out.split()} == {"week1.html", "week1.md", "week1.json"}
    code, out, _ = cli("rescue", tmp_path / "runs" / "majority", tmp_path / "runs" / "tfidf", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["net"] == len(report["rescued"]) - len(report["lost"])
    assert {row["label"] for row in report["per_class"]} == set(NAMES)


def test_compare_json_has_the_contract_and_a_run_against_itself_is_null(cli: Cli, tmp_path: Path) -> None:
    a, b = bundle(tmp_path, "a"), bundle(tmp_path, "b", seed=1)
    code, out, _ = cli("compare", a, b, "--json")
    report = json.loads(out)
    assert code == 0
    for row in report["metrics"].values():
        assert {"a", "b", "delta", "low", "high", "changed", "verdict"} <= row.keys()
        assert row["delta"] == pytest.approx(row["b"] - row["a"])
    code, out, _ = cli("compare", a, a, "--json")
    for row in json.loads(out)["metrics"].values():
        assert (row["delta"], row["low"], row["high"], row["verdict"]) == (0, 0, 0, "null")
    assert "changed" in cli("compare", a, b)[1]
    assert "by chance" in cli("rescue", a, b)[1]


def test_export_and_validate(cli: Cli, tmp_path: Path) -> None:
    a = bundle(tmp_path / "runs", "a")
    assert cli("bundle", "export", a, "--out", tmp_path / "export")[0] == 0
    assert {path.name for path in (tmp_path / "export").iterdir()} >= {"metrics.json", "predictions.csv"}
    packed = zip_bundle(a, tmp_path / "a.zip")
    code, out, _ = cli("bundle", "validate", a, packed, "--json")
    assert code == 0
    assert [entry["sound"] for entry in json.loads(out)] == [True, True]


def test_new_never_overwrites_prose(cli: Cli, refused: Callable[..., str], tmp_path: Path) -> None:
    prose = tmp_path / "week1.md"
    assert cli("new", 1, "--out", prose)[0] == 0
    prose.write_text("mine")
    refused("new", 1, "--out", prose)
    assert prose.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"text,label\nhello,a\n", ["--text", "texte"], "texte"),
        (b"text,label\n", [], "no rows"),
        (b"", [], "empty"),
        (b"text,label\nhello,a\nthere,a\nagain,a\n", [], "one label"),
        (b"text,label\n" + b"x" * 10_000_000 + b",a\n", [], "cell"),
        (b"text,label\nh\x00llo,a\n", [], "NUL"),
        ("text,label\ncafé,a\n".encode() + "café,b\n".encode("cp1252"), [], "line 2 is UTF-8, line 3 is not"),
    ],
    ids=["no such column", "no rows", "empty", "one class", "10 MB cell", "NUL", "two encodings"],
)
def test_bad_data_is_one_line(
    refused: Callable[..., str], tmp_path: Path, content: bytes, options: list[str], words: str
) -> None:
    source = tmp_path / "bad.csv"
    source.write_bytes(content)
    assert words in refused("run", "majority", "--data", source, *options, "--out", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_latin1_with_a_stray_quote_and_untidy_labels_are_read_and_said(cli: Cli, tmp_path: Path) -> None:
    rows = [f'"caf\xe9 {i} said ""no"" once", Card ' if i % 2 else f'5" pipe {i},card' for i in range(20)]
    rows += [f"money {i},  fee" for i in range(20)]
    source = tmp_path / "latin.csv"
    source.write_bytes(b"text,label\n" + "\n".join(rows).encode("latin-1"))
    code, _, err = cli("run", "majority", "--data", source, "--out", tmp_path / "runs")
    assert code == 0, err
    labels = json.loads((tmp_path / "runs" / "majority" / "labels.json").read_text())["names"]
    assert [name.lower() for name in labels] == ["card", "fee"]
    assert "cp1252" in err or "latin" in err.lower()


def test_a_hub_name_without_network_is_one_line(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = refused("run", "majority", "--data", "nobody/nothing", "--out", tmp_path / "runs")
    assert "nobody/nothing" in line


def test_a_folder_that_cannot_be_written_to(refused: Callable[..., str], table: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    refused("run", "majority", "--data", table, "--out", in_the_way / "runs")
    assert in_the_way.read_text() == "not a folder"


def _flip_a_byte(path: Path) -> None:
    target = path / "predictions.parquet"
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)


def _edit_the_manifest(path: Path) -> None:
    target = path / "manifest.json"
    target.write_text(target.read_text().replace('"week": null', '"week": 2'))


def _newer_version(path: Path) -> None:
    target = path / "manifest.json"
    target.write_text(target.read_text().replace("bundle/1", "bundle/2"))


def _link(path: Path) -> None:
    (path / "labels.json").unlink()
    (path / "labels.json").symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_byte,
        _edit_the_manifest,
        _newer_version,
        _link,
        lambda path: (path / "labels.json").unlink(),
        lambda path: (path / "extra.txt").write_text("hello"),
    ],
    ids=["byte", "manifest", "newer", "link", "missing", "extra"],
)
def test_a_damaged_bundle_is_refused_everywhere(
    cli: Cli, refused: Callable[..., str], tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    good, bad = bundle(tmp_path, "good"), bundle(tmp_path, "bad", seed=1)
    damage(bad)
    refused("bundle", "validate", bad)
    refused("compare", good, bad)
    refused("memo", 1, bad, "--out", tmp_path / "memo.html")
    assert not (tmp_path / "memo.html").exists()
    code, out, _ = cli("bundle", "validate", good, bad, "--json")
    assert code == 2
    assert [entry["sound"] for entry in json.loads(out)] == [True, False]


def test_a_folder_of_runs_is_no_run_and_nobody_is_told_to_remove_one(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    run = bundle(tmp_path / "runs", "a")
    for said in (refused("compare", run, run.parent), refused("bundle", "validate", run.parent)):
        assert "a folder of runs, not one run" in said
        assert str(run) in said
        assert "remove" not in said


def test_a_wrong_stage_or_profile_is_said_before_any_data_is_read(cli: Cli, tmp_path: Path) -> None:
    for arguments, said in ((["week9"], "no stage 'week9'"), (["week1", "--profile", "huge"], "no profile called")):
        code, _, err = cli("run", *arguments, "--data", tmp_path / "nowhere.csv", "--out", tmp_path / "runs")
        assert (code, err.count("\n")) == (2, 1)
        assert said in err


def test_a_text_file_is_not_graded_and_leaves_nothing(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    assert "neither a page nor a zip" in refused("grade", tmp_path / "note.txt", "--week", 1, "--out", tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_hostile_zips_are_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    slip, bomb, torn = tmp_path / "slip.zip", tmp_path / "bomb.zip", tmp_path / "torn.zip"
    with zipfile.ZipFile(slip, "w") as archive:
        archive.writestr("../manifest.json", "{}")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"0" * 200_000_000)
    torn.write_bytes(zip_bundle(bundle(tmp_path / "runs", "a"), tmp_path / "a.zip").read_bytes()[:-200])
    for path in (slip, bomb, torn):
        refused("bundle", "validate", path)
    assert not (tmp_path.parent / "manifest.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "tfidf"],
        ["nonsense"],
        ["memo", "9", "x", "--out", "y"],
        ["run", "majority", "--data", "nowhere.csv", "--out", "runs"],
        ["run", "majority", "--data", "nowhere.csv", "--course", "nope", "--out", "runs"],
        ["recommend", "nowhere", "--scenario", "nope"],
        ["bundle", "import", "nowhere.csv", "--out", "runs"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(*arguments)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_run_ends_with_3_and_leaves_no_bundle(
    cli: Cli, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BundleWriter, "write_predictions", interrupt)
    code, _, err = cli("run", "majority", "--data", table, "--out", tmp_path / "runs")
    assert code == 3
    assert err.strip().splitlines()[-1].startswith("reportgen: interrupted")
    assert not (tmp_path / "runs" / "majority").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(refused: Callable[..., str], table: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused("run", "majority", "--data", table, "--out", locked / "runs")
    shutil.rmtree(locked)
