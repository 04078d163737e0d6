"""The oldest versions pyproject.toml allows, as requirements: `python tests/lowest.py` (see `make test-lowest`)."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def lowest(pyproject: Path = Path(__file__).parents[1] / "pyproject.toml") -> list[str]:
    """`name==version` for each core dependency's lower bound.

    Raises:
        ValueError: a dependency has none.
    """
    found = []
    for wanted in tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"]:
        bound = re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)", wanted)
        if bound is None:
            raise ValueError(f"{wanted} has no lower bound")
        found.append(f"{bound[1]}=={bound[2]}")
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest()) + "\n")
