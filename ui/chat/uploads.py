"""Files that a page sends: Chainlit names them by a number, the studio by what the user called them."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}$")


def with_own_suffix(path: Path, name: str) -> str:
    """The uploaded file under its own suffix: Chainlit guesses one from the browser's type, and loses `.otio`."""
    suffix = PurePosixPath(name.lower()).suffix
    if suffix == path.suffix or not _SUFFIX.match(suffix):
        return str(path)
    named = path.with_suffix(suffix)
    shutil.copyfile(path, named)
    return str(named)


async def take_in(agent: StudioAgent, thread: str, files: Sequence[tuple[str, str]]) -> list[str]:
    """Copy files into the workspace for the conversation's next wish; their names. Raises UsageError."""
    assets = [await asyncio.to_thread(agent.attach, path, thread, name) for path, name in files]
    return [asset.name for asset in assets]
