"""Animated GIF, WebP and PNG pictures as films: ffmpeg reads some of them not at all and enters the others wrongly."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.media.container import MediaLimits, damaged, too_long
from configs.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("GIF", "WEBP", "PNG")
"""Others that have several pictures (TIFF, a telephone's JPEG) mean pages or previews by them."""
CLOCK = Fraction(1, 1000)
HURRIED_MS, USUAL_MS = 10, 100
"""Shorter delays are shown as a tenth of a second, as browsers do."""
MAX_SHOWN_PIXELS = 400_000_000
"""Of all pictures together: 640x360 for two minutes at 15 a second. It takes about a minute to write so many."""
EVEN = 1.25
"""Delays that differ by less than this share are even: clocks of milliseconds say 16, 17, 17 for 60 a second."""
NEAR = 0.01
"""So near to a whole rate, it is meant."""
FINEST_MS, SLOWEST_MS, GRID_MS = 16, 100, 20
"""Films change their pictures between 10 and 60 times a second; what has no common measure in that goes on a grid."""
MAX_PICTURES = 20_000
"""A file may hold millions of pictures of one pixel."""


_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error)


@dataclass(frozen=True)
class Animation:
    """An animated picture that was made a film."""

    format: str
    """'gif', 'webp' or 'png'."""
    frames: int
    seconds: float
    clear: bool
    """Whether anything of it is transparent."""


def is_animation(path: Path) -> bool:
    """Whether a file that was let in as a picture is an animation."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.format in FORMATS and bool(getattr(image, "is_animated", False))
    except _BROKEN:
        return False  # whoever shows its first picture tells


def make_film(path: Path, target: Path, limits: MediaLimits, shown: str) -> Animation:
    """Write an animation as a film (.mov: each picture as a PNG, with its own time), every pixel as it is.

    It plays once, however often it would be repeated. shown: its name in sentences. Equal files give equal bytes.
    Raises UsageError when it is damaged, too long or too large; then nothing is left at `target`.
    """
    named = path.with_name(shown)
    from PIL import Image

    try:
        delays, clear = _looked_at(path, named, limits)
        size = _written(path, target, named, _even(delays), clear, limits)
        if size > limits.max_mib * 2**20:  # pictures that stand for long, repeated
            size = _written(path, target, named, _as_it_is(delays), clear, limits)
    except _BROKEN as error:
        target.unlink(missing_ok=True)
        raise damaged(named) from error
    except Image.DecompressionBombError as error:
        target.unlink(missing_ok=True)
        raise _too_large(named, "a picture of it is") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if size > limits.max_mib * 2**20:
        target.unlink(missing_ok=True)
        raise _too_large(named, f"as a film it has more than {limits.max_mib:g} MiB")
    with Image.open(path) as image:
        form = str(image.format).lower()
    return Animation(form, len(delays), sum(delays) / 1000, clear)


def _looked_at(path: Path, named: Path, limits: MediaLimits) -> tuple[list[int], bool]:
    """Milliseconds of each picture, and whether any pixel is transparent; all pictures are decoded for it."""
    from PIL import Image

    delays: list[int] = []
    clear, shown = False, 0
    with Image.open(path) as image:
        for picture in _pictures(image, limits, named):
            given = int(image.info.get("duration") or 0)
            delays.append(given if given > HURRIED_MS else USUAL_MS)
            shown += picture.shape[0] * picture.shape[1]
            if len(delays) > MAX_PICTURES or shown > MAX_SHOWN_PIXELS:
                most = f"{MAX_PICTURES} pictures and {MAX_SHOWN_PIXELS // 10**6} million pixels in all of them"
                raise _too_large(named, f"{most} are the limit")
            clear = clear or bool((picture[..., 3] < 255).any())
    if sum(delays) > limits.max_seconds * 1000:
        raise too_long(named, sum(delays) / 1000, limits)
    return delays, clear


@dataclass(frozen=True)
class _Plan:
    """When the pictures of a film change."""

    clock: Fraction
    """Seconds of one tick."""
    times: list[int]
    """How often each picture is shown."""
    ticks: list[int]
    """For how long each time."""


def _as_it_is(delays: list[int]) -> _Plan:
    return _Plan(CLOCK, [1] * len(delays), delays)


def _even(delays: list[int]) -> _Plan:
    """Pictures that change evenly and not too slowly to be cut: of 15 a second, where clocks of hundredths say 7, 7, 6,
    and otherwise by showing some of them several times.
    """
    if max(delays) <= min(EVEN * min(delays), SLOWEST_MS):
        rate = 1000 * len(delays) / sum(delays)
        if max(delays) > min(delays) and abs(rate - round(rate)) <= NEAR * rate:
            return _Plan(Fraction(1, round(rate)), [1] * len(delays), [1] * len(delays))
        return _as_it_is(delays)
    step = gcd(*delays)
    if step > SLOWEST_MS:
        step = next((part for part in range(SLOWEST_MS, FINEST_MS, -1) if step % part == 0), GRID_MS)
    step = step if step >= FINEST_MS else GRID_MS
    ends = [round(end / step) for end in accumulate(delays)]
    return _Plan(CLOCK, [end - begin for begin, end in pairwise([0, *ends])], [step] * len(delays))


def _written(path: Path, target: Path, named: Path, plan: _Plan, clear: bool, limits: MediaLimits) -> int:
    """Bytes of the film; it stops growing soon after it is too large."""
    import av
    from PIL import Image

    pixels = "rgba" if clear else "rgb24"
    with Image.open(path) as image, av.open(str(target), "w", format="mov", options={"fflags": "+bitexact"}) as film:
        stream = film.add_stream("png", rate=1 / (plan.clock * min(plan.ticks)))
        stream.width, stream.height, stream.pix_fmt = image.width, image.height, pixels
        stream.time_base = stream.codec_context.time_base = plan.clock
        stream.codec_context.thread_count = 1  # a packet for each picture at once
        at = written = 0
        for picture, often, length in zip(_pictures(image, limits, named), plan.times, plan.ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(
                picture if clear else np.ascontiguousarray(picture[..., :3]), format=pixels
            )  # fmt: skip
            frame.pts, frame.time_base = at, plan.clock
            coded = b"".join(bytes(packet) for packet in stream.encode(frame))
            for _ in range(often):
                packet = av.Packet(coded)
                packet.stream, packet.time_base, packet.is_keyframe = stream, plan.clock, True
                packet.pts = packet.dts = at
                packet.duration = length
                film.mux(packet)
                at += length
                written += len(coded)
            if written > limits.max_mib * 2**20:
                break
    return written


def _pictures(image: Image.Image, limits: MediaLimits, named: Path) -> Iterator[NDArray[np.uint8]]:
    """Each whole picture in turn, (H, W, 4) uint8 RGBA; `image.info` is that of the picture then."""
    width, height = image.size
    number = 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return
        if image.width * image.height > limits.max_pixels:  # a later picture of a GIF may be larger than the first
            raise _too_large(named, f"{image.width}x{image.height} pixels")
        yield np.asarray(image.convert("RGBA"))[:height, :width]
        number += 1


def _too_large(named: Path, why: str) -> UsageError:
    return UsageError(f"'{named.name}' is too large an animation", why, "Make it smaller or shorter first")
