"""The machine-wide folder for locks and records of started servers; it outlives no reboot."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from configs.errors import StudioError
from configs.settings import Settings

NAME = "animation-ai-studio"


def run_dir(settings: Settings) -> Path:
    """The folder, made if need be, readable by this user only.

    `gpu.run_dir`, else $XDG_RUNTIME_DIR/animation-ai-studio, else a folder of this user's below the temporary one.
    Raises StudioError when it cannot be made, or belongs to somebody else.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if settings.gpu.run_dir:
        folder = Path(settings.gpu.run_dir).expanduser()
    elif base and Path(base).is_dir():
        folder = Path(base) / NAME
    else:
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.lstat().st_uid
    except OSError as error:
        raise StudioError(
            f"The run folder {folder} cannot be used", error.strerror or str(error), "Set gpu.run_dir to another"
        ) from error
    if owner != os.getuid():
        raise StudioError(f"The run folder {folder} belongs to another user", fix="Set gpu.run_dir to another")
    return folder
