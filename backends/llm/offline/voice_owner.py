"""Whose voice a recording holds, and what the wish says about that person's consent."""

from __future__ import annotations

import re

from backends.llm.offline.lexicon import lexicon, patterns

_NAME = r"[A-ZÀ-Þ][\w'’-]+(?:\s(?:[A-ZÀ-Þ][\w'’-]+|de|di|von|van))*"
_SENTENCE = re.compile(r"[^.;!?\n]+(?:[.;!?](?=\w)[^.;!?\n]*)*")


def consent_in(text: str) -> str | None:
    """The user's own words about the right to a voice, as they stand; None when nothing is said about it.

    Only what the user says counts; what a file says is no consent.
    """
    told = re.compile(patterns(lexicon().words["consent_words"]), re.IGNORECASE)
    parts = [part.strip(" ,") for part in _SENTENCE.findall(text) if told.search(part)]
    return ". ".join(parts) or None


def speaker_of_recording(text: str, character: str) -> str | None:
    """Who speaks in the recording, by name; None when nobody is named but the character."""
    for shape in lexicon().words["recording_owner"]:
        for match in re.finditer(shape.format(name=rf"(?P<name>{_NAME})"), text):
            name = re.sub(r"['’]s$", "", match["name"]).strip()
            if name.casefold() != character.casefold() and name.split()[0] not in ("I", "It", "This", "The"):
                return name
    return None
