"""Results from elsewhere as bundles: predictions, published figures, the course's files, a Trainer's output folder."""

from __future__ import annotations

from .run import KINDS, import_files

__all__ = ["KINDS", "import_files"]
