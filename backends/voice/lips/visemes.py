"""Mouth shapes over time: from phonemes (English, Italian and most other IPA), or from the sound's energy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from backends.voice.engines.protocol import Phoneme
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

REST = "X"
_OPEN_SIGN = "*"
_IGNORED = frozenset("ˈˌ.‿͡ʲʰˠ̩̃̈ˑ'")
_VOICED_OPEN = frozenset("CDEF")


@dataclass(frozen=True)
class MouthCue:
    """One mouth shape, Rhubarb letters A..H and X."""

    start: float
    """Seconds."""
    end: float
    shape: str


@cache
def viseme_rules() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "visemes.yaml")
    return loaded


def cues_from_phonemes(phonemes: Sequence[Phoneme], duration: float) -> tuple[MouthCue, ...]:
    """Mouth cues that cover 0..duration without gaps, equal neighbours merged.

    Args:
        phonemes: IPA with times, ascending; sounds outside 0..duration are cut off.
        duration: seconds of the audio.
    """
    if duration <= 0:
        return ()
    rules = viseme_rules()
    raw = [cue for phoneme in phonemes for cue in _shapes_of(phoneme) if cue.end > cue.start and cue.start < duration]
    raw = _round_ahead(_resolve_open(raw), rules["round_ahead_s"])
    raw = _close_lips(raw, rules["closure_s"])
    covered = _fill_rests([replace(cue, end=min(cue.end, duration)) for cue in raw], duration, rules["rest_after_s"])
    tweened = _tween(_merge(covered), rules["tweens"], rules["tween_s"])
    return tuple(_drop_short(_merge(tweened), rules["min_cue_s"], frozenset(rules["keep"])))


def cues_of_shapes(shapes: Sequence[str], step: float, duration: float) -> tuple[MouthCue, ...]:
    """Cues of shapes that were found every `step` seconds, with what lies between far ones, none too short."""
    rules = viseme_rules()
    cues = [MouthCue(i * step, min((i + 1) * step, duration), shape) for i, shape in enumerate(shapes)]
    cues[-1] = replace(cues[-1], end=duration)
    tweened = _tween(_merge(cues), rules["tweens"], rules["tween_s"])
    return tuple(_drop_short(_merge(tweened), rules["min_cue_s"], frozenset()))


def shape_at(cues: Sequence[MouthCue], seconds: float) -> str:
    """The shape that shows at a time; rest outside."""
    return next((cue.shape for cue in cues if cue.start <= seconds < cue.end), REST)


def rhubarb_json(cues: Sequence[MouthCue], sound_file: str, duration: float) -> str:
    """Rhubarb Lip Sync's JSON form."""
    body = {
        "metadata": {"soundFile": sound_file, "duration": round(duration, 2)},
        "mouthCues": [{"start": round(c.start, 2), "end": round(c.end, 2), "value": c.shape} for c in cues],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def rhubarb_tsv(cues: Sequence[MouthCue]) -> str:
    """Rhubarb Lip Sync's TSV form: start and shape per line, and a last line with the end."""
    lines = [f"{cue.start:.2f}\t{cue.shape}" for cue in cues]
    if cues:
        lines.append(f"{cues[-1].end:.2f}\t{REST}")
    return "\n".join(lines) + "\n"


def cues_from_json(text: str) -> tuple[MouthCue, ...]:
    """Read `rhubarb_json` (or Rhubarb's own output) back. Raises ValueError when it has another form."""
    try:
        return tuple(
            MouthCue(float(cue["start"]), float(cue["end"]), str(cue["value"])) for cue in json.loads(text)["mouthCues"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a Rhubarb JSON file") from error


def split_ipa(ipa: str) -> list[str]:
    """Shape keys within an IPA string, longest match first, stress marks ignored ('ˈɛɹ' -> ['ɛ', 'ɹ'])."""
    shapes = viseme_rules()["shapes"]
    text = "".join(char for char in ipa if char not in _IGNORED)
    keys: list[str] = []
    at = 0
    while at < len(text):
        for size in (2, 1):
            if text[at : at + size] in shapes and len(text[at : at + size]) == size:
                keys.append(text[at : at + size])
                at += size
                break
        else:
            at += 1  # a length mark or a sign without a shape of its own
    return keys


def _shapes_of(phoneme: Phoneme) -> list[MouthCue]:
    """The cues of one phoneme: its keys share the time equally, a diphthong's two shapes share its part."""
    shapes = viseme_rules()["shapes"]
    keys = split_ipa(phoneme.ipa) or [_OPEN_SIGN]
    if phoneme.end - phoneme.start < viseme_rules()["short_l_s"]:
        # The tongue hardly shows in a short L: the lips follow the sounds around it.
        keys = [_OPEN_SIGN if shapes.get(key) == "H" else key for key in keys]
    letters = [(key, letter) for key in keys for letter in shapes.get(key, _OPEN_SIGN)]
    step = (phoneme.end - phoneme.start) / len(letters)
    return [
        MouthCue(phoneme.start + i * step, phoneme.start + (i + 1) * step, _lip_mark(key, letter))
        for i, (key, letter) in enumerate(letters)
    ]


def _lip_mark(key: str, letter: str) -> str:
    """Lower case until it is timed: plosives of the lips ('a'), consonants that a rounded vowel may colour ('b')."""
    if key in viseme_rules()["closures"]:
        return letter.lower()
    return "b" if letter == "B" and key in viseme_rules()["coloured"] else letter


def _resolve_open(cues: list[MouthCue]) -> list[MouthCue]:
    """Sounds made behind the teeth take the next vowel's shape (pucker ahead of 'u'), else the last one's."""
    out: list[MouthCue] = []
    for index, cue in enumerate(cues):
        if cue.shape == _OPEN_SIGN:
            after = cues[index + 1] if index + 1 < len(cues) and cues[index + 1].start - cue.end < 0.05 else None
            before = out[-1] if out and cue.start - out[-1].end < 0.05 else None
            shape = "B"
            if after is not None and after.shape in _VOICED_OPEN:
                shape = "C" if after.shape == "D" else after.shape
            elif before is not None and before.shape in _VOICED_OPEN:
                shape = "C" if before.shape == "D" else before.shape
            out.append(replace(cue, shape=shape))
        else:
            out.append(cue)
    return out


def _round_ahead(cues: list[MouthCue], limits: Sequence[float]) -> list[MouthCue]:
    """Lips round before a rounded vowel is heard: it takes the end of the consonant before it, `limits` seconds.

    The first limit is the shortest consonant that is left, the second the furthest that the lips run ahead.
    """
    shortest, furthest = limits
    out: list[MouthCue] = []
    for cue in cues:
        before = out[-1] if out else None
        if before is not None and before.shape == "b" and cue.shape in "EF" and cue.start - before.end < 0.02:
            ahead = min(furthest, max(0.0, before.end - before.start - shortest))
            out[-1] = replace(before, end=before.end - ahead)
            out.append(replace(cue, start=before.end - ahead))
        else:
            out.append(cue)
    return [replace(cue, shape="B") if cue.shape == "b" else cue for cue in out]


def _close_lips(cues: list[MouthCue], limits: Sequence[float]) -> list[MouthCue]:
    """Lips shut for `limits` seconds up to the release of p and b, taken from the sound before when too short."""
    shortest, longest = limits
    out: list[MouthCue] = []
    for cue in cues:
        if cue.shape != "a":
            out.append(cue)
            continue
        release = cue.start + min(cue.end - cue.start, longest)
        start = max(0.0, min(cue.start, release - shortest))
        # Engines report the burst; the lips met before it.
        start = max(0.0, min(start, cue.start - shortest / 2))
        while out and out[-1].start >= start:
            out.pop()
        if out and out[-1].end > start:
            out[-1] = replace(out[-1], end=start)
        out.append(MouthCue(start, release, "A"))
        if cue.end > release:
            out.append(MouthCue(release, cue.end, "B"))
    return out


def _fill_rests(cues: list[MouthCue], duration: float, rest_after: float) -> list[MouthCue]:
    """Cover 0..duration: long gaps are rests, short ones belong to the shape before."""
    out: list[MouthCue] = []
    at = 0.0
    for cue in cues:
        if cue.end <= at:
            continue
        start = max(cue.start, at)
        if start - at >= rest_after or (not out and start > at):
            out.append(MouthCue(at, start, REST))
        elif start > at:
            out[-1] = replace(out[-1], end=start)
        out.append(MouthCue(start, cue.end, cue.shape))
        at = cue.end
    if at < duration:
        out.append(MouthCue(at, duration, REST))
    return out


def _merge(cues: Sequence[MouthCue]) -> list[MouthCue]:
    out: list[MouthCue] = []
    for cue in cues:
        if out and out[-1].shape == cue.shape:
            out[-1] = replace(out[-1], end=cue.end)
        else:
            out.append(cue)
    return out


def _tween(cues: list[MouthCue], table: dict[str, str], limits: Sequence[float]) -> list[MouthCue]:
    """Put the shape in between into far moves; the time comes from the longer neighbour, at most half of it."""
    shortest, longest = limits
    out: list[MouthCue] = []
    for cue in cues:
        start = cue.start
        middle = table.get(out[-1].shape + cue.shape) if out else None
        if middle is not None:
            before = out[-1]
            lengths = before.end - before.start, cue.end - cue.start
            time = min(longest, max(lengths) / 2)
            if time >= shortest and lengths[0] >= lengths[1]:
                out[-1] = replace(before, end=before.end - time)
                out.append(MouthCue(before.end - time, start, middle))
            elif time >= shortest:
                out.append(MouthCue(start, start + time, middle))
                start += time
        out.append(replace(cue, start=start))
    return out


def _drop_short(cues: list[MouthCue], shortest: float, keep: frozenset[str]) -> list[MouthCue]:
    """No cue shorter than `shortest`: lip closures borrow time from a neighbour, others go to the one before."""
    work = list(cues)
    index = 0
    while index < len(work) and len(work) > 1:
        cue = work[index]
        missing = shortest - (cue.end - cue.start)
        if missing <= 1e-9:
            index += 1
            continue
        before = work[index - 1] if index else None
        after = work[index + 1] if index + 1 < len(work) else None
        if cue.shape in keep and before is not None and before.end - before.start >= shortest + missing:
            work[index - 1] = replace(before, end=before.end - missing)
            work[index] = replace(cue, start=cue.start - missing)
        elif cue.shape in keep and after is not None and after.end - after.start >= shortest + missing:
            work[index + 1] = replace(after, start=after.start + missing)
            work[index] = replace(cue, end=cue.end + missing)
        else:
            if before is not None:
                work[index - 1] = replace(before, end=cue.end)
            elif after is not None:
                work[index + 1] = replace(after, start=cue.start)
            work.pop(index)
            work = _merge(work)
            index = max(0, index - 2)
    return work
