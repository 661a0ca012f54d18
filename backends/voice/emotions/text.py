"""How people write emotions down: blends with shares and changes from one to another, English and Italian."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from backends.voice.emotions.prosody import emotion_named, emotions_config
from configs.errors import UsageError

LONGEST = 300
"""Characters."""
MOST_STAGES = 12
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_SHARED = re.compile(
    rf"^(?:(?P<first>{_NUMBER})\s*(?P<p1>%?)\s*)?(?P<word>\D*?)(?:[\s:=x*]*(?P<last>{_NUMBER})\s*(?P<p2>%?))?$"
)
_ARROW = "->"


@dataclass(frozen=True)
class Written:
    """One stage as it was written."""

    shares: Mapping[str, float | None]
    """Emotion -> share; None where none was given."""


def read_written(text: str) -> tuple[Written, ...]:
    """The stages of `text` in order, at least one. Raises UsageError."""
    plain = " ".join(text.casefold().replace("’", "'").split())
    if len(plain) > LONGEST:
        raise UsageError(
            f"The emotion is described in {len(plain)} characters", fix="Say it shortly, such as 'from sad to happy'"
        )
    stages = _stages(plain)
    if len(stages) > MOST_STAGES:
        raise UsageError(f"The emotion changes {len(stages) - 1} times", fix=f"Give at most {MOST_STAGES} stages")
    return tuple(_stage(stage) for stage in stages)


def text_of(stages: Iterable[Written]) -> str:
    """The stages in the studio's own spelling, which `read_written` reads back."""
    return f" {_ARROW} ".join(
        " + ".join(
            emotion if share is None or (share == 1 and len(stage.shares) == 1) else f"{emotion} {share:.4g}"
            for emotion, share in stage.shares.items()
        )
        for stage in stages
    )


def _stages(plain: str) -> list[str]:
    """Pieces between arrows, 'from', 'to' and 'via', in the order in which they are felt."""
    plain = re.sub(r"\s*(?:->|→|=>|⇒|>)\s*", f" {_ARROW} ", plain)
    grammar = emotions_config()["grammar"]
    opening = _words(grammar["from"])
    body = re.sub(rf"^{opening}", "", plain)
    after_da = body != plain and not plain.startswith("from")
    onward = _words([*grammar["to"], *(grammar["to_after_da"] if after_da else ())])
    via = _words(grammar["via"])
    marked = re.sub(rf"(?<=\s){onward}", f"{_ARROW} ", f" {body}")
    pieces = re.split(rf"({_ARROW}|(?<=\s){via})", marked)
    stages = [pieces[0].strip(" ,;")]
    for mark, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        # 'from A to B via C' arrives at B.
        stages.insert(len(stages) if mark == _ARROW or len(stages) < 2 else -1, piece.strip(" ,;"))
    if len(stages) > 1 and not all(stages):
        raise UsageError(
            f"The change of emotion '{plain[:60]}' lacks an end",
            fix="Say it like 'from sad to happy' or 'sad -> happy'",
        )
    return stages


def _stage(piece: str) -> Written:
    piece = re.sub(r"(?<=\d),(?=\d)", ".", piece)
    if piece[:1].isalpha():
        # 'happy 60% afraid 40%'
        piece = re.sub(r"(\d%?)\s+(?=[^\W\d])", r"\1 + ", piece)
    parts = [_share(part.strip()) for part in re.split(_between(), piece) if part.strip()]
    if not parts:
        return Written({"neutral": None})
    numbers = [part.share for part in parts if part.share is not None and not part.from_words]
    if not numbers and any(part.from_words for part in parts) and len(parts) > 1:
        # 'happy and a little sad': words say how much of one there is beside the other, nobody adds them up.
        total = sum(part.share or 1.0 for part in parts)
        parts = [replace(part, share=round((part.share or 1.0) / total, 2)) for part in parts]
    # '60, 40' are percentages too.
    bare_percent = bool(numbers) and all(number > 1 for number in numbers) and max(numbers) > 10
    found: dict[str, float | None] = {}
    for part in parts:
        share = part.share
        if share is not None and not part.from_words and (part.percent or bare_percent):
            share /= 100
        known = found.get(part.emotion)
        found[part.emotion] = share if known is None else known + (share or 0.0)
    return Written(found)


@dataclass(frozen=True)
class _Part:
    emotion: str
    share: float | None = None
    percent: bool = False
    from_words: bool = False


def _share(part: str) -> _Part:
    """'happy 0.6', '60% happy' or 'a little sad'."""
    match = _SHARED.match(part)
    word = match["word"].strip(" :=") if match else part
    if match is None or not word:
        raise UsageError(f"'{part[:40]}' names no emotion with a share", fix="Write it like 'happy 0.6 + afraid 0.4'")
    number = match["last"] or match["first"]
    if number is not None:
        share = float(number)
        if share < 0:
            raise UsageError(f"The share of '{word}' is {share:g}", fix="Give shares from 0 to 1")
        return _Part(emotion_named(word), share, percent=bool(match["p1"] or match["p2"]))
    for phrase, amount in emotions_config()["grammar"]["shares"].items():
        if word.startswith(f"{phrase} "):
            return _Part(emotion_named(word.removeprefix(phrase)), float(amount), from_words=True)
    return _Part(emotion_named(word))


@cache
def _between() -> str:
    """What stands between the parts of a blend; ',' between digits was a decimal sign and is gone by now."""
    return rf"\s*[+,;&/|]\s*|(?<=\s){_words(emotions_config()['grammar']['and'])}"


def _words(words: Iterable[str]) -> str:
    """A pattern for any of `words`, each with the space that follows (none after an apostrophe)."""
    longest = sorted(words, key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word) + ("" if word.endswith("'") else r"(?:\s+|$)") for word in longest) + ")"
