"""Names of files and of LoRAs: what of them is a name, and what only says version, format or training step."""

from __future__ import annotations

import re

_BREAK = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_FORMAL = re.compile(
    r"v\d+[a-z]?|\d+|\d*(?:step|steps|epoch|ep|e)\d*|rank\d*|dim\d*|r\d+|sdxl\d*|xl|sd|lora|locon|dora|lycoris|fp16|"
    r"bf16|fp32|final|last|pruned|il|ilxl|pony|ponyxl|illustrious|noob|noobai|checkpoint|weights|model",
    re.IGNORECASE,
)


def bare_name(name: str) -> str:
    """The words of a name without version, base and format: 'luca_v2-sdxl-000010' -> 'luca'; '' when none is left."""
    parts = [part for part in _BREAK.split(name) if part]
    return " ".join(part for part in parts if not _FORMAL.fullmatch(part))
