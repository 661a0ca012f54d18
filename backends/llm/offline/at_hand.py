"""What the files at hand make of a reading: a question beside a film is about the film, 'faster' is no voice."""

from __future__ import annotations

import re
from collections.abc import Callable

from backends.llm.offline.effect_words import effects_in
from backends.llm.offline.lexicon import lexicon, patterns
from backends.llm.offline.look_words import PLAIN_LOOK, look_names, only_a_look
from backends.llm.offline.references import find_characters, kind_of_extension
from backends.llm.offline.request import Ask, Request
from backends.llm.offline.wish import FILE_NAME

_FEW = 7
"""Words of a wish that tells no story."""
_LOOKS = {"image": "analyze_image", "video": "analyze_video", "audio": "analyze_audio"}
_ASKS = re.compile(
    r"(?:(?:and|but|so|please|tell me|can you (?:tell|see|say)(?: me)?|do you know|i wonder|show me)\b[\s,]*)*"
    r"(?:what(?:['’]s)?|which|who(?:['’]s)?|whose|where(?:['’]s)?|when|how|why|is|are|was|does|do(?! (?:it|this|"
    r"that|so|the same)\b)|did|has|have|any\b|"
    r"anything|anyone|can (?:one|we|i|you) (?:see|hear)|cosa|che|chi|dove|quando|quant\w|qual\w|c['’]è|ci sono|si "
    r"(?:vede|sente)|è)\b",
    re.IGNORECASE,
)
_OF_US = re.compile(
    r"\b(?:you(?:r|rself)?|the studio|gpu|memory|vram|did (?:you|we|i)|have (?:you|we|i)|remember|weather|price|"
    r"costs?|book|buy|world)\b",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"\b(?:happen\w*|appear\w*|shown?|seen?|see|visible|people|persons?|some(?:one|body)|any(?:one|body)|faces?|camera|"
    r"shots?|scenes?|cuts?|frames?|picture|sound|music|song|speech|speak\w*|talk\w*|said|says?|loud\w*|quiet\w*|"
    r"bright\w*|dark\w*|sharp\w*|blurr?\w*|colou?rs?|light\w*|resolution|fps|frame ?rate|aspect|boring|dull|lively|"
    r"moving|moves?|shaky|steady|(?:is|are|was|in|about) (?:it|this|here|there)(?!\s+in\b)|in (?:it|here|there)|"
    r"footage|clip|reel|rushes|video|film|movie|"
    r"recording|track|mix|voice|voices|noise|noisy|clean|\d+:\d\d|(?:at|after|around) \d+|succede|si vede|si sente|"
    r"part[ei]|vo[cg]\w+|distort\w+|sfarfall\w+|sfocat\w+|mosso|fuoco|"
    r"inquadratur\w|scen[ae]|luce|suono|musica|filmato)\b",
    re.IGNORECASE,
)
"""What a question about pictures and sounds speaks of; a question about the world has none of it."""
_VOICE = re.compile(r"\b(?:voices?|voce|voci|accent|speaks?|says?|sounds?|pitch|line)\b", re.IGNORECASE)
_SHORTENED = re.compile(
    r"\b(?:trailer|teaser|highlights?|highlight reel|best[- ]of|montage|recap|sizzle reel|supercut|short version)\b",
    re.IGNORECASE,
)
_FOR_A_STORY = re.compile(
    r"\b(?:about|for (?:an?|my|the)|in which|where|with (?:an?|the)(?!\s+(?:title|name|words?|"
    r"text|captions?|music|song|sound))|su|di un\w?)\s+\w",
    re.IGNORECASE,
)
_SLOW_ZOOM = re.compile(
    r"\b(?:slow(?:ly)?|gradual(?:ly)?|gentl[ey]|smooth(?:ly)?)\b.{0,20}\bzoom|\bzoom\w*\b.{0,20}\b(?:slow|"
    r"gradual|smooth)ly\b|"
    r"\blent\w+.{0,20}\bzoom",
    re.IGNORECASE,
)
"""A zoom that goes through the clip, and is no effect on a moment of it."""
_AS_FORMAT = re.compile(
    rf"\b(?:as|to|into|in|come)\s+(?:an?\s+|un\s+)?(?:{lexicon().group('formats').pattern})(?!\w)", re.IGNORECASE
)
"""What is there already goes out in a form; what comes in has one."""
_FUNNY = re.compile(
    r"\b(?:funny|funnier|hilarious|silly|comedy|ridiculous|make fun of|laugh\w*|divertente|comic[oa]|ridicol[oa])\b",
    re.IGNORECASE,
)
_AS_A_WHOLE = re.compile(
    r"\b(?:it|this|that|the (?:video|clip|film|movie|footage)|(?:cut|version|edit|take)\b)", re.IGNORECASE
)
_ONE_THING = re.compile(
    r"\b(?:captions?|titles?|text|subtitles?|effects?|voice|sound|music|moments?|parts?|bits?|scenes?|shots?|hat|face|"
    r"about|look|picture|noir|silent|comic book)\b",
    re.IGNORECASE,
)
_NEW_FILM = re.compile(
    r"(?<!the )(?<!this )(?<!that )(?<!my )\b(?:video|film|movie|cartoon|animation|clip) (?:of|about|where|"
    r"in which|with)"
    r"\s+(?:an?|some|two|three|\d)\b",
    re.IGNORECASE,
)
"""'Make video of a knight': with no video there, none can be changed."""
_WANTED = re.compile(r"\b(?:draw|picture of|image of|film about|story|disegna)\b", re.IGNORECASE)


_ACTS = re.compile(
    rf"(?:{patterns(lexicon().words['command_verbs'])}|i(?:['’]d| would)? (?:need|want|like)|we need|"
    r"can|could|use|take)\b",
    re.I,
)
"""A wish with a verb of its own; without one, a sound is there to be listened to."""
_EXPLAIN = re.compile(
    r"(?:(?:please|now|can|could|you|to|and|just|per favore|mi)\b[\s,]*)*"
    r"(?:explain|tell|describe|let me know|say|show|spiega\w*|dimmi|dì)\b\s*(?:to\s+)?(?:me|us|mi)?\s*"
    r"(?:about\s+)?(?:what|which|how|why|where|who|whether|if|cosa|che|qual\w*|come|perch[éè]|chi|dove|se)\b",
    re.IGNORECASE,
)
"""'Explain me what the mood is' asks, and changes nothing."""
_CUT_TERM = re.compile(
    r"\b(?:[jl][- ]cuts?|split edits?|match cuts?|smash cuts?|hard cuts?|jump cuts?|cutaways?|cross ?dissolves?|"
    r"cross[- ]?fades?|dip to (?:black|white)|under the tail|pre-?lap|roll(?:ing)? (?:trim|edit)|ripple (?:trim|edit|"
    r"delete)|slip edit)\b(?!.{0,60}\?)(?<!\?)",
    re.IGNORECASE,
)
"""A cutter's terms: done to the clips at hand, no story."""


_A_STRETCH = re.compile(
    r"\b(?:first|last|final|opening|prim[ie]|ultim[ie])\s+(?:\d+|\w+)\s+(?:s|secs?|seconds?|secondi|minutes?|minuti)\b|"
    r"\b(?:from|da|dal)\s+(?:second[oi]?\s+)?\d[\d:.]*\s*(?:to|until|a|al)\s+(?:second[oi]?\s+)?\d",
    re.IGNORECASE,
)
_PARODIED_AS = re.compile(
    r"\b(?:as|into|like|recut|turn|make|narrat\w+|comment\w+|come|tipo|stile|in un[ao]?|trasform\w+|fann?[eo]\w*|"
    r"fall[oa]|"
    r"modo|versione|version)\b",
    re.IGNORECASE,
)
_PARODIES = ("nature_documentary", "horror_recut", "sports_replay", "breaking_news", "infomercial", "mockumentary",
             "training_video")  # fmt: skip
"""Structures whose names mean nothing else: 'silent film' is a look too."""
FILM_TOOLS = ("edit_video", "add_effects", "add_captions", "remix_style", "make_parody", "analyze_video")


def of_the_film(request: Request, ranking: tuple[tuple[str, float], ...]) -> str:
    """What a wish that no reading is sure of does to the film at hand, by the words of each tool; '' without one.

    A tool's own words decide; else the likeliest of the tools that work on films, which says what it does not know.
    """
    if not film_at_hand(request):
        return ""
    text = request.wish.blank_quotes
    if pure_question(request):
        return "analyze_video"
    if tool := _by_its_words(request, text):
        return tool
    known = [(name, p) for name, p in ranking if name in FILM_TOOLS]
    return known[0][0] if known and ranking and known[0][1] >= _SHARE * ranking[0][1] else ""


_SEEMS = re.compile(
    r"\b(?:looks?|feels?|seem) (?:more )?(?:like|as if|as though)\b|\bas if it (?:was|were)\b|\bsembr\w+|"
    r"\bcome se fosse\b|\bin the style of\b",
    re.I,
)
_LOOK_OF = re.compile(
    r"\b(?:match\w*|like|same|copy|take|use|come|stess[oi]|prendi|usa)\b.{0,30}\b(?:look|style|colou?rs?|grade|grading|palette|pacing|stile|colori)\b",
    re.I,
)
_WRITING = re.compile(
    r"\b(?:titles?|captions?|text|lower third|credits|lettering|the (?:words?|year|date|name)|titol[oi]|scritt[ae]|"
    r"didascali\w+|testo|"
    r"il (?:nome|anno)|la data)\b",
    re.IGNORECASE,
)
_SPOKEN_WORDS = re.compile(
    r"\b(?:says?|said|saying|speaks?|spoken|voice|whisper\w*|shout\w*|read|narrat\w*|line|dialogue|dice|dic[aei]|d[ìi]['’]?|voce|leggi|"
    r"sussurra\w*|battuta|parla\w*)\b",
    re.IGNORECASE,
)
_PICKS_A_TAKE = re.compile(
    r"\bbest\b.{0,40}\b(?:takes?|one|version)\b.{0,40}\b(?:use|keep|take|only)\b|\b(?:use|keep|take|pick|choose)\b.{0,20}\bbest\b.{0,20}"
    r"\b(?:takes?|ones?)\b|\btakes?\b.{0,30}\bbest\b.{0,30}\b(?:use|keep|take)\b|\bmiglior\w*\b.{0,30}\b(?:ripres\w+|tien\w+|usa\w*)\b",
    re.IGNORECASE,
)


def _by_its_words(request: Request, text: str) -> str:
    """The film's tool whose own words are in a wish; '' for none."""
    if lexicon().group("parody_recipes").first(text) in _PARODIES:
        return "make_parody"
    if PLAIN_LOOK.search(text) or SHAPE.search(text) or _A_STRETCH.search(text) or _TURNED.search(text):
        return "edit_video"
    if look_names().search(text):
        return "remix_style"
    if effects_in(text) or any(name not in ("fade", "retro") for name in lexicon().group("effects").names(text)):
        return "add_effects"
    return ""


def pure_question(request: Request) -> bool:
    """Whether a wish asks what is to be seen or heard, and for nothing to be done: 'be honest, where does it sag?'."""
    text = request.wish.blank_quotes.strip()
    if _TELL_ME.search(text):
        return True
    if not text.endswith("?") or _OF_US.search(text) or _ASKED_TO.search(text):
        return False
    last = re.split(r"[,;.!:]\s+", text.rstrip(" ?"))[-1]
    return _ASKS.match(last) is not None and _PROPOSES.match(last) is None


_TELL_ME = re.compile(
    r"\b(?:tell|show|let) (?:me|us) (?:know )?(?:what|which|where|who|how|if|whether|when|why)\b|\bdimmi (?:cosa|"
    r"che|dove|chi|come|se|quando|quant\w)\b",
    re.IGNORECASE,
)
_ASKED_TO = re.compile(
    r"\b(?:can|could|would|will|may|shall|should) (?:you|we|i|u)\b|\b(?:puoi|potresti|riesci|mi (?:fai|metti|"
    r"togli)|facciamo|posso)\b",
    re.I,
)
_PROPOSES = re.compile(
    r"(?:what|how) (?:if|about)\b|why (?:don['’]?t|not)\b|how do i\b|what do i\b|che ne dici", re.IGNORECASE
)
_TURNED = re.compile(
    r"\b(?:upside[ -]down|sideways|on its side|sottosopra|capovolt\w|di lato|mirrored|backwards|al contrario)\b", re.I
)
_SHARE = 0.5
SHAPE = re.compile(
    r"(?<![\d:])(?:9\s?[:x/]\s?16|16\s?[:x/]\s?9|1\s?[:x/]\s?1|4\s?[:x/]\s?[35]|21\s?[:x/]\s?9)(?![\d:])|"
    r"\b(?:vertical\w*|portrait|square|quadrat[oa]|verticale|widescreen|landscape|orizzontale|for (?:reels|tiktok|"
    r"shorts|"
    r"instagram|insta)|per (?:i reel|tiktok|instagram|le storie))\b",
    re.IGNORECASE,
)


def film_at_hand(request: Request) -> bool:
    """Whether a video is what the conversation is about now: attached, or the newest that one looks at."""
    for files in (request.facts.attachments, request.facts.assets):
        for file in files:
            if file.kind in ("video", "image", "audio"):
                return file.kind == "video"
    return False


def without_picture(request: Request) -> bool:
    """No picture is there, so that 'the picture' can only be the one on the screen."""
    return not any(file.kind == "image" for file in (*request.facts.attachments, *request.facts.assets))


def moved(request: Request, chances: dict[str, float], meant: str | None) -> None:
    """Move probability to what the files at hand make more likely, in place.

    meant: the kind of file that the wish is about; None when it is about none.
    """
    text, command = request.wish.blank_quotes, request.command

    def to(target: str, *names: str) -> None:
        gain = sum(chances.pop(name, 0.0) for name in names if name != target)
        if gain:
            chances[target] = chances.get(target, 0.0) + gain

    if meant in ("audio", None) and _only_sounds(request) and not _ACTS.match(command) and not request.wish.quotes:
        to("analyze_audio", "analyze_video", "edit_video", "add_effects")
    if (look := _LOOKS.get(meant or "")) and _EXPLAIN.match(command):
        to(look, "edit_image", "edit_video", "remake_image", "decline", "clarify", "chat")
    if _CUT_TERM.search(text) and film_at_hand(request):
        to("edit_video", "write_storyboard", "make_film", "generate_image", "speak_dialogue", "analyze_video")
    if _AS_FORMAT.search(text) and any(file.kind == "timeline" for file in request.facts.assets):
        to("export_timeline", "import_timeline")
    if (look := _LOOKS.get(meant or "")) and asks_of_the_file(request):
        to(look, "decline", "clarify", "chat")
        if any(file.kind == meant for file in request.facts.attachments):
            to(look, "list_voices", "check_voice", "search_memory", "list_assets")
    if _NEW_FILM.search(text) and not _any_video(request):
        to("make_film", "edit_video", "remix_style", "add_captions")
    if not effects_in(text) and (request.wish.quotes or _WRITING.search(text)):
        to("add_captions", "add_effects")  # words in quotes and no effect: a text
    if request.wish.quotes and film_at_hand(request) and not _SPOKEN_WORDS.search(text) and not _somebody(request):
        to("add_captions", "speak", "speak_dialogue")
    if any(file.kind == "timeline" for file in request.facts.attachments) and lexicon().group("formats").first(text):
        to(
            "export_timeline",
            "edit_video",
            "analyze_video",
            "generate_image",
            "list_assets",
            "decline",
            "add_effects",
            "clarify",
        )
    if "picture in picture" in lexicon().group("effects").names(text) and film_at_hand(request):
        to("add_effects", "generate_image", "write_storyboard", "edit_video", "decline", "clarify")
    if _LOOK_OF.search(text) and sum(kind_of_extension(m["ext"]) == "video" for m in FILE_NAME.finditer(text)) > 1:
        to("remix_style", "edit_video", "analyze_video")
    if film_at_hand(request) and pure_question(request):
        to("analyze_video", "edit_video", "add_effects", "decline", "clarify", "chat")
    if film_at_hand(request) and _SEEMS.search(text) and look_names().search(text) and not effects_in(text):
        to("remix_style", "edit_video", "make_film", "generate_image", "add_effects", "clarify", "decline")
    if film_at_hand(request) and only_a_look(text):
        to("remix_style", "edit_video", "make_film", "decline", "clarify", "chat", "generate_image", "add_effects")
    if _PICKS_A_TAKE.search(text) and any(file.kind == "video" for file in request.facts.attachments):
        to("edit_video", "analyze_video", "list_assets", "decline", "chat", "clarify", "rate_asset", "search_memory")
    if meant == "video" and film_at_hand(request):
        if not _VOICE.search(text) and not _somebody(request):
            to("edit_video", "change_voice")
        _film_of_the_film(text, command, to)


def _only_sounds(request: Request) -> bool:
    """Whether sounds are attached and there is nothing to be seen anywhere."""
    files = (*request.facts.attachments, *request.facts.assets)
    return any(file.kind == "audio" for file in request.facts.attachments) and not any(
        file.kind in ("video", "image", "timeline") for file in files
    )


def asks_of_the_file(request: Request) -> bool:
    """Whether the wish is a question about what can be seen or heard."""
    text = request.wish.blank_quotes
    return bool(_ASKS.match(request.command) and _SHOWN.search(text) and not _OF_US.search(text))


def _film_of_the_film(text: str, command: str, to: Callable[..., None]) -> None:
    """'Make a trailer' beside a film cuts one out of it; 'make it funny' makes a parody of it."""
    if _WANTED.search(text):
        return
    recipe = lexicon().group("parody_recipes").first(text)
    if recipe in _PARODIES and _PARODIED_AS.search(text) and not _FOR_A_STORY.search(command):
        to("make_parody", "make_film", "edit_video", "remix_style", "clarify", "generate_image", "speak", "decline")
    if _A_STRETCH.search(text) and not command.rstrip().endswith("?"):
        to("edit_video", "list_assets", "search_memory", "generate_image", "make_film", "analyze_video", "decline")
    elif PLAIN_LOOK.search(text) and len(text.split()) <= _FEW:
        to("edit_video", "make_film", "generate_image", "clarify", "decline")
    if _SLOW_ZOOM.search(text):
        to("edit_video", "add_effects")
    if _SHORTENED.search(text) and not _FOR_A_STORY.search(command):
        to("edit_video", "make_film", "write_storyboard", "generate_image", "clarify")
    elif _FUNNY.search(text) and _AS_A_WHOLE.search(text) and not _ONE_THING.search(text):
        to("make_parody", "make_film", "write_storyboard", "edit_video", "remix_style", "clarify", "add_effects")


def _any_video(request: Request) -> bool:
    return any(file.kind in ("video", "timeline") for file in (*request.facts.attachments, *request.facts.assets))


def _somebody(request: Request) -> bool:
    try:
        return bool(find_characters(request))
    except Ask:
        return True
