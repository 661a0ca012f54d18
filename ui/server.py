"""The studio as a web server: the chat, the gateway to its language models, metrics, the models' controls."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import StudioError
from configs.settings import Settings
from tools.engine_room import EngineRoom

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.studio_agent import StudioAgent
    from backends.llm.gateway import Upstreams
    from backends.llm.gateway.app import Gateway

_running: dict[str, StudioAgent] = {}
CHAT_APP = Path(__file__).parent / "chat" / "app.py"
SHOWN = ("assets", "uploads")
"""Folders of the home whose files a page may load."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")
ANY_ADDRESS = ("0.0.0.0", "::")


def running_agent() -> StudioAgent:
    """The agent of this process. Raises StudioError before the server has made one."""
    if "agent" not in _running:
        raise StudioError("The studio is not running", fix="Start it with 'studio chat'")
    return _running["agent"]


def create_app(
    settings: Settings, agent: StudioAgent, address: str = "", *, chat: bool = True, url: str = ""
) -> FastAPI:
    """The web application around an agent. One per process (Chainlit keeps its settings in globals).

    Args:
        address: where the server listens ('' = settings.server.host). On this machine's own address only requests
            for its own names are answered, so that a foreign page cannot reach the studio under a name of its own.
        chat: with the chat page; else the gateway, the metrics and the models' controls alone.
        url: how the command line on this machine reaches it; '' = not at all.

    Raises:
        StudioError: the chat history is damaged, or the home cannot be written.
    """
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from ui.control import Control
    from ui.metrics_page import metrics_routes

    host = address or settings.server.host
    gateway = open_gateway(settings, agent, host)
    control = Control(EngineRoom(agent.executor.arbiter, settings, agent.studio.workspace), url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await gateway.open()
        if url:
            control.announce()
        if chat:
            threading.Thread(target=_warm_up, args=(agent,), daemon=True, name="warm-up").start()
        yield
        control.withdraw()
        await gateway.close()
        agent.close()

    app = FastAPI(title="Animation AI Studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.get("/health", response_model=None)
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "brain": agent.capabilities.name})

    app.router.routes += [*control.routes(), *metrics_routes(settings)]
    app.mount("/v1", gateway)
    if chat:
        _add_chat(app, settings, agent)
    else:
        _add_signpost(app)
    if names := own_names(settings.server.names, host):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)
    return app


def own_names(names: Sequence[str], host: str) -> list[str]:
    """Host names that requests may use; [] = any.

    Where names are set, this machine's own stay among them: the command line and health checks come by those, and a
    foreign page cannot use them.
    """
    from backends.llm.gateway.app import is_loopback

    if not names and not is_loopback(host):
        return []
    return [*names, *LOCAL_HOSTS, *(() if host in ANY_ADDRESS else (host,))]


def open_gateway(settings: Settings, agent: StudioAgent, host: str) -> Gateway:
    """The OpenAI-compatible door to what the brain uses, and to every other service that could be started."""
    from backends.llm.gateway.app import create_gateway
    from backends.llm.gateway.arbiter_upstreams import ArbiterUpstreams
    from backends.llm.gateway.fixed_upstream import FixedUpstream
    from configs.llm_services import load_services, services_file

    llm = settings.llm
    upstreams: Upstreams
    if llm.base_url:
        upstreams = FixedUpstream(llm.base_url, default=llm.model, api_key=llm.api_key)
    else:
        upstreams = ArbiterUpstreams(
            agent.executor.arbiter, load_services(services_file(settings)), wait_s=settings.gateway.load_s,
            lease_seconds=settings.gpu.lease_seconds,
        )  # fmt: skip
    return create_gateway(settings, upstreams, listen_host=host)


def _add_signpost(app: FastAPI) -> None:
    """A browser that comes to the gateway is told what is here."""
    from fastapi.responses import PlainTextResponse

    @app.get("/", response_model=None)
    async def root() -> PlainTextResponse:
        return PlainTextResponse(
            "This is the studio's gateway: OpenAI's API is at /v1, figures are at /metrics.\n"
            "'studio chat' serves the chat page as well.\n"
        )


def _add_chat(app: FastAPI, settings: Settings, agent: StudioAgent) -> None:
    """The page, the media it shows, and the one who uses it."""
    from ui.chat.site import SITE, prepare_site
    from ui.chat.wording import badge

    home = agent.studio.workspace.home
    prepare_site(home, badge(agent), settings.uploads.max_mib)  # before chainlit, which reads its folder on import
    from ui.chat.history import prepare_history

    prepare_history(home / "chat.db")
    (home / "uploads").mkdir(exist_ok=True)
    _running["agent"] = agent

    from chainlit.utils import mount_chainlit
    from fastapi.responses import FileResponse, RedirectResponse

    from ui.chat.media import media_router
    from ui.chat.middleware import ClosedPages, OfflinePages, SignedIn
    from ui.chat.uploads import let_empty_files_in

    let_empty_files_in()

    @app.get("/", response_model=None)
    async def root() -> RedirectResponse:
        return RedirectResponse("/chat/")

    @app.get("/chat/avatars/{author:path}", response_model=None)
    async def avatar(author: str) -> FileResponse:
        """One face for all: Chainlit's own route refuses names with a colon or an accent, as titles of steps have."""
        return FileResponse(SITE / "public" / "favicon.svg", headers={"Cache-Control": "max-age=86400"})

    app.include_router(media_router(home, SHOWN))
    for layer in (OfflinePages, SignedIn, ClosedPages):
        app.add_middleware(layer)
    mount_chainlit(app=app, target=str(CHAT_APP), path="/chat")


def _warm_up(agent: StudioAgent) -> None:
    """Load what the first wish needs, so that it is answered at once."""
    try:
        agent.warm_up()
    except StudioError as error:
        logging.getLogger("studio.server").warning("warm-up: %s", error.sentence)
