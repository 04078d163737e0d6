"""Progress of a batch: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .job import Progress

_EVERY = 10.0
"""Seconds between plain lines."""


@contextmanager
def shown() -> Iterator[Progress]:
    """Something to tell of progress, on stderr."""
    if sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")

        def tell(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(name))

        yield tell


def _lines() -> Progress:
    said = time.monotonic()

    def tell(done: int, total: int, name: str) -> None:
        nonlocal said
        if done == total or time.monotonic() - said > _EVERY:
            said = time.monotonic()
            print(f"looked at {done} of {total}", file=sys.stderr)  # noqa: T201 - progress is what it prints

    return tell
