"""What every tab is built with."""

from __future__ import annotations

from dataclasses import dataclass

from .classify import Models
from .examples import Examples
from .sessions import Downloads, Sessions
from .settings import Settings


@dataclass(frozen=True)
class Home:
    """The parts of a running app that tabs share; none of them holds anything of a visitor but by session."""

    settings: Settings
    sessions: Sessions
    downloads: Downloads
    examples: Examples
    models: Models
