"""`reportgen demo`: everything a stranger should see, built from what the package ships."""

from __future__ import annotations

from .build import build_demo

__all__ = ["build_demo"]
