"""An export read back before it is handed over: every clip where it was, to the frame."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from configs.errors import StudioError
from tools.editing.change.desk import Desk
from tools.editing.change.slots import Slot
from tools.editing.handoff.reading import read_cut


def check_read_back(text: str, form: str, desk: Desk) -> None:
    """Raises StudioError naming the first clip that another program would find elsewhere in the written cut."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export"
        file.write_text(text, encoding="utf-8")
        timeline, _ = read_cut(file, float(desk.rate))
    found = [(slot.start, slot.end) for slot in Desk(timeline).main.slots]
    wanted = _expected(desk, form)
    if found == wanted:
        return
    number = next((n for n, (one, two) in enumerate(zip(found, wanted, strict=False)) if one != two), len(found))
    raise StudioError(
        f"The {form} does not hold the cut of '{desk.timeline.name}'",
        f"{len(found)} of {len(wanted)} clips were read back, and clip {number + 1} lies elsewhere",
        "Export it as otio",
    )


def _expected(desk: Desk, form: str) -> list[tuple[int, int]]:
    """(first frame, end) of each clip of the picture. In an EDL a clip begins where its dissolve does."""
    slots: list[Slot] = [slot for slot in desk.main.slots if slot.media]
    reach = {}
    for last, slot in zip([None, *slots], slots, strict=False):
        joins = slot.transition is not None and last is not None and last.end == slot.start
        reach[slot] = slot.before if joins and form == "edl" else 0
    following = dict(pairwise(slots))
    return [
        (slot.start - reach[slot], slot.end - (reach[following[slot]] if slot in following else 0)) for slot in slots
    ]
