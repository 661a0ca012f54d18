"""Whether captions are drawn, and stay inside the frame: set by libass on black, small, and looked at."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.ffmpeg import run_ffmpeg
from tools.editing.ass import font_folder, script
from tools.editing.cut import Words
from tools.editing.drawing.parts import Frame
from tools.editing.drawing.picture import captions_filter
from tools.editing.presets import caption_presets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORT_SIDE, MOST_WIDE = 180, 1280
"""Pixels of the shorter side of the pictures that are looked at, and of the longer one at most."""
LOOKS_PER_SECOND = 2
MOST_SECONDS = 8.0
"""Of one caption that are looked at."""
MOST = 120
"""Captions that are looked at, evenly chosen: others of the same style were set by the same rules."""
BRIGHT = 150
"""Levels of 0-255 that text has, and no shadow or outline."""
THIN = 80
"""Levels that a letter has whose stem is thinner than a pixel here."""
LOOKS = 3
"""Raised when the same caption would be judged otherwise."""
ANSWERS = {True: "whole", False: "not whole"}


@dataclass(frozen=True)
class CaptionsSeen:
    looked: int
    good: int
    bad: tuple[str, ...]
    """Beginnings of the texts that touch the frame's edge or are not there at all."""
    lost: tuple[Words, ...] = ()
    """The same captions whole."""


def captions_in_frame(words: Sequence[Words], frame: Frame, cache: Path, check: Callable[[], None]) -> CaptionsSeen:
    """Look at the captions one after the other; what was looked at before is remembered by what decides its look."""
    chosen = list(words[:: max(1, -(-len(words) // MOST))])
    folder = cache / "segments"
    folder.mkdir(parents=True, exist_ok=True)
    notes = [folder / f"{_key(word, frame)}.caption" for word in chosen]
    known = {note: _noted(note) for note in notes}
    fresh = {note: word for note, word in zip(notes, chosen, strict=True) if known[note] is None}
    for note, good in zip(fresh, _whole(list(fresh.values()), frame, cache, check), strict=True):
        known[note] = good
        note.write_text(ANSWERS[good], encoding="utf-8")
    lost = tuple(word for note, word in zip(notes, chosen, strict=True) if not known[note])
    return CaptionsSeen(len(chosen), len(chosen) - len(lost), tuple(word.text[:40] for word in lost), lost)


def _key(word: Words, frame: Frame) -> str:
    """Equal for captions that look the same, wherever in the film they stand."""
    style = caption_presets().styles.get(word.style)
    facts = [LOOKS, frame.width, frame.height, str(frame.fps), word.end - word.start, word.text, word.position]
    facts += [word.lifted, word.scale]
    facts += [[asdict(one) for one in word.spoken], word.style, style and style.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _noted(note: Path) -> bool | None:
    try:
        return {text: good for good, text in ANSWERS.items()}[note.read_text(encoding="utf-8")]
    except (OSError, KeyError):
        return None


def _whole(words: Sequence[Words], frame: Frame, cache: Path, check: Callable[[], None]) -> list[bool]:
    """Of each caption, whether it is there and touches no edge."""
    import numpy as np

    if not words:
        return []
    moved: list[Words] = []
    spans: list[tuple[int, int]] = []
    step = frame.fps / LOOKS_PER_SECOND
    looks = 0
    for word in words:
        length = min(word.end - word.start, round(MOST_SECONDS * frame.fps))
        count = max(1, int(length / step))
        # Looked at around its middle: at its very beginning a text that fades in is not to be seen yet.
        looks += 1
        begin = int(-(-looks * step // 1) - (length - (count - 1) * step) // 2)
        moved.append(replace(word, start=begin, end=begin + max(length, 1)))
        spans.append((looks, looks + count))
        looks += count + 1
    pictures = _drawn(moved, frame, looked_size(frame), looks, cache, check)
    good = []
    for first, last in spans:
        seen = pictures[first:last]
        lit = seen > BRIGHT
        edges = np.concatenate([lit[:, 0], lit[:, -1], lit[:, :, 0], lit[:, :, -1]], axis=1)
        good.append(bool(seen.max(initial=0) > THIN and not edges.any()))
    return good


def looked_size(frame: Frame) -> tuple[int, int]:
    """Width and height of the pictures that are looked at, pixels."""
    share = min(SHORT_SIDE / min(frame.width, frame.height), MOST_WIDE / max(frame.width, frame.height))
    wide, high = (max(32, round(share * side / 2) * 2) for side in (frame.width, frame.height))
    return wide, high


def _drawn(
    words: Sequence[Words], frame: Frame, size: tuple[int, int], looks: int, cache: Path, check: Callable[[], None]
) -> NDArray[np.uint8]:
    import numpy as np

    folder = cache / "segments"
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
