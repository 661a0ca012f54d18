"""What a film was before it was remixed: another style begins there, so that styles do not lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tools.editing.outline import effects_of, plain, studio_data

if TYPE_CHECKING:
    import opentimelineio as otio

    from memory.records import Asset
    from tools.spec import ToolContext

TOOL = "remix_style"
BED = "bed-"
"""How ids of the sounds begin that a style brings."""
NOTED = "remix"
"""Where a timeline notes the effects of its style."""
SAID_HERE = "said"
"""Where a bubble's clip notes its words."""


def original_of(film: Asset, ctx: ToolContext) -> Asset:
    """The film that a remix was made from, also through several remixes; the film itself where it is none, or where
    what it was made from is gone."""
    known = {film.id}
    while film.tool == TOOL and film.kind == "video":
        ids = [str(film.params.get("of", "")), *film.parents]
        skipped = str(film.params.get("reference", ""))
        found = (ctx.memory.get_asset(one) for one in ids if one and one != skipped)
        before = next((one for one in found if one is not None and one.kind == "video"), None)
        if before is None or before.hidden or before.id in known or not (ctx.workspace.home / before.path).is_file():
            break
        known.add(before.id)
        film = before
    return film


def note_style(timeline: otio.schema.Timeline, effects: Sequence[dict[str, Any]]) -> None:
    """Note which effects a style has put on a timeline."""
    timeline.metadata["studio"] = {**studio_data(timeline), NOTED: [dict(each) for each in effects]}


def undress(timeline: otio.schema.Timeline) -> bool:
    """Take the effects and sounds of a noted style off a timeline, in place; whether there were any.

    What stood in bubbles is a caption again.
    """
    data = plain(studio_data(timeline))
    worn = data.pop(NOTED, None)
    if not isinstance(worn, list) or not worn:
        return False
    take_off(timeline, [each for each in worn if isinstance(each, dict)])
    timeline.tracks[:] = [track.clone() for track in timeline.tracks if not _is_bed(track)]
    timeline.metadata["studio"] = data
    _captions_again(timeline)
    return True


def _captions_again(timeline: otio.schema.Timeline) -> None:
    import opentimelineio as otio

    from tools.editing.specs import CaptionSpec
    from tools.editing.timeline import add_words

    words = []
    for track in timeline.video_tracks():
        for number, clip in enumerate(list(track)):
            text = studio_data(clip).get(SAID_HERE) if isinstance(clip, otio.schema.Clip) else None
            if isinstance(text, str) and text.strip():
                span = clip.trimmed_range_in_parent()
                words.append(
                    CaptionSpec(span.start_time.to_seconds(), span.end_time_exclusive().to_seconds(), text[:400])
                )
                track[number] = otio.schema.Gap(duration=span.duration)
    if words:
        add_words(timeline, words)


def take_off(timeline: otio.schema.Timeline, effects: Sequence[dict[str, Any]]) -> None:
    """Take these effects off every clip, in place."""
    for clip in timeline.find_clips():
        for number in reversed(range(len(clip.effects))):
            alone = clip.clone()
            alone.effects[:] = [clip.effects[number].clone()]
            if any(each in effects for each in effects_of(alone)):
                del clip.effects[number]


def _is_bed(track: otio.schema.Track) -> bool:
    clips = list(track.find_clips())
    return bool(clips) and all(str(studio_data(clip).get("id", "")).startswith(BED) for clip in clips)
