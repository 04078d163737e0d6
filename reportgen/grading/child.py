"""The process that reads what strangers wrote: submissions come in on its input, results go out on its output."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import sys
from pathlib import Path
from typing import BinaryIO

MEMORY = 4 << 30
"""Bytes of address space it may ask for: an honest memo needs a tenth."""
GRACE = 10.0
"""Seconds it outlives its clock where nobody ends it: the program that started it may be gone."""


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """Send one message: eight bytes of length, then the content."""
    stream.write(len(content).to_bytes(8, "big") + content)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Receive one message; None where the other side is gone."""
    head = stream.read(8)
    size = int.from_bytes(head, "big")
    content = stream.read(size) if len(head) == 8 else b""
    return content if len(head) == 8 and len(content) == size else None


def main() -> None:
    """Answer until the input ends. The first, empty message says that the imports are done."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit()
    from . import memos, one, others  # noqa: F401 - imported before the first clock starts

    write_frame(answers, b"")
    with Path(os.devnull).open("w") as nowhere:
        while (request := read_frame(requests)) is not None:
            submission, options = pickle.loads(request)  # noqa: S301 - from the program that started this process
            faulthandler.dump_traceback_later(options.seconds + GRACE, exit=True, file=nowhere)
            graded = one.grade_one(submission, options)
            faulthandler.cancel_dump_traceback_later()
            write_frame(answers, graded.to_json())


def _limit() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
