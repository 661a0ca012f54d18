"""Effects on clips: what they are, and the filters that they become.

Every module of this folder is imported here, so that an effect is known as soon as its file is there.
"""

from importlib import import_module
from pkgutil import iter_modules

from tools.editing.effects.base import EFFECTS, Canvas, ClipEffect, MomentEffect, Stage, effect
from tools.editing.effects.reading import (
    check_effect,
    effect_facts,
    fades,
    foreign_effects,
    grade_filters,
    make_effect,
    picture_filters,
    read_effects,
    sound_filters,
    tempo_filters,
)

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

__all__ = [
    "EFFECTS",
    "Canvas",
    "ClipEffect",
    "MomentEffect",
    "Stage",
    "check_effect",
    "effect",
    "effect_facts",
    "fades",
    "foreign_effects",
    "grade_filters",
    "make_effect",
    "picture_filters",
    "read_effects",
    "sound_filters",
    "tempo_filters",
]
