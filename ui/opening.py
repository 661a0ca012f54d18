"""From command-line options to settings, logging and an agent."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.settings import Settings, load_settings
from configs.workspace import Workspace

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent


def settings_for(home: Path | None, brain: str | None = None, **more: Any) -> Settings:
    """Settings with the command line's choices on top. Raises UsageError."""
    chosen: dict[str, Any] = {k: v for k, v in {"home": home, "brain": brain, **more}.items() if v is not None}
    return load_settings(**chosen)


def open_agent(settings: Settings, *, dry: bool = False) -> StudioAgent:
    """The agent, with details of failures going to studio.log in the home folder. Raises StudioError."""
    log_to(Workspace.open(settings.home).home / "studio.log")
    from agent.build import build_agent

    return build_agent(settings, dry=dry)


def log_to(file: Path) -> None:
    """Send the studio's log (and only it) to a rotating file; called once per process and file."""
    log = logging.getLogger("studio")
    if any(getattr(h, "baseFilename", "") == str(file) for h in log.handlers):
        return
    handler = logging.handlers.RotatingFileHandler(file, maxBytes=2_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
