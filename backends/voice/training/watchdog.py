"""Ends a training's processes when the studio that started them is gone, also when it was killed outright.

A small process of its own, in a session of its own, holds the reading end of a pipe whose other end only the studio
has: the system closes it when the studio ends, however that happens. Linux' PR_SET_PDEATHSIG would do the same for one
process, but follows the thread that started it rather than the studio, reaches no grandchildren (data loaders), and
needs code between fork and exec.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from backends.gpu.servers.processes import Identity, end
from configs.errors import EngineError

_ROOT = Path(__file__).resolve().parents[3]
_DISMISSED = b"."
"""Written when the process ended first; without it, the end of the pipe is the end of the studio."""
_WAIT_S = 5.0


class Watchdog:
    """Watches over one process and all that it started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def over(cls, who: Identity, stop_s: float) -> Watchdog:
        """Start one. stop_s: seconds from SIGTERM to SIGKILL.

        Raises EngineError when no further process can be started.
        """
        argv = [sys.executable, "-m", __name__, str(who.pid), who.born, who.token, str(stop_s)]
        try:
            return cls(
                subprocess.Popen(
                    argv,
                    cwd=_ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C in the terminal ends the studio first
                )
            )
        except OSError as error:
            why = error.strerror or str(error)
            fix = "Close other programs, then train again"
            raise EngineError("What ends a training with the studio could not be started", why, fix) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def dismiss(self) -> None:
        """The process ended in good order; nothing is to be done any more."""
        try:
            with suppress(OSError):
                self._process.communicate(_DISMISSED, _WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(argv: list[str]) -> None:
    """argv: pid, birth and token of the process, seconds to stop in. Without a dismissal its family is ended."""
    pid, born, token, stop_s = argv
    if sys.stdin.buffer.read(1) != _DISMISSED:
        end(Identity(int(pid), born, token), float(stop_s))


if __name__ == "__main__":
    main(sys.argv[1:])
