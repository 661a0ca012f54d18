"""From words to wishes: which effect, where, how strong, with which text."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace

from configs.errors import UsageError
from tools.editing.placing.words import PLACES, effect_words, entries, found, split

MOST_WISHES = 8
QUOTED = re.compile(r"[\"“”«»„]([^\"“”«»„]{1,200})[\"“”«»„]|(?<!\w)['‘]([^'‘’]{2,200})['’](?!\w)")
CAPITALS = r"[A-ZÀ-Þ0-9][A-ZÀ-Þ0-9'’?!.,-]*"
SHOUTED = re.compile(rf"(?<![\w'])(?:{CAPITALS}\s+)*[A-ZÀ-Þ][A-ZÀ-Þ0-9'’?!-]+(?:\s+{CAPITALS})*")
ABBREVIATIONS = {"RGB", "VHS", "PIP", "BPM", "GIF", "MP4", "FPS"}
CLOCK = re.compile(r"(?<![\d:])(\d{1,3}):(\d{2}(?:[.,]\d+)?)(?![\d:])")
SPAN = re.compile(
    r"(?:from|between|da|tra|fra)\s+(\d+(?:[.,]\d+)?)\s*(?:s|secs?|seconds?|secondi)?\s*(?:to|and|until|till|-|a|e)\s*"
    r"(\d+(?:[.,]\d+)?)\s*(?:s|secs?|seconds?|secondi)?\b"
)
BETWEEN_NUMBERS = re.compile(
    r"((?:between|tra|fra)\s+(?:second[oi]?s?\s+)?\d+(?:[.,]\d+)?\s*(?:s|secs?|seconds?|secondi)?)\s+(?:and|e)\s+(?=\d)()"
)
"""'between 1 and 2 seconds': this 'and' stands between no wishes."""
MOMENT = re.compile(
    r"(?:\bat|\bby|\bafter|\bsecond|@|\ba)\s+(?:second\s+)?(\d+(?:[.,]\d+)?)(?!\s*(?:%|percent|times|x\b))"
)
LENGTH = re.compile(r"(?:for|per|lasting|of)\s+(\d+(?:[.,]\d+)?)\s*(?:s|secs?|seconds?|secondi)\b")
SAID = re.compile(
    r"(?:when|where|as|on the word|at the word|quando|sulla parola)\s+(?:\w+\s+)?(?:says?|said|dice)?\s*$"
)


@dataclass(frozen=True)
class Wish:
    """One effect that was asked for."""

    effect: str
    place: str = ""
    """A kind of moment, 'funny', 'whole', 'start', 'end' or 'word'; '' = where it usually goes."""
    every: bool = False
    """All moments of the place, not only the strongest."""
    times: tuple[float, ...] = ()
    """Seconds of the film, instead of a place."""
    seconds: float = 0.0
    """How long; 0 = as usual."""
    strength: float | None = None
    text: str = ""
    word: str = ""
    """The word on which it comes, with place 'word'."""
    said: str = field(default="", compare=False)
    """What it was read from, lower case: it may name whom it is about."""


def read_wishes(wish: str) -> list[Wish]:
    """What a text asks for, in its order.

    Raises UsageError naming the nearest effect when there is none in it.
    """
    texts, plain = _without_texts(wish)
    made: list[Wish] = []
    for part in split(BETWEEN_NUMBERS.sub(r"\1 - \2", plain), effect_words().between):
        effects = _effects_in(part)
        _refuse_missing(part, _hits(part))
        if made and made[-1].times and (more := re.fullmatch(r"\s*([\d:]+(?:[.,]\d+)?)\s*(?:s\w*)?\s*", part)):
            made[-1] = replace(made[-1], times=(*made[-1].times, _seconds(more.group(1))))
        elif not effects and made:
            # "... on every beat, at 3 seconds": more about the effect before.
            made[-1] = _told(made[-1], part, texts)
        for effect in effects:
            made.append(_told(Wish(effect, said=part.strip()), part, texts))
    if not made:
        raise UsageError(
            f"There is no effect in '{wish.strip()[:60]}'", _nearest(plain), f"Ask for one of {', '.join(known())}"
        )
    if len(made) > MOST_WISHES:
        raise UsageError(f"{len(made)} effects were asked for at once", f"{MOST_WISHES} can be added in one go")
    return made


def known() -> list[str]:
    """Names of all effects that can be asked for."""
    return list(entries())


def place_of(at: str, wish: Wish) -> Wish:
    """The wish at the place that an argument names: 'auto', a kind of moment, or times ('2.5' or '2, 4.5, 0:07').

    Raises UsageError when it is neither.
    """
    text = at.strip().lower()
    if text in ("", "auto"):
        return wish
    if re.fullmatch(r"[\d.:]+(?:\s*s)?(?:\s*[,; ]\s*[\d.:]+(?:\s*s)?)*", text):
        return replace(wish, times=tuple(_seconds(one) for one in re.findall(r"[\d.:]+", text)), place="")
    named = text.replace(" ", "_").replace("-", "_")
    for name in (named, named.removesuffix("s"), named.removesuffix("es")):
        if name in PLACES:
            return replace(wish, place=name, times=(), every=named != name or wish.every)
    told = _told(Wish(wish.effect), text, [])
    if told.place or told.times:
        return replace(wish, place=told.place, times=told.times, every=told.every, word=told.word)
    near = difflib.get_close_matches(named, PLACES, n=1)
    raise UsageError(
        f"'{at[:40]}' is no place for an effect", fix=f"Did you mean '{near[0]}'?" if near else "Use 'auto' or seconds"
    )


def _refuse_missing(part: str, hits: list[tuple[int, int, str]]) -> None:
    """Raise UsageError for an effect that is asked for by name and is not there, with what comes nearest.

    hits: effects in the part; 'blur the background' is none of them, though it holds the name of one.
    """
    for name, entry in effect_words().missing.items():
        for match in found(part, entry.words):
            inside = [hit for hit in hits if match.start() <= hit[0] and hit[1] <= match.end()]
            if hits and not any(hit[1] - hit[0] < len(match.group()) for hit in inside):
                continue
            if entry.tool:
                raise UsageError(f"'{name}' is no effect of add_effects", f"{entry.tool} does it", "Ask for it there")
            near = " or ".join(f"'{one.replace('_', ' ')}'" for one in entry.near)
            raise UsageError(f"There is no effect '{name}'", f"nearest are {near}", f"Ask for {near}")


def _effects_in(part: str) -> list[str]:
    """Effects named in a part of the text."""
    return list(dict.fromkeys(name for _, _, name in _hits(part)))


def _hits(part: str) -> list[tuple[int, int, str]]:
    """Begin, end and name of each effect in a part of the text; where names overlap, the longer one is meant."""
    hits: list[tuple[int, int, str]] = []
    for name, entry in entries().items():
        spelled = (*entry.words, name, name.replace("_", "[ -]"))
        hits += [(match.start(), match.end(), name) for match in found(part, spelled)]
    kept: list[tuple[int, int, str]] = []
    for hit in sorted(hits, key=lambda one: (one[0] - one[1], one[0])):
        if all(hit[1] <= other[0] or hit[0] >= other[1] for other in kept):
            kept.append(hit)
    return sorted(kept)


def _told(wish: Wish, part: str, texts: list[str]) -> Wish:
    """The wish with what a part of the text says about it."""
    table = effect_words()
    own = entries()[wish.effect].words
    rest = re.sub("|".join(f"(?:{word})" for word in sorted(own, key=len, reverse=True)), " ", part, count=1)
    for number in re.findall(r"\x00(\d+)\x00", part):
        text = texts[int(number)] if int(number) < len(texts) else ""
        before = part.partition(f"\x00{number}\x00")[0]
        wish = replace(wish, place="word", word=text) if SAID.search(before) else replace(wish, text=text)
    if span := SPAN.search(rest):
        begin, end = (_seconds(one) for one in span.groups())
        wish = replace(wish, times=(begin,), seconds=max(0.0, end - begin))
        rest = rest.replace(span.group(), " ")
    if length := LENGTH.search(rest):
        wish = replace(wish, seconds=_seconds(length.group(1)))
        rest = rest.replace(length.group(), " ")
    times = [60 * float(m[0]) + _seconds(m[1]) for m in CLOCK.findall(rest)]
    times += [_seconds(one) for one in MOMENT.findall(CLOCK.sub(" ", rest))]
    if times:
        wish = replace(wish, times=tuple(times))
    for value, words in table.strength.items():
        if any(found(rest, words)):
            wish = replace(wish, strength=value)
    hits = [(match.end() - match.start(), name) for name, words in table.places.items() for match in found(rest, words)]
    if hits and not wish.times and wish.place != "word":
        wish = replace(wish, place=max(hits)[1])
    return replace(wish, every=wish.every or any(found(rest, table.every)))


def _without_texts(wish: str) -> tuple[list[str], str]:
    """Quoted texts, or what is written in capitals; and the rest in lower case with a mark in the place of each."""
    texts: list[str] = []

    def keep(match: re.Match[str]) -> str:
        texts.append(next(group for group in (*match.groups(), match.group()) if group).strip())
        return f" \x00{len(texts) - 1}\x00 "

    plain = QUOTED.sub(keep, wish.replace("\x00", " "))
    if plain != plain.upper():
        plain = SHOUTED.sub(lambda match: keep(match) if _is_text(match.group()) else match.group(), plain)
    return texts, re.sub(r"\s+", " ", plain.lower())


def _is_text(shouted: str) -> bool:
    """Whether capitals are words to be shown, and no abbreviation or an effect that is asked for loudly."""
    plain = shouted.strip().lower()
    loud = any(re.fullmatch("|".join(entry.words), plain) for entry in entries().values())
    return len(plain) >= 3 and shouted.strip() not in ABBREVIATIONS and not loud


def _nearest(plain: str) -> str:
    names = {word: name for name in known() for word in name.split("_")}
    names |= {name.replace("_", " "): name for name in known()}
    words = re.findall(r"[a-z-]+", plain)
    spoken = [" ".join(words[n : n + size]) for size in (1, 2, 3) for n in range(len(words) - size + 1)]
    near = [match for text in spoken for match in difflib.get_close_matches(text, names, n=1, cutoff=0.7)]
    return f"nearest is '{names[near[0]]}'" if near else "none of its words is the name of one"


def _seconds(text: str) -> float:
    """Seconds of '2.5', '2,5' or '1:02.5'."""
    minutes, _, rest = text.strip(" .:").replace(",", ".").rpartition(":")
    try:
        return (60 * float(minutes) if minutes else 0.0) + float(rest)
    except ValueError as error:
        raise UsageError(f"'{text[:20]}' is no time", fix="Say it like 2.5 or 1:02") from error
