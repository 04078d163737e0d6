"""The Gradio app: a module a tab; handlers are plain functions that know no gradio."""

from __future__ import annotations

from typing import Any

__all__ = ["Settings", "build_app", "serve"]


def __getattr__(name: str) -> Any:
    if name == "Settings":
        from .settings import Settings

        return Settings
    if name in ("build_app", "serve"):
        from . import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
