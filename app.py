"""The Space's entry: build the app, launch it, nothing else."""

from __future__ import annotations

import sys

from reportgen.errors import ReportgenError
from reportgen.web import serve
from reportgen.web.settings import settings_from_environment

if __name__ == "__main__":
    try:
        serve(settings_from_environment())
    except KeyboardInterrupt:
        sys.exit(3)
    except ReportgenError as error:
        sys.exit(f"reportgen: {error}")
