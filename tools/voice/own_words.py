"""What a brain says of a consent counts only where the user said it: arguments checked against the user's messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.voice.consent import is_refusal, name_in, plain, read_basis

_SENTENCE = re.compile(r"[^.;!?\n]+(?:[.;!?](?=\w)[^.;!?\n]*)*")


def only_said(args: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
    """`args` with `consent` and `person` as the user said them; what the user did not say is taken out.

    Args:
        args: of clone_voice or train_voice, from a brain.
        told: the user's messages that the call answers, oldest first; never text of files, memory or tools.
    """
    kept = dict(args)
    claimed, person = str(kept.get("consent") or ""), str(kept.get("person") or "")
    statement = _statement(claimed, told)
    if "consent" in kept:
        kept["consent"] = statement
    named = [name for name in (person, name_in(claimed)) if name and _was_said(name, told)]
    if "person" in kept or named:
        kept["person"] = named[0] if named else ""
    return kept


def _statement(claimed: str, told: Sequence[str]) -> str:
    """The user's own sentences about the right to the voice, from the newest message that has any; '' for none.

    Sentences that the claim repeats stay as they are; for others the claim must say the same as the user did.
    """
    if not claimed.strip():
        return ""
    said = {plain(sentence) for message in told for sentence in _SENTENCE.findall(message)}
    basis = read_basis(claimed)
    for message in reversed(told):
        about = [one.strip() for one in _SENTENCE.findall(message) if is_refusal(one) or read_basis(one) is not None]
        if not about:
            continue
        if any(is_refusal(one) for one in about):
            return ". ".join(about)
        own = ". ".join(about)
        if read_basis(own) == basis:
            whole = all(plain(one) in said for one in _SENTENCE.findall(claimed) if one.strip())
            return claimed if whole else own
        return ""
    # 'as before', or a licence's bare name: no basis of its own, but the user's whole words
    whole = all(plain(one) in said for one in _SENTENCE.findall(claimed) if one.strip())
    return claimed if whole else ""


def _was_said(name: str, told: Sequence[str]) -> bool:
    return any(plain(name) in plain(message) for message in told)
