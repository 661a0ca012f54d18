"""The studio's own renders: the cut, the cut with one caption changed, many hard cuts, and a film of stills."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.benchmarks.rendering.material import CLIPS, DISSOLVE, FPS, Job, cpu_seconds, music, pan

if TYPE_CHECKING:
    import opentimelineio as otio

    from memory.records import Asset


class Rendering:
    """A studio without engines in a folder of its own."""

    def __init__(self, executor: Any, workspace: Any, memory: Any, settings: Any) -> None:
        self._executor, self._workspace, self._memory, self._settings = executor, workspace, memory, settings

    def attach(self, file: Path) -> Asset:
        from tools.intake import attach

        return attach(file, self._workspace, self._memory, self._settings, "bench")

    def render(self, timeline: otio.schema.Timeline, name: str) -> tuple[float, dict[str, Any]]:
        """Seconds and measurements of one call of render_timeline."""
        from tools.editing.timeline import save_timeline
        from tools.executor import Run

        save_timeline(timeline, self._workspace.home / f"{name}.otio")
        began = time.perf_counter()
        outcome = self._executor.run("render_timeline", {"timeline": f"{name}.otio"}, Run(thread="bench", step=name))
        seconds = time.perf_counter() - began
        if outcome.error is not None:
            raise outcome.error
        return seconds, dict(outcome.result.measurements)


@contextmanager
def studio(home: Path) -> Iterator[Rendering]:
    """Open one on `home`, which is emptied before."""
    from backends.gpu.arbiter import Arbiter
    from configs.models import ModelTable
    from configs.settings import Settings
    from configs.workspace import Workspace
    from memory.store import Memory
    from tools.executor import Executor
    from tools.spec import Studio

    shutil.rmtree(home, ignore_errors=True)
    settings = Settings(home=home)
    workspace = Workspace.open(home)
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        yield Rendering(Executor(Studio(settings, workspace, memory), arbiter), workspace, memory, settings)
        arbiter.close()


def cut(assets: list[Asset], sound: Asset, job: Job, *, changed: bool = False) -> otio.schema.Timeline:
    """The timeline of the job."""
    from tools.editing.specs import CaptionSpec, ClipSpec
    from tools.editing.timeline import build_timeline

    mixed: dict[str, Any] = {"transition": "dissolve", "transition_seconds": DISSOLVE}
    video = [ClipSpec(asset.id, Path(asset.path), n * job.step, job.clip_seconds, **(mixed if n else {}))
             for n, asset in enumerate(assets)]  # fmt: skip
    bed = ClipSpec(sound.id, Path(sound.path), 0, job.seconds, effects=({"name": "fade_out", "seconds": 1.0},))
    captions = [CaptionSpec(start, end, text) for start, end, text in job.captions(changed)]
    return build_timeline("bench", FPS, job.width, job.height, video, {"music": [bed]}, captions)


def whole_cut(folder: Path, job: Job) -> dict[str, Any]:
    """The cut from nothing, then with one caption changed, then without any change."""
    with studio(folder / "home") as rendering:
        assets = [rendering.attach(folder / f"clip{n}.mp4") for n in range(CLIPS)]
        sound = rendering.attach(folder / "music.wav")
        used = cpu_seconds()
        seconds, facts = rendering.render(cut(assets, sound, job), "first")
        used = cpu_seconds() - used
        changed, changed_facts = rendering.render(cut(assets, sound, job, changed=True), "changed")
        again, _ = rendering.render(cut(assets, sound, job), "again")
    return {
        "seconds": seconds,
        "first_cpu_seconds": used,
        "changed_seconds": changed,
        "changed_pieces": changed_facts["pieces"] - changed_facts["reused"],
        "unchanged_seconds": again,
        "frames": facts["frames"],
        "pieces": facts["pieces"],
        "scores": {key: facts[key] for key in ("loudness_lufs", "black_share", "frozen_share", "cuts_found")},
    }


def hard_cuts(folder: Path, clips: int, source_seconds: float) -> dict[str, Any]:
    """So many clips of a second from all over one long film."""
    from tools.editing.specs import ClipSpec
    from tools.editing.timeline import build_timeline

    with studio(folder / f"home{clips}") as rendering:
        asset = rendering.attach(folder / "long.mp4")
        step = (source_seconds - 2) / clips
        video = [ClipSpec(asset.id, Path(asset.path), n, 1, n * step) for n in range(clips)]
        timeline = build_timeline("cuts", FPS, 320, 180, video, {"source": video})
        seconds, facts = rendering.render(timeline, "cuts")
    return {"seconds": seconds, "frames": facts["frames"], "expected": clips * FPS}


def stills(folder: Path, seconds: int, width: int, height: int) -> dict[str, Any]:
    """A film of six slowly zoomed stills, six voices and music."""
    from PIL import Image

    from tools.editing.specs import CaptionSpec, ClipSpec
    from tools.editing.timeline import build_timeline

    each = seconds / CLIPS
    with studio(folder / "stills") as rendering:
        pictures, voices = [], []
        for n in range(CLIPS):
            raw = next(iter(pan(n, 1, width, height)))
            Image.frombytes("RGB", (width, height), raw).save(folder / f"still{n}.png")
            pictures.append(rendering.attach(folder / f"still{n}.png"))
            voices.append(rendering.attach(music(folder / f"voice{n}.wav", each - 1)))
        bed = rendering.attach(music(folder / "bed.wav", seconds))
        mixed: dict[str, Any] = {"transition": "dissolve", "transition_seconds": 0.5}
        video = [
            ClipSpec(one.id, Path(one.path), n * each, each, **(mixed if n else {})) for n, one in enumerate(pictures)
        ]
        said = [ClipSpec(one.id, Path(one.path), n * each + 0.5, each - 1) for n, one in enumerate(voices)]
        sound = {"dialogue": said, "music": [ClipSpec(bed.id, Path(bed.path), 0, seconds)]}
        captions = [CaptionSpec(n * each + 0.5, (n + 1) * each - 0.5, f"Line number {n + 1}") for n in range(CLIPS)]
        spent, facts = rendering.render(build_timeline("stills", FPS, width, height, video, sound, captions), "stills")
    return {"seconds": spent, "frames": facts["frames"]}


def _no_engine(name: str) -> Any:
    raise AssertionError(f"the benchmark has no engine {name}")
