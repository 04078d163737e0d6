"""Results are kept by the content of the bundles they follow from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

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
