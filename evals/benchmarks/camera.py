"""Camera moves of made clips against their truth: class, direction, speed, borders, by world and disturbance; time.

Clips are shown as frames in memory, and some of them as encoded films. A zoom over a world of one plane looks just
like a push towards it: there 'zoom_or_push' is the right answer. So it is for a zoom over planes at several depths
(with no parallax it may always be a push towards something flat), and 'zoom' is right too; a push before planes at
several depths must be told as one.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.media.probe import MediaInfo, probe
from backends.threads import one_thread
from backends.vision.camera.result import CameraWork
from backends.vision.camera.sink import CameraSink
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame
from backends.vision.watch import watch
from evals.footage.moves import KINDS, MadeClip, Stretch, made_clip

FIRST_SEED, CLIPS, ENCODED = 2000, 270, 18
BORDER_FRAMES = 6


@dataclass(frozen=True)
class Answer:
    clip: MadeClip
    work: CameraWork
    seconds: float
    """Of CPU, for the camera's measure beyond grey and flow."""


def measured(clip: MadeClip) -> Answer:
    """What the camera's measure says of a clip shown from memory."""
    sink = CameraSink(_info(clip))
    before, used, count = None, 0.0, 0
    for number, rgb in enumerate(clip.pictures()):
        frame = Frame(number, number / clip.fps, rgb, before)
        _ = frame.grey, frame.flow
        began = time.process_time()
        sink.see(frame)
        used += time.process_time() - began
        before, count = frame, number + 1
    began = time.process_time()
    work = sink.report([whole(count, count / clip.fps)])[0]
    return Answer(clip, work, used + time.process_time() - began)


def measured_from_file(clip: MadeClip, path: Path) -> Answer:
    """What it says of the clip as an encoded film."""
    clip.save(path)
    info = probe(path)
    sink = CameraSink(info)
    count = watch(path, [sink], info=info).frames
    return Answer(clip, sink.report([whole(count, count / clip.fps)])[0], 0.0)


def whole(frames: int, seconds: float) -> ShotSpan:
    """One shot of that many frames."""
    return ShotSpan(
        index=1,
        start=0.0,
        end=seconds,
        first_frame=0,
        frames=frames,
        clean_first=0,
        clean_frames=frames,
        opening="start",
    )


def _info(clip: MadeClip) -> MediaInfo:
    return MediaInfo("video", "made", seconds=clip.frames / clip.fps, width=320, height=180, fps=clip.fps)


def allowed(clip: MadeClip, move: str) -> set[str]:
    """The classes that are right for a move of a clip."""
    if move == "zoom":
        return {"zoom", "zoom_or_push"}
    return {move}


def right_class(answer: Answer) -> bool:
    return answer.work.move in allowed(answer.clip, answer.clip.kind)


def right_direction(answer: Answer) -> bool:
    return answer.work.direction == answer.clip.stretches[0].direction


def borders_off(answer: Answer) -> list[float]:
    """Frames from each true border between two moves to the nearest found one; inf where none was found."""
    found = [one.end * answer.clip.fps for one in answer.work.segments[:-1]]
    true = [one.end for one in answer.clip.stretches[:-1]]
    return [min((abs(border - one) for one in found), default=float("inf")) for border in true]


def stretches_found(answer: Answer) -> list[bool]:
    """Of each true stretch, whether most of its time has the right move and direction."""
    return [_mostly(answer, one) for one in answer.clip.stretches]


def _mostly(answer: Answer, true: Stretch) -> bool:
    start, end = true.first / answer.clip.fps, true.end / answer.clip.fps
    right = sum(
        max(0.0, min(end, one.end) - max(start, one.start))
        for one in answer.work.segments
        if one.move in allowed(answer.clip, true.move) and one.direction == true.direction
    )
    return right > 0.5 * (end - start)


def figures(answers: Iterable[Answer]) -> dict[str, Any]:
    """The whole set's figures, JSON-ready."""
    answers = list(answers)
    moving = [one for one in answers if one.clip.kind not in ("static", "handheld", "mixed")]
    mixed = [one for one in answers if one.clip.kind == "mixed"]
    offs = [off for one in mixed for off in borders_off(one)]
    extra = sum(max(0, len(one.work.segments) - len(one.clip.stretches)) for one in mixed)
    within = [hit for one in mixed for hit in stretches_found(one)]
    frames = sum(one.clip.frames for one in answers)
    return {
        "clips": len(answers),
        "class_accuracy": _share(right_class(one) for one in answers),
        "direction_accuracy": _share(right_direction(one) for one in moving if right_class(one)),
        "by_class": _by(answers, lambda one: one.clip.kind),
        "by_world": _by(answers, lambda one: one.clip.texture),
        "by_shake": _by(answers, lambda one: "shaken" if one.clip.shake else "steady"),
        "by_things": _by(answers, lambda one: "things in front" if one.clip.things else "nothing in front"),
        "confusion": _confusion(answers),
        "speed_error": _speeds(moving),
        "mixed_stretches_right": _share(within),
        "mixed_borders_within_6_frames": _share(off <= BORDER_FRAMES for off in offs),
        "mixed_border_frames_median": round(float(np.median(offs)), 2) if offs else None,
        "mixed_stretches_too_many": extra,
        "ms_per_frame": round(1000 * sum(one.seconds for one in answers) / max(1, frames), 3),
        "wrong": [
            _told(one) for one in answers if not right_class(one) or (one in moving and not right_direction(one))
        ],
    }


def _share(hits: Iterable[bool]) -> float | None:
    kept = list(hits)
    return round(sum(kept) / len(kept), 4) if kept else None


def _by(answers: list[Answer], key: Any) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for one in answers:
        groups[key(one)].append(right_class(one))
    return {name: {"clips": len(hits), "accuracy": _share(hits)} for name, hits in sorted(groups.items())}


def _confusion(answers: list[Answer]) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for one in answers:
        table[one.clip.kind][one.work.move] += 1
    return {true: dict(said.most_common()) for true, said in sorted(table.items())}


def _speeds(answers: list[Answer]) -> dict[str, Any]:
    """Relative errors of the speed; planes at several depths have as many speeds in a push or a travel: left out."""
    errors: dict[str, list[float]] = defaultdict(list)
    for one in answers:
        if right_class(one) and one.clip.kind not in ("push", "tracking"):
            true = one.clip.stretches[0].speed
            errors[one.clip.kind].append(abs(one.work.speed - true) / true)
    every = [error for kind in errors.values() for error in kind]
    return {
        name: {"median": round(float(np.median(kept)), 4), "p90": round(float(np.percentile(kept, 90)), 4)}
        for name, kept in [("all", every), *sorted(errors.items())]
        if kept
    }


def _told(one: Answer) -> str:
    true = " | ".join(f"{s.move} {s.direction} {s.speed:.3f}".strip() for s in one.clip.stretches)
    said = " | ".join(f"{s.move} {s.direction} {s.speed:.3f}".strip() for s in one.work.segments)
    return f"seed {one.clip.seed} {one.clip.texture}: {true} -> {one.work.move} {one.work.direction} ({said})"


@one_thread()
def run() -> dict[str, Any]:
    """Figures of clips in memory, and the class accuracy of some of them as H.264 films."""
    answers = [measured(made_clip(FIRST_SEED + n, KINDS[n % len(KINDS)])) for n in range(CLIPS)]
    found = figures(answers)
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        films = [
            measured_from_file(answers[n * (CLIPS // ENCODED) + n % len(KINDS)].clip, Path(folder) / "clip.mp4")
            for n in range(ENCODED)
        ]
    found["encoded"] = {"clips": len(films), "class_accuracy": _share(right_class(one) for one in films)}
    return found
