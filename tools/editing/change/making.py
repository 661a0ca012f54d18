"""Clips that come onto a timeline: from assets, and made of words."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.change.desk import OVERLAY, PICTURE, Desk, SourceFacts, relative
from tools.editing.change.model import NewClip
from tools.editing.change.slots import Slot
from tools.editing.lettering import set_text
from tools.editing.outline import CAPTION_GENERATOR

if TYPE_CHECKING:
    import opentimelineio as otio

FindAsset = Callable[[str], SourceFacts]
"""Facts of an asset by its id. Raises UsageError when there is none, or when it cannot be put on a timeline."""
TITLE_GENERATOR = "studio.title"
USUAL_FRAME = (1280, 720)
SOURCE_SOUND = "source"
"""Role of the sound that belongs to pictures."""


def clips_of(desk: Desk, new: NewClip, start: int, find: FindAsset) -> tuple[Slot, Slot | None]:
    """The clip, and the sound that comes with it when it is a film on the picture's track.

    Raises UsageError when the asset is of the wrong kind for its track, or shorter than what is asked of it.
    """
    facts = find(new.asset)
    if facts.seconds and new.source_start >= facts.seconds:
        raise UsageError(
            f"{new.source_start:g} s lies behind the end of '{facts.name}'", f"it lasts {facts.seconds:g} s"
        )
    if not new.seconds:
        new = new.model_copy(update={"seconds": _as_long_as_it_lasts(desk, new, start, facts)})
    frames = desk.frames(new.seconds)
    if frames < 1:
        raise UsageError(f"{new.seconds:g} s of '{facts.name}' are less than one frame")
    pictorial = new.track in (PICTURE, OVERLAY)
    if pictorial and facts.kind not in ("video", "image"):
        raise UsageError(f"'{facts.name}' is no picture", f"it is {facts.kind}", "Put it on a track of sound")
    if not pictorial and facts.kind != "audio" and not facts.has_audio:
        raise UsageError(f"'{facts.name}' has no sound", fix="Put it on the 'video' or the 'overlay' track")
    if new.track == "captions":
        raise UsageError("Captions are no clips of files", fix="Use the change 'caption'")
    whole = facts.seconds
    if facts.kind != "image" and new.source_start + new.seconds > whole + float(1 / desk.rate):
        raise UsageError(
            f"'{facts.name}' is too short", f"{new.source_start + new.seconds:.2f} s of its {whole:.2f} s are asked for"
        )
    made = slot_of(desk, new.track, facts, start, frames, desk.frames(new.source_start))
    if new.track != PICTURE or not facts.has_audio or facts.kind != "video":
        return made, None
    return made, slot_of(desk, SOURCE_SOUND, facts, start, frames, desk.frames(new.source_start))


def _as_long_as_it_lasts(desk: Desk, new: NewClip, start: int, facts: SourceFacts) -> float:
    """Seconds of a clip without a length: to its own end; of a sound or an overlay not beyond the film's."""
    if facts.kind == "image":
        raise UsageError(f"'{facts.name}' is a picture and has no length", fix="Say for how many seconds it stands")
    own = math.floor((facts.seconds - new.source_start) * desk.rate + 1e-3)
    frames = own if new.track == PICTURE else min(own, desk.length - start)
    return float(Fraction(max(0, frames)) / desk.rate)


def slot_of(desk: Desk, role: str, facts: SourceFacts, start: int, frames: int, source: int) -> Slot:
    """A clip of an asset, named and numbered as `build_timeline` does."""
    import opentimelineio as otio

    target = relative(facts.path)
    whole = math.floor(facts.seconds * desk.rate + 1e-3) if facts.kind != "image" else 0
    media = otio.schema.ExternalReference(
        target_url=target, available_range=_range(0, whole, desk.rate) if whole else None
    )
    media.name = facts.asset_id
    clip = otio.schema.Clip(
        name=PurePosixPath(facts.name).stem or PurePosixPath(target).stem,
        media_reference=media,
        source_range=_range(source, frames, desk.rate),
    )
    digest = hashlib.sha256(f"{role}\0{facts.asset_id}\0{target}\0{source / desk.rate}".encode()).hexdigest()[:8]
    clip.metadata["studio"] = {"id": desk.ids.new(f"clip-{digest}"), "asset": facts.asset_id}
    return Slot(clip, start, frames, Fraction(source))


def caption_of(desk: Desk, start: int, frames: int, text: str, style: str, position: str) -> Slot:
    """A caption, for a track of captions."""
    parameters = {"text": text, "style": style, "position": position}
    return _words(desk, "caption", CAPTION_GENERATOR, parameters, start, frames)


def title_of(desk: Desk, start: int, frames: int, text: str, style: str, ground: str) -> Slot:
    """A card of its own, for the picture's track."""
    return _words(desk, "title", TITLE_GENERATOR, {"text": text, "style": style, "ground": ground}, start, frames)


def _words(desk: Desk, name: str, kind: str, parameters: dict[str, Any], start: int, frames: int) -> Slot:
    import opentimelineio as otio

    text = str(parameters["text"])
    # Set once for a usual frame: what no render could draw is no change.
    set_text(text, str(parameters["style"]), *USUAL_FRAME)
    media = otio.schema.GeneratorReference(name=name, generator_kind=kind, parameters=parameters)
    clip = otio.schema.Clip(
        name=" ".join(text.split())[:40], media_reference=media, source_range=_range(0, frames, desk.rate)
    )
    clip.metadata["studio"] = {"id": desk.ids.new(name)}
    return Slot(clip, start, frames, Fraction(0))


def _range(start: int, frames: int, rate: Fraction) -> otio.opentime.TimeRange:
    import opentimelineio as otio

    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, float(rate)), time(frames, float(rate)))
