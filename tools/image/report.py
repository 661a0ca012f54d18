"""What generate_image tells of its pictures: figures, a short summary, and what fell short, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memory.names import name_key
from memory.records import Score
from tools.film.shot import CastMember
from tools.image.ranking import IDENTITY, failing, is_unseen
from tools.image.takes import Ranking
from tools.image.wish import Wish
from tools.notes import one_of_each

IN_WORDS = {
    "exposure": "brightness",
    "blur": "blur (0 sharp, 1 blurred)",
    "clipping": "share of burnt-out pixels",
    "difference": "difference from an earlier picture",
    "broken values": "share of pixels without a value",
}


def figures_of(rankings: Sequence[Ranking]) -> dict[str, Any]:
    """Name -> value of the first picture's scores, and of further pictures what is about their characters."""
    figures: dict[str, Any] = {score.name: score.value for score in rankings[0].best.scores if score.value is not None}
    for number, ranking in enumerate(rankings[1:], 2):
        for score in ranking.best.scores:
            if score.value is not None and score.name.startswith(("identity ", "colours ")):
                figures[f"picture {number}: {score.name}"] = score.value
    speed = rankings[0].best.params.get("speed", {})
    return figures | {key: speed[key] for key in ("seconds", "times_the_floor") if key in speed}


def summary_of(wish: Wish, size: tuple[int, int], rankings: Sequence[Ranking], new: Sequence[str]) -> str:
    """At most 1000 characters, the first sentence tells what was made and by what."""
    count = len(rankings)
    made = f"{count} pictures" if count > 1 else "a picture"
    parts = [f"Made {made} ({size[0]}x{size[1]}, engine {rankings[0].best.engine}): {wish.name}."]
    for number, ranking in enumerate(rankings, 1):
        told = [part for part in (ranking.told, _identity(ranking)) if part]
        if told:
            text = "; ".join(told)
            parts.append(f"Picture {number}: {text}." if count > 1 else f"{text[0].upper()}{text[1:]}.")
    if any(ranking.told for ranking in rankings):
        parts.append("All takes are kept.")
    if new:
        parts.append(f"New in memory: {', '.join(new)}.")
    return " ".join(parts)[:1000]


def invented_looks(members: Sequence[CastMember], new: Sequence[str]) -> list[str]:
    """Of new characters whom nobody described, with what to say; once, since they are remembered then."""
    bare = [one.name for one in members if one.name in new and name_key(one.description) in ("", name_key(one.name))]
    if not bare:
        return []
    names = " and ".join(bare)
    look = "look was" if len(bare) == 1 else "looks were"
    return [
        f"Nobody has described {names} yet, so the {look} invented: "
        f"say e.g. 'remember {bare[0]}, a girl with red braids and a green coat'"
    ]


def failed_in_words(rankings: Sequence[Ranking]) -> list[str]:
    """Which gates the kept pictures fail, and why no more takes were made, each once."""
    told: list[str] = []
    for ranking in rankings:
        count = len(ranking.takes)
        tries = f"the best of {count} takes is kept" if count > 1 else "it is kept all the same"
        for score in failing(ranking.best.scores):
            told.append(f"{_fault(score)}: {tries}")
        if ranking.stopped:
            told.append(f"Fewer takes were made than asked for: {ranking.stopped.rstrip('.')}")
    return one_of_each(told)


def _fault(score: Score) -> str:
    if score.value is None:
        return f"{score.name.removeprefix(IDENTITY)} was not found in the picture ({score.note})"
    name = IN_WORDS.get(score.name, score.name)
    near = f" ({score.note})" if score.name == "difference" and score.note else ""
    return f"The picture's {name} is {score.value:.3g}, the mark is {score.threshold:.3g}{near}"


def _identity(ranking: Ranking) -> str:
    """'Luca 0.83 (mark 0.65)' per character that was measured; who could not be told is named without a figure."""
    told = []
    for score in ranking.best.scores:
        if not score.name.startswith(IDENTITY):
            continue
        name = score.name.removeprefix(IDENTITY)
        if score.value is None:
            told.append(f"{name} {'not found' if is_unseen(score) else 'not measured'}")
        elif score.threshold is None:
            told.append(f"{name} {score.value:.2f}")
        else:
            told.append(f"{name} {score.value:.2f} ({'passes' if score.passed else 'below'} {score.threshold:.2f})")
    return f"identity: {', '.join(told)}" if told else ""
