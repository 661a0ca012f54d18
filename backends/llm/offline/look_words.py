"""The names of all looks that a film can be given: the presets of `remix_style` and the styles of the lexicon."""

from __future__ import annotations

import re
from functools import cache

from backends.llm.offline.effect_words import effects_in
from backends.llm.offline.follow_up_words import idle_only
from backends.llm.offline.lexicon import lexicon
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table

PLAIN_LOOK = re.compile(r"\b(?:black (?:and|&|n) white|b ?& ?w|monochrome|gr[ae]yscale|bianco e nero)\b", re.IGNORECASE)
"""What the cutter does itself."""


@cache
def look_names() -> re.Pattern[str]:
    """Any name of a look, longest first."""
    presets = own_table(CONFIG_DIR / "remix.yaml")["presets"]
    names = {str(name).replace("_", " ") for name in presets} | {w for p in presets.values() for w in p["words"]}
    for group in ("styles", "film_looks"):
        names |= {word for spelled in lexicon().words[group].values() for word in spelled}
    spelled = "|".join(re.escape(name).replace(r"\ ", r"[\s-]+") for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{spelled})(?![\w-])", re.IGNORECASE)


def only_a_look(text: str) -> bool:
    """Whether a wish names a look and says nothing else: 'van gogh pls', 'silent film version', 'stile western'."""
    if any(effects_in(match.group()) for match in look_names().finditer(text)):
        return False  # 'let it snow' is weather
    left, found = look_names().subn(" ", text)
    return bool(found) and PLAIN_LOOK.search(text) is None and idle_only(left)
