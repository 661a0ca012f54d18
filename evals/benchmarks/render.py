"""How fast a cut is rendered, beside ffmpeg by hand and MoviePy on the same material in the same run.

6 clips, 5 dissolves, 6 captions, music. Each contestant works in a process of its own; contestants take turns, and the
best of its rounds counts. On a busy machine compare CPU seconds. Quick sizes unless `everything` (30 s at 1080p, a
list of 500 cuts from two hours, a film of stills). Peak memory is that of all of a contestant's processes together.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from evals.benchmarks.rendering.material import Job, long_film, make_material

QUICK: dict[str, Any] = {"seconds": 12, "width": 1280, "height": 720, "clips": 40, "source_seconds": 600, "rounds": 1}
WHOLE: dict[str, Any] = {
    "seconds": 30,
    "width": 1920,
    "height": 1080,
    "clips": 500,
    "source_seconds": 7200,
    "rounds": 2,
}
FEW = 50
"""A shorter list of cuts, whose memory the long one's is compared with."""
SAMPLE_S = 0.05


def run(everything: bool = False) -> dict[str, Any]:
    """Figures by contestant, and ratios to the best command written by hand."""
    sizes = WHOLE if everything else QUICK
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        folder = Path(home)
        make_material(folder, Job(sizes["seconds"], sizes["width"], sizes["height"]))
        best: dict[str, dict[str, Any]] = {}
        for _ in range(sizes["rounds"]):
            for name in ("graph", "studio", "pieces"):
                made = contestant(name, folder, sizes)
                if name not in best or made["seconds"] < best[name]["seconds"]:
                    best[name] = made
        best["moviepy"] = contestant("moviepy", folder, sizes)
        long_film(folder / "long.mp4", sizes["source_seconds"])
        few = contestant("hard_cuts", folder, {**sizes, "clips": min(FEW, sizes["clips"] // 4)})
        many = contestant("hard_cuts", folder, sizes)
        stills = contestant("stills", folder, sizes)
    hand = min(best["graph"]["seconds"], best["pieces"]["seconds"])
    hand_cpu = min(best["graph"]["cpu_seconds"], best["pieces"]["cpu_seconds"])
    ours = best["studio"]
    return {
        "sizes": sizes,
        "machine_load": round(psutil.getloadavg()[0], 1),
        **{name: _rounded(figures) for name, figures in best.items()},
        "times_by_hand": round(ours["seconds"] / hand, 3),
        "times_by_hand_cpu": round(ours["first_cpu_seconds"] / hand_cpu, 3),
        "moviepy_times_ours": round(best["moviepy"]["seconds"] / ours["seconds"], 2),
        "peak_mib": ours["peak_mib"],
        "changed_caption_share": round(ours["changed_seconds"] / ours["seconds"], 3),
        "few_hard_cuts": _rounded(few),
        "hard_cuts": _rounded(many),
        "stills": _rounded(stills),
    }


def contestant(name: str, folder: Path, sizes: dict[str, Any]) -> dict[str, Any]:
    """Its figures, with the peak memory of all its processes."""
    command = [sys.executable, "-m", "evals.benchmarks.rendering.contest", name, str(folder), json.dumps(sizes)]
    process = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(process))
        time.sleep(SAMPLE_S)
    if process.returncode:
        raise RuntimeError(f"the contestant {name} ended with code {process.returncode}")
    return {**json.loads(process.stdout.read().splitlines()[-1]), "peak_mib": round(peak / 2**20)}


def _memory(process: psutil.Process) -> int:
    """Resident bytes of a process and all below it."""
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in figures.items()}


if __name__ == "__main__":
    print(json.dumps(run("--all" in sys.argv), indent=1))
