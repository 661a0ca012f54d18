"""The contact sheet of a render: pictures out of the finished file, each compared with what was drawn."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import dropwhile, islice
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.guard import film_stream, open_container
from tools.editing.drafts import draft_of
from tools.editing.seeing import EVERY, read_seen, seen_size
from tools.editing.segments import Frame, Segment

if TYPE_CHECKING:
    import numpy as np
    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer
    from numpy.typing import NDArray

    Drawn = NDArray[np.uint8]

PICTURES = 12
COLUMNS = 4
WIDTH = 320
GAP = 6
MOST_LATER = 48
"""Frames of a card that are decoded to see its words at most."""
SEEK_BACK = 4
"""Frames; more than x264 reorders here."""
LOOKS = 1
"""Raised when the same picture would be judged otherwise."""
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
    folder.mkdir(parents=True, exist_ok=True)
    places = [(segments[n].start, _later(segments[n])) for n in chosen]
    drawn = [_drawn(pieces[n], segments[n], frame) for n in chosen]
    for at, (number, (rgb, right)) in enumerate(zip(chosen, _looked(film, places, drawn, frame, folder), strict=True)):
        check()
        if not right:
            wrong.append(number)
        if rgb is not None:
            place = (GAP + at % columns * (WIDTH + GAP), GAP + at // columns * (height + GAP))
            sheet.paste(Image.fromarray(rgb).resize((WIDTH, height)), place)
    target = folder / f"{name}.png"
    with draft_of(target) as draft:
        sheet.save(draft, compress_level=1)  # as large by a fifth, in a third of the time
    return target, tuple(wrong)


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


def _looked(
    film: Path, places: Sequence[tuple[int, int]], drawn: Sequence[Drawn | None], frame: Frame, folder: Path
) -> Iterator[tuple[Drawn | None, bool]]:
    """The picture so many frames (second) after each of these (first), where key frames are; whether it is as drawn.

    A picture that was right is kept by all that it came from: the coded bytes as they are in the finished film, their
    header, what was drawn. The same bytes need no second decoding, and any other byte is looked at.
    """
    with open_container(film, "mov", quick=True) as container:
        stream = film_stream(container)
        for place, wanted in zip(places, drawn, strict=True):
            if stream is None or stream.time_base is None:
                yield None, False
                continue
            packets = _packets(container, stream, place, frame)
            note = folder / f"{_key(packets, stream, place, wanted, frame)}.rgb"
            rgb = _kept(note, frame)
            if rgb is not None:
                yield rgb, True
                continue
            rgb = _decoded(packets, stream, place, frame)
            right = rgb is not None and wanted is not None and _alike(rgb, wanted, frame)
            if right and rgb is not None:
                with draft_of(note) as draft:
                    draft.write_bytes(rgb.tobytes())
            yield rgb, right


def _packets(container: InputContainer, stream: VideoStream, place: tuple[int, int], frame: Frame) -> list[Packet]:
    """The coded pictures from a place's key frame to the one that is looked at."""
    assert stream.time_base is not None
    start, later = place
    at = round(start / frame.fps / stream.time_base)
    near = round(1 / frame.fps / stream.time_base / 2)
    # Decoding times run ahead of the pictures': seek from a little before, then go to the very packet.
    container.seek(max(0, at - round(SEEK_BACK / frame.fps / stream.time_base)), stream=stream)
    count = later + 1 + bool(later) * SEEK_BACK
    return [one for one in islice(_from(container.demux(stream), at - near), count) if one.size]


def _decoded(packets: Sequence[Packet], stream: VideoStream, place: tuple[int, int], frame: Frame) -> Drawn | None:
    assert stream.time_base is not None
    near = round(1 / frame.fps / stream.time_base / 2)
    context = stream.codec_context
    wanted = round(place[0] / frame.fps / stream.time_base) + round(place[1] / frame.fps / stream.time_base)
    shown = [picture for one in packets for picture in context.decode(one)]
    shown += context.decode(None)
    context.flush_buffers()
    found = next((one for one in shown if one.pts is not None and abs(one.pts - wanted) <= near), None)
    return None if found is None else _small(found, frame)


def _key(
    packets: Sequence[Packet], stream: VideoStream, place: tuple[int, int], drawn: Drawn | None, frame: Frame
) -> str:
    """Equal when the same bytes are decoded to the same frame, shown as large, and compared with the same picture."""
    facts = [LOOKS, frame.width, frame.height, place[1], [[one.size, one.is_keyframe] for one in packets]]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for part in (
        stream.codec_context.extradata or b"",
        b"" if drawn is None else drawn.tobytes(),
        *map(bytes, packets),
    ):
        digest.update(part)
    return digest.hexdigest()[:32]


def _kept(note: Path, frame: Frame) -> Drawn | None:
    import numpy as np

    try:
        raw = np.frombuffer(note.read_bytes(), np.uint8)
        return raw.reshape(_fit(frame), _even(WIDTH), 3)
    except (OSError, ValueError):
        return None


def _from(packets: Iterator[Packet], at: int) -> Iterator[Packet]:
    """The packets from the first key frame at or after a time on."""
    return dropwhile(lambda one: not (one.is_keyframe and one.pts is not None and one.pts >= at), packets)


def _small(shown: VideoFrame, frame: Frame) -> Drawn:
    import numpy as np

    size = {"width": _even(WIDTH), "height": _fit(frame)}
    # Every film is BT.709 here, whatever its size; left to guess, small ones are taken for BT.601.
    small = shown.reformat(**size, format="rgb24", src_colorspace="ITU709", interpolation="AREA").to_ndarray()
    return np.asarray(small, np.uint8)


def _fit(frame: Frame) -> int:
    return _even(WIDTH * frame.height / frame.width)


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)


def _drawn(piece: Path, segment: Segment, frame: Frame) -> Drawn | None:
    """The small picture of the frame that is looked at, as it went into the encoder; None where it is missing."""
    numbers, pictures = read_seen(piece, segment, frame)
    return pictures[numbers.index(_later(segment))] if _later(segment) in numbers else None


def _alike(rgb: Drawn, drawn: Drawn, frame: Frame) -> bool:
    import cv2
    import numpy as np

    small = cv2.resize(rgb, seen_size(frame), interpolation=cv2.INTER_AREA)
    return float(np.abs(small.astype(np.int16) - drawn).mean()) <= ALIKE
