"""Which of the voices in a recording is the character's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.sound.result import Words
from backends.voice.speakers.diarise import Diarisation
from configs.errors import UsageError
from configs.voice_dataset import Clustering
from tools.voice.dataset.cutting import overlap

_LABEL = re.compile(r"^[-–—\s]*(?:\[|\()?([^\W\d_][\w .'’-]{0,39}?)(?:\]|\))?\s*:\s+(?=\S)")
"""'LUCA: text', '[Luca]: text', '- Luca: text'."""
_LEAST_LINES = 2
_CLEAR_LEAD = 0.05


@dataclass(frozen=True)
class Chosen:
    """The character's number among the speakers, and how it was told."""

    speaker: int
    by: str
    warnings: tuple[str, ...] = ()


def by_reference(who: Diarisation, vector: NDArray[np.float32], limits: Clustering, told: str) -> Chosen:
    """The voice that is nearest to a reference. Raises UsageError when none is near enough."""
    likeness = who.centroids @ vector
    best = int(likeness.argmax())
    if likeness[best] < limits.reference:
        raise UsageError(
            f"Nobody in it sounds like {told}",
            f"the nearest voice has a cosine of {likeness[best]:.2f}, {limits.reference:.2f} is needed",
            "Give another reference, or a recording in which the character speaks",
        )
    warnings: tuple[str, ...] = ()
    rest = np.delete(likeness, best)
    if len(rest) and likeness[best] - float(rest.max()) < _CLEAR_LEAD:
        warnings = (f"Two voices are about as near to {told} ({likeness[best]:.2f} and {float(rest.max()):.2f}).",)
    return Chosen(best, f"{told} (cosine {likeness[best]:.2f})", warnings)


def by_lines(who: Diarisation, words: Sequence[Words], character: str) -> Chosen | None:
    """The voice that speaks when the subtitles name the character; None when they never do."""
    wanted = character.casefold().strip()
    lines = [line for line in words if (label := label_of(line.text)) and label.casefold() == wanted]
    if not lines:
        return None
    talk: Counter[int] = Counter()
    for speaker in range(len(who.centroids)):
        turns = [(turn.start, turn.end) for turn in who.turns if turn.speaker == speaker]
        seconds = sum(overlap(turns, line.start, line.end) for line in lines)
        if seconds:
            talk[speaker] = round(1000 * seconds)
    if not talk:
        return None
    (best, most), total = talk.most_common(1)[0], sum(talk.values())
    warnings: tuple[str, ...] = ()
    if most < 0.7 * total:
        warnings = (
            f"The lines named {character} are spoken by more than one voice ({most / total:.0%} by the first).",
        )
    return Chosen(best, f"{len(lines)} subtitles that name {character}", warnings)


def most_talkative(talk_s: Sequence[float], character: str) -> Chosen:
    """The voice with the most seconds of speech, with a warning where others speak too."""
    best = int(np.argmax(talk_s))
    if len(talk_s) < 2:
        return Chosen(best, "the only voice in it")
    warning = (
        f"Nothing tells which of {len(talk_s)} voices is {character or 'the character'}: the most talkative was taken "
        f"({talk_s[best]:.0f} s). Give a reference clip to choose."
    )
    return Chosen(best, f"the most talkative of {len(talk_s)}", (warning,))


def label_of(text: str) -> str:
    """The speaker's name before a subtitle's text; '' when there is none."""
    match = _LABEL.match(text)
    return match[1].strip() if match else ""


def without_labels(words: Sequence[Words], character: str, *, labelled: bool = False) -> tuple[Words, ...]:
    """The lines without speakers' names; lines that name somebody else are left out.

    A name is one that stands before two lines or more, or the character's: 'Remember: ...' is no speaker. labelled:
    every line is known to begin with a name.
    """
    counts = Counter(label.casefold() for line in words if (label := label_of(line.text)))
    names = {name for name, count in counts.items() if count >= _LEAST_LINES or labelled}
    made: list[Words] = []
    for line in words:
        label = label_of(line.text)
        known = label.casefold() in names or label.casefold() == character.casefold().strip()
        if not label or not known:
            made.append(line)
        elif label.casefold() == character.casefold().strip():
            made.append(line.model_copy(update={"text": _LABEL.sub("", line.text, count=1)}))
    return tuple(made)
