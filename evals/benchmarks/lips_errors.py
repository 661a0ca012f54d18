"""How far apart two readings of one line start their phonemes or mouth shapes."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from backends.voice.alignment.stretch import base_letters
from backends.voice.engines.protocol import Phoneme
from backends.voice.lips.visemes import MouthCue


def start_errors(truth: Sequence[Phoneme], found: Sequence[Phoneme]) -> list[float]:
    """Seconds between the starts of the phonemes that both have, in order."""
    ours, theirs = [base_letters(p.ipa) for p in truth], [base_letters(p.ipa) for p in found]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [abs(truth[b.a + k].start - found[b.b + k].start) for b in blocks for k in range(b.size)]


def shape_errors(truth: Sequence[MouthCue], found: Sequence[MouthCue]) -> list[float]:
    """Seconds between the starts of the shapes that both have, in order; rests left out."""
    blocks = SequenceMatcher(None, [c.shape for c in truth], [c.shape for c in found], autojunk=False)
    return [
        abs(truth[b.a + k].start - found[b.b + k].start)
        for b in blocks.get_matching_blocks()
        for k in range(b.size)
        if truth[b.a + k].shape != "X"
    ]
