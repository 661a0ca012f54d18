"""The studio as a web server: the chat, the media it shows, health."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import StudioError
from configs.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, JSONResponse, RedirectResponse

    from agent.studio_agent import StudioAgent

_running: dict[str, StudioAgent] = {}
CHAT_APP = Path(__file__).parent / "chat" / "app.py"
SHOWN = ("assets", "uploads")
"""Folders of the home whose files a page may load."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")


def running_agent() -> StudioAgent:
    """The agent of this process. Raises StudioError before the server has made one."""
    if "agent" not in _running:
        raise StudioError("The studio is not running", fix="Start it with 'studio chat'")
    return _running["agent"]


def create_app(settings: Settings, agent: StudioAgent, address: str = "") -> FastAPI:
    """The web application around an agent. One per process (Chainlit keeps its settings in globals).

    Args:
        address: where the server listens ('' = settings.server.host). On this machine's own address only requests
            for its own names are answered, so that a foreign page cannot reach the studio under a name of its own.

    Raises:
        StudioError: the chat history is damaged, or the home cannot be written.
    """
    from ui.chat.site import SITE, prepare_site
    from ui.chat.wording import badge

    home = agent.studio.workspace.home
    prepare_site(home, badge(agent), settings.uploads.max_mib)  # before chainlit, which reads its folder on import
    from ui.chat.history import prepare_history

    prepare_history(home / "chat.db")
    (home / "uploads").mkdir(exist_ok=True)
    _running["agent"] = agent

    from chainlit.utils import mount_chainlit
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from ui.chat.media import media_router
    from ui.chat.middleware import ClosedPages, OfflinePages, SignedIn

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_warm_up, args=(agent,), daemon=True, name="warm-up").start()
        yield
        agent.close()

    app = FastAPI(title="Animation AI Studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.get("/health", response_model=None)
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "brain": agent.capabilities.name})

    @app.get("/", response_model=None)
    async def root() -> RedirectResponse:
        return RedirectResponse("/chat/")

    @app.get("/chat/avatars/{author:path}", response_model=None)
    async def avatar(author: str) -> FileResponse:
        """One face for all: Chainlit's own route refuses names with a colon or an accent, as titles of steps have."""
        return FileResponse(SITE / "public" / "favicon.svg", headers={"Cache-Control": "max-age=86400"})

    app.include_router(media_router(home, SHOWN))
    app.add_middleware(OfflinePages)
    app.add_middleware(SignedIn)
    app.add_middleware(ClosedPages)
    if (address or settings.server.host) in LOCAL_HOSTS:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL_HOSTS), www_redirect=False)
    mount_chainlit(app=app, target=str(CHAT_APP), path="/chat")
    return app


def _warm_up(agent: StudioAgent) -> None:
    """Load what the first wish needs, so that it is answered at once."""
    try:
        agent.warm_up()
    except StudioError as error:
        logging.getLogger("studio.server").warning("warm-up: %s", error.sentence)
