"""From a shot to the words that a diffusion model reads."""

from __future__ import annotations

from collections.abc import Mapping

from backends.image.layout.scene import CharacterLook
from tools.film.lexicon import lexicon
from tools.film.look import describe_in_words
from tools.film.shot import CastMember, Shot

MAX_WORDS = 110
"""About two of the windows of 75 tokens that SDXL reads (four at most): later words count less and less."""


def shot_prompt(
    shot: Shot, cast: tuple[CastMember, ...], looks: Mapping[str, CharacterLook], style: str = "", wish: str = ""
) -> tuple[str, str]:
    """(prompt, negative prompt). `wish` is the user's own wording, put first; `style` last."""
    words = lexicon("prompt")
    genders = {member.name: member.gender for member in cast}
    parts = [wish.strip()] if wish.strip() else []
    parts.append(f"{words['scales'][shot.camera.scale]}, {words['angles'][shot.camera.angle]}")
    for actor in shot.actors:
        look = looks.get(actor.name)
        who = describe_in_words(look, genders.get(actor.name, "neutral")) if look else actor.name
        parts.append(f"{who}, {words['poses'][actor.pose]}, {words['expressions'][actor.expression]}")
    parts.append(f"{words['sets'][shot.set]}, {words['times'][shot.time_of_day]}")
    if shot.props:
        parts.append(", ".join(shot.props))
    parts += [style.strip()] if style.strip() else []
    parts.append(words["quality"])
    kinds = {looks[actor.name].kind for actor in shot.actors if actor.name in looks}
    negative = [words["negative"]]
    negative += [words["negative_by_kind"].get(kind, "") for kind in sorted(kinds) if len(kinds) == 1]
    prompt = " ".join(", ".join(part for part in parts if part).split()[:MAX_WORDS])
    return prompt, ", ".join(part for part in negative if part)
