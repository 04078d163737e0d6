"""The server: our routes first, gradio mounted behind them, the guard around both."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reportgen.errors import Unavailable, UsageError

from .settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_STATIC = Path(__file__).parent / "static"
_ASSETS = {"app.css": "text/css", "icon.svg": "image/svg+xml"}


def build_app(settings: Settings, work: Path) -> FastAPI:
    """The app, ready for a server.

    Args:
        settings: what the host decided.
        work: an empty folder of this process: uploads and session folders go there. The caller deletes it.
    """
    # Gradio reads it when it is imported, so it is set before.
    os.environ["GRADIO_TEMP_DIR"] = str(work / "uploads")
    from fastapi import FastAPI

    from .classify import Models
    from .examples import Examples
    from .home import Home
    from .lib import gr
    from .security import Guard
    from .sessions import Downloads, Sessions, sweep_forever
    from .theme import theme
    from .ui import build_blocks

    home = Home(
        settings=settings,
        sessions=Sessions(work / "sessions", settings.keep_s),
        downloads=Downloads(settings.keep_s),
        examples=Examples(work / "memos"),
        models=Models(settings.weights),
    )
    stop = threading.Event()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=sweep_forever, args=(home.sessions, stop), daemon=True).start()
        threading.Thread(target=home.examples.warm, args=(stop,), daemon=True).start()
        yield
        stop.set()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.home = home
    _own_routes(app, home)
    gr.mount_gradio_app(
        app,
        build_blocks(home),
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=settings.upload_bytes,
        blocked_paths=[str(Path(__file__).resolve().parents[2]), str(Path.home())],
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
    )
    app.add_middleware(Guard, upload_bytes=settings.upload_bytes)
    return app


def serve(settings: Settings) -> None:
    """Serve until interrupted. The working folder is empty while it runs and gone afterwards.

    Raises:
        Unavailable: gradio is not installed.
        UsageError: nothing can listen on that address.
    """
    try:
        import gradio_client  # noqa: F401 - a quick look whether the extra is installed
        import uvicorn
    except ImportError:
        raise Unavailable("the app's packages are not installed", remedy="pip install 'reportgen[app]'") from None
    _free(settings)
    before = Path.cwd()
    work = Path(tempfile.mkdtemp(prefix="reportgen-app-")).resolve()
    empty = work / "empty"
    empty.mkdir()
    os.chdir(empty)
    # The server stops at SIGTERM and then hands the signal on, which would end the process before it tidies up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        app = build_app(settings, work)
        print(f"reportgen: http://{settings.host}:{settings.port}", flush=True)  # noqa: T201 - what the user asked for
        uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning", server_header=False)
    finally:
        os.chdir(before)
        shutil.rmtree(work, ignore_errors=True)


def _free(settings: Settings) -> None:
    """Refuse an address that cannot be listened on before anything is built."""
    try:
        with socket.create_server((settings.host, settings.port)):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot listen: {os.strerror(error.errno) if error.errno else error}",
            where=f"{settings.host}:{settings.port}",
            remedy="choose another --host or --port",
        ) from None


def _own_routes(app: FastAPI, home: Any) -> None:
    from fastapi import Response

    from .security import MEMO_POLICY

    @app.get("/own/{name}")
    def own(name: str) -> Response:
        if name not in _ASSETS:
            return Response("not found\n", 404, media_type="text/plain")
        return Response((_STATIC / name).read_bytes(), media_type=_ASSETS[name])

    @app.get("/memo/{week}")
    def memo(week: int) -> Response:
        """An example memo on a page of its own."""
        if week not in home.examples.weeks:
            return Response("not found\n", 404, media_type="text/plain")
        headers = {"Content-Security-Policy": MEMO_POLICY}
        return Response(home.examples.memo(week), media_type="text/html", headers=headers)

    @app.get("/download/{token}")
    def download(token: str) -> Response:
        """A file a visitor made, once."""
        found = home.downloads.take(token)
        if found is None:
            text = "This link was used or is too old: make the file again.\n"
            return Response(text, 404, media_type="text/plain")
        disposition = f"attachment; filename*=UTF-8''{quote(found.name)}"
        headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
        return Response(found.data, media_type=found.media_type, headers=headers)
