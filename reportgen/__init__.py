"""Memos and reports on text classifiers that recompute every number from raw predictions."""

__version__ = "0.1.0"
