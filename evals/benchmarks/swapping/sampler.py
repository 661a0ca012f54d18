"""The GPU's used memory every few milliseconds, from a process of its own: no thread of the measured one delays it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

SAMPLE_S = 0.005


class Sampler:
    """`with Sampler() as seen: ...`, then `seen.figures`."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}

    def __enter__(self) -> Sampler:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self.figures = json.loads(self._process.communicate(timeout=30)[0])


def main() -> None:
    """Sample until standard input is closed; then one line of JSON."""
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    closed = threading.Event()
    threading.Thread(target=_until_closed, args=(closed,), daemon=True).start()
    print("ready", flush=True)
    most, count, gap, last = 0, 0, 0.0, time.perf_counter()
    while not closed.wait(SAMPLE_S):
        most = max(most, int(pynvml.nvmlDeviceGetMemoryInfo(handle).used) // 2**20)
        now = time.perf_counter()
        count, gap, last = count + 1, max(gap, now - last), now
    print(json.dumps({"most_used_mib": most, "samples": count, "longest_gap_ms": round(gap * 1000, 1)}))


def _until_closed(closed: threading.Event) -> None:
    sys.stdin.read()
    closed.set()


if __name__ == "__main__":
    main()
