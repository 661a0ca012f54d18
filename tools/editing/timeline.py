"""The cut as data: an OpenTimelineIO timeline built from plain clips, kept as .otio beside the film.

What OTIO has no field for lies under `metadata["studio"]`: clip ids, asset ids, gains, the frame size. Times are
whole frames at the timeline's rate. A speed change is a `LinearTimeWarp`; every other effect is an
`otio.schema.Effect` named `studio.<name>`. Captions are clips with a `GeneratorReference` on tracks of kind
'Subtitle', which editors that do not know them skip. Overlays are clips on tracks of the role 'overlay' above the
picture, with where they lie as `metadata["studio"]["place"]`; cards of text are clips with a `GeneratorReference`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.nested import TITLE_GENERATOR
from tools.editing.outline import CAPTION_GENERATOR, CAPTION_KIND, describe, outline, studio_data
from tools.editing.placement import Placed, caption_lanes, lanes, meet, place
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec, TitleSpec, frame_rate
from tools.editing.timeline_file import load_timeline, save_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = [
    "CaptionSpec",
    "ClipSpec",
    "MarkerSpec",
    "add_words",
    "build_timeline",
    "describe",
    "frame_rate",
    "load_timeline",
    "outline",
    "save_timeline",
]

SCHEMA_VERSION = 1


def build_timeline(
    name: str,
    fps: float,
    width: int,
    height: int,
    video: Sequence[ClipSpec | TitleSpec],
    audio: Mapping[str, Sequence[ClipSpec]],
    captions: Sequence[CaptionSpec] = (),
    markers: Sequence[MarkerSpec] = (),
    *,
    root: Path | None = None,
) -> otio.schema.Timeline:
    """A timeline of one video track, audio tracks by role ('dialogue', 'music', ...), captions and markers.

    Clips of `video` with a `place` lie on overlay tracks above it. Audio clips of one role, overlays and captions may
    overlap in time: they get further tracks of the same role. `root` (the workspace home) makes absolute clip paths
    relative to it.

    Raises UsageError when a clip has no length, a path is absolute without `root`, or video clips overlap with
    no transition to mix them.
    """
    import opentimelineio as otio

    rate = frame_rate(fps)
    if width < 2 or height < 2:
        raise UsageError(f"A film of {width}x{height} pixels cannot be made", fix="Give a width and a height above 1")
    timeline = otio.schema.Timeline(name=name, global_start_time=_time(0, rate))
    timeline.metadata["studio"] = {
        "version": SCHEMA_VERSION,
        "fps": str(rate),
        "width": int(width),
        "height": int(height),
    }
    writer = _Writer(rate, root)
    everything = [place(clip, rate) for clip in sorted(video, key=lambda clip: clip.start)]
    placed = [clip for clip in everything if clip.spec.place is None]
    meet(placed, rate)
    timeline.tracks.append(writer.track("Video", otio.schema.TrackKind.Video, "video", placed))
    for number, lane in enumerate(lanes([clip for clip in everything if clip.spec.place is not None]), 1):
        label = "Overlay" if number == 1 else f"Overlay {number}"
        timeline.tracks.append(writer.track(label, otio.schema.TrackKind.Video, "overlay", lane))
    for role, clips in audio.items():
        sounds = [place(clip, rate, whole=True) for clip in sorted(clips, key=lambda clip: clip.start)]
        for number, lane in enumerate(lanes(sounds), 1):
            label = role if number == 1 else f"{role} {number}"
            timeline.tracks.append(writer.track(label, otio.schema.TrackKind.Audio, role, lane))
    for number, texts in enumerate(caption_lanes(captions, rate), 1):
        timeline.tracks.append(_caption_track(number, texts, rate))
    for marker in markers:
        timeline.tracks.markers.append(_marker(marker, rate))
    return timeline


def add_words(timeline: otio.schema.Timeline, captions: Sequence[CaptionSpec]) -> None:
    """Add captions to a timeline that the studio made, on tracks of their own. Raises UsageError without its rate."""
    rate = studio_data(timeline).get("fps")
    if rate is None:
        raise UsageError(f"The timeline '{timeline.name}' was not made here", "it does not say its frame rate")
    there = sum(track.kind == CAPTION_KIND for track in timeline.tracks)
    for number, texts in enumerate(caption_lanes(captions, Fraction(str(rate))), there + 1):
        timeline.tracks.append(_caption_track(number, texts, Fraction(str(rate))))


@dataclass
class _Writer:
    """Turns placed clips into OTIO objects, with ids that equal clips of equal timelines share."""

    rate: Fraction
    root: Path | None
    ids: Counter[str] = field(default_factory=Counter)

    def track(self, name: str, kind: str, role: str, clips: Sequence[Placed]) -> otio.schema.Track:
        import opentimelineio as otio

        track = otio.schema.Track(name=name, kind=kind)
        track.metadata["studio"] = {"role": role}
        cursor = 0
        for clip in clips:
            opening = clip.start > cursor or cursor == 0
            if clip.start > cursor:
                track.append(otio.schema.Gap(source_range=_range(0, clip.start - cursor, self.rate)))
            if clip.before or clip.after:
                track.append(self._transition(clip))
            track.append(self._card(clip, clip.title) if clip.title else self._clip(clip, role, kind, opening=opening))
            cursor = clip.end
        return track

    def _transition(self, clip: Placed) -> otio.schema.Transition:
        import opentimelineio as otio

        kinds = otio.schema.TransitionTypes
        return otio.schema.Transition(
            name=clip.spec.transition,
            transition_type=kinds.SMPTE_Dissolve if clip.spec.transition == "dissolve" else kinds.Custom,
            in_offset=_time(clip.before, self.rate),
            out_offset=_time(clip.after, self.rate),
            metadata={"studio": {"kind": clip.spec.transition, "direction": clip.spec.direction}},
        )

    def _card(self, clip: Placed, title: TitleSpec) -> otio.schema.Clip:
        import opentimelineio as otio

        words = otio.schema.GeneratorReference(
            name="title",
            generator_kind=TITLE_GENERATOR,
            parameters={"text": title.text, "style": title.style, "ground": title.ground},
        )
        made = otio.schema.Clip(clip.label, words, _range(0, clip.end - clip.start, self.rate))
        self.ids["title"] += 1
        made.metadata["studio"] = {"id": f"title-{self.ids['title']}"}
        return made

    def _clip(self, clip: Placed, role: str, kind: str, *, opening: bool) -> otio.schema.Clip:
        import opentimelineio as otio

        spec, target = clip.spec, _target(clip.spec.path, self.root)
        frames = math.floor(spec.source_seconds * self.rate + 1e-3)
        media = otio.schema.ExternalReference(
            target_url=target, available_range=_range(0, frames, self.rate) if frames else None
        )
        media.name = spec.asset_id
        made = otio.schema.Clip(
            name=spec.name or PurePosixPath(target).stem,
            media_reference=media,
            source_range=_range(clip.source, clip.end - clip.start, self.rate),
        )
        digest = sha256(f"{role}\0{spec.asset_id}\0{target}\0{spec.source_in:.6f}".encode()).hexdigest()[:8]
        self.ids[digest] += 1
        own: dict[str, Any] = {"id": f"clip-{digest}-{self.ids[digest]}", "asset": spec.asset_id}
        if spec.gain_db:
            own["gain_db"] = float(spec.gain_db)
        if spec.place is not None:
            own["place"] = {"keys": [asdict(key) for key in spec.place.keys], "blend": spec.place.blend}
        made.metadata["studio"] = own
        effects = _effects(spec, opening=opening)
        made.effects.extend(each for each in effects if kind != "Audio" or _is_heard(each))
        return made


def _is_heard(effect: otio.schema.Effect) -> bool:
    """Whether an effect changes sound: a clip that is heard only has no look."""
    from tools.editing.effects.base import EFFECTS

    known = EFFECTS.get(str(effect.effect_name).removeprefix("studio."))
    return known is None or known.audible or known.name in ("speed", "ramp", "reverse")


def _effects(spec: ClipSpec, *, opening: bool) -> Iterator[otio.schema.Effect]:
    import opentimelineio as otio

    wanted = list(spec.effects)
    if opening and spec.transition != "cut" and spec.transition_seconds > 0:
        wanted.append({"name": "fade_in", "seconds": spec.transition_seconds})
    for effect in wanted:
        name = str(effect.get("name", ""))
        if name == "freeze":
            yield otio.schema.FreezeFrame(name="freeze")
            continue
        if name == "speed":
            yield otio.schema.LinearTimeWarp(name="speed", time_scalar=float(effect["factor"]))
            continue
        data = {key: value for key, value in effect.items() if key != "name"}
        yield otio.schema.Effect(name=name, effect_name=f"studio.{name}", metadata={"studio": data})


def _target(path: Path, root: Path | None) -> str:
    """The clip's file relative to the workspace, with forward slashes."""
    if path.is_absolute():
        if root is None:
            raise UsageError(
                f"The clip's path {path.name} is absolute", "a timeline names files relative to the workspace"
            )
        try:
            path = path.relative_to(root)
        except ValueError as error:
            raise UsageError(f"The clip's file {path.name} lies outside the workspace") from error
    if ".." in path.parts:
        raise UsageError(f"The clip's path {path.name} leaves the workspace")
    return path.as_posix()


def _caption_track(number: int, texts: list[tuple[int, int, CaptionSpec]], rate: Fraction) -> otio.schema.Track:
    import opentimelineio as otio

    track = otio.schema.Track(name="captions" if number == 1 else f"captions {number}", kind=CAPTION_KIND)
    track.metadata["studio"] = {"role": "captions"}
    cursor = 0
    for start, end, caption in texts:
        if start > cursor:
            track.append(otio.schema.Gap(source_range=_range(0, start - cursor, rate)))
        words = otio.schema.GeneratorReference(
            name="caption",
            generator_kind=CAPTION_GENERATOR,
            parameters=_caption(caption),
        )
        clip = otio.schema.Clip(
            name=str(words.parameters["text"])[:40], media_reference=words, source_range=_range(0, end - start, rate)
        )
        clip.metadata["studio"] = {"id": f"caption-{number}-{len(track)}"}
        track.append(clip)
        cursor = end
    return track


def _caption(caption: CaptionSpec) -> dict[str, Any]:
    # Halves of characters, which JSON may carry, fit into no file.
    text = caption.text.encode(errors="replace").decode()
    parameters: dict[str, Any] = {"text": text, "style": caption.style, "position": caption.position}
    if caption.words:
        # Since the caption's start, so that they stay right when it is moved.
        parameters["words"] = [
            [round(word.start - caption.start, 4), round(word.end - caption.start, 4), word.text]
            for word in caption.words
        ]
    return parameters


def _marker(marker: MarkerSpec, rate: Fraction) -> otio.schema.Marker:
    import opentimelineio as otio

    return otio.schema.Marker(
        name=marker.name,
        marked_range=_range(max(0, round(marker.at * rate)), 0, rate),
        color=otio.schema.MarkerColor.GREEN,
        metadata={"studio": {"note": marker.note}},
        comment=marker.note,
    )


def _time(frames: int, rate: Fraction) -> otio.opentime.RationalTime:
    import opentimelineio as otio

    return otio.opentime.RationalTime(frames, float(rate))


def _range(start: int, frames: int, rate: Fraction) -> otio.opentime.TimeRange:
    import opentimelineio as otio

    return otio.opentime.TimeRange(_time(start, rate), _time(frames, rate))
