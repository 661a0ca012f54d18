"""The studio as a web server: the chat, the media it shows, health and metrics."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError
from configs.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from agent.studio_agent import StudioAgent

_running: dict[str, StudioAgent] = {}
CHAT_APP = Path(__file__).parent / "chat" / "app.py"
SHOWN = ("assets", "uploads")
"""Folders of the home whose files a page may load."""


def running_agent() -> StudioAgent:
    """The agent of this process. Raises StudioError before the server has made one."""
    if "agent" not in _running:
        raise StudioError("The studio is not running", fix="Start it with 'studio chat'")
    return _running["agent"]


def create_app(settings: Settings, agent: StudioAgent) -> FastAPI:
    """The web application around an agent. One per process (Chainlit keeps its settings in globals)."""
    from ui.chat.site import prepare_site

    home = agent.studio.workspace.home
    prepare_site(home)  # before anything imports chainlit, which reads its folder on import
    from ui.chat.history import prepare_history

    prepare_history(home / "chat.db")
    (home / "uploads").mkdir(exist_ok=True)
    _running["agent"] = agent

    from chainlit.utils import mount_chainlit
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse, JSONResponse

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_warm_up, args=(agent,), daemon=True, name="warm-up").start()
        yield
        agent.close()

    app = FastAPI(title="Animation AI Studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "brain": agent.capabilities.name})

    @app.get("/media/{path:path}")
    async def media(path: str) -> FileResponse:
        file = (home / path).resolve()
        if not any((home / folder).resolve() in file.parents for folder in SHOWN) or not file.is_file():
            raise HTTPException(404, "There is no such file")
        return FileResponse(
            file, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
        )

    app.middleware("http")(_offline_page)
    mount_chainlit(app=app, target=str(CHAT_APP), path="/chat")

    @app.get("/")
    async def root() -> Any:
        from fastapi.responses import RedirectResponse

        return RedirectResponse("/chat/")

    return app


def _warm_up(agent: StudioAgent) -> None:
    """Load what the first wish needs, so that it is answered at once."""
    import logging

    try:
        agent.warm_up()
    except StudioError as error:
        logging.getLogger("studio.server").warning("warm-up: %s", error.sentence)


async def _offline_page(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Pages without links to other hosts."""
    from fastapi.responses import Response as PlainResponse

    from ui.chat.site import without_external_links

    if "." not in request.url.path.rsplit("/", 1)[-1]:
        # pages are rewritten below, so they must not come compressed
        request.scope["headers"] = [h for h in request.scope["headers"] if h[0] != b"accept-encoding"]
    response = await call_next(request)
    if not response.headers.get("content-type", "").startswith("text/html"):
        return response
    body = b"".join([chunk async for chunk in response.body_iterator])  # type: ignore[attr-defined]
    headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
    return PlainResponse(without_external_links(body), response.status_code, headers)
