"""The same function over many submissions: in processes of this machine, or on a cluster."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reportgen.errors import Unavailable, UsageError, one_line

from .apart import Children
from .model import Submission
from .one import Options, grade_one
from .results import Graded

Result = tuple[Submission, Graded]

_HERE = Children()
"""Processes of a cluster's worker, kept from one submission to the next."""


def in_this_process(submissions: Sequence[Submission], options: Options) -> Iterator[Result]:
    """Grade one after the other, here and without a clock: for pages one trusts, and to look for errors."""
    for one in submissions:
        yield one, grade_one(one, options)


def in_processes(submissions: Sequence[Submission], options: Options, jobs: int) -> Iterator[Result]:
    """Grade with so many processes; pairs in the order they finish. A submission that kills its process fails alone."""
    children = Children()
    # Threads only wait: each talks to one process.
    threads = ThreadPoolExecutor(jobs)
    futures = {threads.submit(children.grade, one, options): one for one in submissions}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        children.close()


@dataclass(frozen=True)
class Sent:
    """A submission with its files' bytes: the workers of a cluster need not share a disk with us."""

    submission: Submission
    contents: tuple[bytes | None, ...]


def send(submission: Submission) -> Sent:
    """Only pages travel: nothing else is graded."""
    contents = tuple(file.path.read_bytes() if file.kind != "other" else None for file in submission.files)
    return Sent(submission, contents)


def grade_sent(sent: Sent, options: Options) -> Graded:
    """What a cluster's worker runs: the files in a folder of its own, then the same function in a process of its own.

    Workers run tasks in threads, where there is neither a clock nor a limit of memory.
    """
    with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
        files = []
        for number, (file, content) in enumerate(zip(sent.submission.files, sent.contents, strict=True)):
            path = Path(folder) / f"{number}.html"
            if content is not None:
                path.write_bytes(content)
            files.append(replace(file, path=path))
        return _HERE.grade(replace(sent.submission, files=tuple(files)), options)


def on_cluster(submissions: Sequence[Submission], options: Options, address: str) -> Iterator[Result]:
    """Grade on a running Dask cluster; pairs in the order they finish.

    A worker that dies gives its submissions to the others; one that took several workers with it is marked as failed.

    Raises:
        Unavailable: dask is not installed.
        UsageError: nobody answers at that address.
    """
    try:
        import distributed
    except ImportError:
        raise Unavailable("dask is not installed", remedy="pip install reportgen[cluster]") from None
    dask: Any = distributed  # it has no types
    try:
        client = dask.Client(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"no cluster answers: {error}", where=address, remedy="start `dask scheduler` and `dask worker` first"
        ) from None
    with client:
        (kept,) = client.scatter([options], broadcast=True)
        left = iter(submissions)
        pending: dict[Any, Submission] = {}

        def more() -> Any:
            one = next(left, None)
            if one is None:
                return None
            future = client.submit(grade_sent, send(one), kept, pure=False, retries=0)
            pending[future] = one
            return future

        # Never more in flight than the cluster can chew: the files of a university do not fit one memory.
        width = max(4, 4 * sum(client.nthreads().values()))
        futures = dask.as_completed([future for _ in range(width) if (future := more()) is not None])
        for future in futures:
            one = pending.pop(future)
            try:
                yield one, future.result()
            except Exception as error:  # a worker lacks what it needs, or several died of this one
                reason = one_line(f"the cluster gave up: {type(error).__name__}: {error}")
                yield one, Graded(key=one.key, status="failed", reason=reason)
            if (following := more()) is not None:
                futures.add(following)
        client.run(_rest, on_error="ignore")


def _rest() -> None:
    _HERE.rest()


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
