"""One pass over a film, and the facts it gives: shots, motion, light, colours, the liveliest part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.vision.shots import SceneSpan

SHEET_PICTURES = 12
"""Pictures on a contact sheet at most."""
FEW_PICTURES = 6
"""A film of fewer shots gets several pictures of each, up to about this many."""
SHEET_COLUMNS = 4


@dataclass(frozen=True)
class FilmReading:
    """What was measured of a film."""

    info: MediaInfo
    scenes: list[SceneSpan]
    quality: dict[str, Any]
    motion_times: list[float]
    motion: list[float]
    """Picture widths per second, about twelve times a second."""
    motion_of: list[float]
    """Mean motion of each scene."""
    luma_of: list[float]
    """Mean brightness (0-255) of each scene."""
    liveliest: tuple[float, float]
    """Seconds."""
    palette_of: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.scenes[-1].end

    @property
    def cuts(self) -> list[float]:
        return [scene.start for scene in self.scenes[1:]]


def read_film(
    path: Path,
    *,
    sensitivity: float,
    window: float,
    cancel: Callable[[], None],
    on_progress: Callable[[float, float], None],
) -> FilmReading:
    """Decode the film once and measure it. window: length of the liveliest part, seconds.

    on_progress: called with the seconds seen and the whole length. Raises UsageError when there is no picture in it.
    """
    from backends.media.probe import probe
    from backends.vision.motion import MotionSink, film_levels, liveliest_window, liveliness
    from backends.vision.quality import QualitySink, film_facts, measure_sound
    from backends.vision.shots import CutSink
    from backends.vision.watch import watch

    info = probe(path)
    cuts, motion, quality = CutSink(info, sensitivity), MotionSink(), QualitySink()
    watch(
        path,
        [cuts, motion, quality],
        info=info,
        cancel=cancel,
        on_progress=lambda seconds: on_progress(min(seconds, info.seconds), info.seconds),
    )
    scenes = cuts.scenes()
    if not scenes:
        raise UsageError(f"'{path.name}' has no picture to look at", "not one of its frames can be shown")
    borders, duration = [scene.start for scene in scenes[1:]], scenes[-1].end
    curve = motion.curve(borders)
    lively = liveliness(curve, film_levels(path, info), duration)
    return FilmReading(
        info=info,
        scenes=scenes,
        quality={**film_facts(info), **quality.report(info), **measure_sound(path, info)},
        motion_times=[round(float(at), 3) for at in curve.seconds],
        motion=[round(float(value), 4) for value in curve.energy],
        motion_of=[curve.mean_between(scene.start, scene.end) for scene in scenes],
        luma_of=[quality.mean_luma(scene.start, scene.end) for scene in scenes],
        liveliest=liveliest_window(lively, window, duration, borders),
    )


def scene_pictures(
    path: Path, scenes: list[SceneSpan], cancel: Callable[[], None]
) -> tuple[Any, list[list[dict[str, Any]]]]:
    """A contact sheet, (H, W, 3) uint8, with times below the pictures, and the palette of each scene's middle frame."""
    from dataclasses import asdict

    from backends.media.frames import frame_at
    from backends.media.images import SHEET_CELL_WIDTH, contact_sheet
    from backends.vision.colours import dominant_colours

    each = max(1, FEW_PICTURES // len(scenes))
    step = max(1, -(-len(scenes) // SHEET_PICTURES))
    pictures, captions, palettes = [], [], []
    for index, scene in enumerate(scenes):
        cancel()
        middle = frame_at(path, _inside(scene, 0.5), width=SHEET_CELL_WIDTH)
        palettes.append([asdict(colour) for colour in dominant_colours(middle)])
        if index % step:
            continue
        for part in range(each):
            at = _inside(scene, (part + 0.5) / each)
            pictures.append(middle if each == 1 else frame_at(path, at, width=SHEET_CELL_WIDTH))
            captions.append(
                f"{index + 1}  ·  {scene.start:.2f}–{scene.end:.2f} s" if each == 1 else f"{index + 1}  ·  {at:.2f} s"
            )
    return contact_sheet(pictures, captions, SHEET_COLUMNS), palettes


def _inside(scene: SceneSpan, share: float) -> float:
    """A time on a frame of the scene: never so late that rounding reaches the next one."""
    last = scene.end - scene.seconds / scene.frames
    return scene.start + share * max(0.0, last - scene.start)
