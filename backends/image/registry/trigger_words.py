"""The words that call for a LoRA, as its header gives them away."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from backends.image.registry.header import plain
from configs.lora_scan import scan_words

MAX_TRIGGERS = 6
MAX_LENGTH = 80
"""Characters of one trigger word."""
MAX_JSON = 4_000_000
"""Characters of a header field that is parsed."""
NEARLY_ALL = 0.9
"""Share of the training pictures that carry a tag which then stands for the subject itself."""
FOLDER = re.compile(r"^\d+_(.+)$")
"""kohya's folders of training pictures: '<repeats>_<words>'; the words are the caption where there is no other."""


def trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """In this order: `modelspec.trigger_phrase`, `TrainedWords`, tags of nearly all pictures, their folders' names."""
    for key in ("modelspec.trigger_phrase", "TrainedWords", "trained_words", "ss_trained_words"):
        if words := _listed(metadata.get(key, "")):
            return words
    pictures = _pictures(metadata)
    counts, seen = _tag_counts(metadata)
    whole = sum(pictures.values()) or seen
    if counts and whole:
        everywhere = [tag for tag, count in counts.most_common(40) if count >= NEARLY_ALL * whole]
        general = scan_words().not_triggers | scan_words().background_tags
        calling = _tidy([tag for tag in everywhere if tag.strip().lower() not in general])
        if calling and len(everywhere) < len(counts):
            return calling
    names = (found[1] for folder in pictures if (found := FOLDER.match(folder)))
    return _tidy([name.replace("_", " ") for name in names])


def frequent_tags(metadata: Mapping[str, str], n: int = 12) -> tuple[str, ...]:
    """The most frequent tags of the training pictures, the most frequent one first."""
    return tuple(word for tag, _ in _tag_counts(metadata)[0].most_common(n) if (word := plain(tag, MAX_LENGTH)))


def _listed(text: str) -> tuple[str, ...]:
    """Words of a JSON list, or of a text with commas."""
    found = _parsed(text)
    if isinstance(found, list):
        return _tidy([part for item in found if isinstance(item, str) for part in item.split(",")])
    return _tidy(text[: MAX_TRIGGERS * MAX_LENGTH * 4].split(","))


def _tidy(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for raw in words if (word := plain(raw, MAX_LENGTH))))[:MAX_TRIGGERS]


def _tag_counts(metadata: Mapping[str, str]) -> tuple[Counter[str], int]:
    """Pictures per tag (as it is written) over all folders, and the most that a tag has, summed over folders."""
    counts: Counter[str] = Counter()
    seen = 0
    folders = _parsed(metadata.get("ss_tag_frequency", ""))
    for tags in folders.values() if isinstance(folders, dict) else ():
        good = {k: v for k, v in (tags.items() if isinstance(tags, dict) else ()) if type(v) is int and v > 0}
        seen += max(good.values(), default=0)
        counts.update(good)
    return counts, seen


def _pictures(metadata: Mapping[str, str]) -> dict[str, int]:
    """Pictures per folder of the training set."""
    folders = _parsed(metadata.get("ss_dataset_dirs", ""))
    found: dict[str, int] = {}
    for name, facts in folders.items() if isinstance(folders, dict) else ():
        count = facts.get("img_count") if isinstance(facts, dict) else None
        if type(count) is int and count > 0:
            found[plain(name, MAX_LENGTH)] = count
    return found


def _parsed(text: str) -> Any:
    if not text or len(text) > MAX_JSON or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
