"""Counts in words."""

from __future__ import annotations


def count(n: int, noun: str) -> str:
    """`1 row`, `1,234 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
