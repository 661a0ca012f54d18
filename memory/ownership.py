"""One owner process per home folder, by a file lock; a second one is refused with the owner's number."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from filelock import FileLock, Timeout

from configs.errors import StudioError


class Ownership:
    """The right to write below `home`, held until `release()` or the end of the process."""

    def __init__(self, home: Path) -> None:
        """Raises StudioError naming the owner when another process has it."""
        self._home = home
        # A second file names the owner: taking the lock may truncate the locked one.
        self._note = home / "studio.owner"
        self._lock = FileLock(home / "studio.lock", timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise self._refusal() from error
        except OSError as error:
            raise StudioError(
                f"The studio's folder {home} cannot be locked", error.strerror or str(error), "Check its permissions"
            ) from error
        self.unclean = self._note.exists()
        """True when the former owner ended without closing."""
        with contextlib.suppress(OSError):
            self._note.write_text(json.dumps({"pid": os.getpid(), "since": time.time()}), encoding="utf-8")

    def _refusal(self) -> StudioError:
        pid = self._owner_pid()
        who = f"process {pid}" if pid else "another process"
        return StudioError(
            f"The studio's folder {self._home} is in use",
            f"{who} has it open",
            "Close that one, or choose another folder with --home",
        )

    def _owner_pid(self) -> int | None:
        """The owner writes its note just after it took the lock, so wait a moment for it."""
        for _ in range(10):
            try:
                pid = int(json.loads(self._note.read_text(encoding="utf-8"))["pid"])
                if pid != os.getpid():
                    return pid
            except (OSError, ValueError, KeyError, TypeError):
                pass
            time.sleep(0.02)
        return None

    def release(self) -> None:
        """Give it back after a clean end."""
        with contextlib.suppress(OSError):
            self._note.unlink(missing_ok=True)
        self._lock.release()
