"""`python -m reportgen`: the same as the command."""

from __future__ import annotations

from reportgen.cli import main

main()
