"""A wish for a cut in words that the cutter reads: without what other arguments say, and without asides."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.llm.facts import FileFact
from backends.llm.offline.file_orders import without_order
from backends.llm.offline.wish import FILE_NAME

_RATIO = re.compile(
    r"(?:(?:in|to|as|make it|crop(?: it)? to)\s+)?(?P<shape>\d{1,2}\s?[:x/]\s?\d{1,2})(?:\s+(?:please|format|"
    r"formato))?",
    re.I,
)
_LISTENER = re.compile(
    r"\b(?P<verb>taglia|togli|rallenta|velocizza|accelera|accorcia|unisci|metti|aggiungi|elimina|rimuovi|leva|alza|abbassa|monta)(?:m|c)i\b",
    re.IGNORECASE,
)
"""'Toglimi i silenzi': for whom it is done says nothing."""
_SOUND = (
    r"(?:\x00|(?:the|my|this|that|some|la|il|quest[oa]|un po['’]? di)?\s*(?:music|song|track|tune|musica|canzone|brano)"
    r"|it|this|that)"
)
_FILM = r"(?:it|this|that|the (?:clip|video|film|footage|movie|whole thing)|\x01|il (?:video|filmato|clip)|tutto)"
_LAYS = re.compile(
    rf"(?:(?:\b(?:and|then|e|poi)\b|[,;.])\s*)*\b(?:put|lay|add|use|set|play|drop|place|have|metti(?:ci)?|usa|aggiungi(?:ci)?|con|with)\s+{_SOUND}"
    rf"(?:\s+(?:under(?:neath)?|beneath|below|behind|over|on|onto|to|sotto|su|sul|al|a)(?:\s+{_FILM})?|"
    r"\s+(?:as|for|come|di|in)\s+(?:(?:the|a|its|la|il)\s+)?(?:background|soundtrack|music|score|musica|sottofondo|"
    r"colonna sonora)"
    rf"(?:\s+(?:music|track|sound|di (?:sottofondo|fondo)|di fondo))?(?:\s+(?:of|for|to|under|per|di)\s+{_FILM})?|"
    r"\s+(?:in the background|di sottofondo|in sottofondo))?(?=\s*(?:$|[,.;!]|\b(?:and|then|e|poi)\b))",
    re.IGNORECASE,
)
_KIND = {**dict.fromkeys(("wav", "mp3", "flac", "ogg", "m4a", "aac"), "\x00"),
         **dict.fromkeys(("mp4", "mov", "mkv", "webm", "avi", "m4v"), "\x01")}  # fmt: skip


def cutters_words(text: str, music: str | None, files: Sequence[FileFact] = ()) -> str:
    """The instruction; '' when nothing is left of it but the sound that goes under the film.

    Args:
        text: the wish's own words.
        music: the sound that goes with the call as an argument.
        files: clips whose order an argument says.
    """
    text = _LISTENER.sub(lambda match: match["verb"], text)
    if bare := _RATIO.fullmatch(text.strip(" .!?")):
        return f"make it {bare['shape']}"
    if len(files) > 1:
        text = without_order(text, files)
    if music:
        marked = FILE_NAME.sub(lambda match: _KIND.get(match["ext"].lower(), match.group()), text)
        names = [match.group() for match in FILE_NAME.finditer(text) if _KIND.get(match["ext"].lower()) == "\x01"]
        if _LAYS.search(marked):
            text = _LAYS.sub(" ", marked).replace("\x00", music)
            for name in names:
                text = text.replace("\x01", name, 1)
    return re.sub(
        r"^(?:and|then|e|poi|first|prima)\b[\s,]*", "", " ".join(text.split()).strip(" ,.;!?"), flags=re.IGNORECASE
    )
