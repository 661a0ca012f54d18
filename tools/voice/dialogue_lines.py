"""Speaks the lines of a dialogue: those of one engine and voice together, each kept, a failed one told."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from backends.voice.engines.protocol import VoiceSource
from configs.errors import Cancelled, PolicyError, StudioError, UsageError
from memory.records import Asset
from tools.spec import Studio, ToolContext
from tools.voice.asked import engine_needed
from tools.voice.routing import likely_language, route
from tools.voice.screenplay_lines import ScriptLine
from tools.voice.speak import FROM_CACHE_S, SECONDS_PER_CHARACTER, SpeakArgs

SPEAKING, MIXING = 0.95, 1.0
GIVEN_UP = 3
"""So many lines in a row may fail with one engine; a hang takes minutes each, so the rest are not tried."""
NOT_TRIED = "It was not tried"
_VARIES = re.compile(r"https?://[\w.:]+|\d+")
"""A server that is started anew has another port."""
TELL_TIME_AFTER_S = 2.0
T = TypeVar("T")


@dataclass(frozen=True)
class Failed:
    """A line that could not be spoken."""

    number: int
    """From 1, in story order."""
    line: ScriptLine
    why: StudioError


@dataclass
class Spoken:
    """What came of the lines."""

    sounds: dict[int, Asset] = field(default_factory=dict)
    """Index of the line -> its sound."""
    failed: list[Failed] = field(default_factory=list)
    why: StudioError | None = None
    """What went wrong first; what follows is often its echo only."""
    warnings: list[str] = field(default_factory=list)
    cached: int = 0

    def fail(self, index: int, line: ScriptLine, why: StudioError) -> None:
        """Note a line that was not spoken."""
        self.failed.append(Failed(index + 1, line, why))
        self.why = self.why or why

    def complaints(self) -> list[str]:
        """One sentence per reason, with the lines it befell; lines that were not tried because of it in another."""
        reasons: dict[str, list[Failed]] = {}
        for one in self.failed:
            reasons.setdefault("" if self._echoes(one.why) else _VARIES.sub("", one.why.sentence), []).append(one)
        echoes = reasons.pop("", [])
        told = [f"{_places(group)} not spoken: {group[0].why.sentence.rstrip('.')}." for group in reasons.values()]
        if echoes:
            shut = next((one.why for one in echoes if one.why.problem != NOT_TRIED), None)
            more = f": {shut.problem}. {shut.fix}".rstrip(". ") if shut is not None else ""
            told.append(f"{_places(echoes)} not tried after that{more}.")
        return told

    def _echoes(self, why: StudioError) -> bool:
        """Whether an error only tells that the first one came before: an engine that is left alone quotes it."""
        first = self.why.problem if self.why is not None else ""
        return why.problem == NOT_TRIED or (why.problem != first and bool(first) and first in why.cause)


def speak_all(lines: Sequence[ScriptLine], ctx: ToolContext, total: float) -> Spoken:
    """Every line through `speak`, grouped by engine and weights. Cancelling raises; finished lines stay.

    total: what the progress counts up to; each line is one.
    """
    studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
    keys = [_voice_of(line, studio) for line in lines]
    done = Spoken()
    missed: Counter[Hashable] = Counter()
    watch = _Watch(lines)
    for place, index in enumerate(grouped(keys)):
        line, key = lines[index], keys[index]
        ctx.progress(place, total, f"line {place + 1} of {len(lines)}{watch.left()}")
        if missed[key] >= GIVEN_UP:
            why = StudioError(NOT_TRIED, f"the {GIVEN_UP} lines before it with {key[0]} failed")
            done.fail(index, line, why)
            continue
        try:
            _speak(index, line, ctx, done)
            missed[key] = 0
        except PolicyError:
            raise
        except Cancelled as error:
            if ctx.cancel.is_set:
                raise
            done.fail(index, line, error)  # the line's own time limit
            missed[key] += 1
        except StudioError as error:
            done.fail(index, line, error)
            missed[key] += not isinstance(error, UsageError)
        watch.spoke(index)
    done.failed.sort(key=lambda one: one.number)
    return done


def _places(failed: Sequence[Failed]) -> str:
    """'Lines 2 (Rita), 4 (Rita) were', 'Line 3 (Narrator) was'."""
    shown = ", ".join(f"{one.number} ({one.line.character or 'Narrator'})" for one in failed[:12])
    more = f" and {len(failed) - 12} more" if len(failed) > 12 else ""
    return f"Line{'s' if len(failed) > 1 else ''} {shown}{more} {'were' if len(failed) > 1 else 'was'}"


def grouped(keys: Sequence[Hashable]) -> list[int]:
    """Indices with equal keys together, groups and lines in the order in which they first come."""
    first = {key: index for index, key in reversed(list(enumerate(keys)))}
    return sorted(range(len(keys)), key=lambda index: (first[keys[index]], index))


def voice_key(studio: Studio, character: str, text: str, language: str, emotion: str) -> tuple[str, Hashable]:
    """The engine that a line needs and the weights that it must have loaded, to group lines by."""
    chosen = route(studio, character, likely_language(studio, character, language, text), emotion)
    return chosen.engine, _weights(chosen.source)


def speech_seconds(studio: Studio, lines: Iterable[tuple[str, str, str, str]]) -> dict[str, float]:
    """Engine -> seconds it will speak for lines of (character, text, language, emotion); '' are lines that are kept."""
    seconds: dict[str, float] = {}
    for character, text, language, emotion in lines:
        try:
            args = SpeakArgs(character=character, text=text, language=language, emotion=emotion)
        except (UsageError, ValidationError):
            continue  # told when it is spoken
        engine = engine_needed(studio, args)
        own = 0.15 + SECONDS_PER_CHARACTER[engine] * len(text) if engine else FROM_CACHE_S
        seconds[engine] = seconds.get(engine, 0.0) + own
    return seconds


def _weights(source: VoiceSource | None) -> Hashable:
    return tuple(sorted(source.weights.items())) if source is not None else ()


def _voice_of(line: ScriptLine, studio: Studio) -> tuple[str, Hashable]:
    return voice_key(studio, line.character, line.text, line.language, line.emotion)


def _speak(index: int, line: ScriptLine, ctx: ToolContext, done: Spoken) -> None:
    wanted = {
        "character": line.character, "text": line.text, "emotion": line.emotion, "intensity": line.intensity,
        "language": line.language,
    }  # fmt: skip
    title = f"{line.character or 'Narrator'}: {line.text[:40]}"
    outcome = ctx.call("speak", wanted, key=f"line-{index + 1}", title=title)
    if not outcome.assets or outcome.result is None:
        raise StudioError("The voice gave no sound", fix="Try again")
    done.sounds[index] = outcome.assets[0]
    done.cached += outcome.status == "reused" or bool(outcome.result.measurements.get("from_cache"))
    done.warnings += [text for text in outcome.result.warnings if text not in done.warnings]


class _Watch:
    """How long the rest will take, by the letters that were spoken so far."""

    def __init__(self, lines: Sequence[ScriptLine]) -> None:
        self._letters = [max(1, len(line.text)) for line in lines]
        self._spoken = 0
        self._began = time.monotonic()

    def spoke(self, index: int) -> None:
        self._spoken += self._letters[index]

    def left(self) -> str:
        """', about 12 s left', once that can be told."""
        seconds = time.monotonic() - self._began
        if not self._spoken or seconds < TELL_TIME_AFTER_S:
            return ""
        rest = seconds * (sum(self._letters) - self._spoken) / self._spoken
        return f", about {rest:.0f} s left" if rest < 90 else f", about {rest / 60:.0f} min left"
