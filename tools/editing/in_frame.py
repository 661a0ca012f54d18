"""Whether captions are drawn, and stay inside the frame: set by libass on black, small, and looked at."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.ffmpeg import run_ffmpeg
from tools.editing.ass import font_folder, script
from tools.editing.cut import Words
from tools.editing.drawing.parts import Frame
from tools.editing.drawing.picture import captions_filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 320
LOOKS_PER_SECOND = 2
MOST_SECONDS = 8.0
"""Of one caption that are looked at."""
MOST = 120
"""Captions that are looked at, evenly chosen: others of the same style were set by the same rules."""
BRIGHT = 150
"""Levels of 0-255 that text has, and no shadow or outline."""


@dataclass(frozen=True)
class CaptionsSeen:
    looked: int
    good: int
    bad: tuple[str, ...]
    """Beginnings of the texts that touch the frame's edge or are not there at all."""


def captions_in_frame(words: Sequence[Words], frame: Frame, cache: Path, check: Callable[[], None]) -> CaptionsSeen:
    """Look at the captions one after the other."""
    import numpy as np

    chosen = list(words[:: max(1, -(-len(words) // MOST))])
    if not chosen:
        return CaptionsSeen(0, 0, ())
    height = max(32, round(WIDTH * frame.height / frame.width / 2) * 2)
    moved: list[Words] = []
    spans: list[tuple[int, int]] = []
    step = frame.fps / LOOKS_PER_SECOND
    looks = 0
    for word in chosen:
        length = min(word.end - word.start, round(MOST_SECONDS * frame.fps))
        count = max(1, int(length / step))
        begin = -(-looks * step // 1)
        moved.append(replace(word, start=int(begin), end=int(begin) + max(length, int(count * step))))
        spans.append((looks, looks + count))
        looks += count + 1
    pictures = _drawn(moved, frame, (WIDTH, height), looks, cache, check)
    bad = []
    for word, (first, last) in zip(chosen, spans, strict=True):
        lit = pictures[first:last] > BRIGHT
        edges = np.concatenate([lit[:, 0], lit[:, -1], lit[:, :, 0], lit[:, :, -1]], axis=1)
        if not lit.any() or edges.any():
            bad.append(word.text[:40])
    return CaptionsSeen(len(chosen), len(chosen) - len(bad), tuple(bad))


def _drawn(
    words: Sequence[Words], frame: Frame, size: tuple[int, int], looks: int, cache: Path, check: Callable[[], None]
) -> NDArray[np.uint8]:
    import numpy as np

    folder = cache / "segments"
    folder.mkdir(parents=True, exist_ok=True)
    own = uuid.uuid4().hex
    texts, raw = folder / f".{own}.ass", folder / f".{own}.gray"
    try:
        texts.write_text(script(words, frame.width, frame.height, frame.fps), encoding="utf-8")
        black = f"color=c=black:s={size[0]}x{size[1]}:r={LOOKS_PER_SECOND}:d={looks / LOOKS_PER_SECOND + 1}"
        steps = f"format=gbrp,{captions_filter(texts, font_folder(cache))},format=gray"
        args = ["-f", "lavfi", "-i", black, "-vf", steps, "-frames:v", str(looks), "-f", "rawvideo", str(raw)]
        run_ffmpeg(args, cancel=check, timeout_s=300)
        return np.frombuffer(raw.read_bytes(), np.uint8).reshape(-1, size[1], size[0])
    finally:
        texts.unlink(missing_ok=True)
        raw.unlink(missing_ok=True)
