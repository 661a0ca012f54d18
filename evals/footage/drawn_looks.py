"""What is drawn over a picture: speed lines, blows, credits, panels, bars, and the wear of a copy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evals.footage.world import Rgb

NAMES = (
    "Ada Bell", "Carl Dorn", "Eva Falk", "Gero Holm", "Ida Jung", "Kai Lund", "Mia Nord", "Otto Pohl", "Rosa Stein",
    "Tom Urban",
)  # fmt: skip
JOBS = ("Direction", "Story", "Key animation", "Backgrounds", "Colour", "Camera", "Music", "Sound", "Cut", "Thanks")


def impact(frame: Rgb, way: str) -> Rgb:
    """A blow's frame. way: 'negative', 'tones' (white and black at the mean), or 'flat'."""
    if way == "negative":
        return np.asarray(255 - frame, np.uint8)
    if way == "tones":
        grey = frame.mean(axis=2, keepdims=True)
        return np.asarray(np.where(grey > grey.mean(), 250, 10).repeat(3, axis=2), np.uint8)
    return np.full_like(frame, (220, 30, 40))


def lined(frame: Rgb, seed: int, drawing: int) -> Rgb:
    """Wedges from the borders towards the middle, in white or black."""
    import cv2

    pick = np.random.default_rng((seed, drawing))
    height, width = frame.shape[:2]
    out = frame.copy()
    middle, far = np.asarray([width / 2, height / 2]), float(np.hypot(width, height))
    colour = (250, 250, 250) if seed % 2 else (15, 15, 20)
    for angle in pick.uniform(0, 2 * np.pi, 46):
        near, wide = float(pick.uniform(0.42, 0.75)) * height, float(pick.uniform(0.01, 0.04))
        tip = middle + near * np.asarray([np.cos(angle) * 1.3, np.sin(angle)])
        ends = [middle + far * np.asarray([np.cos(angle + side), np.sin(angle + side)]) for side in (-wide, wide)]
        cv2.fillConvexPoly(out, np.asarray([tip, *ends], np.int32), colour, cv2.LINE_AA)
    return out


def credits(seed: int, size: tuple[int, int]) -> Callable[[Rgb, float], Rgb]:
    """(frame, pixels that they have rolled) -> the frame with names over it."""
    import cv2

    pick = np.random.default_rng((41, seed))
    lines = [str(pick.choice(NAMES if row % 3 else JOBS)) for row in range(60)]

    def write(frame: Rgb, rolled: float) -> Rgb:
        out = frame.copy()
        for row, text in enumerate(lines):
            y = size[0] + 20 * row - rolled
            if -10 < y < size[0] + 20:
                (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
                at = ((size[1] - wide) // 2, round(y))
                cv2.putText(out, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (240, 240, 240), 1, cv2.LINE_AA)
        return out

    return write


def panel(frame: Rgb, other: Rgb, share: float, *, left: bool) -> Rgb:
    """The other picture over `share` of the width, with a white edge; it slides in from that side."""
    width = frame.shape[1]
    wide = round(share * width)
    if not wide:
        return frame
    out = frame.copy()
    offset = (width - wide) // 2
    if left:
        out[:, :wide] = other[:, offset : offset + wide]
        out[:, max(0, wide - 3) : wide] = 250
    else:
        out[:, width - wide :] = other[:, offset : offset + wide]
        out[:, width - wide : width - wide + 3] = 250
    return out


def barred(frame: Rgb, share: float, *, sides: bool) -> Rgb:
    """Black over `share` of the height above and below, or of the width on both sides."""
    out = frame.copy()
    thick = round(share * frame.shape[1 if sides else 0])
    if thick and sides:
        out[:, :thick], out[:, -thick:] = 0, 0
    elif thick:
        out[:thick], out[-thick:] = 0, 0
    return out


def aged(frame: Rgb, seed: int, k: int) -> Rgb:
    """Grain, specks, hairs, a scratch that stays a second, weave of a pixel, and light that breathes by a tenth."""
    import cv2

    pick = np.random.default_rng((seed, k))
    height, width = frame.shape[:2]
    woven = np.roll(frame, (int(pick.integers(-1, 2)), int(pick.integers(-1, 2))), (0, 1))
    lit = woven.astype(np.float32) * (1 + 0.08 * float(pick.normal())) + pick.normal(0, 9, (height, width, 1))
    out = np.ascontiguousarray(lit.clip(0, 255).astype(np.uint8))
    for _ in range(int(pick.integers(0, 9))):
        at = (int(pick.integers(0, width)), int(pick.integers(0, height)))
        colour = (245, 245, 245) if pick.random() < 0.5 else (10, 10, 10)
        cv2.circle(out, at, int(pick.integers(1, 6)), colour, -1, cv2.LINE_AA)
    second = np.random.default_rng((seed, 1 + k // 24))
    if second.random() < 0.5:
        x = int(second.integers(0, width))
        cv2.line(out, (x, 0), (x + int(second.integers(-3, 4)), height), (225, 225, 220), 1, cv2.LINE_AA)
    return out
