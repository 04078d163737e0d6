from __future__ import annotations

import random
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from reportgen.bundle import (
    AlreadyExists,
    BundleError,
    DuplicateName,
    ExtraFile,
    LinkRefused,
    MissingFile,
    NotABundle,
    NotWritable,
    TooLarge,
    TornZip,
    UnsafePath,
    append_edit,
    bundle_groups,
    find_bundles,
    read_bundle,
    validate_bundle,
    zip_bundle,
)


def pack(folder: Path, out: Path, prefix: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(out, "w", method) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, prefix + str(path.relative_to(folder)))
    return out


def same(one: Path, other: Path) -> None:
    a, b = read_bundle(one), read_bundle(other)
    assert a.root == b.root
    assert a.edits == b.edits
    assert a.splits == b.splits
    for split in a.splits:
        for field in ("row_ids", "text_sha256", "labels", "predictions", "confidence", "logits"):
            assert getattr(a.predictions(split), field).tolist() == getattr(b.predictions(split), field).tolist()
    for name in a.adapter_files:
        assert b"".join(a.read_file(name)) == b"".join(b.read_file(name))


def test_zipped_is_the_same_bundle_and_zipping_is_deterministic(copy: Path, tmp_path: Path) -> None:
    zipped = zip_bundle(copy, tmp_path / "one.zip")
    same(copy, zipped)
    (copy / "log.txt").touch()
    assert zip_bundle(copy, tmp_path / "two.zip").read_bytes() == zipped.read_bytes()
    assert zip_bundle(copy, tmp_path).name == "copy.zip"
    with pytest.raises(AlreadyExists):
        zip_bundle(copy, zipped)
    with pytest.raises(NotWritable):
        zip_bundle(copy, tmp_path / "one.zip/below.zip")
    assert not list(tmp_path.glob(".*"))


def test_a_broken_bundle_is_not_zipped(copy: Path, tmp_path: Path) -> None:
    (copy / "log.txt").unlink()
    with pytest.raises(MissingFile):
        zip_bundle(copy, tmp_path / "one.zip")
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]


def test_zips_as_people_make_them(copy: Path, tmp_path: Path) -> None:
    same(copy, pack(copy, tmp_path / "folder.zip", "my run/"))
    with zipfile.ZipFile(tmp_path / "folder.zip", "a") as archive:
        archive.writestr("__MACOSX/my run/._log.txt", b"resource fork")
        archive.writestr("my run/.DS_Store", b"junk")
    same(copy, tmp_path / "folder.zip")


def test_a_zip_of_runs(golden: Path, tmp_path: Path) -> None:
    zipped = pack(golden, tmp_path / "runs.zip", "runs/")
    found = find_bundles(zipped)
    assert [bundle.run_id for bundle in found] == ["v1-logits", "v1-predictions", "v1-reported"]
    assert b"".join(found[0].read_file("log.txt")) == b"fitted\n"
    assert read_bundle(found[1].path).run_id == "v1-predictions"
    validate_bundle(zipped)
    with pytest.raises(NotABundle, match="holds 3 bundles"):
        read_bundle(zipped)


def test_finding_bundles(golden: Path, copy: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(golden, runs)
    shutil.copytree(copy, runs / ".v2.partial")
    (runs / ".work/v1-logits").mkdir(parents=True)
    (runs / "notes.txt").write_text("mine")
    with zipfile.ZipFile(runs / "data.zip", "w") as archive:
        archive.writestr("data.csv", "a,b")
    zip_bundle(copy, runs / "again.zip")
    every = ["v1-logits", "v1-predictions", "v1-reported"]
    assert sorted(bundle.run_id for bundle in find_bundles(runs)) == every
    assert [b.run_id for b in find_bundles([runs / "v1-reported", runs / "v1-logits", copy])] == [
        "v1-reported",
        "v1-logits",
    ]
    groups = bundle_groups([runs, runs / "v1-reported", copy])
    assert [sorted({b.run_id for b in group}) for group in groups] == [every, ["v1-reported"], ["v1-logits"]]
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotABundle, match="no finished run"):
        find_bundles(tmp_path / "empty")
    with pytest.raises(NotABundle, match=r"no manifest\.json"):
        validate_bundle(runs / "data.zip")


def test_edits_need_the_folder(copy: Path, tmp_path: Path) -> None:
    zipped = zip_bundle(copy, tmp_path / "one.zip")
    with pytest.raises(NotABundle, match="unzip"):
        append_edit(zipped, "me", "why", {})


def add(zipped: Path, name: str, data: bytes = b"x", **info: object) -> None:
    entry = zipfile.ZipInfo(name)
    for key, value in info.items():
        setattr(entry, key, value)
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr(entry, data)


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/passwd", "a/../../evil", "a\\b", "C:/evil", "a//b", "./log.txt"]
)
def test_names_that_leave_the_zip(copy: Path, tmp_path: Path, name: str) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    add(zipped, name)
    with pytest.raises(UnsafePath):
        read_bundle(zipped)
    assert not (tmp_path / "evil.json").exists()


def test_a_name_with_a_nul_is_not_cut_there(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    add(zipped, "log_txt_evil")
    zipped.write_bytes(zipped.read_bytes().replace(b"log_txt_evil", b"log.txt\x00evil"))
    with pytest.raises(UnsafePath):
        read_bundle(zipped)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    add(zipped, "log.txt", b"fitted\n")
    with pytest.raises(DuplicateName, match=r"log\.txt twice"):
        read_bundle(zipped)


def test_links_and_devices(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    add(zipped, "link.json", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16)
    with pytest.raises(LinkRefused):
        read_bundle(zipped)
    zipped = pack(copy, tmp_path / "two.zip")
    add(zipped, "pipe", external_attr=stat.S_IFIFO << 16)
    with pytest.raises(UnsafePath):
        read_bundle(zipped)


def test_an_extra_and_a_missing_file(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    add(zipped, "notes.txt")
    with pytest.raises(ExtraFile):
        read_bundle(zipped)
    (copy / "log.txt").unlink()
    with pytest.raises(MissingFile):
        read_bundle(pack(copy, tmp_path / "two.zip"))


def test_a_ratio_bomb(copy: Path, tmp_path: Path) -> None:
    (copy / "log.txt").write_bytes(b"\x00" * 20_000_000)
    zipped = pack(copy, tmp_path / "one.zip")
    assert zipped.stat().st_size < 100_000
    with pytest.raises(TooLarge, match="inflates"):
        read_bundle(zipped)


def test_a_size_bomb(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportgen.bundle.sources.MAX_ZIP_INFLATED", 5_000)
    with pytest.raises(TooLarge, match="when inflated"):
        read_bundle(pack(copy, tmp_path / "one.zip"))


def test_a_size_that_lies(copy: Path, tmp_path: Path) -> None:
    """The declared size bounds what is read, whatever the stream would inflate to."""
    (copy / "log.txt").write_bytes(b"\x00" * 500_000)
    zipped = pack(copy, tmp_path / "one.zip")
    data = bytearray(zipped.read_bytes())
    at = data.rfind(b"log.txt") - 46 + 24  # uncompressed size in the table of contents
    assert struct.unpack_from("<I", data, at) == (500_000,)
    struct.pack_into("<I", data, at, 7)
    zipped.write_bytes(data)
    with pytest.raises(BundleError):
        read_bundle(zipped)


def test_too_many_entries(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    monkeypatch.setattr("reportgen.bundle.sources.MAX_ZIP_ENTRIES", 3)
    with pytest.raises(TooLarge, match="zip entries"):
        read_bundle(zipped)
    monkeypatch.setattr("reportgen.bundle.sources.MAX_ZIP_DIRECTORY", 100)
    with pytest.raises(TooLarge, match="table of contents"):
        read_bundle(zipped)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_we_do_not_read(copy: Path, tmp_path: Path, method: int) -> None:
    with pytest.raises(TornZip, match="method"):
        read_bundle(pack(copy, tmp_path / "one.zip", method=method))


def test_an_encrypted_zip(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    data = bytearray(zipped.read_bytes())
    at = data.rfind(b"log.txt") - 46 + 8
    data[at] |= 1
    zipped.write_bytes(data)
    with pytest.raises(TornZip, match="encrypted"):
        read_bundle(zipped)


def test_a_torn_zip(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    data = zipped.read_bytes()
    for length in [0, 1, 21, 22, *range(50, len(data), 397)]:
        zipped.write_bytes(data[:length])
        with pytest.raises(TornZip):
            read_bundle(zipped)
    zipped.write_bytes(data[100:])
    with pytest.raises(TornZip):
        read_bundle(zipped)


def test_fuzzed_zips_raise_only_bundle_errors(copy: Path, tmp_path: Path) -> None:
    zipped = pack(copy, tmp_path / "one.zip")
    original = zipped.read_bytes()
    root = read_bundle(zipped).root
    rng = random.Random(3)
    refused = 0
    for _ in range(400):
        data = bytearray(original)
        for _ in range(rng.choice([1, 2, 8])):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([0, 1, 1, 4])] = rng.randbytes(rng.choice([0, 1, 1, 4]))
        zipped.write_bytes(data)
        try:
            assert read_bundle(zipped).root == root
        except BundleError:
            refused += 1
    assert refused > 200
