"""A trailer: a hook, a title, a build-up whose pieces get shorter and livelier, and a button after the black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from configs.errors import UsageError
from tools.editing.arrangement import Card, Part
from tools.editing.decision.pieces import FactsOf
from tools.editing.decision.select import best_moments

USUAL, SHORTEST_FILM = 20.0, 6.0
FOOTAGE_SHARE = 0.5
"""A trailer shows no more of the film than this."""
SPOILER_SHARE = 0.85
"""What comes after this share of the film is kept for those who see it; only the button may come from there."""
CARD_S = 1.6
HOOK_SHARE, BUTTON_SHARE = 0.16, 0.1
SLOW_PIECE, QUICK_PIECE = 2.2, 0.9
SHORTEST_BUTTON, LONG_FILM = Fraction(6, 5), 8
"""Seconds that a joke or a look after the title takes at least, in trailers with so much footage."""
APART = Fraction(1)
"""Seconds beside the hook and the button that the build-up leaves out, so that it does not give them away."""


@dataclass(frozen=True)
class Cut:
    parts: tuple[Part, ...]
    cards: tuple[Card, ...]
    note: str


def trailer(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, *, seconds: float, title: str) -> Cut:
    """About `seconds` long (0 = as fits), cards included, to the frame when it was said.

    Raises UsageError when the film is too short for one.
    """
    there = float(sum(part.seconds for part in parts))
    wanted = seconds or min(USUAL, max(4.0, FOOTAGE_SHARE * there))
    # Whole frames, so that the parts add up to what was asked for.
    card = round(Fraction(min(CARD_S, wanted / 8)).limit_denominator(1000) * rate) / rate
    shown = round(Fraction(wanted).limit_denominator(10_000) * rate) / rate - 2 * card
    if there < SHORTEST_FILM or shown > Fraction(there) * Fraction(9, 10):
        raise UsageError(
            f"A trailer of {wanted:g} s cannot be cut from {there:.1f} s",
            "it needs footage to choose from",
            "Ask for a shorter one, or for the best moments",
        )
    hook_s = max(Fraction(1), round(shown * Fraction(HOOK_SHARE) * rate) / rate)
    least = SHORTEST_BUTTON if shown >= LONG_FILM else Fraction(3, 4)
    button_s = max(round(least * rate) / rate, round(shown * Fraction(BUTTON_SHARE) * rate) / rate)
    hook = _named(best_moments(_until(parts, 0.5), facts_of, rate, float(hook_s), length=9.0), "hook")
    button_from = _outside(_from(parts, 0.5), hook)
    button = _named(best_moments(button_from, facts_of, rate, float(button_s), length=9.0), "button")
    middle_s = shown - sum(part.seconds for part in (*hook, *button))
    open_ = _until(parts, SPOILER_SHARE)
    beside = [replace(part, begin=part.begin - APART, end=part.end + APART) for part in (*hook, *button)]
    footage = _outside(open_, beside)
    if sum(part.seconds for part in footage) < 2 * middle_s:
        footage = _outside(open_, [*hook, *button])
    middle = _build_up(footage, facts_of, rate, middle_s)
    made = [*hook, *middle, *button]
    first = sum((part.seconds for part in hook), Fraction(0))
    last = first + sum((part.seconds for part in middle), Fraction(0))
    cards = (
        Card(first, float(card), title, "the title, after the hook"),
        Card(last, float(card), title, "the title again, before the button"),
    )
    note = (
        f"hook {float(first):.1f} s, build-up {float(last - first):.1f} s in {len(middle)} pieces that get shorter, "
        f"button {float(sum(p.seconds for p in button)):.1f} s; two title cards of {float(card):.1f} s; nothing of the "
        f"last {1 - SPOILER_SHARE:.0%} but the button"
    )
    return Cut(tuple(made), cards, note)


def _build_up(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, seconds: Fraction) -> list[Part]:
    """Slow pieces from the calmer half of the chosen moments, then quick ones; each half in the film's own order."""
    slow_s = round(seconds * Fraction(55, 100) * rate) / rate
    slow = best_moments(parts, facts_of, rate, float(slow_s), length=SLOW_PIECE)
    quick = best_moments(_outside(parts, slow), facts_of, rate, float(seconds - slow_s), length=QUICK_PIECE)
    lively = {id(part): facts_of(part).interest(float(part.begin), float(part.end)) for part in quick}
    quick.sort(key=lambda part: lively[id(part)])
    return [*_named(slow, "build-up"), *_named(quick, "build-up, faster")]


def _named(parts: Sequence[Part], role: str) -> list[Part]:
    return [replace(part, why=f"{role}: {part.why}") for part in parts]


def _until(parts: Sequence[Part], share: float) -> list[Part]:
    return _stretch(parts, Fraction(0), Fraction(share).limit_denominator(1000))


def _from(parts: Sequence[Part], share: float) -> list[Part]:
    return _stretch(parts, Fraction(share).limit_denominator(1000), Fraction(1))


def _stretch(parts: Sequence[Part], begin: Fraction, end: Fraction) -> list[Part]:
    from tools.editing.arrangement import between

    whole = sum((part.seconds for part in parts), Fraction(0))
    return between(parts, whole * begin, whole * end)


def _outside(parts: Sequence[Part], taken: Sequence[Part]) -> list[Part]:
    """The parts without what is shown already."""
    left = list(parts)
    for gone in taken:
        pieces: list[Part] = []
        for part in left:
            if part.source is not gone.source or gone.end <= part.begin or gone.begin >= part.end:
                pieces.append(part)
                continue
            if gone.begin > part.begin:
                pieces.append(replace(part, end=gone.begin))
            if gone.end < part.end:
                pieces.append(replace(part, begin=gone.end))
        left = pieces
    return left
