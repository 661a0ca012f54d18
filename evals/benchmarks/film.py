"""The main job from a cold start: one sentence to a 15 second 720p film; seconds, memory of all processes, swaps."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import Any

import psutil

WISH = (
    "Make a 15 second film: a boy named Luca with curly brown hair finds a tiny robot on the beach at sunset. "
    "He says 'Ciao, piccolo!' happily, and the robot beeps back."
)
SAMPLE_S = 0.3


def run() -> dict[str, Any]:
    """Figures of one `studio ask` in a fresh home."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        began = time.perf_counter()
        process = psutil.Popen(
            [sys.executable, "-m", "ui.cli", "ask", WISH, "--yes", "--json", "--brain", "offline", "--home", home],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(process))
            time.sleep(SAMPLE_S)
        seconds = time.perf_counter() - began
        report = json.loads(process.stdout.read())
    video = next(a for a in report["assets"] if a["kind"] == "video")
    return {
        "cold_seconds": round(seconds, 1),
        "peak_mib_all_processes": round(peak / 2**20),
        "swaps": report["swaps"],
        "film_seconds": video["scores"]["seconds"]["value"],
        "frames": video["scores"]["frames"]["value"],
        "loudness_lufs": video["scores"]["loudness_lufs"]["value"],
        "machine_load": round(psutil.getloadavg()[0], 1),
    }


def _memory(process: psutil.Process) -> int:
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
