"""Errors a user can act on: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_MAX_PART = 300


def one_line(value: object, limit: int = _MAX_PART) -> str:
    """Text fit for one terminal line: control characters and the like become spaces, the rest is cut at `limit`."""
    text = _UNPRINTABLE.sub(" ", str(value)).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


class ReportgenError(Exception):
    """Bad input or usage. The command line prints it as one line and exits with 2.

    Args:
        what: what is wrong, in the user's words.
        where: the file, column or field it was found in.
        remedy: what to do about it.
    """

    def __init__(self, what: object, *, where: object = None, remedy: object = None) -> None:
        self.what = one_line(what)
        self.where = None if where is None else one_line(where)
        self.remedy = None if remedy is None else one_line(remedy)
        super().__init__(self.what)

    def __str__(self) -> str:
        # In brackets: "in" reads oddly after half of the sentences that precede it.
        place = f" ({self.where})" if self.where else ""
        return f"{self.what}{place}" + (f": {self.remedy}" if self.remedy else "")


class InputError(ReportgenError):
    """A dataset, table or text file that cannot be used as it is."""


class UsageError(ReportgenError):
    """Arguments that name something that does not exist or contradict each other."""


class Unavailable(ReportgenError):  # noqa: N818 - reads as what it says
    """What this machine lacks: an optional package, a model's weights, a device. A stage goes on without the run."""
