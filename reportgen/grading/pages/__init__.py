"""Reading pages that are not ours: notebook exports and other HTML. Nothing runs, nothing is fetched."""

from __future__ import annotations

from .kinds import classify
from .read import read_page

__all__ = ["classify", "read_page"]
