"""What is said in a comic: a bubble at the mouth that says it, a box at the foot where no face is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tools.editing.change.model import AddOverlay, NewClip
from tools.editing.drawn.bubble import STYLE, speech_bubble
from tools.editing.drawn.keep import picture
from tools.editing.lettering import set_text
from tools.editing.remix.cards import Line, reading_seconds

if TYPE_CHECKING:
    from PIL.Image import Image

    from memory.records import Asset
    from tools.editing.decision.known import Face
    from tools.spec import ToolContext

_ROOM = (0.62, 0.34)
"""Shares of the frame's width and height that a box may take."""
_LETTERS = 0.06
"""Height of its letters at most, a share of the frame's."""
_MARGIN = 0.035
_LOOKED_AT = 1.5
"""Seconds of a line within which its face is looked for."""
_INK, _PAPER = (16, 16, 20, 255), (255, 252, 236, 255)
REVISION = 1
"""Raised when bubbles or boxes are drawn otherwise."""


def boxes_for(lines: Sequence[Line], film: Asset | None, width: int, height: int, ctx: ToolContext) -> list[AddOverlay]:
    """A bubble or a box per line, as overlays; each stays until it can be read, but not beyond its shot.

    film: whose times the lines have; None when the picture was cut anew, so that no face is looked for.
    Raises UsageError for a text that cannot be set, Cancelled when stopped.
    """
    made = []
    for number, line in enumerate(lines):
        after = lines[number + 1].start if number + 1 < len(lines) else float("inf")
        end = max(line.end, min(line.start + reading_seconds(line.text), line.until or line.end, after))
        seconds = max(0.2, end - line.start)
        made.append(_overlay(line, seconds, film, (width, height), ctx))
    return made


def _overlay(line: Line, seconds: float, film: Asset | None, size: tuple[int, int], ctx: ToolContext) -> AddOverlay:
    face, others = _speaker(line, film, ctx) if film is not None else (None, [])
    text = " ".join(line.text.split())
    params = {
        "words": text, "size": list(size), "face": asdict(face) if face is not None else {},
        "others": [list(one.box) for one in others], "revision": REVISION,
    }  # fmt: skip
    if face is not None:
        bubble = speech_bubble(text, *size, face, others)
        image, key = bubble.image, {"x": bubble.key.x, "y": bubble.key.y, "width": bubble.key.width}
    else:
        image = _box(text, *size)
        wide, tall = image.width / size[0], image.height / size[1]
        key = {"x": _MARGIN + wide / 2, "y": 1 - _MARGIN * size[0] / size[1] - tall / 2, "width": wide}
    asset = picture(image, "speech-bubble.png" if face is not None else "caption-box.png", params, ctx)
    return AddOverlay(
        at=line.start, new=NewClip(asset=asset.id, seconds=seconds, track="overlay"), keys=[{"at": 0.0, **key}],
        rationale="what is said stands in a bubble" if face is not None else "what is said stands in a box",
    )  # fmt: skip


def _speaker(line: Line, film: Asset, ctx: ToolContext) -> tuple[Face | None, list[Face]]:
    """Whose mouth says a line, by name where the film's making tells, else the face that is found; and the others."""
    from tools.editing.decision.known import known_faces
    from tools.editing.drawn.track import face_track

    end = min(line.end, line.start + _LOOKED_AT)
    known = known_faces(film, ctx)
    here = list(known((line.start + end) / 2)) if known is not None else []
    named = next((one for one in here if line.who and one.name == line.who), None)
    if named is None:
        track = face_track(film, line.start, end, None, ctx)
        named = track.face if track is not None else None
    if named is None:
        return None, []
    return named, [one for one in here if one.box != named.box and (not one.name or one.name != named.name)]


def _box(text: str, width: int, height: int) -> Image:
    """A caption box with its letters."""
    from PIL import Image, ImageDraw, ImageFont

    setting = set_text(text, STYLE, round(width * _ROOM[0]), round(height * _ROOM[1] / 0.5))
    size = max(8.0, min(setting.size, height * _LETTERS))
    lines = [[(ImageFont.truetype(str(face.file), round(size)), part) for face, part in line] for line in setting.lines]
    longs = [sum(font.getlength(part) for font, part in line) for line in lines]
    edge, air = max(2, round(size * 0.1)), 0.55 * size
    whole = round(max(longs) + 2 * air + 2 * edge), round(1.22 * size * len(lines) + 1.4 * air + 2 * edge)
    image = Image.new("RGBA", whole, _PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, whole[0] - 1, whole[1] - 1), outline=_INK, width=edge)
    y = edge + 0.6 * air
    for line in lines:
        x = edge + air
        for font, part in line:
            pen.text((x, y), part, font=font, fill=_INK)
            x += font.getlength(part)
        y += 1.22 * size
    return image
