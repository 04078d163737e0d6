"""Results are kept by the content of the bundles they follow from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from reportgen.bundle import HashMismatch, append_edit, read_bundle, reader
from reportgen.bundle import kept as module
from reportgen.bundle.kept import forget, kept


@pytest.fixture(autouse=True)
def _clean():
    forget()
    yield
    forget()


def run(root: str, *, verified: bool = True) -> SimpleNamespace:
    return SimpleNamespace(root=root, verified=verified)


def counter():
    calls: list[int] = []

    def make() -> int:
        calls.append(1)
        return len(calls)

    return make


def test_the_same_bundles_and_question_are_computed_once() -> None:
    make = counter()
    assert [kept("a", (run("x"),), make, "val") for _ in range(3)] == [1, 1, 1]
    assert kept("a", (run("y"),), make, "val") == 2
    assert kept("a", (run("x"),), make, "test") == 3
    assert kept("b", (run("x"),), make, "val") == 4
    assert kept("a", (run("x"), run("y")), make, "val") == 5
    assert kept("a", (run("y"), run("x")), make, "val") == 6


def test_what_nobody_verified_is_never_kept() -> None:
    make = counter()
    for bad in (run("x", verified=False), run("")):
        assert kept("a", (bad,), make) + 1 == kept("a", (bad,), make)


def test_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES", 2)
    make = counter()
    assert kept("a", (), make) == 1
    assert kept("b", (), make) == 2
    assert kept("a", (), make) == 1
    assert kept("c", (), make) == 3
    assert kept("a", (), make) == 1
    assert kept("b", (), make) == 4


def test_a_bundle_read_again_is_verified_again_and_decoded_once(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_bundle(copy)
    monkeypatch.setattr(reader, "check_contents", lambda bundle: pytest.fail("decoded twice"))
    again = read_bundle(copy)
    assert again.stored("val") is first.stored("val")
    assert again.labels is first.labels
    edit = append_edit(copy, "me", "typo", {"label": "b"})
    assert (read_bundle(copy).edits, again.edits) == ((*first.edits, edit), first.edits)
    (copy / "log.txt").write_text("fittex\n")
    with pytest.raises(HashMismatch):
        read_bundle(copy)


def test_contents_that_were_refused_are_refused_again(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(reader, "check_contents", _refuse)
        for _ in range(2):
            with pytest.raises(ValueError, match="unsound"):
                read_bundle(copy)
    assert read_bundle(copy).verified


def _refuse(bundle: object) -> None:
    raise ValueError("unsound")
