"""Which of several takes is best, by their scores, and why, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memory.records import Score
from tools.film.lexicon import lexicon

JUDGED = "judge"
"""Name of a vision model's score, 1-5."""
PROMPT = "prompt match"
ADHERENCE = "adherence "
IDENTITY = "identity "
UNDETECTED = "undetected"
"""Begins the note of an identity score where nobody was found to compare."""
BLUR = "blur"


@dataclass(frozen=True)
class Rank:
    """The place of one take."""

    index: int
    """In the list that was ranked."""
    place: int
    """1 is the best."""
    why: str


def failing(scores: Sequence[Score]) -> tuple[Score, ...]:
    """The gates that were measured and failed, and characters who were looked for and not found."""
    return tuple(score for score in scores if score.passed is False or is_unseen(score))


def is_unseen(score: Score) -> bool:
    """Whether a character was looked for and no face was found: worse than a face that is little alike."""
    return score.name.startswith(IDENTITY) and score.value is None and score.note.startswith(UNDETECTED)


def unseen(scores: Sequence[Score]) -> int:
    """How many characters were looked for and could not be told: neither a pass nor a failure."""
    return sum(score.name.startswith(IDENTITY) and score.value is None for score in scores)


def total(scores: Sequence[Score]) -> float:
    """How good a try is, 0-1: passed gates count one, a failed one by how near it came."""
    parts = []
    for score in scores:
        if is_unseen(score):
            parts.append(0.0)
        if score.value is None or score.passed is None:
            continue
        near = score.value / score.threshold if score.threshold else 0.0
        parts.append(1.0 if score.passed else min(0.9, max(0.0, near if near < 1 else 1 / near)))
    return sum(parts) / len(parts) if parts else 0.0


def ranked(takes: Sequence[Sequence[Score]]) -> list[Rank]:
    """Best first: fewest failed gates, then `total`, then the judge, then what ranks without a gate; the earlier wins.

    A character that could not be told counts here as a failed gate, and a measured one goes before it: a picture
    without a face is no better than one with a face that is a little too unlike.
    A judge's score counts only among takes whose gates are equal, so it never decides alone.
    """
    order = sorted(range(len(takes)), key=lambda index: (_key(takes[index]), -index), reverse=True)
    return [Rank(index, place, _why(index, order, takes)) for place, index in enumerate(order, 1)]


def _key(scores: Sequence[Score]) -> tuple[float, ...]:
    judged = _value(scores, JUDGED)
    lost = unseen(scores)
    broken = sum(score.passed is False for score in scores)
    return (
        -(broken + lost), -lost, round(total(scores), 3), judged if judged is not None else 0.0,
        _merit(scores),
    )  # fmt: skip


def _merit(scores: Sequence[Score]) -> float:
    """Weighted sum of the figures that rank: the least alike character, adherence to maps, prompt, sharpness."""
    weights: dict[str, float] = lexicon("gates")["picture"]["rank"]
    alike = [one.value for one in scores if one.name.startswith(IDENTITY) and one.value is not None]
    followed = [one.value for one in scores if one.name.startswith(ADHERENCE) and one.value is not None]
    prompt, blur = _value(scores, PROMPT), _value(scores, BLUR)
    return (
        weights["identity"] * (min(alike) if alike else 0.0)
        + weights["adherence"] * (sum(followed) / len(followed) if followed else 0.0)
        + weights["prompt"] * (prompt or 0.0)
        + weights["sharpness"] * (1 - blur if blur is not None else 0.0)
    )


def _why(index: int, order: Sequence[int], takes: Sequence[Sequence[Score]]) -> str:
    """In a few words, against the other takes."""
    own = takes[index]
    broken = failing(own)
    if broken:
        clean = not any(failing(takes[other]) for other in order if other != index)
        listed = ", ".join(
            f"{one.name} {UNDETECTED if one.value is None else format(one.value, '.3g')}" for one in broken[:2]
        )
        lead = "fails least" if index == order[0] and len(order) > 1 and not clean else "fails"
        return f"{lead}: {listed}"
    others = [takes[other] for other in order if other != index]
    if others and all(failing(other) for other in others):
        return ", ".join(["the only one that passes", *_figures(own)])
    words = [word for word, better in _BETTER if _is_best(own, others, better)]
    parts = [*words[:2], *_figures(own)]
    judged = _value(own, JUDGED)
    if judged is not None:
        parts.insert(0, f"judged {judged:.0f} of 5")
    return ", ".join(parts) or ("made first" if index == order[0] else "passes, nothing better")


def _figures(scores: Sequence[Score]) -> list[str]:
    return [
        f"{one.name.removeprefix(IDENTITY)} {one.value:.2f}"
        for one in scores
        if one.name.startswith(IDENTITY) and one.value is not None
    ][:3]


_Better = Callable[[Sequence[Score]], float | None]


def _is_best(own: Sequence[Score], others: Sequence[Sequence[Score]], figure: _Better) -> bool:
    mine = figure(own)
    theirs = [value for other in others if (value := figure(other)) is not None]
    return mine is not None and bool(theirs) and mine > max(theirs)


def _value(scores: Sequence[Score], name: str) -> float | None:
    return next((one.value for one in scores if one.name == name), None)


def _sharp(scores: Sequence[Score]) -> float | None:
    blur = _value(scores, BLUR)
    return None if blur is None else -blur


def _followed(scores: Sequence[Score]) -> float | None:
    found = [one.value for one in scores if one.name.startswith(ADHERENCE) and one.value is not None]
    return sum(found) / len(found) if found else None


_BETTER: tuple[tuple[str, _Better], ...] = (
    ("follows its maps best", _followed),
    ("nearest to the words", lambda scores: _value(scores, PROMPT)),
    ("sharpest", _sharp),
)
