"""`synthetic:cfpb`: the embedded stand-in for the course data; its sizes and difficulty are real, its text is invented."""

from __future__ import annotations

from .corpus import generate

__all__ = ["generate"]
