"""Voice engines in a process of their own: dead in mid-line, it is started again once; hanging, it is given up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from backends.gpu.servers.process_engine import ProcessEngine
from backends.voice.engine import SpeechResult
from configs.errors import EngineError

LOG = logging.getLogger(__name__)
POLL_S = 0.05


class ServerHangs(EngineError):
    """No answer within the time limit; its one worker is stuck, and with it the whole server."""


class ServerGone(EngineError):
    """The connection was refused or broke off."""


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
        try:
            return speak()
        except ServerHangs as error:
            self._stuck = error  # the arbiter sees it, ends the process and starts it for the next request
            raise
        except ServerGone as error:
            LOG.warning("%s", error.sentence)
            self._bring_back(error)
            return self._last_try(speak)

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
