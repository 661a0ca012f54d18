"""Words that the terminal and the chat share."""

from __future__ import annotations

from backends.gpu.engine import StartProgress

PHASES = {
    "download": "downloading", "load": "loading", "compile": "compiling", "warm_up": "warming up", "ready": "ready",
}  # fmt: skip


def starting_text(progress: StartProgress) -> str:
    """`Starting qwen3-8b: loading (40%, shard 2 of 5)`."""
    return f"Starting {progress.engine}: {phase_text(progress)}"


def phase_text(progress: StartProgress, *, with_share: bool = True) -> str:
    """`loading (40%, shard 2 of 5)`; without the share where a bar shows it."""
    share = f"{progress.share:.0%}" if with_share and progress.share is not None else ""
    phase = PHASES.get(progress.phase, progress.phase)
    detail = ", ".join(part for part in (share, progress.note) if part and part != phase)
    return f"{phase} ({detail})" if detail else phase
