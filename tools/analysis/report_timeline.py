"""The timeline of a report: lanes below each other, everything placed in shares of the film's length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.record import FilmRecord
from tools.analysis.cutting import CutEvent
from tools.analysis.phrases import SOUNDS, camera_words, fault_words, move_words
from tools.analysis.sheets import rgb_of, stacked
from tools.analysis.timecode import clock

BINS = 1000
"""Points of a curve across the timeline."""
DEEPEST_DB, LOUDEST_DB = -60.0, 0.0
_GAP = 6
"""Pixels between lanes."""
_FEW_COLOURS, _MANY_SHOTS = 3, 400
_ARROWS = {
    "left": "←", "right": "→", "up": "↑", "down": "↓", "in": "⊕", "out": "⊖", "clockwise": "↻",
    "counter-clockwise": "↺",
}  # fmt: skip
_TICKS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True)
class Box:
    """Something on a lane, from `x` over `w`, both in percent."""

    x: str
    w: str
    t: float
    """Where the film goes when it is clicked, seconds."""
    kind: str = ""
    text: str = ""
    title: str = ""
    fill: str = ""
    y: float = 0
    h: float = 0
    mid: str = ""
    shot: int = 0


@dataclass(frozen=True)
class Lane:
    kind: str
    label: str
    top: int
    height: int
    boxes: Sequence[Box] = ()
    path: str = ""
    low: str = ""
    high: str = ""


@dataclass
class Timeline:
    seconds: float
    lanes: list[Lane] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)
    """For the pointer: BINS values each."""

    @property
    def height(self) -> int:
        return self.lanes[-1].top + self.lanes[-1].height + _GAP if self.lanes else 0

    def add(self, kind: str, label: str, height: int, boxes: Sequence[Box] = (), **more: Any) -> None:
        self.lanes.append(Lane(kind, label, self.height, height, boxes, **more))


def timeline_of(record: FilmRecord, events: Sequence[CutEvent], *, strip: bool) -> Timeline:
    """The lanes that the record has something for. strip: leave room for a strip of pictures."""
    end = record.shots[-1].end if record.shots else record.film.seconds
    line = Timeline(max(end, 1e-3))
    share = _shares(line.seconds)
    line.add("ruler", "time", 18, _ticks(line.seconds, share))
    if len(record.scenes) > 1:
        line.add("scenes", "scenes", 20, _scenes(record, share))
    if strip:
        line.add("strip", "pictures", 54)
    line.add("joins", "transitions", 16, _joins(record, events, share))
    line.add("shots", "shots", 22, _shots(record, share))
    if any(shot.camera for shot in record.shots):
        line.add("camera", "camera", 20, _camera(record, share))
    if any(shot.composition and shot.composition.colours for shot in record.shots):
        line.add("colours", "colours", 30, _colours(record, share))
    _add_curves(record, line)
    if any(shot.coherence for shot in record.shots):
        line.add("faults", "faults", 18, _faults(record, share))
    return line


def _add_curves(record: FilmRecord, line: Timeline) -> None:
    curves, sound = record.curves, record.sound
    if motion := _binned(curves.seconds, curves.motion, line.seconds):
        top = max(0.2, float(np.percentile(motion, 99.5)))
        line.curves["motion"] = motion
        line.add("motion", "motion", 44, path=_area(motion, 0, top), low="0", high=f"{top:.1f} w/s")
    if luma := _binned(curves.seconds, curves.luma, line.seconds):
        line.curves["luma"] = luma
        line.add("luma", "brightness", 40, path=_area(luma, 0, 255), low="0", high="255")
    if sound is None:
        return
    if sound.curve_dbfs:
        times = [(at + 0.5) * sound.curve_step for at in range(len(sound.curve_dbfs))]
        if loud := _binned(times, sound.curve_dbfs, line.seconds):
            line.curves["level"] = loud
            line.add("level", "loudness", 40, path=_area(loud, DEEPEST_DB, LOUDEST_DB), low="-60", high="0 dBFS")
    share = _shares(line.seconds)
    if sound.segments:
        line.add("heard", "sound", 26, [
            Box(share(s.start), share(s.end - s.start), s.start, s.label, title=f"{SOUNDS[s.label]}, "
                f"{clock(s.start)} to {clock(s.end)}, {100 * s.confidence:.0f} % sure")
            for s in sound.segments if s.start < line.seconds
        ])  # fmt: skip
    if sound.beats:
        at = [beat / line.seconds * BINS for beat in sound.beats if beat <= line.seconds]
        line.add("beats", "beats", 14, path="".join(f"M{x:.1f} 0V100" for x in at))


def _shares(seconds: float) -> Callable[[float], str]:
    def share(value: float) -> str:
        return f"{100 * max(0.0, value) / seconds:.3f}%"

    return share


def _ticks(seconds: float, share: Callable[[float], str]) -> list[Box]:
    step = next((step for step in _TICKS if seconds / step <= 12), 7200.0)
    return [
        Box(share(at), "0", at, text=clock(at, 0 if step >= 1 else 1))
        for at in np.arange(0, seconds - step / 3, step).tolist()
    ]


def _scenes(record: FilmRecord, share: Callable[[float], str]) -> list[Box]:
    return [
        Box(
            share(scene.start), share(scene.end - scene.start), scene.start, text=str(scene.index),
            title=f"Scene {scene.index}: {scene.shots} shots, {clock(scene.start)} to {clock(scene.end)}",
            mid=share((scene.start + scene.end) / 2),
        )
        for scene in record.scenes
    ]  # fmt: skip


def _joins(record: FilmRecord, events: Sequence[CutEvent], share: Callable[[float], str]) -> list[Box]:
    """Every transition, also a fade at the film's ends, and the borders that none is recorded for."""
    boxes = []
    for event in events[1:]:
        if event.transition is None:
            at = event.shot.start
            title = f"Cut to shot {event.shot.index}, {clock(at)}"
            boxes.append(Box(share(at), "0", at, "cut", title=title, mid=share(at)))
    for change in record.transitions:
        told = [f"{change.kind} {change.detail}".rstrip().capitalize(), clock(change.start)]
        if change.frames:
            told.append(f"{change.frames} frames")
        title = ", ".join([*told, f"{100 * change.confidence:.0f} % sure"])
        middle = share((change.start + change.end) / 2)
        boxes.append(
            Box(share(change.start), share(change.end - change.start), change.start, change.kind, title=title,
                mid=middle)
        )  # fmt: skip
    return sorted(boxes, key=lambda box: box.t)


def _shots(record: FilmRecord, share: Callable[[float], str]) -> list[Box]:
    return [
        Box(
            share(shot.start), share(shot.seconds), shot.start, text=str(shot.index), shot=shot.index,
            title=f"Shot {shot.index}, {clock(shot.start)} to {clock(shot.end)}, {shot.seconds:.2f} s",
            mid=share((shot.start + shot.end) / 2), kind="odd" if shot.index % 2 else "even",
        )
        for shot in record.shots
    ]  # fmt: skip


def _camera(record: FilmRecord, share: Callable[[float], str]) -> list[Box]:
    boxes = []
    for shot in record.shots:
        if shot.camera is None:
            continue
        for part in shot.camera.segments or (shot.camera,):
            words = move_words(part) if part is not shot.camera else camera_words(shot.camera)
            sign = _ARROWS.get(part.direction, {"handheld": "≈", "static": "", "unknown": "?"}.get(part.move, "•"))
            boxes.append(
                Box(share(part.start), share(part.end - part.start), part.start, part.move, sign,
                    f"Shot {shot.index}: {words}", mid=share((part.start + part.end) / 2))
            )  # fmt: skip
    return boxes


def _colours(record: FilmRecord, share: Callable[[float], str]) -> list[Box]:
    most = _FEW_COLOURS if len(record.shots) > _MANY_SHOTS else 8
    boxes = []
    for shot in record.shots:
        for colour, top, bottom in stacked(shot.composition.colours[:most] if shot.composition else ()):
            fill = "#{:02x}{:02x}{:02x}".format(*rgb_of(colour.hex))
            boxes.append(
                Box(share(shot.start), share(shot.seconds), shot.start, fill=fill, y=round(30 * top, 2),
                    h=round(30 * (bottom - top), 2), title=f"Shot {shot.index}: {colour.name}, {colour.share:.0%}")
            )  # fmt: skip
    return boxes


def _faults(record: FilmRecord, share: Callable[[float], str]) -> list[Box]:
    return [
        Box(share(at), "0", at, fault.kind, title=f"Shot {shot.index}: {fault_words(fault)} "
            f"({fault.strength:.1f} times its mark), {clock(at)}")
        for shot in record.shots if shot.coherence for fault in shot.coherence.faults for at in fault.seconds[:1]
    ]  # fmt: skip


def _binned(times: Sequence[float], values: Sequence[float], seconds: float) -> list[float]:
    """Means over BINS equal parts of the film, filled in between; [] when nothing was measured."""
    count = min(len(times), len(values))
    if not count:
        return []
    at: NDArray[np.float64] = np.asarray(times[:count], np.float64)
    value: NDArray[np.float64] = np.nan_to_num(np.asarray(values[:count], np.float64), neginf=-120.0, posinf=0.0)
    bins = min(BINS, max(2, count))
    place = np.clip((at / seconds * bins).astype(int), 0, bins - 1)
    total, number = np.bincount(place, value, bins), np.bincount(place, minlength=bins)
    filled = np.interp(np.arange(bins), np.flatnonzero(number), (total[number > 0] / number[number > 0]))
    spread = np.interp((np.arange(BINS) + 0.5) / BINS * bins - 0.5, np.arange(bins), filled)
    return [float(f"{number:.4g}") for number in spread]


def _area(values: Sequence[float], low: float, high: float) -> str:
    """An SVG path in a box of BINS x 100, closed along its floor."""
    level = [round(100 - 100 * min(1.0, max(0.0, (value - low) / (high - low))), 1) for value in values]
    steps = " ".join(f"{at + 0.5:g} {y:g}" for at, y in enumerate(level))
    return f"M0 100L0 {level[0]:g} {steps} {len(level)} {level[-1]:g} {len(level)} 100Z"
