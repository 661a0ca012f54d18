"""A clip on a track in whole frames, and what cutting it does to its source, its effects and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tools.editing.outline import effects_of, is_still, plain, studio_data

if TYPE_CHECKING:
    import opentimelineio as otio

RAMP = "ramp"


@dataclass(eq=False)
class Slot:
    """A clip from frame `start` on; `before` and `after` are the reach of the transition into it."""

    clip: otio.schema.Clip
    start: int
    frames: int
    source: Fraction
    """The first frame in the source (of those that play, the one that lies first there), counted at the film's rate."""
    transition: otio.schema.Transition | None = None
    before: int = 0
    after: int = 0

    @property
    def end(self) -> int:
        return self.start + self.frames

    @cached_property
    def id(self) -> str:
        own = studio_data(self.clip).get("id")
        return own if isinstance(own, str) else ""

    @property
    def label(self) -> str:
        """For people: its name and its id."""
        name = " ".join(str(self.clip.name or "").split())
        return f"'{name[:40]}' ({self.id})" if name else self.id

    @cached_property
    def media(self) -> str:
        """What it plays: the asset's id or the file; '' for cards and captions."""
        url = getattr(self.clip.media_reference, "target_url", None)
        return str(studio_data(self.clip).get("asset", "") or url or "") if url is not None else ""

    @property
    def frozen(self) -> bool:
        return is_still(self.clip)

    @property
    def effects(self) -> list[dict[str, Any]]:
        return effects_of(self.clip)

    @property
    def backwards(self) -> bool:
        return len([effect for effect in self.effects if effect["name"] == "reverse"]) % 2 == 1

    def speeds(self) -> tuple[Fraction, Fraction]:
        """How fast it plays at its beginning and at its end; the same without a ramp, 0 while frozen."""
        if self.frozen or not self.media:
            return Fraction(0), Fraction(0)
        first = last = Fraction(1)
        for effect in self.effects:
            if effect["name"] == "speed":
                first, last = first * _exact(effect["factor"]), last * _exact(effect["factor"])
            elif effect["name"] == RAMP:
                first, last = first * _exact(effect["factor"]), last * _exact(effect["factor_end"])
        return first, last

    def eaten(self, frames: int) -> Fraction:
        """Source frames that its first `frames` frames play."""
        first, last = self.speeds()
        return first * frames + (last - first) * Fraction(frames * frames, 2 * self.frames)

    def own(self, **values: Any) -> None:
        """Note values in `metadata.studio`; None takes one away."""
        for kept in ("id", "media"):
            self.__dict__.pop(kept, None)
        data = {**studio_data(self.clip), **values}
        self.clip.metadata["studio"] = {key: value for key, value in data.items() if value is not None}

    def set_effects(self, effects: list[dict[str, Any]]) -> None:
        """Give it these effects; those of other programs and a freeze stay."""
        import opentimelineio as otio

        kept = [
            effect for effect in self.clip.effects
            if isinstance(effect, otio.schema.FreezeFrame)
            or not (isinstance(effect, otio.schema.LinearTimeWarp) or str(effect.effect_name).startswith("studio."))
        ]  # fmt: skip
        self.clip.effects[:] = [*(_effect(effect) for effect in effects if effect["name"] != "foreign"), *kept]

    def cut(self, first: int, last: int, rate: Fraction) -> None:
        """Keep its frames [first, last) only, and move its start along with them.

        Effects and words keep their moments, those outside of what is kept are gone; fades stay at the clip's ends.
        """
        assert 0 <= first < last <= self.frames
        if (first, last) == (0, self.frames):
            return
        ahead, behind = self.eaten(first), self.eaten(self.frames) - self.eaten(last)
        effects = _cut_effects(self.effects, first, last, self.frames, rate)
        self.set_effects(effects)
        self.source += behind if self.backwards else ahead
        _cut_words(self.clip, Fraction(first) / rate, Fraction(last) / rate)
        place = plain(studio_data(self.clip).get("place"))
        if isinstance(place, dict) and place.get("keys") and first:
            moved = {**place, "keys": _later(list(place["keys"]), float(first / rate))}
            self.own(place=moved)
        self.start, self.frames = self.start + first, last - first


def twin(slot: Slot) -> Slot:
    """The same clip once more, without its transition."""
    return Slot(slot.clip.clone(), slot.start, slot.frames, slot.source)


def _effect(effect: dict[str, Any]) -> otio.schema.Effect:
    import opentimelineio as otio

    name = str(effect["name"])
    if name == "speed":
        return otio.schema.LinearTimeWarp(name="speed", time_scalar=float(effect["factor"]))
    data = {key: value for key, value in effect.items() if key != "name"}
    return otio.schema.Effect(name=name, effect_name=f"studio.{name}", metadata={"studio": data})


def _cut_effects(
    effects: list[dict[str, Any]], first: int, last: int, whole: int, rate: Fraction
) -> list[dict[str, Any]]:
    begin, end = float(first / rate), float(last / rate)
    made: list[dict[str, Any]] = []
    for effect in effects:
        name = effect["name"]
        moved = dict(effect)
        if name == RAMP:
            low, high = float(effect["factor"]), float(effect["factor_end"])
            moved["factor"] = low + (high - low) * first / whole
            moved["factor_end"] = low + (high - low) * last / whole
        elif isinstance(effect.get("keys"), list):
            moved["keys"] = _later(effect["keys"], begin)
        elif isinstance(effect.get("at"), (int, float)):
            at, length = float(effect["at"]), float(effect.get("seconds", 0) or 0)
            if at >= end or (length and at + length <= begin):
                continue
            moved["at"] = max(0.0, at - begin)
            if length and at < begin:
                moved["seconds"] = at + length - begin
        made.append(moved)
    return made


def _later(keys: list[Any], begin: float) -> list[Any]:
    """Keys of a movement as seen from `begin` seconds on; each a mapping with 'at', or a list that starts with it."""

    def at(key: Any) -> float:
        return float(key["at"] if isinstance(key, Mapping) else key[0])

    keys = [dict(key) if isinstance(key, Mapping) else list(key) for key in keys]
    past = [key for key in keys if at(key) <= begin]
    coming = [key for key in keys if at(key) > begin]
    made = []
    if past:
        made.append(_between(past[-1], coming[0], (begin - at(past[-1])) / (at(coming[0]) - at(past[-1])))
                    if coming else past[-1])  # fmt: skip
    for key in (*made, *coming):
        moved = max(0.0, at(key) - begin) if key in coming else 0.0
        if isinstance(key, dict):
            key["at"] = moved
        else:
            key[0] = moved
    return [*made, *coming]


def _between(one: Any, two: Any, share: float) -> Any:
    if isinstance(one, dict):
        return {key: _mixed(value, two.get(key, value), share) for key, value in one.items()}
    return [_mixed(a, b, share) for a, b in zip(one, two, strict=False)]


def _mixed(one: Any, two: Any, share: float) -> Any:
    return one + (two - one) * share if isinstance(one, (int, float)) and isinstance(two, (int, float)) else one


def _cut_words(clip: otio.schema.Clip, begin: Fraction, end: Fraction) -> None:
    """Words of a caption count from its first frame; those outside are gone."""
    low, high = float(begin), float(end)
    if words := spoken(clip):
        clip.media_reference.parameters["words"] = [
            [max(start, low) - low, min(stop, high) - low, text]
            for start, stop, text in words
            if stop > low and start < high
        ]


def spoken(clip: otio.schema.Clip) -> list[tuple[float, float, str]]:
    """A caption's words with the seconds they are said at; [] without, or with something that is none."""
    parameters = getattr(clip.media_reference, "parameters", None)
    try:
        return [
            (float(start), float(stop), str(text))
            for start, stop, text in (parameters.get("words") if parameters is not None else None) or ()
        ]
    except (TypeError, ValueError):
        return []


def _exact(value: Any) -> Fraction:
    return Fraction(float(value)).limit_denominator(10_000)
