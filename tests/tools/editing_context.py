"""A studio without engines on a throw-away home, to run the editing tools through the real executor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
from media_fixtures import gradient, make_video
from numpy.typing import NDArray

from backends.gpu.arbiter import Arbiter
from backends.media.frames import read_frames
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory
from tools.editing.specs import ClipSpec
from tools.editing.timeline import build_timeline, save_timeline
from tools.events import Event, Progress
from tools.executor import Executor, Run
from tools.intake import attach
from tools.spec import CancelToken, Studio, ToolOutcome


class EditingStudio:
    """Attach files, run tools, look at the frames."""

    def __init__(self, settings: Settings) -> None:
        self.workspace = Workspace.open(settings.home)
        self.memory = Memory.open(self.workspace, index="numpy", embedder="letters")
        self.settings = settings
        arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        self.executor = Executor(Studio(settings, self.workspace, self.memory), arbiter)
        self.events: list[Event] = []

    def attach(self, path: Path) -> Asset:
        return attach(path, self.workspace, self.memory, self.settings, "t")

    def run(self, tool: str, cancel: CancelToken | None = None, **args: Any) -> ToolOutcome:
        run = Run(thread="t", step=tool, emit=self.events.append, cancel=cancel or CancelToken())
        return self.executor.run(tool, args, run)

    def make(self, tool: str, **args: Any) -> tuple[Path, ToolOutcome]:
        """Run a tool that must succeed; the file of its first asset."""
        outcome = self.run(tool, **args)
        if outcome.error is not None:
            raise outcome.error
        return self.path(outcome.assets[0]), outcome

    def path(self, asset: Asset) -> Path:
        return self.workspace.home / asset.path

    def close(self) -> None:
        self.memory.close()


def stop_at(note: str) -> tuple[CancelToken, Callable[[Event], None]]:
    """A token, and a listener that cancels it as soon as the work says that it does `note`."""
    token = CancelToken()

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and note in event.note:
            token.cancel()

    return token, listen


def counting_film(
    path: Path, count: int = 24, *, fps: int = 24, size: tuple[int, int] = (160, 90), sound: bool = True
) -> Path:
    """A film whose frame k is one grey: `level(k)`. So each frame of a result says which one it was."""
    width, height = size

    def draw(seconds: float) -> NDArray[np.uint8]:
        return np.full((height, width, 3), level(round(seconds * fps)), np.uint8)

    return make_video(path, count / fps, fps=fps, width=width, height=height, frame=draw, sound=sound)


def coloured_film(path: Path, seconds: float = 1.0, *, size: tuple[int, int] = (160, 90), fps: int = 24) -> Path:
    """A colourful film with a moving square."""
    width, height = size
    draw = lambda at: gradient(at, width, height, hue=(40, 120, 220))  # noqa: E731
    return make_video(path, seconds, fps=fps, width=width, height=height, frame=draw)


def level(frame: int) -> int:
    return 20 + 8 * (frame % 28)


def numbers(film: Path) -> list[int]:
    """Which frame of a counting film each frame of `film` shows."""
    middles = frames(film)[:, 40:50, 70:90].mean(axis=(1, 2, 3))
    return [round((float(grey) - 20) / 8) for grey in middles]


def frames(film: Path) -> NDArray[np.int16]:
    """All frames, (N, H, W, 3), as signed numbers that can be subtracted."""
    return np.stack([rgb for _, rgb in read_frames(film)]).astype(np.int16)


def _no_engine(name: str) -> Any:
    raise AssertionError(f"editing asked for the engine {name}")


def clip(asset: Asset, start: float, seconds: float, source_in: float = 0, **more: Any) -> ClipSpec:
    return ClipSpec(asset.id, Path(asset.path), start, seconds, source_in, **more)


def render(studio: EditingStudio, timeline: otio.schema.Timeline, **args: Any) -> tuple[Path, dict[str, Any]]:
    count = len(list(studio.workspace.home.glob("cut*.otio")))
    file = save_timeline(timeline, studio.workspace.home / f"cut{count}.otio")
    film, outcome = studio.make("render_timeline", timeline=file.name, **args)
    assert outcome.result is not None
    return film, outcome.result.measurements


def build(video: list[ClipSpec], audio: dict[str, list[ClipSpec]] | None = None, **more: Any) -> otio.schema.Timeline:
    return build_timeline("t", more.pop("fps", 24), 160, 90, video, audio or {}, **more)
