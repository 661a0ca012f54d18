"""How people ask for time, memory and cost, and how such a question becomes the wish that it is about."""

from __future__ import annotations

import re

WORK = re.compile(
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
OURS = re.compile(
    r"(?:to )?(?:draw|paint|sketch|illustrate|animate|lip-?sync|drawing|painting|animating|disegn\w+|"
    r"dipinger\w*|animar\w+)\b",
    re.I,
)
"""What only the studio does, whatever is drawn."""
POINTS = re.compile(
    r"(?:it|this|that|all (?:of )?(?:this|that)|the whole thing|to do (?:it|that|this)|quest[oa]|tutto|farlo|farla)",
    re.I,
)
LENGTH = r"(?:how (?:long|much (?:more )?time|many (?:minutes|seconds|hours)|quickly|fast|soon))"
COST = (
    r"(?:how (?:much|many)(?: (?:gigabytes?|gb|mib|gib|megabytes?|mb))?(?: of)?"
    r"(?: (?:time|effort|gpu|video|graphics|disk|the))*(?: (?:memory|vram|ram|space|power|time|gpu|swaps|model "
    r"loads))?"
    r"|how expensive)"
)
WILL = r"(?:would|wud|will|wil|does|do|might|could|can|should|is|'d|'ll)"
TAKE = r"(?:take|cost|need|require|use)"
WHAT = rf"what {WILL}"
US = r"(?:you|me|us|him|your gpu|my gpu|the gpu|this machine|my machine|my computer|this computer|the studio)"
TAIL = (
    r"(?:\s*,?\s*(?:please|roughly|about|approximately|then|now|here|in all|in total|overall|altogether|at all|"
    r"(?:on|with) (?:my|this|your|the) (?:gpu|graphics card|card|machine|computer|laptop|pc|hardware)|in "
    r"(?:time|vram|gpu memory|"
    r"memory|minutes|seconds|hours)(?: and (?:time|vram|memory))?|to (?:make|produce|finish|complete|do|be "
    r"(?:made|done|ready|finished)|"
    r"generate|create)|(?:me|us|you)))*\s*[?.!]*\s*$"
)
MACHINE = (
    r"(?:(?:my|the|this|our|your|that)\s+)?(?:gpu|graphics card|video card|card|machine|computer|laptop|pc|hardware|"
    r"vram|[\w-]* ?gb(?: of (?:vram|memory))?|rtx ?\d+\w*|a100|h100|scheda(?: video| grafica)?)"
)
ASKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # how long would it take (you) to make a film; how much VRAM do you need for 20 pictures
        rf"{LENGTH} {WILL}\s?(?:it|that|this|you|i|we)? ?{TAKE}(?: {US})? (?:to|for|if (?:you|i|we)) "
        rf"(?P<what>.+?){TAIL}",
        rf"{COST} {WILL}\s?(?:it|that|this|you|i|we)? ?{TAKE}(?: {US})? (?:to|for|if (?:you|i|we)) "
        rf"(?P<what>.+?){TAIL}",
        rf"{WHAT} (?:it|that|this) (?:take|cost)(?: {US})? (?:to|for|if (?:you|i|we)) (?P<what>.+?){TAIL}",
        rf"{WHAT} (?P<what>.+?) (?:take|cost){TAIL}",
        r"how (?:quickly|fast|soon) (?:can|could|would|will) (?:you|we|i|it|the studio) (?P<what>.+)",
        # how long would a voice take to train
        rf"(?:{LENGTH}|{COST}) {WILL} (?P<what>.+?) {TAKE}(?: {US})? to (?P<verb>(?!make|produce|finish|"
        rf"do\b|be\b)[a-z-]+){TAIL}",
        # how long would a film of 60 seconds take; what would 20 pictures cost
        rf"{LENGTH} {WILL} (?P<what>.+?) {TAKE}{TAIL}",
        rf"{COST} {WILL} (?P<what>.+?) {TAKE}{TAIL}",
        r"how (?:long|big|large|many) (?:can|could|may|might) (?P<what>(?:an? |the |your )?(?:films?|movies?|"
        r"shorts?|cartoons?|"
        r"animations?|storyboards?)) (?:be|get|last|become)",
        # how long to train a voice; how long for 20 pictures; how long until the film is ready
        rf"{LENGTH} (?:to|for|until|till|before) (?P<what>.+?){TAIL}",
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
        rf"(?:{LENGTH}|{COST}) (?P<what>.+?) (?:would|will|might|could|does)? ?(?:take|cost|need|require|"
        rf"use)s?{TAIL}",
        # can my GPU do a film of 60 seconds
        rf"(?:can|could|will|would|may) {MACHINE} (?:even |really |actually |possibly )?(?:do|make|handle|"
        rf"manage|run|take|cope with|render|"
        rf"train|draw|produce|fit|hold|deal with|survive|generate|create|clone|analy[sz]e) (?P<what>.+)",
        rf"(?:is|are) {MACHINE} (?:good|big|fast|strong|powerful|large|able)(?: enough)? (?:for|to) (?P<what>.+)",
        r"(?:do|have) (?:i|we|you) (?:have|got) (?:enough|the) (?:gpu |video |graphics )?(?:memory|vram|ram|"
        r"gpu|power|space|time) (?:for|to) (?P<what>.+)",
        r"(?:is|will) there (?:be )?enough (?:gpu |video |graphics )?(?:memory|vram|ram|power|space|time) "
        r"(?:for|to) (?P<what>.+)",
        rf"(?:does|do|would|will|can|could) (?P<what>.+?) (?:fit|run|work|go) (?:in|into|on|onto|within|with) "
        rf"{MACHINE}{TAIL}",
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
BEFORE = re.compile(
    r"^(?:(?:just |only )?(?:curious|wondering|a question|one question|question|quick question|before (?:you|we|"
    r"i) (?:start|begin|do (?:it|that|anything))|"
    r"first|btw|by the way|prima di (?:iniziare|cominciare)|una domanda|out of curiosity)\s*[:,.-]?\s+|(?:and|"
    r"but|so|ok|okay|hey|hi|hmm|well|e|ma|allora)\b[,.]?\s+)+",
    re.IGNORECASE,
)
HERE = re.compile(
    rf"(?P<what>.+?)[.;,!?–-]+\s*(?:(?:and|but|so|e|ma)\s+)?(?:(?:{LENGTH}|{COST}) {WILL} (?:it|that|this|"
    rf"all that) {TAKE}|"
    rf"quanto (?:tempo )?(?:ci (?:vuole|vorrebbe|metti|metteresti)|costa|costerebbe)|can (?:my|this) (?:gpu|"
    rf"card|machine|computer) (?:do|handle) (?:it|that|this)){TAIL}",
    re.IGNORECASE | re.DOTALL,
)
"""A wish that ends with the question: 'I want a film about a dog, how long would that take?'."""
PASSIVE = re.compile(r"(?:the |my |il )?(.+?) (?:is|are|was|'s) (?:ready|done|finished|complete)$", re.IGNORECASE)
GERUND = re.compile(r"^(?:the )?(\w{2,}?)(?:(?P<double>[nptmg])(?P=double))?ing\b(?: (?:of|with)\b)?", re.IGNORECASE)
STEMS = {
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
NOUN_OF = (
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
ITALIAN_VERBS = {
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
COMMAND = re.compile(
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
WISHED = re.compile(
    r"^(?:(?:let's |let us )?(?:suppose|say|imagine|assume|if|supponi(?:amo)?|se)\b,?\s*(?:that\s+|che\s+)?)?"
    r"(?:(?:i|we|you)(?:'d| would|'ll| will)?\s+(?:like|love|want(?:ed)?|need(?:ed)?|plan(?:ned)?|make|made|"
    r"asked?)\s+(?:you\s+)?(?:for\s+|to\s+(?=make|have|see))?|vorrei\s+|voglio\s+)?",
    re.IGNORECASE,
)
AMOUNT = re.compile(
    r"(?:how (?:long|much|many|expensive|quickly|fast|soon|big|heavy)|quant[oaie]\b|what (?:would|does|will) "
    r"[^?]+ (?:take|cost))\b",
    re.I,
)
MEMORY = re.compile(r"\b(?:vram|memory|gpu|memoria|scheda)\b", re.IGNORECASE)
WRITTEN = {
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
SLIPS = re.compile(rf"\b(?:{'|'.join(WRITTEN)})\b", re.IGNORECASE)
"""Slips in the words that make the question."""
GO = re.compile(
    r"(?:(?:yes|yeah|yep|ok|okay|fine|good|great|alright|all right|sure|perfect|then|so|well|please|sì|si|va "
    r"bene|bene|allora|d'accordo)\b[\s,.!]*)*"
    r"(?:(?:please\s+)?(?:(?:i )?approved?|agreed|go(?: ahead| on)?|carry on|continue|do (?:it|that|so|this)|"
    r"make (?:it|that|one|them)(?: then)?|start(?: it| "
    r"then)?|let's (?:go|do (?:it|that))|go for it|proceed|"
    r"fallo|falla|procedi|vai|facciamolo)(?:\s+(?:then|please|now|allora|pure))*)?[\s.!]*",
    re.IGNORECASE,
)
BARE = re.compile(
    rf"(?:{LENGTH}|{COST})(?: is (?:it|that|this)| {WILL} (?:it|that|this)(?: (?:be|last|run))?)?{TAIL}|"
    rf"quanto(?: tempo)?(?: (?:ci (?:vuole|vorr\w+|mett\w+)|dura|serve|costa|prende))?{TAIL}|"
    rf"quant[ao] (?:memoria|vram)(?: \w+)?(?: (?:ci vuole|serve|usa))?{TAIL}",
    re.IGNORECASE,
)
MAKE = {"en": "make", "it": "fai"}
ITALIAN = re.compile(r"\b(?:un|una|di|con|il|la|secondi|minuti|immagini)\b", re.IGNORECASE)
