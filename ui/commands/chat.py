"""`studio chat`: the web chat on localhost."""

from __future__ import annotations

import socket
import webbrowser
from pathlib import Path

from configs.errors import UsageError
from ui.opening import open_agent, settings_for


def run_chat(home: Path | None, host: str | None, port: int | None, brain: str | None, open_browser: bool) -> int:
    """Serve until Ctrl-C. Raises UsageError when the port is taken."""
    settings = settings_for(home, brain)
    address, number = host or settings.server.host, port or settings.server.port
    refuse_taken_port(address, number)
    agent = open_agent(settings)
    import uvicorn

    from ui.server import create_app

    app = create_app(settings, agent, address)
    url = f"http://{'localhost' if address in ('127.0.0.1', '0.0.0.0') else address}:{number}"
    brain_shown, home_shown = agent.capabilities.badge, agent.studio.workspace.home
    print(f"The studio is at {url}  (brain: {brain_shown}; files in {home_shown}; stop with Ctrl-C)", flush=True)
    if open_browser:
        webbrowser.open(url)
    uvicorn.run(app, host=address, port=number, log_level="warning", ws_max_size=64 * 2**20)
    return 0


def refuse_taken_port(host: str, port: int) -> None:
    """Raises UsageError in one sentence when nobody can listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"The studio cannot listen on {host}:{port}", error.strerror or str(error),
                "Stop the other program, or choose another port with --port",
            ) from error  # fmt: skip
