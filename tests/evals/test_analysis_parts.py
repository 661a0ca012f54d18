"""The benchmark's table of where the time of an analysis goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals.benchmarks import analysis_parts
from evals.footage.world import look, world, write_clip


def test_every_part_of_an_analysis_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_parts, "ROUNDS", 1)
    place = world(5, (360, 640))
    frames = (look(place, (280 + 2.0 * at, 180), 1.0, size=(180, 320)) for at in range(20))
    tone = np.sin(np.arange(40_000) / 20).astype(np.float32)
    parts = analysis_parts.parts_of(write_clip(tmp_path / "film.mp4", frames, fps=24, sound=tone))
    assert {"probe", "decode", "sound_decoded", "sound_measured", "grey", "flow_cells", "cuts", "coherence"} <= set(
        parts
    )
    assert all(milliseconds > 0 for milliseconds in parts.values())
