"""From what the measures of one pass found to the film's record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.thresholds import thresholds

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.sound.result import Sound
    from backends.vision.cuts.result import ShotSpan, Transition
    from backends.vision.motion import MotionCurve
    from backends.vision.record import Curves, FilmFile, FilmRecord, Shot
    from backends.vision.watch import Watched
    from tools.analysis.reading import Sinks, Wishes

Rgb = NDArray[np.uint8]
_HEARD = {"sound", "content"}
"""Aspects whose record holds the sound track."""
CURVE_SAMPLES = 6000
MOTION_DIGITS, LUMA_DIGITS, TIME_DIGITS = 4, 1, 3


def assemble(
    info: MediaInfo,
    wishes: Wishes,
    sinks: Sinks,
    spans: Sequence[ShotSpan],
    moments: Sequence[float],
    keyframes: Sequence[Rgb],
    watched: Watched,
    *,
    name: str,
    sha256: str,
) -> FilmRecord:
    """The record of a film whose pass is over.

    moments, keyframes: seconds of each shot's best picture, and the picture, (H, W, 3) uint8.
    """
    from backends.vision.motion import liveliest_window, liveliness
    from backends.vision.record import FilmRecord, Scene
    from tools.analysis.scenes import group_scenes, with_scenes

    borders, duration = [span.start for span in spans[1:]], spans[-1].end
    transitions = sinks.cuts.transitions()
    curve = sinks.motion.curve([*borders, *_changing(transitions)])
    sound = sinks.sound.report() if sinks.sound is not None else None
    levels = np.asarray(sound.curve_dbfs) if sound is not None else None
    lively = liveliness(curve, _every_tenth(levels, sound, duration), duration)
    shots = _shots(sinks, spans, moments, curve, heard=bool(_HEARD & set(wishes.aspects)))
    scenes: list[Scene] = []
    if "scenes" in wishes.aspects:
        scenes = group_scenes(shots, keyframes, transitions=transitions, sound=sound)
        shots = with_scenes(shots, scenes)
    return FilmRecord(
        film=_file(info, watched, name, sha256, duration),
        aspects=wishes.aspects,
        shots=tuple(shots),
        scenes=tuple(scenes),
        transitions=tuple(transitions),
        sound=sound if _HEARD & set(wishes.aspects) else None,
        curves=_curves(curve, sinks),
        quality=_quality(info, sinks, sound),
        liveliest=liveliest_window(lively, wishes.window, duration, borders),
        warnings=watched.warnings,
        not_measured={**_missing(info, wishes), **wishes.not_measured},
        methods=_methods(wishes),
    )


def _changing(transitions: Sequence[Transition]) -> list[float]:
    """Times, seconds, at which the picture changes without moving: a fade is not lively."""
    period = 1 / thresholds().motion.samples_per_second
    return [at for one in transitions if one.frames for at in np.arange(one.start, one.end + period, period).tolist()]


def _shots(
    sinks: Sinks, spans: Sequence[ShotSpan], moments: Sequence[float], curve: MotionCurve, *, heard: bool
) -> list[Shot]:
    from backends.vision.record import Shot

    nothing: list[Any] = [None] * len(spans)
    camera = sinks.camera.report(spans) if sinks.camera else nothing
    composition = sinks.composition.report(spans) if sinks.composition else nothing
    coherence = sinks.coherence.report(spans) if sinks.coherence else nothing
    sound = sinks.sound.per_shot(spans) if sinks.sound and heard else nothing
    return [
        Shot(
            **span.model_dump(),
            keyframe=round(moment, TIME_DIGITS),
            motion=round(curve.mean_between(span.start, span.end), MOTION_DIGITS),
            luma=round(sinks.quality.mean_luma(span.start, span.end), LUMA_DIGITS),
            camera=camera[at],
            composition=composition[at],
            coherence=coherence[at],
            sound=sound[at],
        )
        for at, (span, moment) in enumerate(zip(spans, moments, strict=True))
    ]


def _file(info: MediaInfo, watched: Watched, name: str, sha256: str, seconds: float) -> FilmFile:
    from backends.vision.record import FilmFile

    return FilmFile(
        name=name,
        sha256=sha256,
        seconds=round(seconds, TIME_DIGITS),
        frames=watched.frames,
        width=info.width,
        height=info.height,
        fps=info.fps,
        vfr=info.vfr,
        video_codec=info.video_codec,
        audio_codec=info.audio_codec,
        rotation=info.rotation,
    )


def _curves(curve: MotionCurve, sinks: Sinks) -> Curves:
    from backends.vision.record import Curves

    step = max(1, -(-len(curve.seconds) // CURVE_SAMPLES))
    times = curve.seconds[::step]
    return Curves(
        seconds=tuple(np.round(times, TIME_DIGITS).tolist()),
        motion=tuple(np.round(curve.energy[::step], MOTION_DIGITS).tolist()),
        luma=tuple(np.round(sinks.quality.luma_at(times), LUMA_DIGITS).tolist()),
    )


def _quality(info: MediaInfo, sinks: Sinks, sound: Sound | None) -> dict[str, Any]:
    report = {key: value for key, value in sinks.quality.report(info).items() if key not in ("duration", "frames")}
    heard = {"loudness_lufs": sound and sound.loudness_lufs, "peak_dbfs": sound and sound.peak_dbfs}
    return {**report, "has_audio": info.has_audio, **heard}


def _every_tenth(levels: Any, sound: Sound | None, duration: float) -> Any:
    """The sound's level every 0.1 s, as `liveliness` wants it, from a curve that may be thinned."""
    if levels is None or not len(levels) or sound is None:
        return None
    grid = np.arange(max(1, round(duration / 0.1))) * 0.1
    return np.interp(grid, np.arange(len(levels)) * sound.curve_step, levels)


def _missing(info: MediaInfo, wishes: Wishes) -> dict[str, str]:
    return {} if info.has_audio or "sound" not in wishes.aspects else {"sound": "the film has no sound track"}


def _methods(wishes: Wishes) -> dict[str, str]:
    every = {
        "shots": "PySceneDetect AdaptiveDetector; own tests for dissolves, fades and wipes",
        "motion": "DIS optical flow (Kroeger et al. 2016) at 320 pixels",
        "camera": "robust affine fit of the flow per frame; parallax tells a push from a zoom",
        "composition": "spectral residual saliency, lines, colours in CIELAB; boxes of faces and figures when found",
        "coherence": "warping error where the flow agrees both ways, brightness, colour of followed pixels",
        "sound": "ITU-R BS.1770-4 loudness; spectral features for speech and music; onset flux for beats",
        "scenes": "time-constrained grouping of shots by look and sound (Yeung & Yeo 1996)",
    }
    asked = {"shots", "motion", *wishes.aspects}
    return {name: how for name, how in every.items() if name in asked}
