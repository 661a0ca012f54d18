"""Single arguments out of a text: style, emotion, language, count, size, seed, seconds, rating and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.llm.offline.lexicon import lexicon, patterns
from backends.llm.offline.wish import number

Span = tuple[int, int]

_WORDS = "|".join(sorted(lexicon().words["number_words"], key=len, reverse=True))
NUMBER = rf"(?:\d+|(?:{_WORDS})(?:[\s-](?:{_WORDS}))?)"
_SECONDS = r"(?:seconds?|secs?|s|secondi|secondo)"
_MINUTES = r"(?:minutes?|mins?|minut[oi])"
_THINGS = (
    r"(?:pictures?|images?|pics?|drawings?|illustrations?|portraits?|paintings?|photos?|"
    r"variations?|variants?|versions?|takes?|options?|"
    r"backgrounds?|renders?|posters?|sketches|copies|immagini|disegni|ritratti|foto|varianti|"
    r"versioni|sfondi|quadri|times)"
)
_MEDIUM = patterns(lexicon().words["medium_words"])


def style(text: str, known: Iterable[str] = (), *, bare: bool = False) -> tuple[str, Span] | None:
    """The style asked for, and where it stands in the text.

    Args:
        text: the clause, with quoted content blanked.
        known: names of remembered styles.
        bare: True: a style word counts wherever it stands (for tools whose main argument is the style).
    """
    for name in known:
        match = re.search(
            (
                r"(?:,?\s*\b(?:in|with|using|as|nello?|con)\s+)?(?:the\s+|our\s+|my\s+|"
                rf"lo\s+)?(?<!\w){re.escape(name)}(?!\w)(?:\s+(?:style|look|stile))?"
            ),
            text,
            re.I,
        )
        if match:
            return name, match.span()
    styles = lexicon().group("styles").pattern
    shapes = (
        (
            r",?\s*\b(?:in|with|using|as|nello?|con)\s+(?:an?\s+|the\s+|un[oa]?\s+|"
            rf"lo\s+)?(?P<s>(?:{styles})|[\w'-]+(?:\s[\w'-]+)?)[\s-]+(?:style|look|aesthetic)\b"
        ),
        (
            r",?\s*\b(?:in|into|as)\s+(?:the\s+)?(?:style|look|manner)\s+of\s+(?:an?\s+|"
            rf"the\s+)?(?P<s>(?:{styles})|[\w'-]+(?:\s[A-Z\w'-]+)?)"
        ),
        rf",?\s*\b(?:in|con|nello?|dallo?)\s+stile\s+(?:un\s+)?(?P<s>(?:{styles})|[\w'-]+)",
        rf"\bstyle\s*(?:=|:|is)\s*(?P<s>(?:{styles})|[\w' -]+)",
        rf"\b(?P<s>{styles})[\s-]+(?:style|look|stile)\b",
        (
            rf",?\s*\b(?:in|as|like|into|to)\s+(?:an?\s+|the\s+|un\s+|una\s+)?(?P<s>{styles})(?=\s*(?:$|"
            r"[,.;!?]|and\b|please\b|with\b|version|painting|drawing|cartoon|book|film|movie))"
        ),
        rf",\s*(?P<s>{styles})(?=\s*(?:$|[,.;!?]))",
        (
            rf"\b(?:an?|the|some|un|una|\d+|{_WORDS})\s+(?:\w+\s+)?(?P<s>{styles})\s+(?=(?:{_MEDIUM}|film|"
            r"movie|short|animation|cartoon|video|clip|version|character)\b)"
        ),
        rf"\b(?:ad?|all'|al)\s?(?P<s>{styles})\b",
        rf"\blook(?:s)?\s+like\s+(?:an?\s+)?(?P<s>{styles})\b",
    )
    for shape in shapes:
        match = re.search(shape, text, re.IGNORECASE)
        if match:
            found = match.group("s").strip()
            if re.match(r"(?:the|this|that|same|a|an|of|any|his|her|its|own|my|our)\b", found, re.IGNORECASE):
                continue
            return lexicon().group("styles").canonical(found), match.span()
    if bare:
        found = lexicon().group("styles").find_all(text)
        if found:
            return found[0][0], found[0][1].span()
    return None


def emotion(text: str) -> str | None:
    """An emotion that the voice engines know, from adverbs and 'in a ... voice'."""
    return lexicon().group("emotions").first(text)


def emotion_of_verb(text: str) -> str | None:
    """'whisper' -> whispering, 'yell' -> shouting."""
    return lexicon().group("emotion_verbs").first(text)


def language(text: str) -> str | None:
    """ISO code of a language that is asked for by name."""
    names = lexicon().group("languages").pattern
    match = re.search(rf"\b(?:in|into|speak|speaks|speaking|auf|en|parla|language\s*[:=]?)\s+({names})\b", text, re.I)
    return lexicon().group("languages").canonical(match.group(1)) if match else None


def best_of(text: str) -> tuple[int, tuple[int, int]] | None:
    """'the best of three', 'il migliore di 3': how many takes, and where that is said."""
    match = re.search(
        rf"[,;]?\s*\b(?:(?:and\s+)?(?:keep|take|choose|pick|give me|show me|with)\s+)?(?:(?:the|il|la)\s+)?"
        rf"(?:best|migliore)\s+(?:one\s+)?(?:out\s+)?(?:of|di|fra|tra)\s+({NUMBER})\b(?:\s+(?:takes|tries|versions|attempts))?",
        text, re.IGNORECASE,
    )  # fmt: skip
    value = number(match.group(1)) if match else None
    return (value, match.span()) if match and value and value > 1 else None


def count(text: str) -> int | None:
    """How many pictures: 'three pictures', 'a couple of drawings', 'x4'."""
    match = re.search(rf"\b({NUMBER})\s+(?:\w+\s+){{0,2}}?{_THINGS}\b", text, re.IGNORECASE)
    if match and (value := number(match.group(1))):
        return value
    match = re.search(r"(?:\bx\s?(\d{1,2})|\b(\d{1,2})\s?x)\b(?!\s*[-+*/^=\d])", text, re.IGNORECASE)
    if match:
        return int(match.group(1) or match.group(2))
    for pattern, value in (
        (rf"\ba\s+(?:couple|pair)\s+of\s+(?:\w+\s+)?{_THINGS}", 2),
        (rf"\b(?:a few|some|alcune|qualche)\s+(?:\w+\s+)?{_THINGS[:-1]}|immagine)", 3),
    ):
        if re.search(pattern, text, re.IGNORECASE):
            return value
    return None


def batch_count(text: str) -> int | None:
    """How many of a batch: 'a batch of 8', 'eight different ...', 'ten times'."""
    match = re.search(rf"\b(?:of|di|make|generate|create|produce|queue up|draw)\s+({NUMBER})\b", text, re.IGNORECASE)
    match = match or re.search(rf"\b({NUMBER})\b(?!\s*(?:x|by|×)\s*\d)", text, re.IGNORECASE)
    return number(match.group(1)) if match else None


def size(text: str) -> tuple[int, int, Span] | None:
    """(width, height, where) in pixels: '1920x1080', 'square', '4k', 'portrait format'."""
    match = re.search(r"\b(\d{2,4})\s*(?:x|×|by|per)\s*(\d{2,4})\b(?:\s*(?:px|pixels?))?", text, re.IGNORECASE)
    if match:
        return int(match.group(1)), int(match.group(2)), match.span()
    nouns = rf"(?:{_MEDIUM}|format|formato|aspect|ratio|version|frame|canvas|crop)"
    for name, found in lexicon().group("sizes").find_all(text):
        after, before = text[found.end() :], text[: found.start()]
        # 'the village square' is a place, 'a tall tower' a tower: the word must speak of the picture.
        loose = name in ("square", "tall", "vertical", "quadrata", "quadrato", "verticale", "orizzontale", "hd")
        speaks = re.match(rf"\s*(?:{nouns})\b", after, re.I) or re.search(
            rf"(?:{nouns}|,|\bin|\bmake it|\bin formato)\s*$", before, re.I
        )
        if loose and not speaks:
            continue
        width, height = lexicon().words["sizes"][name]
        return width, height, found.span()
    return None


def seed(text: str) -> tuple[int, Span] | None:
    """'seed 42', 'with the seed of 7'."""
    match = re.search(
        r",?\s*\b(?:with\s+|using\s+|con\s+)?(?:the\s+|a\s+|il\s+)?seed\s*(?:=|:|of|number|is)?\s*(\d{1,10})\b",
        text,
        re.IGNORECASE,
    )
    return (int(match.group(1)), match.span()) if match else None


def background(text: str) -> str | None:
    """'with a forest background', 'background: the beach', 'against a starry sky'."""
    shapes = (
        r"\b(?:with|on|against|su|con)\s+(?:an?\s+|the\s+|uno?\s+)?((?:[\w'-]+\s+){0,3}?[\w'-]+)\s+background\b",
        r"\bbackground\s*(?:=|:|is|of|should be|shows?)\s*(?:an?\s+|the\s+)?([^,.;!?]+)",
        r"\b(?:with|and)\s+([^,.;]+?)\s+(?:as|in|for)\s+the\s+background\b",
        r"\bagainst\s+(?:an?\s+|the\s+)([^,.;!?]+)",
        r"\b(?:con|su)\s+(?:uno?\s+)?sfondo\s+(?:di\s+|con\s+)?([^,.;!?]+)",
    )
    for shape in shapes:
        if match := re.search(shape, text, re.IGNORECASE):
            return match.group(1).strip()
    return None


def seconds(text: str) -> float | None:
    """A length in seconds: 'a fifteen second film', '1:30 min', 'half a minute', '20s'."""
    match = re.search(
        (
            r"\b(?:half\s+a\s+minute|mezzo\s+minuto)\b|(?P<mh>\b(?:a|one|"
            rf"un)\s+(?:{_MINUTES})\s+(?:and\s+a\s+half|e\s+mezzo))|\b(?P<m>{NUMBER}|a|one|"
            rf"un)[\s-]*{_MINUTES}\b"
        ),
        text,
        re.I,
    )
    if match:
        if match.group("m"):
            return 60.0 * (1 if match.group("m").lower() in ("a", "one", "un") else number(match.group("m")) or 1)
        return 90.0 if match.group("mh") else 30.0
    match = re.search(rf"\b(?P<n>\d+(?:[.,]\d+)?|{NUMBER})[\s-]*{_SECONDS}\b", text, re.IGNORECASE)
    if not match:
        return None
    plain = match.group("n").replace(",", ".")
    return float(plain) if re.fullmatch(r"\d+(?:\.\d+)?", plain) else float(number(plain) or 0) or None


def shots(text: str) -> int | None:
    """How many shots: 'in 6 shots', 'eight panels'."""
    match = re.search(
        (rf"\b({NUMBER})[\s-]+(?:\w+\s+)?(?:shots?|panels?|frames?|boards?|scenes?|pictures?|"
r"inquadrature|vignette|scene|riquadri)\b"),
        text, re.IGNORECASE,
    )  # fmt: skip
    return number(match.group(1)) if match else None


def rating(text: str) -> int | None:
    """1..5 from '5 stars', '3 out of 5', 'thumbs up', 'a 4', 'four'."""
    low = text.lower()
    if re.search(r"thumbs?\s+up|pollice in s[uù]|full marks|top marks|massimo dei voti", low):
        return 5
    if re.search(r"thumbs?\s+down|pollice (?:in )?(?:gi[uù]|verso)", low):
        return 1
    match = (
        re.search(rf"\b({NUMBER})\s*(?:[-\s]*stars?|stell[ae]|points?|/\s*5|out of\b|su\s+5|su cinque|of 5)", low)
        or re.search((r"\b(?:rat(?:e|ing)|score|grade|marks?|give|gets?|got|deserves|merita|is|with|to|dai|do|voto|"
rf"valuta|vota|as)\b.*?\b({NUMBER})\b(?!\s*(?:nd|rd|th|seconds?|x))"), low)
        or re.search(rf"\b({NUMBER})\b", low)
    )  # fmt: skip
    if re.search(r"\b(?:una|one|a|un)\s+(?:star|stella)\b", low) and not match:
        return 1
    value = number(match.group(1)) if match else None
    if value is None and re.search(r"\buna stella\b", low):
        return 1
    return min(5, max(1, value)) if value is not None else None


def steps(text: str) -> int:
    """How many steps to undo; 1 unless said."""
    low = text.lower()
    if re.search(r"\b(?:twice|both|the last couple|due volte|entramb[ie]|tutt[ie] e due)\b", low):
        return 2
    match = re.search(rf"\b({NUMBER})\b(?!\s*(?:seconds?|s\b))", low)
    value = number(match.group(1)) if match else None
    return max(1, value or 1)


def position(text: str) -> str | None:
    """top | bottom | center."""
    return lexicon().group("positions").first(text)


def strip_span(text: str, span: Span) -> str:
    """The text without a stretch, joined cleanly."""
    return tidy(text[: span[0]] + " " + text[span[1] :])


def tidy(text: str) -> str:
    """No doubled spaces, no dangling commas and joining words at the ends."""
    text = re.sub(r"\s+([,.;!?])", r"\1", " ".join(text.split()))
    text = re.sub(r"(?:,\s*){2,}", ", ", text)
    text = re.sub(r"^(?:[\s,;:.\-–—]+|(?:and|e|then|poi)\s+)+", "", text, flags=re.IGNORECASE)
    return re.sub(
        r"(?:[\s,;:\-–—]+|\s(?:and|then|e|poi|with|in|on|as|of|di|con)(?=\s*$))+$", "", text, flags=re.IGNORECASE
    ).strip()
