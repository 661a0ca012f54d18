"""Which structure fits a clip: by what it measures and by the tone asked for, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from configs.errors import UsageError
from tools.editing.parody.material import Material
from tools.editing.parody.recipes import Recipe, parody_presets

TONE_WEIGHT = 1.2
"""What the tone asked for counts beside the measured figures, which add up to about 1."""

WELL = 0.6
"""Share of a tone from which it is said to suit a structure."""


@dataclass(frozen=True)
class Choice:
    """A recipe for a clip, and why."""

    name: str
    score: float
    why: str


def choose(found: Material, tone: str, wanted: str = "auto") -> tuple[Choice, list[Choice]]:
    """The recipe to use and all that would do, the best first.

    wanted: a recipe's name, or 'auto'. Raises UsageError for an unknown one, or when the clip lacks what it stands on.
    """
    recipes = parody_presets().recipes
    if wanted not in ("auto", *recipes):
        raise UsageError(f"There is no parody recipe '{wanted[:40]}'", fix=f"Use auto or one of {', '.join(recipes)}")
    ranked = sorted(
        (_judged(name, recipe, found, tone) for name, recipe in recipes.items() if not lacking(recipe, found)),
        key=lambda choice: (-choice.score, choice.name),
    )
    if wanted == "auto":
        if not ranked:
            raise UsageError("No parody recipe fits the clip", "nothing in it was measured", "Use another clip")
        return ranked[0], ranked
    missing = lacking(recipes[wanted], found)
    if missing:
        raise UsageError(
            f"The clip does not give the recipe '{wanted}' what it stands on",
            "; ".join(missing),
            f"Use {ranked[0].name if ranked else 'another clip'}, or recipe auto",
        )
    judged = _judged(wanted, recipes[wanted], found, tone)
    return Choice(wanted, judged.score, f"it was asked for ({judged.why})"), ranked


def lacking(recipe: Recipe, found: Material) -> list[str]:
    """What a recipe needs and the clip has not, each with its figure."""
    return [
        f"it needs {name.replace('_', ' ')} of {least:g}, and {found.features[name].said}"
        for name, least in recipe.needs.items()
        if found.features[name].value < least
    ]


def _judged(name: str, recipe: Recipe, found: Material, tone: str) -> Choice:
    """Weighted mean of the features that a recipe likes, plus how well it has the tone."""
    total = sum(recipe.likes.values())
    parts = {key: weight * found.features[key].value / total for key, weight in recipe.likes.items()}
    best = sorted(parts, key=lambda key: (-parts[key], key))[:2]
    reasons = [found.features[key].said for key in best if parts[key] > 0]
    score = sum(parts.values()) + (TONE_WEIGHT * recipe.tones.get(tone, 0.0) if tone else 0.0)
    why = " and ".join(dict.fromkeys(reasons)) or "nothing measured speaks for or against it"
    if tone:
        share = recipe.tones.get(tone, 0.0)
        how = "well" if share >= WELL else "a little" if share else "hardly"
        why += f"; a {tone} tone suits it {how}"
    return Choice(name, round(score, 4), why)
