"""Folders for what is built once for all tests of a process."""

from __future__ import annotations

import tempfile
from pathlib import Path

_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def kept_folder() -> Path:
    """A new folder that stays until `remove_kept`."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="studio-tests-"))
    return Path(_KEPT[-1].name)


def remove_kept() -> None:
    """At the session's end: workers of xdist leave without the interpreter's own tidying."""
    while _KEPT:
        _KEPT.pop().cleanup()
