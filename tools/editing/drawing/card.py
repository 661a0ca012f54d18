"""One picture of a title card, small, as the film shows it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.ffmpeg import run_ffmpeg
from tools.editing.ass import font_folder, script
from tools.editing.cut import Words
from tools.editing.drawing.picture import captions_filter
from tools.editing.specs import TitleSpec

RATE = Fraction(8)
SECONDS = 10
"""How long the card is shown to be looked at in its middle, where its words have come up and not yet gone."""
SET = 1280
"""Pixels of width at which words are set and drawn, before they are made small: thin letters stay readable."""


def card_picture(title: TitleSpec, size: tuple[int, int], cache: Path, check: Callable[[], None]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a card at `size` (width, height). Raises UsageError for words that cannot be set."""
    folder = cache / "segments"
    folder.mkdir(parents=True, exist_ok=True)
    own = uuid.uuid4().hex
    texts, raw = folder / f".{own}.ass", folder / f".{own}.rgb"
    wide, high = SET, round(SET * size[1] / size[0] / 2) * 2
    try:
        words = (Words(0, int(SECONDS * RATE), title.text, title.style, "center"),)
        texts.write_text(script(words, wide, high, RATE), encoding="utf-8")
        plain = f"color=c=0x{title.ground[1:]}:s={wide}x{high}:r={RATE}:d={SECONDS}"
        middle = f"trim=start={SECONDS // 2},scale={size[0]}:{size[1]}:flags=area,format=rgb24"
        steps = f"format=gbrp,{captions_filter(texts, font_folder(cache))},{middle}"
        args = ["-f", "lavfi", "-i", plain, "-vf", steps, "-frames:v", "1", "-f", "rawvideo", str(raw)]
        run_ffmpeg(args, cancel=check, timeout_s=60)
        return np.frombuffer(raw.read_bytes(), np.uint8).reshape(size[1], size[0], 3)
    finally:
        texts.unlink(missing_ok=True)
        raw.unlink(missing_ok=True)
