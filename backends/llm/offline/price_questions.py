"""Questions about what a wish would take: 'how long would a film of 60 seconds take?', 'can my GPU do that?'.

They are read as the wish that they are about, so that it can be priced; nothing of it is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.llm.offline.wish import find_quotes

_WORK = re.compile(
    r"\b(?:films?|movies?|shorts?|videos?|clips?|footage|cartoons?|animations?|trailers?|teasers?|parod(?:y|ies)|"
    r"pictures?|images?|portraits?|drawings?|illustrations?|posters?|stills?|storyboards?|voices?|lines?|dialogues?|"
    r"scripts?|recordings?|audios?|songs?|tracks?|interviews?|lip[- ]?sync(?:h?ing)?|subtitles?|captions?|"
    r"timelines?|edits?|"
    r"datasets?|control maps?|filmat[oi]|cort[oi]|cortometragg\w+|cartone|animazion[ei]|immagin[ei]|ritratt[oi]|"
    r"disegn[oi]|voc[ei]|battut[ae]|dialog[oi]|copione|registrazion[ei]|montaggio|sottotitoli|didascali[ae]|it|"
    r"this|that)\b",
    re.IGNORECASE,
)
"""What the studio makes or works on; a question about anything else is none of these."""
_POINTS = re.compile(
    r"(?:it|this|that|all (?:of )?(?:this|that)|the whole thing|to do (?:it|that|this)|quest[oa]|tutto|farlo|farla)",
    re.I,
)
_LENGTH = r"(?:how (?:long|much (?:more )?time|many (?:minutes|seconds|hours)|quickly|fast|soon))"
_COST = (
    r"(?:how (?:much|many)(?: (?:gigabytes?|gb|mib|gib|megabytes?|mb))?(?: of)?"
    r"(?: (?:time|effort|gpu|video|graphics|disk|the))*(?: (?:memory|vram|ram|space|power|time|gpu|swaps|model "
    r"loads))?"
    r"|how expensive)"
)
_WILL = r"(?:would|wud|will|wil|does|do|might|could|can|should|is|'d|'ll)"
_TAKE = r"(?:take|cost|need|require|use)"
_WHAT = rf"what {_WILL}"
_US = r"(?:you|me|us|him|your gpu|my gpu|the gpu|this machine|my machine|my computer|this computer|the studio)"
_TAIL = (
    r"(?:\s*,?\s*(?:please|roughly|about|approximately|then|now|here|in all|in total|overall|altogether|at all|"
    r"(?:on|with) (?:my|this|your|the) (?:gpu|graphics card|card|machine|computer|laptop|pc|hardware)|in "
    r"(?:time|vram|gpu memory|"
    r"memory|minutes|seconds|hours)(?: and (?:time|vram|memory))?|to (?:make|produce|finish|complete|do|be "
    r"(?:made|done|ready|finished)|"
    r"generate|create)|(?:me|us|you)))*\s*[?.!]*\s*$"
)
_MACHINE = (
    r"(?:(?:my|the|this|our|your|that)\s+)?(?:gpu|graphics card|video card|card|machine|computer|laptop|pc|hardware|"
    r"vram|[\w-]* ?gb(?: of (?:vram|memory))?|rtx ?\d+\w*|a100|h100|scheda(?: video| grafica)?)"
)
_ASKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # how long would it take (you) to make a film; how much VRAM do you need for 20 pictures
        rf"{_LENGTH} {_WILL}\s?(?:it|that|this|you|i|we)? ?{_TAKE}(?: {_US})? (?:to|for|if (?:you|i|we)) "
        rf"(?P<what>.+?){_TAIL}",
        rf"{_COST} {_WILL}\s?(?:it|that|this|you|i|we)? ?{_TAKE}(?: {_US})? (?:to|for|if (?:you|i|we)) "
        rf"(?P<what>.+?){_TAIL}",
        rf"{_WHAT} (?:it|that|this) (?:take|cost)(?: {_US})? (?:to|for|if (?:you|i|we)) (?P<what>.+?){_TAIL}",
        rf"{_WHAT} (?P<what>.+?) (?:take|cost){_TAIL}",
        r"how (?:quickly|fast|soon) (?:can|could|would|will) (?:you|we|i|it|the studio) (?P<what>.+)",
        # how long would a voice take to train
        rf"(?:{_LENGTH}|{_COST}) {_WILL} (?P<what>.+?) {_TAKE}(?: {_US})? to (?P<verb>(?!make|produce|finish|"
        rf"do\b|be\b)[a-z-]+){_TAIL}",
        # how long would a film of 60 seconds take; what would 20 pictures cost
        rf"{_LENGTH} {_WILL} (?P<what>.+?) {_TAKE}{_TAIL}",
        rf"{_COST} {_WILL} (?P<what>.+?) {_TAKE}{_TAIL}",
        # how long to train a voice; how long for 20 pictures; how long until the film is ready
        rf"{_LENGTH} (?:to|for|until|till|before) (?P<what>.+?){_TAIL}",
        r"(?:what(?:'s| is| would be| will be) )?the (?:cost|price|forecast|estimate|time|running time|price "
        r"tag) (?:of|for|to) (?P<what>.+)",
        r"what(?:'s| is| would be| will be) the (?:likely |estimated |expected )?(?:cost|price|forecast|"
        r"estimate|time|render(?:ing)? time) (?:of|for|to) (?P<what>.+)",
        # forecast a film; an estimate for 20 pictures
        r"(?:(?:please )?(?:give|show|make|do|get|tell) (?:me |us )?|i(?:'d like| would like| want| need) "
        r")?(?:an? |the )?"
        r"(?:quick |rough |time |cost |price )*(?:forecast|estimate|prediction|quote|projection|predict)"
        r"(?: (?:the |a )?(?:time|cost|price|duration|vram|gpu memory)(?: and (?:the )?(?:time|cost|price|"
        r"duration|vram|gpu memory))*)?"
        r"(?: (?:of|for|to|on))? (?P<what>.+)",
        rf"(?:tell me|say|do you know|any idea|i wonder|i want to know|i(?:'d| would) like to know|let me know|"
        rf"can you (?:tell me|say)),? "
        rf"(?:{_LENGTH}|{_COST}) (?P<what>.+?) (?:would|will|might|could|does)? ?(?:take|cost|need|require|"
        rf"use)s?{_TAIL}",
        # can my GPU do a film of 60 seconds
        rf"(?:can|could|will|would|may) {_MACHINE} (?:even |really |actually |possibly )?(?:do|make|handle|"
        rf"manage|run|take|cope with|render|"
        rf"train|draw|produce|fit|hold|deal with|survive|generate|create|clone|analy[sz]e) (?P<what>.+)",
        rf"(?:is|are) {_MACHINE} (?:good|big|fast|strong|powerful|large|able)(?: enough)? (?:for|to) (?P<what>.+)",
        r"(?:do|have) (?:i|we|you) (?:have|got) (?:enough|the) (?:gpu |video |graphics )?(?:memory|vram|ram|"
        r"gpu|power|space|time) (?:for|to) (?P<what>.+)",
        r"(?:is|will) there (?:be )?enough (?:gpu |video |graphics )?(?:memory|vram|ram|power|space|time) "
        r"(?:for|to) (?P<what>.+)",
        rf"(?:does|do|would|will|can|could) (?P<what>.+?) (?:fit|run|work|go) (?:in|into|on|onto|within|with) "
        rf"{_MACHINE}{_TAIL}",
        # Italian
        r"(?:tra |fra |in )?quanto(?: tempo)? (?:ci (?:vuole|vorrebbe|vorrà|vorra|metti|mette|metteresti|"
        r"metterebbe|mettiamo|metterai)|serve|servirebbe|occorre|"
        r"impiegh\w+|impieg\w+|richiede(?:rebbe)?|prende(?:rebbe)?|costa|costerebbe)\s*(?:per|a|ad)? (?P<what>.+)",
        r"quanto (?:dura|durerebbe|durer[àa]) (?P<what>(?:l['’]analisi|la clonazione|l['’]addestramento|la "
        r"creazione|il rendering|fare|creare|addestrare) ?.+)",
        r"quant[ao] (?:memoria|vram|spazio)(?: \w+)? (?:ci vuole|serve|servirebbe|occorre|usa|userebbe|"
        r"prende)\s*(?:per|a)? (?P<what>.+)",
        r"(?:(?:fammi|dammi|fai) )?(?:una )?(?:stima|previsione|preventivo|prevedi|stimami)(?: (?:del|il) "
        r"(?:tempo|costo))? (?:di|per|del|della|dell['’])? ?(?P<what>.+)",
        r"(?:la mia |questa |il mio )?(?:gpu|scheda(?: video| grafica)?|computer|pc) (?:ce la fa|riesce|può|"
        r"puo|regge|basta|reggerebbe)(?: (?:a|per|con))? (?P<what>.+)",
    )
)  # fmt: skip
_BEFORE = re.compile(
    r"^(?:(?:just |only )?(?:curious|wondering|a question|one question|question|quick question|before (?:you|we|"
    r"i) (?:start|begin|do (?:it|that|anything))|"
    r"first|btw|by the way|prima di (?:iniziare|cominciare)|una domanda|out of curiosity)\s*[:,.-]?\s+|(?:and|"
    r"but|so|ok|okay|hey|hi|hmm|well|e|ma|allora)\b[,.]?\s+)+",
    re.IGNORECASE,
)
_HERE = re.compile(
    rf"(?P<what>.+?)[.;,!?–-]+\s*(?:(?:and|but|so|e|ma)\s+)?(?:(?:{_LENGTH}|{_COST}) {_WILL} (?:it|that|this|"
    rf"all that) {_TAKE}|"
    rf"quanto (?:tempo )?(?:ci (?:vuole|vorrebbe|metti|metteresti)|costa|costerebbe)|can (?:my|this) (?:gpu|"
    rf"card|machine|computer) (?:do|handle) (?:it|that|this)){_TAIL}",
    re.IGNORECASE | re.DOTALL,
)
"""A wish that ends with the question: 'I want a film about a dog, how long would that take?'."""
_PASSIVE = re.compile(r"(?:the |my |il )?(.+?) (?:is|are|was|'s) (?:ready|done|finished|complete)$", re.IGNORECASE)
_GERUND = re.compile(r"^(?:the )?(\w{2,}?)(?:(?P<double>[nptmg])(?P=double))?ing\b(?: (?:of|with)\b)?", re.IGNORECASE)
_STEMS = {
    "mak": "make",
    "train": "train",
    "analys": "analyse",
    "analyz": "analyze",
    "clon": "clone",
    "draw": "draw",
    "render": "render",
    "generat": "generate",
    "creat": "create",
    "produc": "produce",
    "animat": "animate",
    "cut": "cut",
    "cu": "cut",
    "trim": "trim",
    "tri": "trim",
    "paint": "paint",
    "restyl": "restyle",
    "remix": "remix",
    "export": "export",
    "speak": "speak",
    "lip-sync": "lip-sync",
    "film": "film",
    "shoot": "shoot",
    "storyboard": "storyboard",
    "edit": "edit",
    "captio": "caption",
    "caption": "caption",
    "transcrib": "transcribe",
    "subtitl": "subtitle",
    "record": "record",
    "do": "do",
    "turn": "turn",
    "chang": "change",
}
_NOUN_OF = (
    (r"(?:the |an? )?analysis (?:of|for) ", "analyse "),
    (r"(?:the |an? )?(?:voice )?training (?:of|for) ", "train "),
    (
        r"(?:the |a )?render(?:ing)? (?:of|for) "
        r"",
        "render ",
    ),
    (r"(?:l['’])?analisi (?:di |del |della |dell['’])", "analizza "),
    (
        r"(?:l['’])?addestramento (?:di |del |della |"
        r"dell['’])",
        "addestra ",
    ),
    (r"(?:la )?clonazione (?:di |del |della )", "clona "),
    (r"(?:a |an |one )?voice training$", "train a voice"),
    (r"(?:a |the )?voice clone$", "clone a voice"),
)
_ITALIAN_VERBS = {
    "fare": "fai",
    "farmi": "fammi",
    "creare": "crea",
    "girare": "gira",
    "disegnare": "disegna",
    "addestrare": "addestra",
    "analizzare": "analizza",
    "clonare": "clona",
    "generare": "genera",
    "produrre": "produci",
    "montare": "monta",
    "tagliare": "taglia",
    "renderizzare": "renderizza",
    "realizzare": "realizza",
    "dire": "dì",
    "esportare": "esporta",
    "trascrivere": "trascrivi",
    "doppiare": "doppia",
    "animare": "anima",
    "far": "fai",
}
_COMMAND = re.compile(
    r"^(?:make|create|produce|generate|shoot|direct|film|animate|draw|paint|sketch|illustrate|train|retrain|"
    r"fine-?tune|clone|"
    r"analy[sz]e|describe|check|measure|transcribe|cut|trim|edit|join|render|restyle|remix|turn|export|speak|"
    r"say|read|narrate|"
    r"lip-?sync|storyboard|subtitle|caption|add|put|slow|speed|do|record|build|convert|change|parody|remove|"
    r"upscale|give|write|"
    r"fai|fammi|crea|gira|disegna|addestra|analizza|clona|genera|produci|monta|taglia|renderizza|realizza|"
    r"esporta|trascrivi|"
    r"doppia|anima)\b",
    re.IGNORECASE,
)  # fmt: skip
_WISHED = re.compile(
    r"^(?:(?:let's |let us )?(?:suppose|say|imagine|assume|if|supponi(?:amo)?|se)\b,?\s*(?:that\s+|che\s+)?)?"
    r"(?:(?:i|we|you)(?:'d| would|'ll| will)?\s+(?:like|love|want(?:ed)?|need(?:ed)?|plan(?:ned)?|make|made|"
    r"asked?)\s+(?:you\s+)?(?:for\s+|to\s+(?=make|have|see))?|vorrei\s+|voglio\s+)?",
    re.IGNORECASE,
)
STAND_INS = {
    "story": "somebody tells a story",
    "prompt": "a picture",
    "prompts": "a picture",
    "text": "a line that somebody says",
    "caption": "a title",
    "character": "Somebody",
    "style": "watercolor",
    "effect": "film grain",
    "topic": "a film",
    "lines": 'Anna: "This is a line." Bruno: "And this is another."',
    "instruction": "cut it to 5 seconds",
    "changes": "put 'Title' from 1 to 3 seconds",
    "change": "deeper",
}
"""What fills an argument that a question left open: the price hardly depends on it. No file has a stand-in."""
_AMOUNT = re.compile(
    r"(?:how (?:long|much|many|expensive|quickly|fast|soon|big|heavy)|quant[oaie]\b|what (?:would|does|will) "
    r"[^?]+ (?:take|cost))\b",
    re.I,
)
_MEMORY = re.compile(r"\b(?:vram|memory|gpu|memoria|scheda)\b", re.IGNORECASE)
_WRITTEN = {
    "hw": "how",
    "hwo": "how",
    "lng": "long",
    "logn": "long",
    "wud": "would",
    "woud": "would",
    "wuld": "would",
    "wold": "would",
    "tak": "take",
    "tke": "take",
    "u": "you",
    "whats": "what's",
    "cn": "can",
    "hows": "how's",
    "estimte": "estimate",
}
_SLIPS = re.compile(rf"\b(?:{'|'.join(_WRITTEN)})\b", re.IGNORECASE)
"""Slips in the words that make the question."""
_GO = re.compile(
    r"(?:(?:yes|yeah|yep|ok|okay|fine|good|great|alright|all right|sure|perfect|then|so|well|please|sì|si|va "
    r"bene|bene|allora|d'accordo)\b[\s,.!]*)*"
    r"(?:(?:please\s+)?(?:go(?: ahead)?|do (?:it|that|so|this)|make (?:it|that|one|them)(?: then)?|start(?: it| "
    r"then)?|let's (?:go|do (?:it|that))|go for it|proceed|"
    r"fallo|falla|procedi|vai|facciamolo)(?:\s+(?:then|please|now|allora|pure))*)?[\s.!]*",
    re.IGNORECASE,
)


def asked_about(text: str, earlier: Sequence[str] = ()) -> str | None:
    """The wish that a question about time, memory or cost is about, as a command; None when it is no such question.

    '' when it is one, and says nothing of what it is about.

    Args:
        text: the message with typos corrected.
        earlier: the user's earlier messages, oldest first: 'how long would that take?' is about the last of them.
    """
    plain = _SLIPS.sub(lambda slip: _WRITTEN[slip.group().lower()], " ".join(text.split()))
    plain = _BEFORE.sub("", plain).strip()
    if (here := _HERE.fullmatch(plain)) and _WORK.search(here["what"]):
        return _as_command(_WISHED.sub("", here["what"], count=1))
    for pattern in _ASKS:
        match = pattern.fullmatch(plain.rstrip(" ?!."))
        if match is None:
            continue
        what = match["what"].strip(" ,.?!")
        verb = match.groupdict().get("verb") or ""
        if (_POINTS.fullmatch(what) or _PASSIVE.fullmatch(what)) and not verb:
            if not earlier:
                return None if _MEMORY.search(plain) else ""
            return asked_about(earlier[-1], earlier[:-1]) or earlier[-1]
        if _WORK.search(what) or (_COMMAND.match(what) and find_quotes(what)):
            return f"{verb} {what}" if verb else _as_command(what)
    return None


def only_asks(text: str) -> bool:
    """Whether a message is a question about an amount, in whatever words: it must start no work."""
    return _AMOUNT.match(_BEFORE.sub("", text.strip())) is not None


def agreed_to(text: str, earlier: Sequence[str]) -> str | None:
    """The wish that 'ok, do it' agrees to after its price was told; None when it says something else."""
    if not earlier or not says_go(text):
        return None
    return asked_about(earlier[-1], earlier[:-1])


def says_go(text: str) -> bool:
    """Whether a message agrees to what was proposed: 'do it', 'ok, go ahead'."""
    return bool(text.strip(" .!")) and _GO.fullmatch(text.strip()) is not None


def asks_of_the_plan(text: str) -> bool:
    """Whether a message asks what the plan that waits would take: 'how long will it take?', 'quanto ci vuole?'."""
    plain = _BEFORE.sub("", " ".join(text.split())).strip()
    return _BARE.fullmatch(plain) is not None or asked_about(text, (_PLAN,)) == _PLAN


def in_italian(question: str) -> bool:
    return (
        re.search(r"\b(?:quant[oa]|tempo|costa|ci vuole|serve|memoria|scheda)\b", question, re.IGNORECASE) is not None
    )


_PLAN = "\0the plan"
"""Stands for the wish behind a plan; nobody types it."""
_BARE = re.compile(
    rf"(?:{_LENGTH}|{_COST})(?: is (?:it|that|this)| {_WILL} (?:it|that|this)(?: (?:be|last|run))?)?{_TAIL}|"
    rf"quanto(?: tempo)?(?: (?:ci (?:vuole|vorr\w+|mett\w+)|dura|serve|costa|prende))?{_TAIL}|"
    rf"quant[ao] (?:memoria|vram)(?: \w+)?(?: (?:ci vuole|serve|usa))?{_TAIL}",
    re.IGNORECASE,
)


def _as_command(what: str) -> str:
    what = re.sub(r"^(?:to|a(?=\s+\w+(?:are|ere|ire)\b))\s+", "", what.strip(), flags=re.IGNORECASE)
    for shape, verb in _NOUN_OF:
        if match := re.match(shape, what, re.IGNORECASE):
            return f"{verb}{what[match.end() :]}".strip()
    first, _, rest = what.partition(" ")
    if first.lower() in _ITALIAN_VERBS:
        return f"{_ITALIAN_VERBS[first.lower()]} {rest}".strip()
    if (match := _GERUND.match(what)) and (
        stem := _STEMS.get(match[1].lower() + (match["double"] or ""), _STEMS.get(match[1].lower()))
    ):
        return f"{stem}{what[match.end() :]}"
    if _COMMAND.match(what):
        return what
    return f"{_MAKE['it'] if _ITALIAN.search(what) else _MAKE['en']} {what}"


_MAKE = {"en": "make", "it": "fai"}
_ITALIAN = re.compile(r"\b(?:un|una|di|con|il|la|secondi|minuti|immagini)\b", re.IGNORECASE)
