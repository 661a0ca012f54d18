"""Feelings in valence, arousal and dominance: blends of emotions, and curves from one to another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from backends.voice.emotions.prosody import Prosody, emotions_config, mixed_prosody
from backends.voice.emotions.text import Written, read_written, text_of
from backends.voice.engines.protocol import EMOTIONS
from configs.errors import UsageError

DEFAULT_INTENSITY = 0.7
MANNERS = ("whispering", "sarcastic")
"""Manners of speaking rather than feelings."""
_WHOLE = 1e-6
"""Room for the rounding of written shares."""


@dataclass(frozen=True)
class Feeling:
    """A point in the space of feelings, each -1..1; neutral is the origin."""

    valence: float
    """Unpleasant .. pleasant."""
    arousal: float
    """Calm .. stirred."""
    dominance: float
    """Helpless .. in control."""

    def distance(self, other: Feeling) -> float:
        return math.dist((self.valence, self.arousal, self.dominance), (other.valence, other.arousal, other.dominance))


@dataclass(frozen=True)
class Blend:
    """One state of feeling, in all terms that an engine may want."""

    amounts: Mapping[str, float]
    """Emotion -> 0..1, intensity counted in; what is missing to 1 is neutral."""
    feeling: Feeling
    prosody: Prosody
    nearest: str
    """The emotion of EMOTIONS that comes closest."""
    intensity: float
    """Of `nearest`, 0..1."""


@dataclass(frozen=True)
class EmotionCurve:
    """Emotions along a line or a scene; one point: the same throughout."""

    points: tuple[Mapping[str, float], ...]
    """Emotion -> share, spread evenly from the start to the end; the shares of a point add up to 1 at most."""
    text: str
    """In one spelling: 'happy 0.6 + afraid 0.4', 'sad -> happy'."""
    notes: tuple[str, ...] = ()
    """What was changed to make sense of it; one sentence each."""

    @property
    def constant(self) -> bool:
        return len(self.points) == 1

    def shares(self, at: float) -> dict[str, float]:
        """Emotion -> share at `at` 0 (start) .. 1 (end): straight lines between the points."""
        place = min(1.0, max(0.0, at)) * (len(self.points) - 1)
        index = min(int(place), max(0, len(self.points) - 2))
        part = place - index
        before, after = self.points[index], self.points[min(index + 1, len(self.points) - 1)]
        mixed = {
            emotion: (1 - part) * before.get(emotion, 0.0) + part * after.get(emotion, 0.0)
            for emotion in dict.fromkeys((*before, *after))
        }
        return {emotion: share for emotion, share in mixed.items() if share > _WHOLE}

    def at(self, at: float, intensity: float = DEFAULT_INTENSITY) -> Blend:
        """The blend at `at` 0..1."""
        return blend(self.shares(at), intensity)


def feeling_of(emotion: str, intensity: float = 1.0) -> Feeling:
    """Where `emotion` (one of EMOTIONS) lies, at `intensity` 0..1 of the way from neutral."""
    if emotion not in EMOTIONS:
        raise UsageError(f"There is no emotion '{emotion}'", fix=f"Choose one of: {', '.join(EMOTIONS)}")
    return Feeling(*(float(value) * intensity for value in emotions_config()["feelings"][emotion]))


def blend(shares: Mapping[str, float], intensity: float = DEFAULT_INTENSITY) -> Blend:
    """Several emotions at once.

    Args:
        shares: emotion (one of EMOTIONS) -> 0..1; together 1 at most (more is scaled down), the rest is neutral.
        intensity: 0..1, scales all of it towards neutral.

    Raises UsageError for an unknown emotion or a share that is no amount.
    """
    for emotion, share in shares.items():
        feeling_of(emotion)
        if not math.isfinite(share) or share < 0:
            raise UsageError(f"The share of '{emotion}' is {share:g}", fix="Give shares from 0 to 1")
    strength = min(1.0, max(0.0, intensity))
    total = sum(shares.values())
    scale = strength / max(1.0, total)
    amounts = {emotion: share * scale for emotion, share in shares.items() if share > 0}
    places = [(feeling_of(emotion), amount) for emotion, amount in amounts.items()]
    feeling = Feeling(
        sum(place.valence * amount for place, amount in places),
        sum(place.arousal * amount for place, amount in places),
        sum(place.dominance * amount for place, amount in places),
    )
    felt = sum(amount for emotion, amount in amounts.items() if emotion != "neutral")
    nearest = _nearest(feeling, felt, tuple(amounts))
    return Blend(amounts, feeling, mixed_prosody(amounts), nearest, 0.0 if nearest == "neutral" else felt)


def nearest_of(feeling: Feeling, strength: float, among: tuple[str, ...]) -> str:
    """The one of `among` that lies closest to `feeling` when it is felt with `strength` 0..1; ties go to the first."""
    return min(among, key=lambda emotion: round(feeling.distance(feeling_of(emotion, strength)), 9))


def read_emotion(text: str) -> EmotionCurve:
    """What a text says about emotion, in English or Italian.

    'happy', 'happy 0.6 + afraid 0.4', 'happy 60%, afraid 40%', 'felice e un po' triste', 'from sad to happy',
    'from sad to happy via angry', 'sad -> angry 0.5 -> happy', 'da triste a felice'; '' is neutral.
    A share without a number takes what the numbers leave to 1.

    Raises UsageError naming the nearest known word, or what is wrong with a share.
    """
    stages = read_written(text)
    notes: list[str] = []
    points = tuple(_point(stage, notes) for stage in stages)
    return EmotionCurve(points, text_of(stages), tuple(dict.fromkeys(notes)))


def emotion_text(text: str) -> str:
    """`text` in one spelling: an emotion's name, a blend or a curve. For the arguments of tools.

    Raises UsageError as `read_emotion` does.
    """
    return read_emotion(text).text


def scene_curve(count: int, curve: str | EmotionCurve) -> tuple[str, ...]:
    """The emotions of `count` lines of a scene along `curve`, the first at its start and the last at its end.

    Each is a text that `read_emotion` reads. A single line stands at the end: that is where the scene arrives.
    """
    if count < 1:
        return ()
    read = read_emotion(curve) if isinstance(curve, str) else curve
    if read.constant:
        return (read.text,) * count
    places = [index / (count - 1) for index in range(count)] if count > 1 else [1.0]
    return tuple(_as_text(read.shares(place)) for place in places)


def _as_text(shares: Mapping[str, float]) -> str:
    kept = {emotion: round(share, 2) for emotion, share in shares.items() if round(share, 2) > 0}
    return text_of((Written({e: None if s >= 1 else s for e, s in kept.items()}),)) if kept else "neutral"


def _point(stage: Written, notes: list[str]) -> dict[str, float]:
    """Shares that make sense: open ones take the rest, more than 1 is scaled down, and both are told."""
    given = {emotion: share for emotion, share in stage.shares.items() if share is not None}
    open_ones = [emotion for emotion, share in stage.shares.items() if share is None]
    total = sum(given.values())
    written = text_of((stage,))
    if open_ones:
        if total >= 1 - _WHOLE and given:
            raise UsageError(
                f"Nothing is left for '{open_ones[0]}' in '{written}'",
                f"the other shares add up to {total:g}",
                "Give every emotion a share, together 1",
            )
        given.update(dict.fromkeys(open_ones, (1 - total) / len(open_ones)))
        return given
    if total <= 0:
        raise UsageError(f"All shares in '{written}' are 0", fix="Give at least one emotion a share above 0")
    if total > 1 + _WHOLE:
        notes.append(f"The shares in '{written}' add up to {total:.3g}, so they were scaled down to 1")
        given = {emotion: share / total for emotion, share in given.items()}
    elif total < 1 - 0.01 and len(given) > 1 and "neutral" not in given:
        notes.append(f"The shares in '{written}' add up to {total:.3g}; the rest is neutral")
    return {emotion: share for emotion, share in given.items() if share > 0}


def _nearest(feeling: Feeling, felt: float, named: tuple[str, ...]) -> str:
    if felt <= _WHOLE:
        return "neutral"
    felt_ones = tuple(emotion for emotion in named if emotion != "neutral")
    if len(felt_ones) == 1:
        return felt_ones[0]
    feelings = tuple(emotion for emotion in EMOTIONS if emotion not in MANNERS)
    return nearest_of(feeling, felt, tuple(dict.fromkeys((*felt_ones, *feelings))))
