"""What was spoken otherwise than the words asked, said with the result: 'tired' is spoken as calm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.request import Call

_SPOKEN = ("speak", "speak_dialogue")


def stand_ins(wish: str, done: Sequence[Call], language: str) -> list[str]:
    """One sentence for each feeling that another stands for.

    Args:
        wish: the user's words.
        done: this turn's calls that did their work.
        language: of the sentences.
    """
    told = [sentence for call in done if call.tool in _SPOKEN for sentence in _feelings(wish, call, language)]
    return list(dict.fromkeys(told))


def _feelings(wish: str, call: Call, language: str) -> Iterable[str]:
    lines = [line for line in call.args.get("lines", ()) if isinstance(line, Mapping)]
    spoken = " ".join(str(one.get("emotion", "")) for one in (call.args, *lines))
    outside = re.sub(r"[\"“„«][^\"”»]*[\"”»]", " ", wish)
    for near, words in lexicon().words["near_feelings"].items():
        found = re.search(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])", outside, re.IGNORECASE)
        if found and near in spoken:
            yield lexicon().say("near_feeling", language, word=found.group(), feeling=near)
