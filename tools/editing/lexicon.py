"""The words of `prompts/editing/lexicon.yaml` and `wishes.yaml`, compiled once: patterns, numbers and times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

CLOCK = r"(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d+)?"


@dataclass(frozen=True)
class Lexicon:
    """The raw tables, and how their placeholders are read."""

    data: dict[str, Any]
    numbers: dict[str, float]
    units: dict[str, float]
    shares: dict[str, float]

    def compile(self, pattern: str) -> re.Pattern[str]:
        """A pattern with its placeholders filled in; white space in the text is single spaces."""
        number = rf"(?:\d+(?:[.,]\d+)?|\b(?:{_any(self.numbers)})\b)"
        length = rf"(?:{number}[ -]?(?:{_any(self.units)})\b)"
        wishes = self.data
        filled = (
            pattern.replace("{ordinal}", rf"(?:{_any(wishes['ordinals'])})")
            .replace("{cardinal}", rf"(?:\d{{1,4}}|(?:{_any(wishes['cardinals'])})\b)")
            .replace("{unit}", rf"(?:{wishes['shot_words']})")
            .replace("{drop}", str(wishes["drop"]))
            .replace("{keep}", str(wishes["keep"]))
            .replace("{time}", f"(?:{CLOCK}|{length})")
            .replace("{moment}", f"(?:{CLOCK}|{length}|{number})")
            .replace("{number}", number)
            .replace("{share}", rf"(?:{_any(self.shares)})\b")
        )
        return re.compile(filled, re.IGNORECASE)

    def number(self, text: str) -> float:
        """'2', '1,5', 'two', 'half a' as a number."""
        plain = " ".join(text.lower().split())
        return self.numbers[plain] if plain in self.numbers else float(plain.replace(",", "."))

    def seconds(self, text: str, unit: float = 1.0) -> float:
        """'0:05', '3 seconds', 'half a minute', or a bare number of `unit` seconds."""
        plain = " ".join(text.lower().replace("-", " ").split())
        if ":" in plain:
            total = 0.0
            for part in plain.replace(",", ".").split(":"):
                total = total * 60 + float(part)
            return total
        amount = self._split(plain)[0]
        return (self.number(amount) if amount else 1.0) * (self.unit(plain) or unit)

    def unit(self, text: str) -> float:
        """Seconds of the unit that `text` ends with; 0 when it names none."""
        return self.units.get(self._split(" ".join(text.lower().replace("-", " ").split()))[1], 0.0)

    def ordinals(self, text: str) -> tuple[int, ...]:
        """The numbers that 'first and last', '2nd', '3 and 4' say: 1 the first, -1 the last."""
        table = {str(word): int(number) for word, number in self.data["ordinals"].items()}
        table |= {str(word): int(number) for word, number in self.data["cardinals"].items()}
        known = "|".join(re.escape(word) for word in sorted(table, key=len, reverse=True))
        said = re.findall(rf"\b(?:{known})\b|\b\d+\b", text.lower())
        return tuple(table[word] if word in table else int(word) for word in said)

    def _split(self, plain: str) -> tuple[str, str]:
        for unit in sorted(self.units, key=len, reverse=True):
            rest = plain.removesuffix(unit)
            if rest != plain and (not rest or rest.endswith(" ") or rest[-1:].isdigit()):
                return rest.strip(), unit
        return plain, ""


def _any(words: dict[str, float]) -> str:
    return "|".join(re.escape(word).replace(r"\ ", " ") for word in sorted(words, key=len, reverse=True))


@cache
def lexicon() -> Lexicon:
    """The lexicon of `edit_video`."""
    data, wishes = (own_table(PROMPT_DIR / "editing" / name) for name in ("lexicon.yaml", "wishes.yaml"))
    data = {**wishes, **data, "can": [*data["can"], *wishes["can"]]}
    return Lexicon(data, data["numbers"], data["units"], data["shares"])
