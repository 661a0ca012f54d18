"""The finished plan of a parody: beats with words, voices and frames that add up to the asked length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from configs.errors import UsageError
from tools.editing.parody.beats import Beat, find_beats, most_rounds
from tools.editing.parody.jokes import (
    Kind,
    candidates,
    choices,
    fields,
    figure,
    fill,
    library,
    quotation,
    rival_names,
    subject_names,
    threads,
    turned,
)
from tools.editing.parody.material import STILL_MOTION, Material
from tools.editing.parody.recipes import ParodyPresets, Recipe, parody_presets
from tools.editing.parody.timing import allot, lay_out, limits

Speak = Callable[[str, str], float]
"""(who, words) -> seconds of the spoken line; the line is kept by whoever speaks it."""
STRETCH = 1.5
"""How far beyond its longest a beat may be stretched when nothing else fills the time."""
MOST_ROUNDS = 8
CALM_SECONDS = 2.0
"""A shorter calm is nothing to speak of."""
LEAST_RATIO = 1.5
"""Less than so many times the usual motion is no movement to speak of."""
BRIEF = 1.3
"""Lines up to so many times the shortest one's length count as short ones too."""
SPOKEN_PER_SECOND = 12.0
"""Characters of speech per second, a little under what the voices say."""


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    frames: int
    """0 = as long as the recipe naturally is."""
    fps: float
    language: str
    seed: int
    subject: str = ""


@dataclass(frozen=True)
class Script:
    """A parody, ready to be laid on a timeline."""

    name: str
    recipe: Recipe
    beats: tuple[Beat, ...]
    fps: float
    language: str
    notes: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    """Beats whose words a language model wrote."""

    @property
    def words_by(self) -> str:
        """Who wrote the words."""
        spoken = {beat.slot.id for beat in self.beats if beat.line or beat.text}
        if not self.written:
            return "the studio's library"
        return "a language model" if spoken <= self.written else "a language model and the studio's library"

    @property
    def frames(self) -> int:
        return sum(beat.frames for beat in self.beats)


@dataclass
class _Draft:
    """One way to tell it, not yet in time."""

    beats: list[Beat]
    short: bool = False
    notes: list[str] = field(default_factory=list)


def write_script(
    name: str,
    recipe: Recipe,
    found: Material,
    wish: Wish,
    speak: Speak,
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> Script:
    """A recipe told with a clip's moments in exactly `wish.frames`.

    Too long: shorter words are taken, then fewer repetitions, then beats are left out (never the turn, nor the last of
    the set-ups and pay-offs). Too short: the recipe runs through further turns of the clip, then beats are stretched.

    words: slot -> {'say' | 'text': words} of a language model, taken instead of the library's where they are given.

    Raises UsageError when the clip cannot carry that length.
    """
    presets = parody_presets()
    teller = _Teller(name, recipe, found, wish, speak, words or {}, presets)
    drafts, spans = [], []
    for draft in teller.drafts():
        low, natural, high = (
            round(sum(column) * wish.fps)
            for column in zip(*(limits(beat, presets) for beat in draft.beats), strict=True)
        )
        timed = allot(draft.beats, wish.frames or natural, wish.fps, presets)
        if timed is not None:
            return teller.finished(timed, draft.notes)
        drafts.append(draft)
        spans.append((low, high))
    # Stretched only when no way of telling it fits: further turns are better than waiting.
    for draft in reversed(drafts):
        timed = _stretched(draft.beats, wish.frames, wish.fps, presets)
        if timed is not None:
            return teller.finished(timed, [*draft.notes, "beats were stretched to fill the time"])
    least, most = min(low for low, _ in spans) / wish.fps, max(high for _, high in spans) * STRETCH / wish.fps
    raise UsageError(
        f"The recipe '{name}' cannot be told in {wish.frames / wish.fps:.1f} s with this clip",
        f"it takes {least:.1f} to {most:.1f} s",
        "Ask for a length in between, or leave it out",
    )


def _stretched(beats: Sequence[Beat], frames: int, fps: float, presets: ParodyPresets) -> list[Beat] | None:
    """The same with beats up to STRETCH times their longest, all by the same share."""

    def wider(beat: Beat) -> float:
        return STRETCH * limits(beat, presets)[2]

    wide = [
        replace(beat, slot=beat.slot.model_copy(update={"seconds": (*beat.slot.seconds[:2], wider(beat))}))
        for beat in beats
    ]
    timed = allot(wide, frames, fps, presets)
    if timed is None:
        return None
    return [replace(beat, slot=old.slot) for beat, old in zip(timed, beats, strict=True)]


@dataclass
class _Teller:
    name: str
    recipe: Recipe
    found: Material
    wish: Wish
    speak: Speak
    words: Mapping[str, Mapping[str, str]]
    presets: ParodyPresets

    def drafts(self) -> Iterator[_Draft]:
        """Ways to tell it, the fullest that suits the length first."""
        whole = self._told(find_beats(self.recipe, self.found, star=self._star))
        yield _Draft(whole)
        if self.wish.frames and self.wish.frames > self._longest(whole):
            yield from self._longer()
            return
        yield from self._shorter(whole)

    def finished(self, timed: list[Beat], notes: Sequence[str]) -> Script:
        cuts = [shot.start for shot in self.found.record.shots[1:]]
        laid = lay_out(timed, self.found.seconds, self.wish.fps, cuts)
        beats = tuple(self.late(beat) for beat in laid)
        told = frozenset(beat.slot.id for beat in beats if beat.slot.id in self.words and not beat.round)
        return Script(self.name, self.recipe, beats, self.wish.fps, self.wish.language, tuple(notes), told)

    def _longer(self) -> Iterator[_Draft]:
        most = min(MOST_ROUNDS, most_rounds(self.recipe, self.found, self._star))
        for rounds in range(2, most + 1):
            note = f"{rounds} turns of the clip, as one does not fill the time"
            yield _Draft(self._told(find_beats(self.recipe, self.found, star=self._star, rounds=rounds)), notes=[note])

    def _shorter(self, whole: list[Beat]) -> Iterator[_Draft]:
        brief = self._told(list(whole), brief=True)
        yield _Draft(brief, notes=["shorter lines were taken to fit the time"])
        while (spare := self._spare(brief)) is not None:
            brief = [beat for index, beat in enumerate(brief) if index != spare]
            yield _Draft(brief, notes=["beats were left out to fit the time"])

    def _spare(self, beats: Sequence[Beat]) -> int | None:
        """Which beat can be missed most easily: further repetitions, then pay-offs, set-ups and the call-back."""
        meant = {beat.slot.moment.removesuffix("_end") for beat in beats if beat.slot.moment}
        for index in range(len(beats) - 1, -1, -1):
            if beats[index].number:
                return index
        counts = {role: sum(beat.slot.role == role for beat in beats) for role in ("setup", "payoff", "callback")}
        order = [("payoff", 1), ("setup", 1), ("callback", 0)]
        for role, kept in sorted(order, key=lambda pair: pair[1] - counts[pair[0]]):
            if counts[role] <= kept:
                continue
            free = [i for i, beat in enumerate(beats) if beat.slot.role == role and beat.slot.id not in meant]
            # The first set-up and the last pay-off carry the joke.
            free = free[1:] if role == "setup" and counts[role] == len(free) else free
            free = free[:-1] if role == "payoff" and counts[role] == len(free) else free
            if free:
                return free[0] if role == "payoff" else free[-1]
        return None

    def _longest(self, beats: Sequence[Beat]) -> float:
        return sum(limits(beat, self.presets)[2] for beat in beats) * self.wish.fps

    def _told(self, beats: Sequence[Beat], *, brief: bool = False) -> list[Beat]:
        told: list[Beat] = []
        last = max(beat.round for beat in beats)
        for beat in beats:
            facts = self._facts(beat)
            thread = self._thread(beat, last, facts)
            line = self._words(beat, "say", facts, thread, brief) if beat.slot.line else ""
            text = self._words(beat, "text", facts, thread, brief) if beat.slot.text else ""
            spoken = self.speak(beat.slot.voice, line) if line else 0.0
            told.append(replace(beat, line=line, text=text, spoken=spoken, facts=facts, thread=thread))
        return told

    def _thread(self, beat: Beat, last: int, facts: dict[str, str]) -> str:
        """The mark that a beat's words keep to: one for the last round and all that is told once, others before."""
        names = turned(threads(self.name, self.wish.language, facts), self._clip)
        if "quoted" in names:
            names = ["quoted", *(name for name in names if name != "quoted")]
        once = beat.slot.show == "card" or beat.slot.role == "callback" or beat.round == last
        return names[(self.wish.seed + (0 if once else 1 + beat.round)) % len(names)] if names else ""

    @property
    def _star(self) -> str:
        """Whom it is about, when the clip's record knows that face."""
        return next((name for name in self.found.people if name.casefold() in self.wish.subject.casefold()), "")

    @property
    def _clip(self) -> str:
        """What makes two clips begin with other jokes."""
        return f"{self.found.record.film.sha256}|{self.wish.subject.casefold()}|{self.name}"

    def _words(self, beat: Beat, kind: Kind, facts: dict[str, str], thread: str, brief: bool) -> str:
        given = self.words.get(beat.slot.id, {}).get(kind, "")
        if given and not beat.round and not beat.number:
            return given
        entry = beat.slot.line if kind == "say" else beat.slot.text
        templates = choices(self.name, entry, kind, self.wish.language)
        mixed = turned(templates, f"{self._clip}|{entry}")
        # What a model wrote is no thread of the library's: what it left out is filled with what answers nothing.
        told = (candidates(mixed, facts, "") if self.words else []) or candidates(mixed, facts, thread)
        if not told:
            return ""
        shortest = min(len(text) for _, text in told)
        # A line longer than the film under it would need the same film again.
        spare = beat.most - self.presets.line_delay(beat.slot) - self.presets.voice.tail
        letters = max(0.0, spare) * SPOKEN_PER_SECOND if kind == "say" else math.inf
        if brief or shortest > letters:
            letters = BRIEF * shortest
        fitting = [pair for pair in told if len(pair[1]) <= letters]
        # Seeds go through the lines of a thread each time that they have gone through the threads.
        number = self.wish.seed // max(1, self._threads) if thread in fields(fitting[0][0]) else self.wish.seed
        return fitting[(number + beat.round) % len(fitting)][1]

    @property
    def _threads(self) -> int:
        return len(library().get(self.name, {}).get("threads", ()))

    def _facts(self, beat: Beat) -> dict[str, str]:
        """Figures that lines may tell; those of the layout are guessed here and put right in `late`."""
        language = self.wish.language
        turn = beat.turn
        others = [name for name in self.found.people if name.casefold() not in self.wish.subject.casefold()]
        facts = {
            **subject_names(self.wish.subject, language),
            **rival_names(others[0] if others else "", language),
            "length": figure(self.found.seconds, language),
            "at": figure(turn.at, language),
            "earlier": figure(turn.at, language),
            "slow": f"{100 * beat.slot.window / beat.slot.seconds[1]:.0f}",
        }
        if (count := len(self.found.of("motion_peak", "loud", "cut"))) > 1:
            facts["count"] = str(count)
        if quote := quotation(self.found.said, turn.at):
            facts["quote"] = quote
        calm = self.found.calm_before(turn)
        if calm >= CALM_SECONDS:
            facts["calm"], facts["still"] = figure(calm, language), ""
        ratio = self.found.ratio(turn)
        motion = self.found.motion(turn)
        moved = motion is None or (motion >= STILL_MOTION and (ratio is None or ratio >= LEAST_RATIO))
        if moved and ratio is not None:
            facts["ratio"] = figure(ratio, language)
        marks = {"happens": ""} if moved or turn.kind != "motion_peak" else {"nothing": ""}
        if moved and turn.kind == "motion_peak":
            marks["moves"] = ""
        facts |= marks
        return facts

    def late(self, beat: Beat) -> Beat:
        """The beat with texts whose figures are only known once it has its frames."""
        if not beat.text or self.words.get(beat.slot.id, {}).get("text"):
            return beat
        facts = {**beat.facts, beat.thread: ""}
        facts["earlier"] = figure(float(facts["earlier"].replace(",", ".")), self.wish.language)
        before = {**self._facts(beat), beat.thread: ""}
        for template in choices(self.name, beat.slot.text, "text", self.wish.language):
            if fill(template, before) == beat.text:
                return replace(beat, text=fill(template, facts) or beat.text)
        return beat
