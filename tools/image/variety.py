"""'Six poses of Luca': a series that shall differ in one respect, and the word that each of its pictures gets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.film.casting import known_names
from tools.film.lexicon import lexicon
from tools.film.reading import read_story
from tools.spec import ToolContext

_OF = r"(?:of|for|with|di|del|dello|della|dell'|dei|degli|delle|per|con)"
_IN = r"(?:in|from|with|at|under|of|showing|by|for|one for|da|con|di|a|sotto|nelle|nei|nella|alle|dalle|per)"

_ITALIAN = re.compile(
    r"\b(?:di|del|della|dei|pose(?! of)|\w+[ie] (?:divers[ei]|differenti)|vari[e]?|ogni|tutt[ei]|stagion[ei]"
    r"|espressioni|emozioni|angolazioni|inquadrature|luc[ei])\b",
    re.IGNORECASE,
)
_ONE_POSE = re.compile(r"\b(?:pose|posture)\s+(?:of|for|with)\b", re.IGNORECASE)
"""In Italian these words are plurals."""


@dataclass(frozen=True)
class Variety:
    """What a prompt asks to vary."""

    respect: str
    """'pose', 'expression', 'angle', 'season' or 'light'."""
    subject: str
    """The prompt without the wish to vary; '' when it says nothing else."""
    words: tuple[tuple[str, str], ...]
    """(word to show, words for the prompt), in the order of the pictures."""
    of_somebody: bool

    def prompts(self, count: int) -> list[tuple[str, str, int]]:
        """(word, prompt, variant) of `count` pictures; when the words run out they come again as variants."""
        made = []
        for number in range(count):
            word, said = self.words[number % len(self.words)]
            prompt = f"{self.subject}, {said}" if self.subject else said
            made.append((word, prompt, number // len(self.words)))
        return made


def variety_of(prompt: str) -> Variety | None:
    """What the pictures of a prompt shall differ in; None for a prompt that does not say."""
    for respect, entry in lexicon("variety")["respects"].items():
        for pattern in _patterns(respect):
            match = pattern.search(prompt)
            if match and not _ONE_POSE.search(match.group()):
                rest = f"{prompt[: match.start()]} {prompt[match.end() :]}"
                subject = " ".join(re.sub(r"\s+([,.])", r"\1", rest).split()).strip(" ,;:.")
                language = "it" if _italian(match.group()) else "en"
                words = tuple((str(one[language]), str(one["prompt"])) for one in entry["words"])
                return Variety(respect, subject, words, bool(entry.get("of_somebody")))
    return None


def variety_for(prompt: str, character: str, ctx: ToolContext) -> Variety | None:
    """`variety_of` a prompt that shows something: poses and expressions need a character, anything a subject."""
    found = variety_of(prompt)
    if found is None or not (found.subject or character):
        return None
    if found.of_somebody and not character:
        people = read_story(found.subject, known_names(ctx.memory), ctx.settings.voice.language).people
        return found if people else None
    return found


@cache
def _patterns(respect: str) -> tuple[re.Pattern[str], ...]:
    data: dict[str, Any] = lexicon("variety")
    entry = data["respects"][respect]
    many, number = _any(data["many"]), rf"(?:\d{{1,3}}|{_any(data['numbers'])})"
    after = rf"(?:\s+{_any(data['after'])})?"
    nouns, loose = _any(entry["nouns"]), _any([*entry["nouns"], *entry.get("loose", ())])
    the = r"(?:(?:the|a|an|le|i|gli|un|una|un')\s+)?"
    led = rf"^{the}(?:{_any(data['series'])}\s+{_OF}\s+)?"
    ended = rf"{the}(?:{many}\s+)?(?:of\s+)?{the}"
    forms = [
        # 'six poses of Luca', 'different views of a castle'
        rf"{led}(?:{many}\s+|{number}\s+)*{nouns}{after}\s+{_OF}\s+",
        rf"{led}{many}\s+(?:{number}\s+)?{loose}\s+{_OF}\s+",
        # 'Luca in six poses', 'in pose diverse', 'a tree in every season'
        rf"[\s,]*(?:\b{_IN}\s+)?{ended}(?:{number}\s+)?(?:{many}\s+){loose}(?!\w)",
        rf"[\s,]*\b{_IN}\s+{the}{number}\s+(?:{many}\s+)?{nouns}{after}(?!\w)",
        rf"[\s,]*(?:\b{_IN}\s+)?{loose}\s+{_any(data['after'])}(?!\w)",
        # 'different poses', all that is said
        rf"^{the}(?:{many}\s+|{number}\s+)+{nouns}{after}$",
    ]
    return tuple(re.compile(form, re.IGNORECASE) for form in forms)


def _any(words: Iterable[str]) -> str:
    longest = sorted(map(str, words), key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in longest)})(?!\w)"


def _italian(said: str) -> bool:
    """Whether the wish to vary was said in Italian, so that the reply names the words in it."""
    return _ITALIAN.search(said) is not None
