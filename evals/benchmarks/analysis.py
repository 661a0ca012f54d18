"""What looking at a film costs: 1080p24 with sound, everything measured, against PySceneDetect's detector alone.

Both run in processes of their own, in turns, on the same film; the best of each counts. `real_time` is seconds of film
per second of work, what is loaded once left out; `ratio` is our time over the detector's, `cpu_ratio` the same of
processor time, which is steadier beside other work; `parts` tells where ours goes (`analysis_parts`). Peaks are of
resident memory, that of the largest child added, of a short and of a long film (the short one ten times over). The last
figure is the same wish asked again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from evals.benchmarks.analysis_parts import parts_of
from evals.footage.world import Rgb, look, world, write_clip

SECONDS, FPS, SIZE = 30, 24, (1080, 1920)
SHOT_SECONDS = 5
ROUNDS = 3
LONGER = 10

_PROGRAM = """
import json, os, re, resource, sys, threading, time
from pathlib import Path
{imports}
def work(path):
    {work}
def peak(process):
    # Not ru_maxrss, which a child takes over from its parent.
    found = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc", str(process), "status").read_text())
    return int(found.group(1)) / 1024 if found else 0
def watch_children():
    while True:
        for process in Path("/proc/self/task", str(os.getpid()), "children").read_text().split():
            try:
                children[process] = max(children.get(process, 0), peak(process))
            except OSError:
                pass
        time.sleep(0.1)
children = {{}}
threading.Thread(target=watch_children, daemon=True).start()
def cpu():
    own, ended = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
work(sys.argv[1])
start, used = time.perf_counter(), cpu()
shots = work(sys.argv[2])
seconds, used = time.perf_counter() - start, cpu() - used
memory = peak("self") + max(children.values(), default=0)
print(json.dumps({{"seconds": seconds, "cpu_seconds": used, "peak_mib": memory, "shots": shots}}))
"""
_DETECTOR = _PROGRAM.format(
    imports="from scenedetect import AdaptiveDetector, detect",
    work="return max(1, len(detect(path, AdaptiveDetector())))",
)
_EVERYTHING = _PROGRAM.format(
    imports="from tools.analysis.reading import Wishes, read_film",
    work="""with read_film(Path(path), Wishes()) as reading:
        return len(reading.record.shots)""",
)
"""Both look at a second of film first: what a program loads once is no cost of a film."""


def run() -> dict[str, Any]:
    """Takes about three minutes on two cores."""
    with tempfile.TemporaryDirectory() as folder:
        film = write_clip(Path(folder) / "film.mp4", _frames(), fps=FPS, sound=_music())
        short = write_clip(Path(folder) / "short.mp4", islice(_frames(), FPS), fps=FPS, sound=_music()[:48_000])
        runs: dict[str, list[dict[str, float]]] = {"detector": [], "everything": []}
        for _ in range(ROUNDS):
            runs["detector"].append(_child(_DETECTOR, short, film))
            runs["everything"].append(_child(_EVERYTHING, short, film))
        best = {name: min(run["seconds"] for run in those) for name, those in runs.items()}
        used = {name: min(run["cpu_seconds"] for run in those) for name, those in runs.items()}
        long = _child(_EVERYTHING, short, _repeated(film, Path(folder) / "long.mp4"))
        again = _again(film, Path(folder) / "home")
        parts = parts_of(film)
    return {
        "film": f"{SECONDS} s of {SIZE[1]}x{SIZE[0]} at {FPS} fps, H.264, with sound",
        "detector_seconds": round(best["detector"], 2),
        "everything_seconds": round(best["everything"], 2),
        "real_time": round(SECONDS / best["everything"], 2),
        "ratio": round(best["everything"] / best["detector"], 3),
        "cpu_ms_per_frame": {name: round(1000 * seconds / (SECONDS * FPS), 2) for name, seconds in used.items()},
        "cpu_ratio": round(used["everything"] / used["detector"], 3),
        "parts": parts,
        "shots": runs["everything"][0]["shots"],
        "peak_mib": round(max(run["peak_mib"] for run in runs["everything"])),
        "peak_mib_detector": round(max(run["peak_mib"] for run in runs["detector"])),
        "long": {
            "seconds_of_film": SECONDS * LONGER,
            "real_time": round(SECONDS * LONGER / long["seconds"], 2),
            "peak_mib": round(long["peak_mib"]),
        },
        **again,
    }


def _frames() -> Iterator[Rgb]:
    """A pan over another world every five seconds, the last half second of each dissolving into the next."""
    worlds = [world(seed) for seed in range(9000, 9000 + SECONDS // SHOT_SECONDS)]
    each, blend = SHOT_SECONDS * FPS, FPS // 2

    def view(shot: int, at: int) -> Rgb:
        return look(worlds[shot], (1000 + 4.0 * at, 720), 1.0, size=SIZE)

    for number in range(SECONDS * FPS):
        shot, at = divmod(number, each)
        picture = view(shot, at)
        left = each - at
        if left <= blend and shot % 2 == 0 and shot + 1 < len(worlds):
            share = 1 - left / (blend + 1)
            picture = np.asarray((1 - share) * picture + share * view(shot + 1, at - each), np.uint8)
        yield picture


def _music() -> Any:
    times = np.arange(SECONDS * 48_000) / 48_000
    beat = np.exp(-8 * (times % 0.5))
    return (0.3 * beat * np.sin(2 * np.pi * 220 * times) + 0.1 * np.sin(2 * np.pi * 330 * times)).astype(np.float32)


def _child(program: str, short: Path, film: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", program, str(short), str(film)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path.cwd(),
    )
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _repeated(film: Path, out: Path) -> Path:
    """The film ten times over, without encoding it again."""
    from backends.media.ffmpeg import run_ffmpeg

    run_ffmpeg(["-stream_loop", str(LONGER - 1), "-f", "mov", "-i", str(film), "-c", "copy", "-y", str(out)])
    return out


def _again(film: Path, home: Path) -> dict[str, float]:
    """The tool itself, asked twice."""
    from backends.gpu.arbiter import Arbiter
    from configs.models import ModelTable
    from configs.settings import Settings
    from configs.workspace import Workspace
    from memory.store import Memory
    from tools.executor import Executor, Run
    from tools.intake import attach
    from tools.spec import Studio

    settings = Settings(home=home)
    workspace = Workspace.open(home)
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        executor = Executor(Studio(settings, workspace, memory), arbiter)
        asset = attach(film, workspace, memory, settings, "bench")
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            outcome = executor.run("analyze_video", {"video": asset.id}, Run(thread="bench", step="1"))
            seconds.append(time.perf_counter() - start)
            if outcome.error is not None:
                raise outcome.error
        arbiter.close()
    return {"tool_seconds": round(seconds[0], 2), "again_ms": round(1000 * min(seconds[1:]), 1)}


def _no_engine(name: str) -> Any:
    raise AssertionError(f"the benchmark has no engine {name}")
