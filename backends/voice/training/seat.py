"""The place of a training on the GPU: an engine that loads nothing itself, but has the device while it is leased.

The arbiter parks and unloads whatever else is there, keeps others away until the lease ends, and takes the lease back
when it is no longer beaten; the training then stops (see `runner.run_step`).
"""

from __future__ import annotations

from pathlib import Path

from backends.gpu.engine import EngineKind
from backends.voice.training.runner import SEAT
from backends.voice.training.steps import check_installed
from configs.errors import EngineError
from configs.voice_training import VoiceTraining


class TrainingSeat:
    """Engine and Checked (backends/gpu/engine.py)."""

    name = SEAT
    kind: EngineKind = "training"

    def __init__(self, table: VoiceTraining, root: Path, need_mib: int) -> None:
        self.table, self.root = table, root
        self._need_mib = need_mib
        self._taken = False

    def check_startable(self) -> None:
        """Raises EngineError when GPT-SoVITS is not here; which version's weights are needed is not known yet."""
        if not (self.root / self.table.gpt_sovits.python).is_file():
            version = next(iter(self.table.gpt_sovits.versions))
            check_installed(self.root, self.table.gpt_sovits, version)

    def load(self) -> None:
        self.check_startable()
        self._taken = True

    def park(self) -> None:
        self._taken = False

    def restore(self) -> None:
        self._taken = True

    def unload(self) -> None:
        self._taken = False

    def probe(self) -> None:
        if not self._taken:
            raise EngineError("No training has the GPU", "its place was given away", "Start the training again")

    def need_mib(self) -> int:
        return self._need_mib
