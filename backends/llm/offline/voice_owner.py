"""Whose voice a recording holds, and what the wish says about that person's consent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from backends.llm.offline.lexicon import lexicon, patterns
from backends.llm.offline.request import Call

_NAME = r"[A-ZÀ-Þ][\w'’-]+(?:\s(?:[A-ZÀ-Þ][\w'’-]+|de|di|von|van))*"
_OWNED = ("clone_voice", "train_voice")
"""Tools that ask whose voice it is."""
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
            if (
                name.casefold() != character.casefold()
                and name.split()[0].casefold() not in lexicon().words["not_people"]
            ):
                return name
    return None


def asks_consent(calls: Sequence[Call]) -> bool:
    """Whether these calls end in the question whose voice it is."""
    return any(call.tool in _OWNED for call in calls)


def with_consent(calls: Sequence[Call], said: str, earlier: str) -> tuple[Call, ...]:
    """The calls with what the user answered to that question.

    Args:
        calls: of the open wish.
        said: the answer: 'it is my own voice', 'written consent of Anna Rossi', or the name alone.
        earlier: the open wish with earlier answers, which may hold the rest: 'she agreed in writing'.
    """
    told: dict[str, str] = {}
    character = next((str(call.args.get("character", "")) for call in calls if call.tool in _OWNED), "")
    before = consent_in(earlier) or ""
    name = re.fullmatch(rf"\W*({_NAME})\W*", said.strip())
    if name and before:
        told = {"consent": before, "person": name.group(1)}
    else:
        told = {"consent": said.strip()}
        if person := speaker_of_recording(said, character):
            told["person"] = person
    return tuple(replace(call, args={**call.args, **told}) if call.tool in _OWNED else call for call in calls)
