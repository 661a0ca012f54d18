"""A style laid on a timeline: its effects on every clip, weaker where the style is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tools.editing.effects import check_effect
from tools.editing.outline import studio_data
from tools.editing.remix.presets import Style

if TYPE_CHECKING:
    import opentimelineio as otio

_SCALED = ("strength", "weave", "flicker", "dirt", "dither", "paper", "edge", "light", "hatching")
_WHOLE = 0.4
"""Effects that cannot be weaker (fewer pictures a second, another shape, narrow sound) come from this strength on."""
_LEAST = 0.02


def picture_effects(style: Style, strength: float, seed: int, *, paced: bool) -> list[dict[str, Any]]:
    """The style's textures at `strength` (0-1); `paced`: with fewer pictures a second where the style has them."""
    wanted = [*style.texture, *([{"name": "pillarbox"}] if style.frame == "4:3" else [])]
    made = [_weaker(each, strength) for each in wanted if paced or each["name"] != "hold"]
    return [_seeded(each, seed) for each in made if each is not None]


def sound_effects(style: Style, strength: float) -> list[dict[str, Any]]:
    """The same for what is heard."""
    made = (_weaker(each, strength) for each in style.sound)
    return [check_effect(each) for each in made if each is not None]


def dress(timeline: otio.schema.Timeline, picture: Sequence[dict[str, Any]], sound: Sequence[dict[str, Any]]) -> int:
    """Put effects on every clip of the picture and of the sound, in place; how many clips of the picture there are.

    Overlays keep their own look where they are bubbles and bars; the beds that a style brings are left as they are.
    """
    import opentimelineio as otio

    count = 0
    for track in timeline.tracks:
        role = str(studio_data(track).get("role", ""))
        if track.kind == otio.schema.TrackKind.Video and role != "overlay":
            for clip in track.find_clips():
                clip.effects.extend(_effects(picture))
                count += 1
        elif track.kind == otio.schema.TrackKind.Audio and role not in ("surface",):
            for clip in track.find_clips():
                clip.effects.extend(_effects(sound))
    return count


def _effects(effects: Sequence[dict[str, Any]]) -> Iterator[otio.schema.Effect]:
    import opentimelineio as otio

    for each in effects:
        name = str(each["name"])
        data = {key: value for key, value in each.items() if key != "name"}
        yield otio.schema.Effect(name=name, effect_name=f"studio.{name}", metadata={"studio": data})


def _weaker(effect: dict[str, Any], strength: float) -> dict[str, Any] | None:
    if strength < _LEAST:
        return None
    scaled = {key: round(value * strength, 4) for key, value in effect.items() if key in _SCALED}
    if effect["name"] == "pixels":
        # Weaker pixels are smaller ones.
        return {**effect, "rows": min(720, round(effect["rows"] / max(strength, 0.25)))}
    if scaled:
        return {**effect, **scaled}
    return effect if strength >= _WHOLE else None


def _seeded(effect: dict[str, Any], seed: int) -> dict[str, Any]:
    from tools.editing.effects import EFFECTS

    seeded = "seed" in EFFECTS[str(effect["name"])].model_fields
    return check_effect({**effect, "seed": seed} if seeded else effect)
