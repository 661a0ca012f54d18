"""The contact sheet of a render: pictures out of the finished file, each compared with what was drawn."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import dropwhile, islice
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.guard import film_stream, open_container
from tools.editing.seeing import EVERY, read_seen, seen_size
from tools.editing.segments import Frame, Segment

if TYPE_CHECKING:
    import numpy as np
    from av import Packet, VideoFrame
    from numpy.typing import NDArray

PICTURES = 12
COLUMNS = 4
WIDTH = 320
GAP = 6
MOST_LATER = 48
"""Frames of a card that are decoded to see its words at most."""
SEEK_BACK = 4
"""Frames; more than x264 reorders here."""
ALIKE = 14.0
"""Mean difference of levels that coding makes at most; another picture differs by far more."""


def contact_sheet(
    film: Path,
    frame: Frame,
    segments: Sequence[Segment],
    pieces: Sequence[Path],
    folder: Path,
    check: Callable[[], None],
) -> tuple[Path, tuple[int, ...]]:
    """Write the sheet as PNG, named by content; also numbers of segments whose first picture is not what was drawn.

    Pictures are taken where segments begin: there the file can be entered without decoding what is before. Cards are
    taken from their middle, since their words come up slowly.
    """
    from PIL import Image

    chosen = _chosen(segments)
    name = hashlib.sha256("\0".join(piece.stem for piece in pieces).encode()).hexdigest()[:32]
    height = max(2, round(WIDTH * frame.height / frame.width))
    columns = min(COLUMNS, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    sheet = Image.new("RGB", (columns * (WIDTH + GAP) + GAP, rows * (height + GAP) + GAP), (24, 24, 24))
    wrong = []
    for at, (number, rgb) in enumerate(
        zip(chosen, _pictures(film, [(segments[n].start, _later(segments[n])) for n in chosen], frame), strict=True)
    ):
        check()
        if rgb is None or not _alike(rgb, pieces[number], segments[number], frame):
            wrong.append(number)
        if rgb is not None:
            place = (GAP + at % columns * (WIDTH + GAP), GAP + at // columns * (height + GAP))
            sheet.paste(Image.fromarray(rgb).resize((WIDTH, height)), place)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.png"
    sheet.save(draft)
    return draft.replace(folder / f"{name}.png"), tuple(wrong)


def _chosen(segments: Sequence[Segment]) -> list[int]:
    """Numbers of at most PICTURES segments, evenly over the film; transitions begin with the old picture."""
    whole = [number for number, segment in enumerate(segments) if not segment.blend] or [0]
    count = min(PICTURES, len(whole))
    return [whole[n * len(whole) // count] for n in range(count)]


def _later(segment: Segment) -> int:
    """How many frames after its beginning a segment is looked at, one of those that `seen_numbers` keeps."""
    if segment.pieces[0].cut.title is None:
        return 0
    return min(segment.frames // 2, MOST_LATER) // EVERY * EVERY


def _pictures(film: Path, places: Sequence[tuple[int, int]], frame: Frame) -> Iterator[NDArray[np.uint8] | None]:
    """The picture so many frames (second) after each of these (first), where key frames are; None without one."""
    with open_container(film, "mov") as container:
        stream = film_stream(container)
        for start, later in places:
            if stream is None or stream.time_base is None:
                yield None
                continue
            at = round(start / frame.fps / stream.time_base)
            near = round(1 / frame.fps / stream.time_base / 2)
            # Decoding times run ahead of the pictures': seek from a little before, then go to the very packet.
            container.seek(max(0, at - round(SEEK_BACK / frame.fps / stream.time_base)), stream=stream)
            packets = _from(container.demux(stream), at - near)
            context = stream.codec_context
            wanted = at + round(later / frame.fps / stream.time_base)
            shown = [picture for one in islice(packets, later + 1 + bool(later) * SEEK_BACK) if one.size
                     for picture in context.decode(one)]  # fmt: skip
            shown += context.decode(None)
            context.flush_buffers()
            found = next((one for one in shown if one.pts is not None and abs(one.pts - wanted) <= near), None)
            yield None if found is None else _small(found, frame)


def _from(packets: Iterator[Packet], at: int) -> Iterator[Packet]:
    """The packets from the first key frame at or after a time on."""
    return dropwhile(lambda one: not (one.is_keyframe and one.pts is not None and one.pts >= at), packets)


def _small(shown: VideoFrame, frame: Frame) -> NDArray[np.uint8]:
    import numpy as np

    size = {"width": _even(WIDTH), "height": _fit(frame)}
    # Every film is BT.709 here, whatever its size; left to guess, small ones are taken for BT.601.
    small = shown.reformat(**size, format="rgb24", src_colorspace="ITU709", interpolation="AREA").to_ndarray()
    return np.asarray(small, np.uint8)


def _fit(frame: Frame) -> int:
    return _even(WIDTH * frame.height / frame.width)


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)


def _alike(rgb: NDArray[np.uint8], piece: Path, segment: Segment, frame: Frame) -> bool:
    import cv2
    import numpy as np

    numbers, pictures = read_seen(piece, segment, frame)
    if _later(segment) not in numbers:
        return False
    small = cv2.resize(rgb, seen_size(frame), interpolation=cv2.INTER_AREA)
    drawn = pictures[numbers.index(_later(segment))]
    return float(np.abs(small.astype(np.int16) - drawn).mean()) <= ALIKE
