"""The only way a tool runs, whoever asks: validate -> policy -> reuse -> lease -> run -> record -> release."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import StartProgress
from backends.gpu.lease import Lease
from configs.errors import Cancelled, PolicyError, QuestionOpen, StudioError
from tools.events import Emit, ModelStarting, ModelSwapped, StepFinished, StepStarted
from tools.metrics import watched
from tools.policy import EVERYTHING, Grant
from tools.registry import get_tool
from tools.repair import repair_args, validate_args
from tools.run_context import RunContext
from tools.spec import CancelToken, Forecast, Studio, Tool, ToolArgs, ToolOutcome, ToolResult
from tools.stand_in import stand_in_result

LOG = logging.getLogger("studio.executor")


@dataclass(frozen=True)
class Run:
    """What one call shares with its sub-calls."""

    thread: str = ""
    job: str = ""
    """Steps of the same job with the same key are made once, also after a kill; '' = no reuse."""
    step: str = ""
    grant: Grant = EVERYTHING
    cancel: CancelToken = field(default_factory=CancelToken)
    emit: Emit = lambda event: None
    dry: bool = False
    """True: answer with a stand-in, without engines (evaluation of intents)."""
    depth: int = 0


class Executor:
    """Runs tools in the caller's thread; call it from a worker thread, never from an event loop."""

    def __init__(self, studio: Studio, arbiter: Arbiter) -> None:
        self.studio, self.arbiter = studio, arbiter

    def forecast(self, name: str, args: Mapping[str, Any] | str) -> tuple[Forecast, frozenset[str], dict[str, Any]]:
        """Cost, engines (those of sub-steps included) and repaired arguments of a call, without running it.

        Raises UsageError for wrong arguments.

        References to earlier steps ('$1') are accepted as they are.
        """
        tool = get_tool(name)
        mended, _ = repair_args(tool, args)
        model = validate_args(tool, mended)
        return self._price(tool, model), tool.uses(model, self.studio), mended

    def check_possible(self, name: str, args: Mapping[str, Any], before: Sequence[str] = ()) -> None:
        """Raises StudioError when a call with these repaired arguments is bound to fail; see Tool.check_possible."""
        tool = get_tool(name)
        tool.check_possible(validate_args(tool, args), self.studio, before)

    def swap_seconds(self, engine: str) -> float:
        """How long bringing this engine up is expected to take now, as seen before; 0 when it was not seen."""
        memory = self.studio.memory
        seen = [memory.typical_seconds(swap_key(action), engine, "") for action in ("restore", "load")]
        parked = any(row["name"] == engine and row["state"] == "parked" for row in self.arbiter.status())
        return (seen[0] if parked else seen[1]) or 0.0

    def run(self, name: str, args: Mapping[str, Any] | str, run: Run, *, key: str = "", title: str = "") -> ToolOutcome:
        """One call, whatever happens inside it: the outcome says how it ended. Only programming errors escape."""
        if run.dry:
            return self._attempt(name, args, run, key, title)
        with watched(name) as watch:
            watch.outcome = outcome = self._attempt(name, args, run, key, title)
        return outcome

    def _attempt(self, name: str, args: Mapping[str, Any] | str, run: Run, key: str, title: str) -> ToolOutcome:
        began = time.perf_counter()
        shown: dict[str, Any] = dict(args) if isinstance(args, Mapping) else {"arguments": args}
        needs: frozenset[str] = frozenset()
        lease: Lease | None = None
        try:
            run.cancel.check()
            tool = get_tool(name)
            shown, _ = repair_args(tool, args)
            model = validate_args(tool, shown)
            run.grant.check(tool)
            needs = tool.needs(model, self.studio)
            done = self._reuse(tool, shown, run, key, title, needs)
            if done is not None:
                return done
            run.emit(
                StepStarted(
                    thread=run.thread, step=run.step, tool=name, title=title or name, engines=tuple(sorted(needs))
                )
            )
            if run.dry:
                result = stand_in_result(tool, model, self.studio, run.thread)
            else:
                # with the defaults, as forecasts are looked up
                size = self._size(model)
                before = self._before(tool, shown, run, key)
                with self._together(tool):
                    with self._leased(tool.name, needs, run, size) as lease:
                        result = self._work(tool, model, run, lease)
                    seconds = time.perf_counter() - began - lease.waited_s
                    if tool.timed:
                        self._keep_timing(tool.name, needs, size, seconds)
                    self._record(tool, shown, run, key, result, seconds, before)
        except StudioError as error:
            if run.job and key and not run.dry:
                self._forget_beginning(run.job, step_key(key, name, shown))
            return self._failed(name, shown, run, error, began, needs, lease)
        seconds = time.perf_counter() - began
        run.emit(
            StepFinished(
                thread=run.thread, step=run.step, tool=name, status="done", seconds=seconds, summary=result.summary
            )
        )
        swaps = lease.swaps if lease else ()
        return ToolOutcome(name, shown, "done", seconds, "+".join(sorted(needs)), result, None, swaps)

    @staticmethod
    def _finished(run: Run, tool: str, status: str, seconds: float, summary: str) -> None:
        run.emit(
            StepFinished(thread=run.thread, step=run.step, tool=tool, status=status, seconds=seconds, summary=summary)
        )

    @contextmanager
    def _together(self, tool: Tool) -> Iterator[None]:
        """Of a tool that works at once, all that it writes and the record of it: one transaction, files included."""
        if not tool.at_once:
            yield
            return
        try:
            with self.studio.memory.transaction():
                yield
        finally:
            self.studio.memory.settle()

    # -- parts ---------------------------------------------------------------------------------------------------

    def _work(self, tool: Tool, model: ToolArgs, run: Run, lease: Lease) -> ToolResult:
        limit = CancelToken(tool.time_limit_s, parent=run.cancel)
        context = RunContext(self, tool, replace(run, cancel=limit), lease)
        try:
            result = tool.run(model, context)
        except StudioError:
            raise
        except OSError as error:
            raise StudioError(
                f"{tool.name} could not read or write a file",
                error.strerror or str(error),
                "Free space in the studio's folder or check its permissions; finished work is kept",
            ) from error
        except MemoryError as error:
            raise StudioError(f"{tool.name} ran out of memory", fix="Ask for a smaller size") from error
        except Exception as error:  # a tool's bug must not end the studio; the log keeps the traceback
            LOG.exception("%s failed", tool.name)
            raise StudioError(
                f"{tool.name} failed unexpectedly",
                f"{type(error).__name__}: {error}"[:300],
                "This is a bug of the studio; the details are in studio.log",
            ) from error
        finally:
            context.clean()
        return replace(result, warnings=(*context.warnings, *result.warnings))

    @contextmanager
    def _leased(self, tool: str, needs: frozenset[str], run: Run, shape: str) -> Iterator[Lease]:
        def starting(progress: StartProgress) -> None:
            run.emit(ModelStarting(thread=run.thread, step=run.step, progress=progress))

        lease = self.arbiter.lease(
            needs, f"{tool} {run.step}".rstrip(), check=run.cancel.check, shape=shape, on_start=starting
        )
        for swap in lease.swaps:
            run.emit(ModelSwapped(thread=run.thread, step=run.step, swap=swap))
            self._note_seconds(swap_key(swap.action), swap.engine, "", swap.seconds)
        over = threading.Event()
        period = self.studio.settings.gpu.lease_seconds / 3

        def beat() -> None:
            while not over.wait(period):
                try:
                    lease.heartbeat()
                except StudioError:  # taken back: the tool is told when it next reports progress
                    return

        threading.Thread(target=beat, daemon=True, name="lease-heartbeat").start()
        try:
            yield lease
        finally:
            over.set()
            lease.release()

    def _reuse(
        self, tool: Tool, args: dict[str, Any], run: Run, key: str, title: str, needs: frozenset[str]
    ) -> ToolOutcome | None:
        if not (run.job and key) or run.dry:
            return None
        found = self.studio.memory.job_step(run.job, step_key(key, tool.name, args))
        if found is None:
            return None
        assets = tuple(a for i in found.asset_ids if (a := self.studio.memory.get_asset(i)) is not None)
        if len(assets) != len(found.asset_ids) or not all(
            (self.studio.workspace.home / a.path).is_file() for a in assets
        ):
            return None  # a file was removed by hand: make it again
        data = dict(found.data)
        result = ToolResult(
            data.pop("summary", ""), assets, data.pop("measurements", {}), tuple(data.pop("warnings", ())), data
        )
        self._finished(run, tool.name, "reused", 0.0, title or result.summary)
        return ToolOutcome(tool.name, args, "reused", 0.0, "+".join(sorted(needs)), result)

    def _record(
        self,
        tool: Tool,
        args: dict[str, Any],
        run: Run,
        key: str,
        result: ToolResult,
        seconds: float,
        before: int,
    ) -> None:
        """before: the conversation's last change before the call."""
        memory = self.studio.memory
        ids = [a.id for a in result.assets]
        with memory.transaction():  # a step that is known as done can be undone
            if run.job and key:
                data = {
                    **result.data,
                    "summary": result.summary,
                    "measurements": result.measurements,
                    "warnings": list(result.warnings),
                }
                step = step_key(key, tool.name, args)
                memory.job_step_done(run.job, step, ids, seconds, data)
                memory.job_step_ended(run.job, step)
            if run.depth == 0 and ids and tool.effect == "create":
                # undone together with the takes that it was chosen from
                takes = [str(take) for a in result.assets for take in a.params.get("takes", ())]
                change = {"tool": tool.name, "assets": [*ids, *takes], "after": before}
                memory.record_change(run.thread, "assets", change)
            if run.depth == 0 and run.job:
                memory.changes_of_message(run.thread, before, run.job)

    def _before(self, tool: Tool, args: Mapping[str, Any], run: Run, key: str) -> int:
        """The conversation's last change before the step first began."""
        if run.depth:
            return 0
        last = self.studio.memory.last_change(run.thread)
        if not (run.job and key):
            return last
        return self.studio.memory.job_step_begun(run.job, step_key(key, tool.name, args), last)

    def _forget_beginning(self, job: str, step: str) -> None:
        try:
            self.studio.memory.job_step_ended(job, step)
        except StudioError as error:  # the step's own error is what counts
            LOG.warning("the end of a step was not noted: %s", error.sentence)

    def _keep_timing(self, tool: str, needs: frozenset[str], size: str, seconds: float) -> None:
        self._note_seconds(tool, "+".join(sorted(needs)), size, max(seconds, 0.0), 0)

    def _note_seconds(self, what: str, engine: str, size: str, seconds: float, peak_mib: float | None = None) -> None:
        """Only forecasts are poorer without it: a full disk must not undo finished work, nor keep a lease for ever."""
        try:
            self.studio.memory.add_timing(what, engine, size, seconds, peak_mib)
        except StudioError as error:
            LOG.warning("the seconds of %s were not noted: %s", what, error.sentence)

    def _price(self, tool: Tool, model: ToolArgs) -> Forecast:
        guess = tool.forecast(model, self.studio)
        needs, uses = tool.needs(model, self.studio), tool.uses(model, self.studio)
        seen = self.studio.memory.typical_seconds(tool.name, "+".join(sorted(needs)), self._size(model))
        vram = max(guess.vram_mib, sum(self.arbiter.need_mib(n) for n in uses if self.arbiter.device(n) == "gpu"))
        if seen is None:
            return replace(guess, vram_mib=vram)
        return replace(guess, seconds=seen, vram_mib=vram, basis="measured")

    def _size(self, model: ToolArgs) -> str:
        """What timings are compared within: the figures among the arguments, and the size of the files, by doublings.

        A film of two hours takes longer than the clip that was cut before it.
        """
        args = model.model_dump()
        named = [text for value in args.values() for text in (value if isinstance(value, list) else [value])]
        found = [self.studio.memory.named_exactly(text) for text in named if isinstance(text, str) and text]
        parts = [size_key(args)]
        if weight := sum(asset.bytes for asset in found if asset is not None):
            parts.append(f"files=2^{weight.bit_length()}")
        text = args.get("text")
        if isinstance(text, str) and len(text) >= LONG_TEXT:
            parts.append(f"text=2^{len(text).bit_length()}")
        return ",".join(part for part in parts if part)

    def _failed(
        self,
        name: str,
        args: dict[str, Any],
        run: Run,
        error: StudioError,
        began: float,
        needs: frozenset[str],
        lease: Lease | None,
    ) -> ToolOutcome:
        seconds = time.perf_counter() - began
        status = _ending(error)
        run.emit(
            StepFinished(
                thread=run.thread, step=run.step, tool=name, status=status, seconds=seconds, summary=error.sentence
            )
        )
        swaps = lease.swaps if lease else ()
        return ToolOutcome(name, args, status, seconds, "+".join(sorted(needs)), None, error, swaps)


def _ending(error: StudioError) -> Literal["asked", "cancelled", "refused", "failed"]:
    match error:
        case QuestionOpen():
            return "asked"
        case Cancelled():
            return "cancelled"
        case PolicyError():
            return "refused"
    return "failed"


LONG_TEXT = 128
"""Characters from which on the length of a text counts for the time that it takes."""


def swap_key(action: str) -> str:
    """Under what name the seconds of loading or restoring an engine are kept among the timings of tools."""
    return f"engine {action}"


def step_key(key: str, tool: str, args: Mapping[str, Any]) -> str:
    """Identity of a step inside its job: the caller's key, the tool and all arguments."""
    text = json.dumps([tool, args], sort_keys=True, default=str)
    return f"{key}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def size_key(args: Mapping[str, Any]) -> str:
    """What of the arguments decides how long a call takes; timings are compared within it."""
    parts = [
        f"{k}={args[k]}" for k in ("width", "height", "count", "seconds", "shots", "quality", "best_of") if args.get(k)
    ]
    return ",".join(parts)
