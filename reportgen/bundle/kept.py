"""Results kept for as long as the process lives: who changes a sentence and builds again waits for no bootstrap.

Keys are digests of sealed bundles, so a result can never be that of other predictions. Of bundles read again the bytes
are verified every time; what they hold is decoded and checked once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .reader import Bundle

T = TypeVar("T")

ENTRIES = 64
"""Resamples of 113 classes take 3 MB: some 200 MB at most."""
BUNDLES = 16
"""The course's validation and test split decoded take 15 MB: some 240 MB at most."""

_found: OrderedDict[Hashable, Any] = OrderedDict()
_bundles: OrderedDict[Hashable, Any] = OrderedDict()
_lock = Lock()


def kept(what: str, runs: tuple[Bundle, ...], make: Callable[[], T], *more: Hashable) -> T:
    """What `make` returned for these bundles before, or returns now.

    Args:
        what: names the computation.
        runs: the bundles it reads; one that was read without verification is computed anew each time.
        make: the computation. Its result is shared and must not be changed.
        more: whatever else it depends on.
    """
    if not all(run.verified and run.root for run in runs):
        return make()
    return _once(_found, ENTRIES, (what, tuple(run.root for run in runs), more), make)


def kept_bundle(root: str, make: Callable[[], Bundle]) -> Bundle:
    """The bundle with this root that `make` decoded and checked before, or does now.

    Args:
        root: as stated in a manifest whose files' digests have all been verified.
        make: decodes and checks.
    """
    return _once(_bundles, BUNDLES, root, make)


def _once(store: OrderedDict[Hashable, Any], size: int, key: Hashable, make: Callable[[], T]) -> T:
    with _lock:
        if key in store:
            store.move_to_end(key)
            return store[key]  # type: ignore[no-any-return]
    made = make()
    with _lock:
        store[key] = made
        while len(store) > size:
            store.popitem(last=False)
    return made


def forget() -> None:
    """Drop everything: for tests and benchmarks."""
    with _lock:
        _found.clear()
        _bundles.clear()
