"""What the host decides about the app; a visitor decides nothing of this."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass

PORT = 7860
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """How the app is served.

    Args:
        host: address to listen on.
        port: port to listen on.
        upload_bytes: the largest file that is accepted.
        keep_s: seconds after which uploads, session folders and downloads nobody fetched are deleted.
        waiting: events that may wait in the queue before a visitor is told to come back.
        grading: show the instructor's tab; None: only where the app listens on this machine alone.
        weights: folders of saved classifiers that Classify may show beside the shipped model.
        run_rows: the most rows of a visitor's data that are used.
        job_s: seconds after which a run, or the grading of a class, is stopped.
    """

    host: str = LOOPBACK
    port: int = PORT
    upload_bytes: int = 25_000_000
    keep_s: int = 3_600
    waiting: int = 64
    grading: bool | None = None
    weights: tuple[str, ...] = ()
    run_rows: int = 10_000
    job_s: int = 1_800

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the app."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def shows_grading(self) -> bool:
        """Whether the instructor's tab is there: student work does not belong on a public host by default."""
        return self.local if self.grading is None else self.grading


def settings_from_environment(host: str | None = None, port: int | None = None) -> Settings:
    """Settings from the environment.

    A Space sets GRADIO_SERVER_NAME and GRADIO_SERVER_PORT; REPORTGEN_WEIGHTS names folders of saved classifiers.
    """
    said = os.environ.get("GRADIO_SERVER_PORT", "")
    return Settings(
        host=host or os.environ.get("GRADIO_SERVER_NAME") or LOOPBACK,
        port=port if port is not None else int(said) if said.isdecimal() else PORT,
        weights=tuple(part for part in os.environ.get("REPORTGEN_WEIGHTS", "").split(os.pathsep) if part),
    )
