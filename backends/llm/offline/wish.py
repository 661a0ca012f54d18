"""A wish made ready for matching: typos corrected, politeness taken off, quoted text and file names set aside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from backends.llm.offline.lexicon import lexicon, patterns

_QUOTES = re.compile(
    r"\"([^\"\n]{1,2000}?)\"|“([^”\n]{1,2000})”|”([^”\n]{1,2000})”|„([^“”\"\n]{1,2000})[“”\"]|«\s*([^»\n]{1,2000}?)\s*»|‘([^\n]{1,2000}?)’(?!\w)"
    r"|(?<![\w'])'(?=\S)([^\n]{1,2000}?)(?<=[^\s])'(?![\w'])|`([^`\n]{1,2000})`"
)
FILE_NAME = re.compile(
    r"(?<![\w./-])(?:[\w()./-]*[\w()-])\.(?P<ext>mp4|mov|mkv|webm|avi|m4v|gif|wav|mp3|flac|ogg|m4a|aac|png|jpe?g|webp|bmp|tiff?|"
    r"otio|otioz|edl|fcpxml|xml|srt|vtt|txt|md|csv|fountain)(?!\w)",
    re.IGNORECASE,
)
ASSET_ID = re.compile(r"\b[a-z]{2,12}-[0-9a-f]{6,40}\b")
ID_KINDS = {
    "img": "image", "aud": "audio", "vid": "video", "tml": "timeline", "sub": "subtitle", "brd": "storyboard",
}  # fmt: skip
"""Kind of an asset by the beginning of its id, for those that another conversation made."""
_ID_NOUN = {"image": "picture"}
_EXT_NOUN = {
    **dict.fromkeys(("mp4", "mov", "mkv", "webm", "avi", "m4v", "gif"), "the video"),
    **dict.fromkeys(("wav", "mp3", "flac", "ogg", "m4a", "aac"), "the audio"),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"), "the picture"),
    **dict.fromkeys(("otio", "otioz", "edl", "fcpxml", "xml"), "the timeline"),
    **dict.fromkeys(("fountain", "csv"), "the script"),
}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_CAPITALS = re.compile(r"(?<![\w'])[A-Z][A-Z0-9'’]*(?:[\s,]+[A-Z0-9][A-Z0-9'’]*)*[!?]?(?![\w'])")
_EQUATION = re.compile(
    r"(?<![\w.])\d*[a-z]?\s*[-+*/^×÷]\s*\d*[a-z]?\s*(?:[-+*/^×÷]\s*\d+[a-z]?\s*)*=\s*(?:-?\d+|[a-z]\b|\?)?|"
    r"(?:(?<=what is)|(?<=what's)|(?<=whats)|(?<=calculate)|(?<=quanto fa))\s+\d+\s*[-x/]\s*\d+|"
    r"(?<![\w.])\d+\s*[+*×÷^]\s*\d+(?![\w.])",
    re.IGNORECASE,
)
"""Sums and equations, before their signs are dropped."""
_SHORTEST_SHOUT = 4
_MATCHABLE = 400
"""Characters that decide about the intent; a longer text is content, not command."""


@dataclass(frozen=True)
class Quote:
    start: int
    end: int
    """Positions of the whole quotation in the wish's text, marks included."""
    content: str


@dataclass(frozen=True)
class Wish:
    """What the user typed, and forms of it."""

    raw: str
    text: str
    """Typos corrected, otherwise as typed."""
    fixes: tuple[tuple[int, int, int, int], ...] = ()
    """(start, end in text, start, end in raw) of each correction."""

    @cached_property
    def quotes(self) -> tuple[Quote, ...]:
        return find_quotes(self.text)

    @cached_property
    def language(self) -> str:
        """'it' or 'en', by the function words outside quotations."""
        return guess_language(self.blank_quotes) or "en"

    @cached_property
    def blank_quotes(self) -> str:
        """The text with quoted content blanked, same length: for searches that must not look inside."""
        text = self.text
        for quote in self.quotes:
            text = text[: quote.start] + " " * (quote.end - quote.start) + text[quote.end :]
        return text

    @cached_property
    def command_start(self) -> int:
        """Where the command begins, after 'hey, could you please ...'."""
        return skip_openers(self.text)

    @cached_property
    def command(self) -> str:
        """The text without polite openers and closers."""
        return _CLOSER.sub("", self.text[self.command_start :]).strip()

    @cached_property
    def match(self) -> str:
        """The form that templates and classifier see."""
        return matching_form(self.command)

    def raw_slice(self, start: int, end: int | None = None) -> str:
        """The typed text behind `text[start:end]`, without corrections."""
        return self.raw[self._raw_position(start) : len(self.raw) if end is None else self._raw_position(end)]

    def _raw_position(self, position: int) -> int:
        shift = 0
        for start, end, raw_start, raw_end in self.fixes:
            if position >= end:
                shift = raw_end - end
            elif position > start:
                return raw_start
        return position + shift


@lru_cache(maxsize=512)
def read_wish(raw: str, names: tuple[str, ...] = (), known: frozenset[str] = frozenset()) -> Wish:
    """The wish behind a typed text.

    Args:
        raw: what was typed.
        names: names of known characters and files; typos near them are corrected to them.
        known: further words that are never typos.
    """
    raw = " ".join(raw.replace("\u00a0", " ").split(" ")).strip()
    text, fixes = _correct(raw, names, known)
    return Wish(raw, text, fixes)


def find_quotes(text: str) -> tuple[Quote, ...]:
    """Quotations in all usual marks, in order."""
    found = []
    for match in _QUOTES.finditer(text):
        content = next(group for group in match.groups() if group is not None)
        found.append(Quote(match.start(), match.end(), content.strip()))
    return tuple(found)


_WORD = re.compile(r"[^\W\d_]+")
_NAMES = re.compile(r"(?<=[^\W_] )[A-ZÀ-Þ][a-zà-ÿ]+\b|(?<=, )[A-ZÀ-Þ][a-zà-ÿ]+\b|\b[A-ZÀ-Þ][a-zà-ÿ]+(?=['’]s\b)")
"""Within a sentence, or followed by 's: 'Mia' and 'Come' are names there and tell no language."""


def guess_language(text: str) -> str:
    """'it' | 'en' | '' when neither can be seen."""
    words = [word.lower() for word in _WORD.findall(_NAMES.sub(" ", text[:2000]))]
    italian, english = _language_words()
    score_it = sum(word in italian for word in words) + 0.5 * sum(word in italian for word in words[:1])
    score_en = sum(word in english for word in words)
    if score_it == score_en:
        return ""
    return "it" if score_it > score_en else "en"


@lru_cache(maxsize=1)
def _language_words() -> tuple[frozenset[str], frozenset[str]]:
    words = lexicon().words
    # Words of both languages ('a', 'in', 'come') tell nothing.
    italian, english = set(words["italian_words"]), set(words["english_words"])
    return frozenset(italian - english), frozenset(english - italian)


_OPENERS = re.compile(rf"\s*(?:{patterns(lexicon().words['openers'])})\s*", re.IGNORECASE)
_MAKING = re.compile(rf"\s*(?:{patterns(lexicon().words['making_verbs'])})\b", re.IGNORECASE)
"""What follows these verbs is content: a sum in it is to be drawn or said."""
_CLOSER = re.compile(
    rf"(?:[\s,.;!?–-]*\b(?:{patterns(lexicon().words['polite'])}|for me|per me))+[\s!.?:;)<>3^-]*$", re.IGNORECASE
)


def without_closer(text: str) -> str:
    """The text without 'please', 'thank you so much', 'nothing fancy' at its end."""
    return _CLOSER.sub("", text)


def skip_openers(text: str) -> int:
    """Length of the polite beginning; never the whole text."""
    position = 0
    while (match := _OPENERS.match(text, position)) and match.end() > position:
        if not text[match.end() :].strip(" .!?,"):
            break
        position = match.end()
    return position


def matching_form(command: str) -> str:
    """Lower case, quotations as 'quoted', file names as nouns, number words as digits, no punctuation but commas."""
    text = command[:_MATCHABLE]
    for quote in reversed(find_quotes(text)):
        text = f"{text[: quote.start]} quoted {text[quote.end :]}"
    if re.search(r"[a-z]", text):
        text = _CAPITALS.sub(_shouted, text)
    text = FILE_NAME.sub(lambda match: _EXT_NOUN.get(match.group("ext").lower(), "the file"), text)
    text = ASSET_ID.sub(_noun_of_id, text)
    if not _MAKING.match(text):
        text = _EQUATION.sub(" equation ", text)
    text = _INFINITIVE.sub(
        lambda match: f"{_IMPERATIVE.get(match['stem'].lower(), match['stem'])} {match['what']}", text
    )
    text = _CLITIC.sub(_parted, text)
    text = _SHORTHAND.sub(lambda short: _LONG[short.group()], text.lower().replace("’", "'"))
    text = re.sub(r"\b(?:an?|the)\s+(?=the (?:video|audio|picture|timeline|file)\b)", "", text)
    text = _number_words().sub(_digit, text)
    text = re.sub(r"(?<=\d)\s*-\s*(?=[a-z])", " ", text)
    text = re.sub(r"[.:;!?]+(?=\s|$)|[()\[\]{}<>|\\#*_=+~^\"`“”«»]", " ", text)
    text = re.sub(r"\s*,\s*", ", ", text)
    return " ".join(text.split()).strip(" ,.-")


_LONG = {
    "whats": "what's", "wheres": "where's", "whos": "who's", "hows": "how's", "thats": "that's", "wat": "what",
    "hw": "how", "dont": "don't", "doesnt": "doesn't", "isnt": "isn't", "cant": "can't", "u": "you", "ur": "your",
    "r": "are", "n": "and",
    "teh": "the", "hte": "the", "cna": "can", "adn": "and", "nad": "and", "yuo": "you", "taht": "that", "thsi": "this",
    "im": "i'm", "ive": "i've", "wont": "won't", "didnt": "didn't", "wasnt": "wasn't", "gimme": "give me",
    "lemme": "let me", "wanna": "want to", "vid": "video", "vids": "videos", "pic": "picture", "pics": "pictures",
    "thumb": "thumbnail", "thumbs": "thumbnails", "sec": "second", "mins": "minutes", "min": "minute",
    "pls": "please", "plz": "please", "shoud": "should", "theese": "these", "anywere": "anywhere", "secs": "seconds",
}  # fmt: skip
_SHORTHAND = re.compile(rf"(?<![\w'.-])(?:{'|'.join(_LONG)})(?![\w'.-])")
"""How people in a hurry write the small words."""


_CLITIC = re.compile(
    r"\b(?P<verb>taglia|togli|rallenta|velocizza|accelera|accorcia|allunga|monta|unisci|metti|aggiungi|scrivi|rendi|ruota|gira|"
    r"specchia|ritaglia|stringi|abbassa|alza|silenzia|esporta|salva|analizza|guarda|controlla|commenta|trasforma|elimina|"
    r"rimuovi|leva|inverti|scambia|sposta|ferma|congela|oscura|sfoca|copri|cancella|inserisci|applica|sottotitola|schiarisci|"
    r"scurisci|prova|usa|cambia|colora|riduci|ripeti|mostra|incolla|attacca|tieni|lascia|prendi|sfuma|porta|sistema|fa)(?P<to>mm?i|cc?i|ll?e(?=l)|gli|me(?=l)|ce(?=l)|glie(?=l))?"
    r"(?P<what>ll?[oaie]|nn?e)?\b",
    re.IGNORECASE,
)
"""An Italian imperative with its pronouns: 'rallentalo', 'toglimi', 'fanne', 'mettici'."""


_IMPERATIVE = {"toglie": "togli", "mette": "metti", "uni": "unisci", "rende": "rendi", "fa": "fai", "scrive": "scrivi",
               "aggiunge": "aggiungi",
               "ridu": "riduci", "stringe": "stringi", "inseri": "inserisci", "capovolge": "capovolgi"}  # fmt: skip
_INFINITIVE = re.compile(
    r"\b(?P<stem>taglia|toglie|rallenta|velocizza|accelera|accorcia|allunga|monta|uni|mette|aggiunge|scrive|rende|ruota|gira|ritaglia|"
    r"stringe|abbassa|alza|silenzia|esporta|salva|analizza|commenta|trasforma|elimina|sposta|ferma|oscura|sfoca|copri|cancella|inseri|"
    r"cambia|colora|capovolge|fa)r(?P<what>l[oaie]|ne|ci)\b",
    re.IGNORECASE,
)
"""'Riesci ad alzarlo?' asks for the same as 'alzalo'."""


def _parted(match: re.Match[str]) -> str:
    """'rallentalo' -> 'rallenta lo'; a pronoun for who wants it says nothing."""
    if not (match["to"] or match["what"]):
        return match.group()
    verb = match["verb"].lower()
    if verb == "fa" and not re.match(r"mm|cc|ll|nn|gli", match.group()[2:], re.IGNORECASE):
        return match.group()
    verb = "fai" if verb == "fa" else verb
    what = (match["what"] or "").lower()
    what = what[1:] if what[:2] in ("ll", "nn") else what
    return f"{verb} {what}".strip()


def _noun_of_id(match: re.Match[str]) -> str:
    kind = ID_KINDS.get(match.group().partition("-")[0])
    return f"the {_ID_NOUN.get(kind, kind)}" if kind else match.group()


def _shouted(match: re.Match[str]) -> str:
    """Words in capitals are a title to be shown, not a command; abbreviations stay."""
    words = match.group()
    if sum(map(str.isalpha, words)) < _SHORTEST_SHOUT or lexicon().group("formats").first(words):
        return words
    return " quoted "


@lru_cache(maxsize=1)
def _number_words() -> re.Pattern[str]:
    words = lexicon().words
    special = words["number_word_exceptions"]
    plain = [word for word in words["number_words"] if word not in special and word != "one"]
    guarded = [rf"{word}(?={patterns([rule])[3 + len(word) : -1]})" for word, rule in special.items()]
    ones = "|".join(plain)
    return re.compile(rf"\b(?:(?:{ones})(?:[\s-](?:one|{ones}))?|{'|'.join(guarded)})\b", re.IGNORECASE)


def _digit(match: re.Match[str]) -> str:
    value = number(match.group())
    return str(value if value is not None else match.group())


def number(text: str) -> int | None:
    """'12', 'twelve', 'twenty-five', 'dodici' -> int; None when it is no number."""
    text = text.strip().lower()
    if text.isdigit():
        return int(text)
    values = lexicon().words["number_words"]
    parts = re.split(r"[\s-]+", text)
    if not all(part in values for part in parts):
        return None
    return sum(int(values[part]) for part in parts)


def _correct(
    raw: str, names: tuple[str, ...], known: frozenset[str]
) -> tuple[str, tuple[tuple[int, int, int, int], ...]]:
    domain, vocabulary = _domain_words()
    name_words = {word.lower(): word for name in names for word in re.findall(r"[^\W\d_]+", name)}
    protected = [(match.start(), match.end()) for match in _QUOTES.finditer(raw)]
    protected += [(match.start(), match.end()) for match in FILE_NAME.finditer(raw)]
    protected += [(match.start(), match.end()) for match in ASSET_ID.finditer(raw)]
    pieces: list[str] = []
    fixes: list[tuple[int, int, int, int]] = []
    position = shift = 0
    for match in _WORD.finditer(raw):
        word, low = match.group(), match.group().lower()
        if len(word) < 4 or _CLITIC.fullmatch(low) or low in vocabulary or low in known or low in name_words:
            continue
        if any(start <= match.start() < end for start, end in protected):
            continue
        better = _nearest(word, low, domain, name_words, first=not raw[: match.start()].strip())
        if better is None:
            continue
        pieces.extend((raw[position : match.start()], better))
        start = match.start() + shift
        shift += len(better) - len(word)
        fixes.append((start, start + len(better), match.start(), match.end()))
        position = match.end()
    pieces.append(raw[position:])
    return "".join(pieces), tuple(fixes)


def _nearest(word: str, low: str, domain: list[str], names: dict[str, str], first: bool) -> str | None:
    limit = 1 if len(low) <= 5 else 2
    capital = word[0].isupper() and not first
    candidates = list(names) if capital else [*domain, *names]
    best = process.extractOne(low, candidates, scorer=OSA.distance, score_cutoff=limit)
    if best is None:
        return None
    found, distance = best[0], best[1]
    # Two slips are believed only when the ends still fit, one slip only when the word does not just inflect.
    if distance == 2 and (found[0] != low[0] or found[-1] != low[-1] or abs(len(found) - len(low)) > 1):
        return None
    if found in names:
        return names[found] if distance == 1 and len(found) >= 4 else None
    inflected = low[:-1] == found and low[-1] != found[-1]
    if inflected or (low == found[:-1] and found[-1] != "e") or low[:-1] == found[:-1]:
        return None
    return found.capitalize() if word[0].isupper() else found


@lru_cache(maxsize=1)
def _domain_words() -> tuple[list[str], frozenset[str]]:
    words = lexicon()
    domain: Iterable[str] = words.words["typo_words"]
    return sorted(set(domain)), words.vocabulary()
