"""One script of a training, run to its end: watched, logged, stopped with all that it started, never left behind."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.servers import records
from backends.gpu.servers.child import Child, Command
from backends.gpu.servers.log_file import LogFollower
from backends.gpu.servers.processes import birth
from backends.gpu.servers.start_failure import exit_text, telling
from backends.voice.training.steps import Step
from backends.voice.training.watchdog import Watchdog
from configs.errors import EngineError

SEAT = "voice_training"
"""Name of the engine that a training holds, and of the record of its process: one training per machine."""
POLL_S = 0.1
BEAT_S = 1.0
_NO_MEMORY = re.compile(
    r"out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|Cannot allocate memory", re.I
)
_SAVED_BESIDE = re.compile(r"\d{9,}\.\d+\.pth")
"""GPT-SoVITS saves under the time as a name in its working directory first (my_save)."""


@dataclass(frozen=True)
class Finished:
    """A script that ended well."""

    seconds: float
    log: tuple[str, ...]


def run_step(
    step: Step,
    run_dir: Path,
    home: Path,
    *,
    on_line: Callable[[str], None],
    beat: Callable[[], None],
    stop_s: float,
    quiet_s: float,
) -> Finished:
    """Run a script and wait for it.

    Args:
        run_dir: where the process is recorded: should this studio die, a watchdog ends it, else the next studio does.
        on_line: gets every line of its output.
        beat: called about once a second; what it raises (Cancelled) stops the script and everything it started.
        quiet_s: seconds without a line after which it hangs.

    Raises:
        EngineError when it cannot be started, fails or hangs, EngineOutOfMemory when it fails for want of memory.
    """
    for path, text in step.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    began, clock = time.monotonic(), time.time()
    child = Child.start(Command(f"training: {step.name}", step.argv, step.env, step.log, step.cwd))
    record = _record(child, step, home)
    watchdog: Watchdog | None = None
    try:
        records.write(run_dir, record)
        watchdog = Watchdog.over(child.identity, stop_s)
        _watch(child, step, on_line, beat, quiet_s)
    finally:
        child.stop(stop_s)
        if watchdog is not None:
            watchdog.dismiss()
        with suppress(EngineError):
            records.remove(run_dir, record)
        _sweep(step.cwd, clock)
    lines = child.tail(5000)
    if child.exit_code != 0:
        raise failure(step, child.exit_code, lines)
    return Finished(time.monotonic() - began, tuple(lines))


def failure(step: Step, code: int | None, lines: list[str]) -> EngineError:
    """What to say of a script that ended badly."""
    happened, line = exit_text(code), telling(lines)
    short = next((text for text in reversed(lines) if _NO_MEMORY.search(text)), "")
    problem = f"The training stopped while {step.title}"
    if short:
        fix = "Close what else uses the GPU, or train with a smaller batch"
        return EngineOutOfMemory(problem, f"{happened}: {short}"[:300], fix)
    if code == -9:
        fix = "Free main memory and train again; finished steps are not repeated"
        return EngineOutOfMemory(problem, f"{happened}, most likely for want of main memory", fix)
    cause = f"{happened}{f': {line}' if line else ''}"
    return EngineError(problem, cause[:300], "Read the log that was kept; finished steps are not repeated")


def _watch(child: Child, step: Step, on_line: Callable[[str], None], beat: Callable[[], None], quiet_s: float) -> None:
    heard, beaten = time.monotonic(), 0.0
    with LogFollower(step.log) as log:
        while child.is_running:
            if lines := log.new_lines():
                heard = time.monotonic()
                for line in lines:
                    on_line(line)
            now = time.monotonic()
            if now - beaten >= BEAT_S:
                beaten = now
                beat()
            if now - heard > quiet_s:
                raise EngineError(
                    f"The training hangs while {step.title}",
                    f"its script has said nothing for {quiet_s / 60:.0f} minutes",
                    "Start it again; finished steps are not repeated",
                )
            time.sleep(POLL_S)
        while lines := log.new_lines():
            for line in lines:
                on_line(line)


def _record(child: Child, step: Step, home: Path) -> records.Record:
    import os

    who = child.identity
    return records.Record(
        name=SEAT,
        pid=who.pid,
        born=who.born,
        token=who.token or "none",
        port=0,
        command_hash=hashlib.sha256("\0".join(step.argv).encode()).hexdigest(),
        home=str(home),
        log_file=str(step.log),
        owner_pid=os.getpid(),
        owner_born=birth(os.getpid()),
    )


def _sweep(folder: Path, since: float) -> None:
    """Remove half-saved weights that a stopped script left in its working directory."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _SAVED_BESIDE.fullmatch(path.name) and path.stat().st_mtime >= since - 1:
                path.unlink(missing_ok=True)
