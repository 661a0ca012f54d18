"""Single steps with an engine: the blocking method in a thread, the slot's state, memory and history kept true."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.slots import Slot, Work
from backends.gpu.arbitration.worker import Workers
from backends.gpu.engine import (
    Checked,
    Downloading,
    Engine,
    EngineOutOfMemory,
    EngineState,
    Lasting,
    Measured,
    Reporting,
    Shrinkable,
    StartPhase,
    StartProgress,
    Swap,
    Watched,
)
from backends.gpu.metrics import arbiter_metrics
from configs.errors import EngineError, StudioError

LOG = logging.getLogger("studio.arbiter")

Action = Literal["load", "park", "restore", "unload"]
_PASSING = {"load": EngineState.STARTING, "restore": EngineState.RESTORING, "park": EngineState.PARKING,
            "unload": EngineState.PARKING}  # fmt: skip


class CanaryFailed(EngineError):
    """The engine came up, or was up, and cannot work."""


class Operations:
    """Called from the loop, by the work that holds the slot: never two at once on one engine."""

    def __init__(
        self,
        board: Board,
        workers: Workers,
        make: Callable[[str], Engine],
        on_swap: Callable[[Swap], None] | None,
        on_notice: Callable[[str], None] | None,
    ) -> None:
        self._board, self._workers, self._make = board, workers, make
        self._on_swap, self._on_notice = on_swap, on_notice
        self.history: deque[Swap] = deque(maxlen=200)

    # -- told ----------------------------------------------------------------------------------------------------

    def notice(self, slot: Slot, step: str, text: str, work: Work | None = None) -> None:
        """A step of the ladder: logged, counted, told to those who wait and to whoever listens."""
        LOG.warning("%s", text)
        arbiter_metrics().fallbacks.labels(slot.name, step).inc()
        if work is not None:
            work.notices.append(text)
        if self._on_notice is not None:
            try:
                self._on_notice(text)
            except Exception:  # a listener's bug must not stop the arbiter
                LOG.exception("on_notice failed")

    def report(self, slot: Slot, progress: StartProgress) -> None:
        """From any thread: tell those who wait, then remember it for the status."""
        for listener in slot.listeners:
            try:
                listener(progress)
            except Exception:  # a listener's bug must not stop the start
                LOG.exception("on_start failed")

        def remember() -> None:
            slot.progress = progress

        self._workers.post(remember)

    def _engine_tells(self, slot: Slot, progress: StartProgress) -> None:
        """'ready' is told once, and by the arbiter: when the canary has answered."""
        if progress.phase != "ready":
            self.report(slot, progress)

    def _record(self, slot: Slot, action: Action, phases: dict[str, float], work: Work) -> Swap:
        seconds = sum(s for phase, s in phases.items() if phase != "drain")
        swap = Swap(slot.name, action, seconds, time.time(), work.reason, tuple(phases.items()))
        self.history.append(swap)
        work.swaps.append(swap)
        arbiter_metrics().swapped(swap)
        LOG.info("%s %s: %.2f s (%s)", slot.name, action, seconds, work.reason)
        if self._on_swap is not None:
            try:
                self._on_swap(swap)
            except Exception:  # a listener's bug must not stop the arbiter
                LOG.exception("on_swap failed")
        return swap

    # -- steps ---------------------------------------------------------------------------------------------------

    async def make(self, slot: Slot) -> Engine:
        """The engine object, made on first use."""
        if slot.engine is None:
            engine, guess = await self._workers.run(f"engine-{slot.name}-make", lambda: _made(self._make, slot.name))
            slot.engine, slot.guess_mib = engine, guess
            slot.is_watched, slot.is_measured = isinstance(engine, Watched), isinstance(engine, Measured)
            if isinstance(engine, Reporting):
                engine.on_start = lambda progress: self._engine_tells(slot, progress)
        return slot.engine

    async def check(self, slot: Slot) -> None:
        """Raises when a cold engine lacks what no room could replace, or cannot be made. Nothing has changed then."""
        engine = await self.make(slot)
        if not isinstance(engine, Checked):
            return
        try:
            await self._workers.run(f"engine-{slot.name}-check", engine.check_startable)
        except Exception as error:
            raise told(error, slot.name) from error

    async def bring(self, slot: Slot, action: Literal["load", "restore"], work: Work, free_s: float) -> None:
        """load() or restore(), then probe(). The state is ACTIVE afterwards; on an error it stays in between."""
        engine = await self.make(slot)
        self._enter(slot, action)
        phases = {"free": free_s}
        phase: StartPhase = "load"

        def start() -> tuple[float, float, int]:
            self.report(slot, StartProgress(slot.name, phase))
            began = time.perf_counter()
            (engine.load if action == "load" else engine.restore)()
            ready = time.perf_counter()
            self._canary(engine)
            probed = time.perf_counter()
            _peak(engine)  # what loading took says nothing about working
            self.report(slot, StartProgress(slot.name, "ready", 1.0))
            return ready - began, probed - ready, engine.need_mib()

        try:
            phases[action], phases["probe"], guess = await self._workers.run(f"engine-{slot.name}-{action}", start)
        except Exception as error:
            slot.error = told(error, slot.name).sentence
            arbiter_metrics().swaps.labels(slot.name, action, "failed").inc()
            raise
        slot.guess_mib = guess
        slot.up_since = slot.used_at = time.monotonic()
        slot.error, slot.suspected = "", ""
        slot.progress = None
        self._board.set_state(slot, EngineState.ACTIVE)
        self._record(slot, action, phases, work)

    async def park(self, slot: Slot, work: Work, drained_s: float = 0.0) -> None:
        """park(); its residue stays counted. Raises what the engine raises."""
        engine = await self.make(slot)
        self._enter(slot, "park")
        began = time.perf_counter()

        def measured_park() -> int | None:
            peak = _peak(engine)
            engine.park()
            return peak

        try:
            peak = await self._workers.run(f"engine-{slot.name}-park", measured_park)
        except Exception as error:
            slot.error = told(error, slot.name).sentence
            arbiter_metrics().swaps.labels(slot.name, "park", "failed").inc()
            raise
        if slot.spec.shared:  # the leases of others are measured one by one
            self.learn(slot, "", peak)
        self._board.set_state(slot, EngineState.PARKED)
        self._board.charge(slot, min(slot.spec.parked_mib, slot.charge_mib))
        slot.floor_mib = None
        self._record(slot, "park", {"drain": drained_s, "park": time.perf_counter() - began}, work)

    async def unload(self, slot: Slot, work: Work, drained_s: float = 0.0) -> None:
        """unload(), by force if need be. When it fails the slot is FAILED and its memory stays counted; raises."""
        engine = await self.make(slot)
        self._enter(slot, "unload")
        began = time.perf_counter()
        try:
            await self._workers.run(f"engine-{slot.name}-unload", engine.unload)
        except Exception as error:
            failure = told(error, slot.name)
            slot.error = failure.sentence
            self._board.set_state(slot, EngineState.FAILED)
            arbiter_metrics().swaps.labels(slot.name, "unload", "failed").inc()
            self.notice(
                slot,
                "stuck",
                f"{slot.name} could not be ended; its {slot.charge_mib} MiB stay counted: {failure}",
                work,
            )
            raise failure from error
        self._board.set_state(slot, EngineState.COLD)
        self._board.charge(slot, 0)
        slot.floor_mib, slot.progress = None, None
        self._record(slot, "unload", {"drain": drained_s, "unload": time.perf_counter() - began}, work)

    async def put_away(self, slot: Slot, work: Work, drained_s: float = 0.0) -> None:
        """park(), or unload() when that fails. Raises EngineError when neither gives the memory back."""
        try:
            await self.park(slot, work, drained_s)
        except Exception as error:
            why = told(error, slot.name).sentence
            self.notice(slot, "unload", f"{slot.name} could not be parked and is ended instead: {why}", work)
            await self.unload(slot, work, drained_s)

    async def probe(self, slot: Slot) -> None:
        """The canary alone. Raises what the engine raises."""
        engine = await self.make(slot)
        await self._workers.run(f"engine-{slot.name}-probe", lambda: self._canary(engine))

    async def shrink(self, slot: Slot) -> str:
        """What the engine gave up for its next load; '' when it cannot give up more."""
        engine = await self.make(slot)
        if not isinstance(engine, Shrinkable):
            return ""
        gave = await self._workers.run(f"engine-{slot.name}-shrink", engine.shrink)
        if gave:
            slot.shrunk = True
            slot.guess_mib = await self._workers.run(f"engine-{slot.name}-need", engine.need_mib)
        return gave

    async def grow_back(self, slot: Slot) -> None:
        """Undo all shrinking before a fresh start."""
        engine = slot.engine
        if not slot.shrunk or not isinstance(engine, Shrinkable):
            return
        await self._workers.run(f"engine-{slot.name}-grow", engine.grow_back)
        slot.shrunk = False
        slot.guess_mib = await self._workers.run(f"engine-{slot.name}-need", engine.need_mib)

    async def keep(self, slot: Slot, kept: bool) -> bool:
        """Whether its process shall outlive the studio. False when the engine knows no such thing."""
        engine = await self.make(slot)
        if not isinstance(engine, Lasting):
            return False
        await self._workers.run(f"engine-{slot.name}-keep", lambda: engine.keep(kept))
        slot.kept = kept
        return True

    async def may_download(self, slot: Slot, allowed: bool) -> bool:
        """Whether the next load may fetch the model. False when the engine knows no such thing."""
        engine = await self.make(slot)
        if not isinstance(engine, Downloading):
            return False
        engine.download = allowed
        return True

    async def measure(self, slot: Slot, shape: str) -> None:
        """Ask the engine for its peak and learn from it."""
        engine = slot.engine
        if engine is not None:
            self.learn(slot, shape, await self._workers.run(f"engine-{slot.name}-measure", lambda: _peak(engine)))

    def learn(self, slot: Slot, shape: str, mib: int | None) -> None:
        """Keep a sample; a shrunk engine teaches nothing about the whole one."""
        if mib is None or mib <= 0 or slot.shrunk:
            return
        was_capped = self._board.is_capped(slot.name, shape)
        if self._board.needs.add(slot.name, shape, mib, slot.guess_mib) and not was_capped:
            budget = self._board.budget(slot.spec.device)
            if self._board.is_capped(slot.name, shape) or self._board.need(slot.name, shape) > budget:
                LOG.warning("%s %s was seen to use %d MiB; with a margin that is above the budget of %d MiB",
                            slot.name, shape, mib, budget)  # fmt: skip

    @staticmethod
    def _canary(engine: Engine) -> None:
        try:
            engine.probe()
        except Exception as error:
            arbiter_metrics().probe_failures.labels(engine.name).inc()
            failure = told(error, engine.name)
            if isinstance(failure, EngineOutOfMemory):
                raise failure from error
            raise CanaryFailed(failure.problem, failure.cause, failure.fix) from error

    def _enter(self, slot: Slot, action: Action) -> None:
        slot.error = ""
        self._board.set_state(slot, _PASSING[action])


def told(error: BaseException, name: str) -> StudioError:
    """`error` in words for the user; out of memory stays that."""
    if isinstance(error, StudioError):
        return error
    cause = f"{type(error).__name__}: {error}"[:300]
    if isinstance(error, MemoryError):
        return EngineOutOfMemory(f"The engine '{name}' ran out of memory", cause, "Close other programs")
    return EngineError(f"The engine '{name}' failed", cause, "Run 'studio doctor'")


def _made(make: Callable[[str], Engine], name: str) -> tuple[Engine, int]:
    engine = make(name)
    return engine, engine.need_mib()


def _peak(engine: Engine) -> int | None:
    if not isinstance(engine, Measured):
        return None
    try:
        return engine.peak_mib()
    except Exception:  # a missing figure must not cost the engine
        LOG.exception("the memory of %s could not be measured", engine.name)
        return None
