"""Whether characters keep their looks in films: measured on the studio's own clips, one of them repainted halfway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.frames import frames_at
from configs.settings import load_settings
from evals.footage.world import write_clip
from memory.records import Asset
from tools.analysis.looks import LayoutLooks, looks_of
from tools.analysis.reading import Wishes, read_film
from tools.executor import Executor, Run
from tools.opening import opened_executor
from tools.registry import get_tool
from tools.run_context import RunContext

SIZE = {"width": 320, "height": 180}
SECONDS, FPS = 3.0, 12


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    root = tmp_path_factory.mktemp("looks")
    settings = load_settings(
        home=root / "home", brain="offline", image={"preview_samples": 2}, warehouse=root / "none",
        memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with opened_executor(settings) as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair, a red t-shirt and blue shorts")
        yield made


@pytest.fixture(scope="module")
def clip(executor: Executor) -> Asset:
    picture = executor.run(
        "generate_image", {"prompt": "medium shot of Luca in the park", "layers": True, **SIZE}, Run("t")
    )
    assert picture.error is None, picture.error
    args = {"picture": picture.assets[0].id, "move": "push_in", "seconds": SECONDS, **SIZE}
    made = executor.run("animate_shot", args, Run("t"))
    assert made.error is None, made.error
    return made.assets[0]


@pytest.fixture(scope="module")
def track(executor: Executor, clip: Asset) -> LayoutLooks:
    lease = executor.arbiter.lease((), "test")
    try:
        found = looks_of(clip, RunContext(executor, get_tool("analyze_video"), Run(thread="t"), lease))
    finally:
        lease.release()
    assert isinstance(found.track, LayoutLooks) and not found.reason
    return found.track


def pictures(executor: Executor, clip: Asset) -> list[NDArray[np.uint8]]:
    times = [at / FPS for at in range(round(SECONDS * FPS))]
    return [np.asarray(rgb, np.uint8) for rgb in frames_at(executor.studio.workspace.home / clip.path, times)]


def test_a_clip_of_the_studio_keeps_its_character(executor: Executor, clip: Asset, track: LayoutLooks) -> None:
    wishes = Wishes(("coherence",), identity=track)
    with read_film(executor.studio.workspace.home / clip.path, wishes) as reading:
        found = reading.record.shots[0].coherence
    assert found is not None
    assert set(found.identity_drift) == {"Luca"} and found.identity_drift["Luca"] < 0.1
    assert "identity_drift" not in {fault.kind for fault in found.faults}


def test_a_repainted_character_is_found(executor: Executor, clip: Asset, track: LayoutLooks, tmp_path: Path) -> None:
    frames = pictures(executor, clip)
    for at, rgb in enumerate(frames):
        moment = track._moments(at / FPS)
        assert moment is not None
        mask = moment.drawn.mask("Luca", moment.window, (rgb.shape[1], rgb.shape[0]))
        assert mask is not None and mask.any()
        if at >= len(frames) // 2:
            frames[at] = rgb.copy()
            frames[at][mask] = 255 - rgb[mask][:, ::-1]
    film = write_clip(tmp_path / "repainted.mp4", frames, fps=FPS)
    with read_film(film, Wishes(("coherence",), identity=track)) as reading:
        found = reading.record.shots[0].coherence
    assert found is not None and found.identity_drift["Luca"] > 0.25
    fault = next(fault for fault in found.faults if fault.kind == "identity_drift")
    assert fault.seconds and all(0 <= second <= SECONDS for second in fault.seconds)


def test_where_nobody_can_be_followed_the_reason_is_told(executor: Executor, tmp_path: Path) -> None:
    from tools.intake import attach

    studio = executor.studio
    file = write_clip(tmp_path / "foreign.mp4", [np.full((180, 320, 3), 90, np.uint8)] * 24)
    foreign = attach(file, studio.workspace, studio.memory, studio.settings, "t")
    outcome = executor.run("analyze_video", {"video": foreign.id, "aspects": ["coherence"]}, Run("t"))
    assert outcome.result is not None, outcome.error
    assert outcome.result.data["not_measured"]["identity"]
