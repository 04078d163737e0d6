"""The package's surface: what it exports and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import reportgen.stats


def test_every_public_name_is_there():
    assert sorted(set(reportgen.stats.__all__)) == sorted(reportgen.stats.__all__)
    for name in reportgen.stats.__all__:
        assert not isinstance(getattr(reportgen.stats, name), type(sys)), f"{name} is a module"


def test_importing_loads_nothing_heavy():
    heavy = {"scipy", "sklearn", "pandas", "torch", "pydantic"}
    code = f"import sys, reportgen.stats; print(*({heavy} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
