"""`synthetic:cfpb`: the embedded stand-in for the course data; real sizes and difficulty, invented text."""

from __future__ import annotations

from .corpus import generate

__all__ = ["generate"]
