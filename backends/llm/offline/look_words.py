"""The names of all looks that a film can be given: the presets of `remix_style` and the styles of the lexicon."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

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


_KEEPS = re.compile(
    r"(?:[\s,]+(?:but|and|while|ma|e))?[\s,]+(?:keep(?:ing)?|leav(?:e|ing)|tieni|tenendo|lascia(?:ndo)?|mantieni)"
    r"\s+(?:all\s+|tutt[oaie]\s+)?(?:the\s+|its\s+|their\s+|my\s+|il\s+|la\s+|lo\s+|i\s+|le\s+|gli\s+|l['’]\s?)?"
    r"(?:original\s+|own\s+)?(?:(?P<sound>sound|audio|voices?|music|suono|musica|voc[ei])|(?P<words>captions?|subtitles?|"
    r"titles?|text|sottotitoli|didascalie|scritte|testo))(?:\s+(?:original[ei]|as (?:it|they) (?:is|are)))?(?!\w)",
    re.IGNORECASE,
)
_HALF = re.compile(
    r"(?:(?:only|just|but|at|with|solo|a|al)\s+)*(?:half|50 ?%|metà)(?:\s+(?:the\s+|of\s+|its\s+|di\s+|della\s+)*"
    r"(?:strength|intensity|power|effect|forza|intensità))(?!\w)",
    re.IGNORECASE,
)
_SLIGHT = re.compile(
    r"\b(?:a (?:little |tiny )?(?:bit|touch|hint|dash) of|slightly|subtly|lightly|a subtle|a light|un po['’]? di|"
    r"un tocco di|leggermente|appena)(?!\w)",
    re.IGNORECASE,
)
_SLIGHTLY = 0.5
_PERCENT = re.compile(
    r"(?:(?:only|just|but|at|with|solo|a|al)\s+)*(?P<n>\d{1,3}) ?(?:%|per ?cent|percento)(?:\s+(?:strength|"
    r"intensity|forza|intensità))?(?!\w)",
    re.I,
)


def look_details(text: str) -> tuple[dict[str, Any], str]:
    """What a wish for a look says beside it, as arguments of `remix_style`; and the text without that."""
    args: dict[str, Any] = {}
    while match := _KEEPS.search(text):
        args["sound" if match["sound"] else "captions"] = "keep"
        text = f"{text[: match.start()]} {text[match.end() :]}"
    if (match := _PERCENT.search(text)) and int(match["n"]) <= 100:
        args["strength"] = int(match["n"]) / 100
        return args, f"{text[: match.start()]} {text[match.end() :]}"
    if match := _HALF.search(text) or _SLIGHT.search(text):
        args["strength"] = _SLIGHTLY
        text = f"{text[: match.start()]} {text[match.end() :]}"
    return args, text


def only_a_look(text: str) -> bool:
    """Whether a wish names a look and says nothing else: 'van gogh pls', 'silent film version', 'stile western'."""
    said, text = look_details(text)
    if not {"sound", "captions"} & set(said) and any(
        effects_in(match.group()) for match in look_names().finditer(text)
    ):
        return False  # 'let it snow' is weather
    left, found = look_names().subn(" ", text)
    return bool(found) and PLAIN_LOOK.search(text) is None and idle_only(left)
