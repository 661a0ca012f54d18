"""Effects on clips: what they are, and the filters that they become."""

from tools.editing.effects.basic import (
    check_effect,
    fades,
    foreign_effects,
    grade_filters,
    read_effects,
    tempo_filters,
)

__all__ = ["check_effect", "fades", "foreign_effects", "grade_filters", "read_effects", "tempo_filters"]
