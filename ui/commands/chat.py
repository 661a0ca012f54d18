"""`studio chat` and `studio serve`: the studio as a server on localhost."""

from __future__ import annotations

import logging
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from backends.llm.gateway.keys import KeyStore
from configs.errors import StudioError, UsageError
from configs.server_file import forget_own
from ui.opening import open_agent, settings_for

if TYPE_CHECKING:
    import uvicorn

    from agent.studio_agent import StudioAgent
    from configs.settings import Settings


def run_chat(home: Path | None, host: str | None, port: int | None, brain: str | None, open_browser: bool) -> int:
    """Serve everything, the page included, until Ctrl-C. Raises UsageError when the port is taken."""
    settings, agent, address, number = _opened(home, host, port, brain)
    url = _url(address, number)

    def greet() -> None:
        brain_shown, home_shown = agent.capabilities.badge, agent.studio.workspace.home
        print(f"The studio is at {url}  (brain: {brain_shown}; files in {home_shown}; stop with Ctrl-C)")
        if not _is_local(address):
            print(f"It listens on {address}: whoever reaches port {number} uses the chat, which has no log-in.")
        _say_why_basic(settings, agent)
        if open_browser:
            webbrowser.open(url)

    return _serve(settings, agent, address, number, greet, chat=True)


def run_serve(home: Path | None, host: str | None, port: int | None, brain: str | None) -> int:
    """Serve the gateway, metrics and controls until Ctrl-C. Raises UsageError when the port is taken."""
    settings, agent, address, number = _opened(home, host, port, brain)

    def greet() -> None:
        print(f"The gateway is at {_url(address, number)}/v1  (stop with Ctrl-C)")
        if not _is_local(address):
            kept = ", ".join(key.name for key in KeyStore.of_home(agent.studio.workspace.home).list())
            keys = f"keys: {kept}" if kept else "there is none yet, 'studio keys add NAME' makes one"
            print(f"It listens on {address} and asks everybody for a key ({keys}).")
        _say_why_basic(settings, agent)

    return _serve(settings, agent, address, number, greet, chat=False)


def _say_why_basic(settings: Settings, agent: StudioAgent) -> None:
    """Who has set a language model is told at the start when it cannot be had."""
    if agent.notice and (settings.llm.service or settings.llm.base_url):
        print(agent.notice)


def _opened(
    home: Path | None, host: str | None, port: int | None, brain: str | None
) -> tuple[Settings, StudioAgent, str, int]:
    settings = settings_for(home, brain)
    address, number = host or settings.server.host, port or settings.server.port
    refuse_taken_port(address, number)
    return settings, open_agent(settings), address, number


def _serve(
    settings: Settings, agent: StudioAgent, address: str, number: int, greet: Callable[[], None], *, chat: bool
) -> int:
    import uvicorn

    from backends.gpu.servers.records import all_records
    from configs.rundir import run_dir
    from ui.server import create_app

    own = {"0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}.get(address, address)
    try:
        app = create_app(settings, agent, address, chat=chat, url=f"http://{_bracketed(own)}:{number}")
        greet()
        sys.stdout.flush()
        config = uvicorn.Config(
            app,
            host=address,
            port=number,
            log_level="warning",
            ws_max_size=64 * 2**20,
            timeout_graceful_shutdown=5,  # open streams of the gateway must not keep a stopped studio alive
            timeout_keep_alive=60,
        )
        logging.getLogger("uvicorn.error").addFilter(_is_no_cut_answer)
        server = _told_server(config)
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            return StudioError.exit_code
    finally:  # after a second Ctrl-C uvicorn leaves without the app's own end
        agent.close()
        forget_own(agent.studio.workspace.home)
        for name in (record.name for record in all_records(run_dir(settings)) if record.kept):
            print(f"{name} keeps running; 'studio models stop {name}' ends it.", file=sys.stderr, flush=True)
    return 0


def _told_server(config: uvicorn.Config) -> uvicorn.Server:
    """A server that says so when it is told to end: parking and ending models takes seconds."""
    import uvicorn

    class Told(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                print("Ending, a few seconds (finished steps are kept) ...", file=sys.stderr, flush=True)
            super().handle_exit(sig, frame)

    return Told(config)


def _is_no_cut_answer(record: logging.LogRecord) -> bool:
    """False for what uvicorn says of answers that the end of the server cut off: nothing is wrong then."""
    return not record.msg.startswith(("Cancel %s running task", "ASGI callable returned without completing"))


def _url(address: str, port: int) -> str:
    own = address in ("127.0.0.1", "0.0.0.0", "::")
    return f"http://{'localhost' if own else _bracketed(address)}:{port}"


def _is_local(address: str) -> bool:
    from backends.llm.gateway.app import is_loopback

    return is_loopback(address)


def _bracketed(address: str) -> str:
    """An address as part of a URL."""
    return f"[{address}]" if ":" in address else address


def refuse_taken_port(host: str, port: int) -> None:
    """Raises UsageError in one sentence when nobody can listen there."""
    if not 0 < port < 65536:
        raise UsageError(f"There is no port {port}", "ports go from 1 to 65535", "Choose another one with --port")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in host:  # as the server's own: '::' does not take the port of 0.0.0.0
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise UsageError(
                f"The studio cannot listen on '{host}'", error.strerror or str(error),
                "Give an address of this machine with --host, e.g. 127.0.0.1 or 0.0.0.0",
            ) from error  # fmt: skip
        except OSError as error:
            raise UsageError(
                f"The studio cannot listen on {host}:{port}", error.strerror or str(error),
                "Stop the other program, or choose another port with --port",
            ) from error  # fmt: skip
