"""The Space's entry: build the app, serve it, nothing else."""

from __future__ import annotations

from reportgen.web import serve
from reportgen.web.settings import settings_from_environment

if __name__ == "__main__":
    serve(settings_from_environment())
