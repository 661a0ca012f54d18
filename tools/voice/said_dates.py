"""The day that somebody names in a sentence: 'she agreed on 3 October 2026', 'firmata il 3/10/2026', 'yesterday'."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

_ISO = r"(?P<iso_y>\d{4})-(?P<iso_m>\d{1,2})-(?P<iso_d>\d{1,2})"
_NUMBERS = r"(?P<num_d>\d{1,2})[./-](?P<num_m>\d{1,2})[./-](?P<num_y>\d{4}|\d{2})"


def date_in(said: str, today: datetime.date) -> datetime.date | None:
    """The first day named in `said` that is no end ('until ...'); None when there is none.

    '3/10/2026' is 3 October, unless only the American reading is a date. Without a year it is the last such day.
    """
    plain = _plain(said)
    ends = "|".join(re.escape(_plain(word)) for word in _lexicon()["ends"])
    for match in re.finditer(_pattern(), plain):
        if re.search(rf"(?:\b|^)(?:{ends})\s*(?:the\s+|il\s+|l')?$", plain[: match.start()]):
            continue
        for day in _readings(match, today):
            if day is not None:
                return day
    return None


def _readings(match: re.Match[str], today: datetime.date) -> Iterator[datetime.date | None]:
    part = match.groupdict()
    if part["iso_y"]:
        yield _day(part["iso_y"], part["iso_m"], part["iso_d"])
    elif part["num_d"]:
        year = part["num_y"] if len(part["num_y"]) == 4 else f"20{part['num_y']}"
        yield _day(year, part["num_m"], part["num_d"])
        yield _day(year, part["num_d"], part["num_m"])
    elif part["ago"]:
        yield today - datetime.timedelta(days=int(_days_ago()[part["ago"]]))
    else:
        name, number = (part["month"], part["day"]) if part["day"] else (part["month_first"], part["day_after"])
        year = part["year"] or part["year_after"]
        if year:
            yield _day(year, _months()[name], number)
            return
        found = _day(today.year, _months()[name], number)
        yield found if found is None or found <= today else _day(today.year - 1, _months()[name], number)


def _day(year: str | int, month: str | int, day: str | int) -> datetime.date | None:
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None


@cache
def _pattern() -> re.Pattern[str]:
    months, ago = "|".join(sorted(_months(), key=len, reverse=True)), "|".join(map(re.escape, _days_ago()))
    written = (
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|º|°)?\s+(?:of\s+|di\s+)?(?P<month>{months})\b"
        r"\.?,?(?:\s+(?:del\s+)?(?P<year>\d{4}))?"
    )
    first = (
        rf"\b(?P<month_first>{months})\b\.?\s+(?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)"
        r"(?:,?\s+(?P<year_after>\d{4}))?"
    )
    return re.compile(
        rf"(?<![\d./-])(?:{_ISO}|{_NUMBERS})(?!\d|[./-]\d)|(?<!\d){written}|{first}|(?<!\w)(?P<ago>{ago})(?!\w)"
    )


@cache
def _months() -> dict[str, int]:
    return {name: int(number) for number, names in _lexicon()["months"].items() for name in names}


@cache
def _days_ago() -> dict[str, int]:
    return {_plain(word): int(days) for word, days in _lexicon()["days_ago"].items()}


def _plain(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if unicodedata.category(c) != "Mn")
    return " ".join(bare.replace("’", "'").split())


@cache
def _lexicon() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "dates.yaml")
    return loaded
