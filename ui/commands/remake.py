"""`studio remake`: the same picture once more, compared with the one that was kept."""

from __future__ import annotations

import json
from pathlib import Path

from ui.commands.tools import run_tool


def run_remake(asset: str, as_json: bool, home: Path | None, thread: str) -> int:
    """Run remake_image through the executor; its exit code. A picture that differs is no failure, but is told."""
    return run_tool("remake_image", json.dumps({"image": asset}), as_json, home, thread, [])
