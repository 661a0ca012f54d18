"""The timeline of a remix: the film's own or a new one, its shots at another pace, its words as the style has them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from tools.editing.arrange import arrange
from tools.editing.captions import own_cut
from tools.editing.change.apply import apply
from tools.editing.change.assets import facts_finder
from tools.editing.change.model import AddOverlay, AnyChange
from tools.editing.outline import CAPTION_KIND, studio_data
from tools.editing.remix.boxes import boxes_for
from tools.editing.remix.cards import GROUND, cards_for, lines_of, without_captions
from tools.editing.remix.original import BED, SAID_HERE, undress
from tools.editing.remix.presets import Captions
from tools.editing.remix.recut import Stretch
from tools.editing.sources import SourceFinder
from tools.editing.specs import CaptionSpec, ClipSpec
from tools.editing.textless import Shown, Textless, texts_over
from tools.editing.timeline import build_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

    from backends.vision.record import FilmRecord
    from memory.records import Asset
    from tools.editing.program import Source
    from tools.spec import ToolContext


@dataclass
class Scheme:
    """A timeline that is being made, what it came from, and what was done to it in words."""

    timeline: otio.schema.Timeline
    base: tuple[str, ...] = ()
    """Id of the film's own timeline, when it is kept."""
    said: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return float(self.timeline.duration().to_seconds())


def begin(
    asset: Asset, source: Source, title: str, stretches: Sequence[Stretch], finder: SourceFinder, ctx: ToolContext
) -> Scheme:
    """The film's own timeline while its shots stay as they are; else one of the film's stretches."""
    if not stretches:
        timeline, base = own_cut(asset, source, ctx)
        if timeline is not None:
            made = deepcopy(timeline)
            made.name = title
            said = ["its own timeline is kept"]
            if undress(made):
                said.append("the style that it had is taken off")
            return Scheme(made, base, said)
        whole = arrange([(source, asset.path, Path(asset.name).stem)], [], _nothing_to_choose)
        return Scheme(whole.timeline(title))
    video, start = [], 0.0
    info = source.info
    for stretch in stretches:
        effects = ({"name": "speed", "factor": stretch.speed},) if stretch.speed != 1 else ()
        clip = ClipSpec(
            asset.id, Path(asset.path), start, stretch.seconds, stretch.start, Path(asset.name).stem,
            effects=effects, source_seconds=info.seconds,
        )  # fmt: skip
        video.append(clip)
        start += stretch.seconds
    rate = float(Fraction(info.fps).limit_denominator(1001)) if info.fps else 25.0
    sounds = {"source": video} if info.has_audio else {}
    made = build_timeline(title, rate, info.width // 2 * 2, info.height // 2 * 2, video, sounds)
    made.metadata["studio"]["loudness"] = "keep"
    return Scheme(made, (), [stretch.why for stretch in stretches])


def over_stretches(stretches: Sequence[Stretch], film: Textless) -> tuple[CaptionSpec, ...]:
    """The texts of a film on its stretches, as `begin` lays them end to end."""
    shown, start = [], Fraction(0)
    for stretch in stretches:
        begin, seconds, speed = (
            Fraction(each).limit_denominator(10_000) for each in (stretch.start, stretch.seconds, stretch.speed)
        )
        shown.append(Shown(film.asset.id, begin, begin + seconds * speed, start, speed))
        start += seconds
    fps = film.source.info.fps or 25.0
    return texts_over(shown, {film.asset.id: film.texts}, Fraction(fps).limit_denominator(1001))


def write_words(
    scheme: Scheme, captions: Captions, record: FilmRecord | None, film: Asset | None, ctx: ToolContext
) -> int:
    """Cards, or bubbles and boxes, in place of the captions; how many lines there are.

    film: whose times the timeline has, for faces to be looked for; None when its shots were cut anew.
    """
    lines = lines_of(scheme.timeline, record) if captions != "keep" else []
    changes: list[AnyChange] = without_captions(lines)
    if captions == "cards":
        changes += cards_for(lines)
    elif captions == "boxes":
        own = studio_data(scheme.timeline)
        changes += boxes_for(lines, film, int(own.get("width", 1280)), int(own.get("height", 720)), ctx)
    if changes:
        applied = apply(scheme.timeline, changes, facts_finder(ctx))
        scheme.timeline = applied.timeline
        scheme.said += [
            text for text, change in zip(applied.said, changes, strict=True) if change.op != "ripple_delete"
        ]
    if captions == "cards":
        _framed(scheme.timeline)
    shown = [change.new.asset for change in changes if isinstance(change, AddOverlay)]
    _noted(scheme.timeline, dict(zip(shown, (line.text for line in lines), strict=bool(shown))))
    return len(lines)


def _noted(timeline: otio.schema.Timeline, said: dict[str, str]) -> None:
    """Note on bubbles what they say, in place: another style makes captions of it again."""
    for track in timeline.video_tracks():
        for clip in track.find_clips():
            text = said.get(str(studio_data(clip).get("asset", "")))
            if text:
                clip.metadata["studio"] = {**studio_data(clip), SAID_HERE: text}


def _framed(timeline: otio.schema.Timeline) -> None:
    """A drawn frame around the words of each card, in place."""
    import opentimelineio as otio

    for clip in timeline.find_clips():
        media = clip.media_reference
        if isinstance(media, otio.schema.GeneratorReference) and media.parameters.get("ground") == GROUND:
            clip.effects.append(otio.schema.Effect(name="card", effect_name="studio.card", metadata={"studio": {}}))


def repainted(scheme: Scheme, painted: Asset) -> None:
    """Show another film of the same frames in every clip of the picture."""
    import opentimelineio as otio

    for track in scheme.timeline.video_tracks():
        for clip in track.find_clips():
            if isinstance(clip.media_reference, otio.schema.ExternalReference):
                clip.media_reference.target_url = painted.path
                clip.media_reference.name = painted.id
                clip.metadata["studio"] = {**studio_data(clip), "asset": painted.id}


def without_sound(scheme: Scheme) -> None:
    """Take every sound off the timeline."""
    import opentimelineio as otio

    kept = [track for track in scheme.timeline.tracks if track.kind != otio.schema.TrackKind.Audio]
    scheme.timeline.tracks[:] = [deepcopy(track) for track in kept]


def lay_beds(scheme: Scheme, beds: Sequence[tuple[str, Asset]], gain_db: float = 0.0) -> None:
    """Put sounds under the whole film, each on a track of its own, turned down by `gain_db`."""
    import opentimelineio as otio

    rate = scheme.timeline.duration().rate
    frames = scheme.timeline.duration().rescaled_to(rate).value
    for number, (role, asset) in enumerate(beds, 1):
        whole = otio.opentime.TimeRange(otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(frames, rate))
        media = otio.schema.ExternalReference(target_url=asset.path, available_range=whole)
        media.name = asset.id
        clip = otio.schema.Clip(name=Path(asset.name).stem, media_reference=media, source_range=whole)
        clip.metadata["studio"] = {"id": f"{BED}{asset.id[-8:]}-{number}", "asset": asset.id}
        if gain_db:
            clip.metadata["studio"]["gain_db"] = gain_db
        track = otio.schema.Track(name=role, kind=otio.schema.TrackKind.Audio)
        track.metadata["studio"] = {"role": role}
        track.append(clip)
        places = [at for at, each in enumerate(scheme.timeline.tracks) if each.kind == CAPTION_KIND]
        scheme.timeline.tracks.insert(places[0] if places else len(scheme.timeline.tracks), track)


def _nothing_to_choose(source: Source, seconds: float) -> tuple[float, float]:
    raise AssertionError("a remix chooses no part by its liveliness here")
