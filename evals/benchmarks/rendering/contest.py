"""One contestant in a process of its own: `python -m evals.benchmarks.rendering.contest NAME FOLDER SIZES`.

Prints its seconds and CPU seconds as JSON; imports are done before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from evals.benchmarks.rendering.material import Job, cpu_seconds


def run(name: str, folder: Path, sizes: dict[str, Any]) -> dict[str, Any]:
    """Figures of one contestant."""
    import cv2  # noqa: F401
    from PIL import Image  # noqa: F401
    from scenedetect.detectors import AdaptiveDetector  # noqa: F401

    from backends.vision.cuts.sink import CutSink  # noqa: F401
    from tools.editing.render import RenderTimeline  # noqa: F401

    job = Job(sizes["seconds"], sizes["width"], sizes["height"])
    if name == "studio":
        from evals.benchmarks.rendering.by_studio import whole_cut

        return whole_cut(folder, job)
    if name == "hard_cuts":
        from evals.benchmarks.rendering.by_studio import hard_cuts

        return hard_cuts(folder, sizes["clips"], sizes["source_seconds"])
    if name == "stills":
        from evals.benchmarks.rendering.by_studio import stills

        return stills(folder, job.seconds, job.width, job.height)
    from evals.benchmarks.rendering import by_hand

    if name == "moviepy":
        import moviepy  # noqa: F401

        from evals.benchmarks.rendering.by_moviepy import composed as work
    else:
        work = {"graph": by_hand.one_graph, "pieces": by_hand.pieces}[name]
    before, began = cpu_seconds(), time.perf_counter()
    work(folder, job)
    return {"seconds": time.perf_counter() - began, "cpu_seconds": cpu_seconds() - before}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))))
