"""Gradio, imported once with everything off that phones home or writes where it should not.

Every module that needs gradio takes `gr` from here.
"""

from __future__ import annotations

import inspect
import os
from unittest.mock import patch

os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    GRADIO_RUN_HISTORY="False",
    GRADIO_MCP_SERVER="False",
    GRADIO_SSR_MODE="False",
    HF_HUB_DISABLE_TELEMETRY="1",
)

# While it is imported, gradio writes type stubs of its components into its own folder: half of its start-up time
# (3 of 6 s), for editors only. It skips classes whose source has no file.
with patch.object(inspect, "getfile", side_effect=OSError):
    import gradio as gr

__all__ = ["gr"]
