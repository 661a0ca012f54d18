"""Voice engines in a process of their own: dead in mid-line, it is started again once; hanging, it is given up.

A line that failed inside is told with what the server's log says of it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.servers.log_file import LogFollower
from backends.gpu.servers.process_engine import ProcessEngine
from backends.gpu.servers.start_failure import telling
from backends.voice.engines.protocol import SpeechResult
from configs.errors import EngineError

LOG = logging.getLogger(__name__)
POLL_S = 0.05
LOOKS = 64
"""At most so many looks at what the log says of one line, 1 MiB each."""
_NO_MEMORY = re.compile(r"out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE)
_FAILED = re.compile(r"(Error|Exception|Interrupt)\b")


class ServerHangs(EngineError):
    """No answer within the time limit; its one worker is stuck, and with it the whole server."""


class ServerGone(EngineError):
    """The connection was refused or broke off."""


class ServerFailed(EngineError):
    """It answered, and the answer is a failure: silence, no sound, or a refusal."""


class VoiceServer(ProcessEngine):
    """A ProcessEngine that speaks. `_attach` is called whenever it (again) has a running process."""

    _stuck: EngineError | None = None
    """Why it is unfit for work though its process may live; None while it is fit."""
    _is_reviving = False

    def _attach(self, *, fresh: bool) -> None:
        """Make the client. `fresh`: the process was started now, with what `load` gave it."""
        raise NotImplementedError

    def load(self) -> None:
        self._stuck = None
        super().load()
        self._attach(fresh=True)

    def unload(self) -> None:
        super().unload()
        self._stuck = None

    def ailment(self) -> str:
        if self._is_reviving:
            return ""
        return self._stuck.sentence if self._stuck is not None else super().ailment()

    def _kept_alive(self, speak: Callable[[], SpeechResult]) -> SpeechResult:
        """`speak()`, once more when the process died of it. Raises EngineError."""
        if self._stuck is not None:  # another try would only wait for the time limit once more
            raise EngineError(self._stuck.problem, self._stuck.cause, self._stuck.fix)
        with LogFollower(self.log_file, from_end=True) as log:
            try:
                return self._spoken(speak)
            except ServerFailed as error:
                raise self._explained(error, log) from error

    def _spoken(self, speak: Callable[[], SpeechResult]) -> SpeechResult:
        try:
            return speak()
        except ServerHangs as error:
            self._stuck = error  # the arbiter sees it, ends the process and starts it for the next request
            raise
        except ServerGone as error:
            LOG.warning("%s", error.sentence)
            self._bring_back(error)
            return self._last_try(speak)

    def _explained(self, error: ServerFailed, log: LogFollower) -> EngineError:
        """The failure with the last error that the server wrote meanwhile; its answer alone seldom tells why."""
        lines: list[str] = []
        for _ in range(LOOKS):
            if not (new := log.new_lines()):
                break
            lines = (lines + new)[-2000:]
        full = next((line for line in reversed(lines) if _NO_MEMORY.search(line)), "")
        if full or _NO_MEMORY.search(error.sentence):
            return EngineOutOfMemory(
                f"'{self.name}' ran out of GPU memory in the middle of a line",
                (full or error.cause).strip()[:240],
                "Close other programs that use the GPU, or give it shorter lines",
            )
        said = telling(lines)
        if not _FAILED.search(said):
            return error
        fix = f"Read {self.log_file}" if "log" in error.fix else error.fix
        return ServerFailed(error.problem, f"{error.cause}; its log says: {said.strip()[:240]}", fix)

    def _last_try(self, speak: Callable[[], SpeechResult]) -> SpeechResult:
        try:
            return speak()
        except (ServerHangs, ServerGone) as error:
            self._stuck = error
            raise

    def _bring_back(self, broken: ServerGone) -> None:
        """The process runs and answers afterwards. Raises EngineError."""
        until = time.monotonic() + self._process.start_seconds
        while not super().ailment():
            if self._answers(self._process.ready, 1.0):  # it restarted itself
                self._attach(fresh=False)
                return
            if time.monotonic() > until:
                self._stuck = broken
                raise broken
            time.sleep(POLL_S)
        self._is_reviving = True
        try:
            self.load()
        except EngineError as error:
            self._stuck = EngineError(f"'{self.name}' died and could not be started again", error.sentence, "Try again")
            raise self._stuck from error
        finally:
            self._is_reviving = False
