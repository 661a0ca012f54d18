"""A camera's work in the words that film people use, for reports, captions and search."""

from __future__ import annotations

from backends.vision.camera.result import CameraSegment, CameraWork
from backends.vision.thresholds import thresholds

_NAMES = {
    ("zoom", "in"): "zoom in",
    ("zoom", "out"): "zoom out",
    ("push", "in"): "push-in",
    ("push", "out"): "pull-out",
    ("zoom_or_push", "in"): "push-in or zoom in",
    ("zoom_or_push", "out"): "pull-out or zoom out",
    ("static", ""): "static camera",
    ("handheld", ""): "handheld camera",
}
_MOST_STRETCHES = 4


def in_words(work: CameraWork) -> str:
    """Such as 'slow push-in', 'fast pan left, handheld' or 'static camera, then tilt up'; '' when it is unknown.

    Slow and fast are below and above the speeds in `configs/vision.yaml`.
    """
    if work.move == "unknown":
        return ""
    moves = [one for one in work.segments if one.move != "unknown"] if work.move == "mixed" else [work]
    told = [move_in_words(one) for one in moves] or ["mixed camera moves"]
    words = ", then ".join(told[:_MOST_STRETCHES]) + (" and more" if len(told) > _MOST_STRETCHES else "")
    shaken = work.shake >= thresholds().camera.handheld_shake
    return words + (", handheld" if shaken and "handheld" not in words else "")


def move_in_words(one: CameraSegment) -> str:
    """One stretch, such as 'slow push-in'."""
    name = _NAMES.get((one.move, one.direction), f"{one.move.replace('_', ' ')} {one.direction}".strip())
    if one.move == "tracking":
        name = f"tracking shot {one.direction}".strip()
    also = " with " + _NAMES.get(_split(one.also), one.also) if one.also else ""
    pace = _pace(one)
    return f"{pace} {name}{also}".strip()


def _split(also: str) -> tuple[str, str]:
    move, _, direction = also.partition(" ")
    return move, direction


def _pace(one: CameraSegment) -> str:
    camera = thresholds().camera
    kind = "zoom" if one.move in ("push", "zoom_or_push") else one.move
    if kind not in camera.slow:
        return ""
    if one.speed < camera.slow[kind]:
        return "slow"
    return "fast" if one.speed > camera.fast[kind] else ""
