"""What an edit can do, as small frozen values; each says in one line why it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from configs.errors import UsageError
from tools.editing.wishes import Operation, wish_in_words

__all__ = [
    "Caption",
    "FadeIn",
    "FadeOut",
    "Grade",
    "Highlight",
    "Join",
    "Keep",
    "Loop",
    "Mute",
    "Operation",
    "Remove",
    "Reverse",
    "Span",
    "Speed",
    "Volume",
    "in_words",
]

SLACK_SECONDS = 0.05
"""A clip said to be 5 seconds long may have 4.96: ends this close are taken as meant."""

SHARES = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4}


@dataclass(frozen=True)
class Span:
    """A stretch of a clip, before its length is known. `end` None is the clip's end.

    anchor 'start': from `start` to `end`; 'end': the last `end`; 'center': `end` around the middle. With `share` the
    figures are parts of the whole length, else seconds.
    """

    start: float = 0.0
    end: float | None = None
    anchor: Literal["start", "end", "center"] = "start"
    share: bool = False

    def resolve(self, seconds: float) -> tuple[float, float]:
        """Begin and end in a clip of `seconds`. Raises UsageError when it does not lie inside, or is empty."""
        scale = seconds if self.share else 1.0
        length = seconds if self.end is None else self.end * scale
        if self.anchor == "start":
            begin, end = self.start * scale, length
        elif self.anchor == "end":
            begin, end = seconds - length, seconds
        else:
            begin, end = (seconds - length) / 2, (seconds + length) / 2
        if begin < -SLACK_SECONDS or end > seconds + SLACK_SECONDS or begin >= seconds:
            raise UsageError(
                f"There is no {self} in this clip",
                f"it lasts {seconds:.2f} s",
                "Name a part that lies inside; nothing was changed",
            )
        begin, end = max(0.0, begin), min(seconds, end)
        if end - begin <= 0:
            raise UsageError(f"The part {self} is empty", "its end is not after its start", "Swap or correct the times")
        return begin, end

    def _said(self, value: float) -> str:
        if not self.share:
            return f"{value:g} s"
        return next((name for name, share in SHARES.items() if abs(share - value) < 0.01), f"{value:.0%}")

    def __str__(self) -> str:
        if self.anchor == "end":
            return f"last {self._said(self.end or 0)}"
        if self.anchor == "center":
            return f"middle {self._said(self.end or 0)}"
        if self.end is None:
            return f"part after {self._said(self.start)}"
        return (
            f"first {self._said(self.end)}"
            if self.start == 0
            else f"part from {self._said(self.start)} to {self._said(self.end)}"
        )


@dataclass(frozen=True)
class Keep(Operation):
    span: Span


@dataclass(frozen=True)
class Remove(Operation):
    span: Span


@dataclass(frozen=True)
class Highlight(Operation):
    """Keep the `seconds` with the most movement (or the least), in one piece."""

    seconds: float
    mood: Literal["lively", "calm"] = "lively"


@dataclass(frozen=True)
class Join(Operation):
    """Several clips one after the other (they are joined in any case; this one says it was asked for)."""


@dataclass(frozen=True)
class Grade(Operation):
    look: str
    span: Span | None = None


@dataclass(frozen=True)
class Speed(Operation):
    factor: float
    span: Span | None = None


@dataclass(frozen=True)
class Reverse(Operation):
    span: Span | None = None


@dataclass(frozen=True)
class Volume(Operation):
    db: float
    span: Span | None = None


@dataclass(frozen=True)
class Mute(Operation):
    span: Span | None = None


@dataclass(frozen=True)
class Loop(Operation):
    times: int


@dataclass(frozen=True)
class FadeIn(Operation):
    seconds: float


@dataclass(frozen=True)
class FadeOut(Operation):
    seconds: float


@dataclass(frozen=True)
class Caption(Operation):
    text: str
    position: Literal["top", "bottom", "center"] = "bottom"
    style: Literal["subtitle", "meme"] = "subtitle"
    span: Span | None = None


def in_words(operation: Operation) -> str:
    """The operation as a person would say it."""
    match operation:
        case Keep(span=span):
            said = f"keep the {span}"
        case Remove(span=span):
            said = f"cut out the {span}"
        case Highlight(seconds=seconds, mood=mood):
            said = f"keep the {'most lively' if mood == 'lively' else 'calmest'} {seconds:g} s"
        case Grade(look=look):
            said = look.replace("_", " ")
        case Speed(factor=factor):
            said = f"speed x{factor:g}"
        case Reverse():
            said = "backwards"
        case Volume(db=db):
            said = f"sound {db:+g} dB"
        case Mute():
            said = "sound off"
        case Loop(times=times):
            said = f"{times} times in a row"
        case FadeIn(seconds=seconds):
            said = f"fade in over {seconds:g} s"
        case FadeOut(seconds=seconds):
            said = f"fade out over {seconds:g} s"
        case Caption(text=text, position=position):
            said = f"'{text[:60]}' at the {position}"
        case Join():
            said = "join the clips"
        case _:
            said = wish_in_words(operation)
    where = None if isinstance(operation, (Keep, Remove)) else getattr(operation, "span", None)
    return f"{said} in the {where}" if where is not None else said
