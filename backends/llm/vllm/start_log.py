"""How far a starting vLLM is, read from its log.

Lines of vLLM 0.33.0: v1/engine/core.py, v1/worker/gpu_model_runner.py, model_executor/model_loader/weight_utils.py,
compilation/backends.py and monitor.py, entrypoints/launchers/api_server/entry.py; download bars are huggingface_hub's.
"""

from __future__ import annotations

import re

from backends.gpu.engine import StartPhase, StartProgress

_RANK: dict[StartPhase, int] = {"download": 0, "load": 0, "compile": 1, "warm_up": 2, "ready": 3}
"""Weights are fetched in the midst of loading; else a phase once left does not come back."""
_LINES: tuple[tuple[str, StartPhase, str], ...] = (
    (r"^(Fetching \d+ files|\S+\.(safetensors|bin|json|gguf)): +(?P<percent>\d+)%\|", "download", ""),
    (r"Time spent downloading weights", "download", "downloaded"),
    (r"^Loading .*checkpoint shards: +(?P<percent>\d+)% Completed", "load", "reading weights"),
    (r"^Loading safetensors using .*: +(?P<percent>\d+)%", "load", "reading weights"),
    (r"Initializing a V\d LLM engine", "load", "starting the engine"),
    (r"Starting to load model", "load", "reading weights"),
    (r"Loading weights took|Model loading took", "load", "weights are read"),
    (r"Starting torch\.compile|Using cache directory: .* for vLLM's torch\.compile", "compile", "compiling"),
    (r"Dynamo bytecode transform time", "compile", "compiling"),
    (r"Compiling a graph for compile range", "compile", "compiling"),
    (r"Directly load (the compiled|the \d+-th graph|AOT)", "compile", "compiled before"),
    (r"torch\.compile (took|takes)", "compile", "compiled"),
    (r"Available KV cache memory|GPU KV cache size", "warm_up", "memory is laid out"),
    (r"Capturing .*graphs.*: +(?P<percent>\d+)%\|", "warm_up", "capturing graphs"),
    (r"Graph capturing finished|init engine \(profile", "warm_up", "warmed up"),
    (r"Starting vLLM (API )?server", "warm_up", "opening the door"),
    (r"Application startup complete", "ready", ""),
)
_SIGNS = tuple((re.compile(sign), phase, note) for sign, phase, note in _LINES)


class StartLog:
    """Reads lines as they come."""

    def __init__(self, engine: str) -> None:
        self._engine, self._last = engine, -1

    def read(self, line: str) -> StartProgress | None:
        """The progress that this line tells; None when it tells none."""
        for sign, phase, note in _SIGNS:
            found = sign.search(line.strip())
            if found is None:
                continue
            if _RANK[phase] < self._last:
                return None
            self._last = _RANK[phase]
            percent = found.groupdict().get("percent")
            return StartProgress(self._engine, phase, int(percent) / 100 if percent else None, note)
        return None
