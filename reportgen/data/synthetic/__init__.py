"""`synthetic:cfpb`: the embedded stand-in for the course data, with its published sizes and difficulties and invented text."""

from __future__ import annotations

from .corpus import generate

__all__ = ["generate"]
