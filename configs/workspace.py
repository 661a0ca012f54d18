"""The studio's data folder: where assets, memory, caches and temporary files lie."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from configs.errors import StudioError, UsageError


@dataclass(frozen=True)
class Workspace:
    """Paths below one home folder (`--home`, `STUDIO_HOME`); nothing outside it is ever written."""

    home: Path

    @classmethod
    def open(cls, home: Path | str) -> Workspace:
        """Create the folders below `home`. Raises StudioError when it cannot be written."""
        root = Path(home).expanduser().resolve()
        space = cls(root)
        try:
            for folder in (root, space.assets, space.cache, space.tmp):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=space.tmp) as probe:
                probe.write(b"x")
        except OSError as error:
            raise StudioError(
                f"The studio's folder {root} cannot be written",
                error.strerror or str(error),
                "Choose another with --home or STUDIO_HOME, or free space and permissions there",
            ) from error
        return space

    @property
    def assets(self) -> Path:
        return self.home / "assets"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def tmp(self) -> Path:
        return self.home / "tmp"

    @property
    def database(self) -> Path:
        return self.home / "studio.db"

    def inside(self, path: Path | str) -> Path:
        """`path` (absolute, or relative to the home) with links resolved.

        Raises UsageError when it leads outside the workspace.
        """
        candidate = (self.home / path).resolve()
        if candidate != self.home and self.home not in candidate.parents:
            raise UsageError(
                f"'{path}' lies outside the workspace {self.home}",
                "tools may only touch files of the workspace",
                "Attach the file instead; the studio then works on a copy",
            )
        return candidate

    def scratch(self, suffix: str) -> Path:
        """A new unique path below tmp/ that does not exist yet, on the same file system as assets/."""
        handle, name = tempfile.mkstemp(suffix=suffix, dir=self.tmp)
        os.close(handle)
        Path(name).unlink()
        return Path(name)
