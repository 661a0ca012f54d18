"""A contact sheet of a cut: a picture from the middle of every clip, with its number, time and name."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from configs.errors import UsageError
from tools.editing.handoff.written import clean
from tools.editing.specs import TitleSpec
from tools.editing.telling import clock

if TYPE_CHECKING:
    from tools.editing.change.desk import Desk
    from tools.editing.change.slots import Slot
    from tools.editing.program import Source

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8."""
MOST = 60
"""Pictures on a sheet at most; of longer cuts every n-th clip is shown."""
WIDTH = 320


def cut_sheet(
    desk: Desk, source_of: Callable[[Slot], Source], cache: Path, check: Callable[[], None]
) -> tuple[Rgb, int]:
    """The sheet, and how many clips are on it. Pictures are as in the sources: without effects and captions;
    cards are drawn. cache: the workspace's cache folder.

    Raises UsageError when a source cannot be read, and what `check` raises when it is time to stop.
    """
    from backends.media.images import contact_sheet

    slots = desk.main.slots
    step = -(-len(slots) // MOST)
    shown = list(enumerate(slots, 1))[::step]
    pictures, captions = [], []
    for number, slot in shown:
        check()
        pictures.append(_picture(slot, source_of(slot), desk.rate) if slot.media else _card(desk, slot, cache, check))
        name = clean(slot.clip.name)[:28]
        captions.append(f"{number}  ·  {clock(float(slot.start / desk.rate))}  ·  {name}")
    return contact_sheet(pictures, captions, min(len(shown), 4 if len(shown) <= 16 else 6), WIDTH), len(shown)


def _picture(slot: Slot, source: Source, rate: Fraction) -> Rgb:
    from backends.media.frames import frames_at
    from backends.media.images import load_image

    if source.info.kind == "image":
        return load_image(source.path)
    played = slot.eaten(slot.frames // 2)
    middle = slot.source + (slot.eaten(slot.frames) - played if slot.backwards else played)
    last = source.info.seconds - (1 / source.info.fps if source.info.fps else 0.1)
    at = min(float(middle / rate), max(0.0, last))
    try:
        return next(iter(frames_at(source.path, [at], width=WIDTH)))
    except UsageError:
        return next(iter(frames_at(source.path, [0.0], width=WIDTH)))  # its sound goes on longer than its picture


def _card(desk: Desk, slot: Slot, cache: Path, check: Callable[[], None]) -> Rgb:
    """A title card as the film shows it when its words stand; black for what another program draws."""
    from tools.editing.drawing.card import card_picture
    from tools.editing.outline import plain, studio_data

    data = studio_data(desk.timeline)
    shape = Fraction(data.get("height") or 9) / (data.get("width") or 16)
    size = WIDTH, max(2, round(WIDTH * shape / 2) * 2)
    own = plain(getattr(slot.clip.media_reference, "parameters", None) or {})
    if not str(own.get("text", "")).strip():
        return np.zeros((size[1], size[0], 3), np.uint8)
    title = TitleSpec(
        0.0, 1.0, str(own["text"]), cast("Any", str(own.get("style", "title"))), str(own.get("ground", "#000000"))
    )
    return card_picture(title, size, cache, check)
