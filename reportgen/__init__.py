"""Memos and reports on text classifiers that recompute every number from raw predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle import find_bundles as find_bundles
    from .bundle import read_bundle as read_bundle
    from .bundle import write_bundle as write_bundle

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported on first use: `import reportgen` stays free of NumPy and pydantic.
    if name in {"find_bundles", "read_bundle", "write_bundle"}:
        from . import bundle

        return getattr(bundle, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
