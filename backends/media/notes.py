"""What a pass over a film met that its reader should know, in one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NOTABLE_SECONDS = 0.5
"""Smaller differences between picture, sound and header are usual."""


@dataclass
class Damage:
    """Pieces that could not be read: how many, and the film's seconds at the first."""

    pieces: int = 0
    at: float = 0.0

    def add(self, seconds: float) -> None:
        if not self.pieces:
            self.at = seconds
        self.pieces += 1


@dataclass(frozen=True)
class Lengths:
    """Seconds of the picture, of its sound (None = it has none), and what the file's header promises (0 = nothing)."""

    picture: float
    sound: float | None
    promised: float


def stream_notes(*, films: int, sounds: int, unknown_sound: bool) -> list[str]:
    """How many there are of what was measured, and sound that cannot be decoded."""
    notes = []
    if films > 1:
        notes.append(f"The file holds {films} films: the first was measured")
    if sounds > 1:
        notes.append(f"The file holds {sounds} sound tracks: the first was heard")
    if unknown_sound:
        notes.append("The sound is in a format that is not known here: it was not heard")
    return notes


def damage_notes(one: str, many: str, state: str, damage: Damage) -> list[str]:
    """Such as one = 'piece of the sound', many = 'pieces of the sound', state = 'could not be read'."""
    if not damage.pieces:
        return []
    return [f"{damage.pieces} {one if damage.pieces == 1 else many} {state}, the first at {damage.at:.2f} s"]


def time_notes(missing: int, backwards: float | None) -> list[str]:
    """Frames without time stamps, and the seconds where the stamps first ran backwards."""
    notes = []
    if missing:
        notes.append(
            f"{missing} {'frame has' if missing == 1 else 'frames have'} no time stamp: the frame rate gave it"
        )
    if backwards is not None:
        notes.append(f"The frames' times run backwards at {backwards:.2f} s: they are counted on from there")
    return notes


def hole_notes(holes: Sequence[tuple[float, float]]) -> list[str]:
    """Stretches without pictures, as (length, begin) in seconds."""
    if not holes:
        return []
    length, begin = max(holes)
    stands = f"after {begin:.2f} s: the one before is taken to stand there"
    if len(holes) == 1:
        return [f"For {length:.0f} s there are no pictures {stands}"]
    return [f"{len(holes)} stretches have no pictures, the longest of {length:.0f} s {stands}"]


def length_notes(lengths: Lengths, *, end: float, broken_off: bool) -> list[str]:
    """A file that ends (`end`, seconds) before its time, and a sound that ends before or after the picture."""
    notes = []
    if lengths.promised - end > NOTABLE_SECONDS:
        notes.append(
            f"The file breaks off at {end:.2f} s of the {lengths.promised:.2f} s that it promises: "
            "what could be read was measured"
        )
    elif broken_off:
        notes.append(f"The file cannot be read beyond {end:.2f} s: what came before was measured")
    if lengths.sound is not None and lengths.picture and abs(lengths.sound - lengths.picture) > NOTABLE_SECONDS:
        side = "before" if lengths.sound < lengths.picture else "after"
        notes.append(f"The sound ends {abs(lengths.sound - lengths.picture):.2f} s {side} the picture")
    return notes


def sound_notes(late: float, cut_before: float, gaps: float, overlaps: float) -> list[str]:
    """How the sound track lies on the film; all in seconds."""
    notes = []
    if late > NOTABLE_SECONDS:
        notes.append(f"The sound begins {late:.2f} s after the picture: silence comes before it")
    if cut_before > NOTABLE_SECONDS:
        notes.append(f"The sound begins {cut_before:.2f} s before the picture: that part was not heard")
    if gaps:
        notes.append(f"The sound track has gaps of {gaps:.2f} s together: silence fills them")
    if overlaps:
        notes.append(f"Pieces of the sound track overlap by {overlaps:.2f} s together: what came twice was left out")
    return notes


def picture_notes(*, size: tuple[int, int], frames: int, hdr: str, interlaced: bool, transparent: bool) -> list[str]:
    """What was done to the pictures before they were measured. size: width and height, pixels as stored."""
    notes = []
    if min(size) < 32:
        notes.append(f"The picture has only {size[0]}x{size[1]} pixels: measures of it say little")
    if frames == 1:
        notes.append("The film has only one frame: nothing can move in it")
    if hdr:
        notes.append(f"The film is HDR ({hdr}): its light was brought to the range of an ordinary screen")
    if interlaced:
        notes.append("The film is interlaced: one field of each frame was measured")
    if transparent:
        notes.append("The film is transparent in parts: they count as black where they are")
    return notes
