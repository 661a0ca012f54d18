"""Which language a spoken line is in, from frequent words and letters."""

from __future__ import annotations

import re

from backends.voice.texts.language import script_language
from tools.film.lexicon import lexicon


def line_language(text: str, default: str = "en") -> str:
    """'en', 'it', 'es', 'fr' or 'de' for `text`; `default` when nothing tells, or when it is among the tied best."""
    if not text.isascii() and (other := script_language(text)):
        return other
    speech = lexicon("speech")
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower().replace("’", "'"))
    scores = {language: float(sum(word in known for word in words)) for language, known in speech["languages"].items()}
    for language, letters in speech["letters"].items():
        scores[language] += 0.6 * sum(letter in letters for letter in text.lower())
    best = max(scores.values())
    winners = [language for language, score in scores.items() if score == best]
    if best == 0 or default in winners:
        return default
    return str(winners[0])


def named_language(text: str) -> str:
    """The language that a sentence names ('in Italian'), '' when none."""
    low = text.lower()
    for language, names in lexicon("speech")["language_names"].items():
        if any(re.search(rf"\bin {re.escape(name)}\b", low) for name in names):
            return str(language)
    return ""
