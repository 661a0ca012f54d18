"""Files that a page sends: Chainlit names them by a number, the studio by what the user called them."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent

NAME_LIMIT = 120
"""Characters of a file name that are kept, its end first."""


def under_own_name(path: Path, name: str) -> str:
    """The uploaded file under the user's name for it, so that messages and suffixes are right (`.otio` has no type)."""
    plain = PurePosixPath(name.replace("\\", "/").replace("\0", "")).name[-NAME_LIMIT:]
    if plain in ("", ".", ".."):
        return str(path)
    folder = path.with_name(f"{path.stem}-named")
    folder.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / plain)
    return str(folder / plain)


def let_empty_files_in() -> None:
    """Chainlit answers a file of 0 bytes with an internal error; so it comes in, and the studio says what it is."""
    from chainlit.session import BaseSession

    keep = BaseSession.persist_file

    async def persist_file(
        self: BaseSession, name: str, mime: str, path: str | None = None, content: bytes | str | None = None
    ) -> Any:
        if path or content:
            return await keep(self, name, mime, path, content)
        with tempfile.NamedTemporaryFile() as nothing:
            return await keep(self, name, mime, nothing.name)

    BaseSession.persist_file = persist_file


async def take_in(agent: StudioAgent, thread: str, files: Sequence[tuple[str, str]]) -> list[str]:
    """Copy files into the workspace for the conversation's next wish; their names. Raises UsageError."""
    assets = [await asyncio.to_thread(agent.attach, path, thread, name) for path, name in files]
    return [asset.name for asset in assets]
