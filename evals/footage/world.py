"""Made footage whose truth is known: seeded worlds, a camera that looks at them, and clips of what it saw."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
WORLD = (1440, 2560)
"""Height and width of a world, pixels."""


def world(seed: int, size: tuple[int, int] = WORLD) -> Rgb:
    """A detailed picture (H, W, 3) uint8: ground of clouds in two colours, shapes of many sizes, fine grain.

    The same seed gives the same picture.
    """
    import cv2

    pick = np.random.default_rng(seed)
    height, width = size
    low = np.zeros((height, width), np.float32)
    for octave in range(2, 9):
        grid = pick.normal(0, 1, (max(2, height * 2**octave // 1440), max(2, width * 2**octave // 2560)))
        low += cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) * 0.8**octave
    low = (low - low.min()) / max(float(np.ptp(low)), 1e-6)
    one, two = pick.uniform(20, 235, (2, 3))
    picture = one + (two - one) * low[..., None]
    canvas = np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
    for _ in range(int(pick.integers(60, 160))):
        centre = (int(pick.integers(0, width)), int(pick.integers(0, height)))
        colour = tuple(int(v) for v in pick.integers(0, 256, 3))
        radius = int(12 * 2 ** pick.uniform(0, 4))
        match int(pick.integers(0, 4)):
            case 0:
                cv2.circle(canvas, centre, radius, colour, -1, cv2.LINE_AA)
            case 1:
                corner = (centre[0] + radius, centre[1] + int(radius * pick.uniform(0.3, 2)))
                cv2.rectangle(canvas, centre, corner, colour, -1)
            case 2:
                points = pick.integers(-radius, radius, (int(pick.integers(3, 7)), 2)) + centre
                cv2.fillPoly(canvas, [points.astype(np.int32)], colour, cv2.LINE_AA)
            case _:
                end = (centre[0] + int(pick.integers(-400, 400)), centre[1] + int(pick.integers(-400, 400)))
                cv2.line(canvas, centre, end, colour, int(pick.integers(2, 14)), cv2.LINE_AA)
    grain = pick.normal(0, 4, (height, width, 1))
    return np.asarray((canvas + grain).clip(0, 255), np.uint8)


def look(
    picture: Rgb, centre: tuple[float, float], scale: float = 1.0, turn: float = 0.0, size: tuple[int, int] = (360, 640)
) -> Rgb:
    """What a camera sees of a world: (H, W, 3) uint8 of `size` (height, width).

    centre: x, y in the world's pixels; scale: screen pixels per world pixel; turn: degrees, counter-clockwise.
    """
    import cv2

    height, width = size
    matrix = cv2.getRotationMatrix2D(centre, turn, scale)
    matrix[:, 2] += (width / 2 - centre[0], height / 2 - centre[1])
    flags = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def write_clip(
    path: Path,
    frames: Iterable[Rgb],
    *,
    fps: float | Fraction = 24,
    crf: int = 18,
    sound: NDArray[np.float32] | None = None,
    rate: int = 48_000,
) -> Path:
    """Frames (H, W, 3) uint8 as H.264 in mp4, with sound (N,) or (N, channels) float32 as AAC when given."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        speed = Fraction(fps).limit_denominator(1001)
        picture = container.add_stream("libx264", rate=speed, options={"crf": str(crf), "preset": "veryfast"})
        picture.pix_fmt = "yuv420p"
        # What PyAV converts to by itself (H.273: BT.601, limited); without a tag, players take large films as BT.709.
        picture.codec_context.colorspace, picture.codec_context.color_range = 6, 1
        track = None
        if sound is not None:
            wave = sound if sound.ndim == 2 else sound[:, None]
            track = container.add_stream("aac", rate=rate, layout="stereo" if wave.shape[1] == 2 else "mono")
        for rgb in frames:
            if not picture.codec_context.is_open:
                picture.height, picture.width = rgb.shape[:2]
            for packet in picture.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")):
                container.mux(packet)
        for packet in picture.encode(None):
            container.mux(packet)
        if track is not None:
            for at in range(0, len(wave), 1024):
                part = np.ascontiguousarray(wave[at : at + 1024].T.astype(np.float32))
                block = av.AudioFrame.from_ndarray(part, format="fltp", layout=track.layout.name)
                block.sample_rate, block.pts = rate, at
                for packet in track.encode(block):
                    container.mux(packet)
            for packet in track.encode(None):
                container.mux(packet)
    return path
