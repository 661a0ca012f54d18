"""Calls about pictures."""

from __future__ import annotations

import re

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon, patterns
from backends.llm.offline.references import find_character, find_characters, need_file
from backends.llm.offline.request import Ask, Call, Request
from backends.llm.offline.wish import number

_MEDIUM = patterns(lexicon().words["medium_words"])
_VERB = (
    r"(?:draw|paint|sketch|illustrate|depict|doodle|visuali[sz]e|imagine|generate|make|create|"
    r"render|produce|design|do|give|get|show|see|have|"
    r"try|queue up|run|need|want|like|batch(?:\s+generate)?|disegn\w+|dipingi\w*|illustra\w*|"
    r"raffigura|genera|crea|fai|fammi|facci|farmi|farci|fatemi|fateci|posso|possiamo|fare|voglio|vorrei|mostra\w*|produci|vedere)"
)
_LEAD = re.compile(
    (
        r"^(?:(?:i|we|io)(?:'d|’d| would| want| need)?\s+)?(?:(?:really|just|also|un "
        rf"po')\s+)?(?:{_VERB}\b\s*(?:to\s+(?:see|have)\s+|me\b\s*|us\b\s*|mi\s+)?)(?:up\s+)?"
    ),
    re.IGNORECASE,
)
_AGAIN = re.compile(
    (
        r"^(?:again|once more|ancora|di nuovo|(?:do |try )?(?:the )?same(?: (?:one|thing|picture|image|drawing))?|"
        r"(?:la |lo )?stess[ao](?: (?:cosa|immagine|disegno))?|redo it|one more time|another(?: one)?|one more|"
        r"(?:draw|paint|do|make|try|generate)\s+(?:it|that|this|him|her|the same|another one|one "
        r"more)(?:\s+again)?)\b[\s,]*(?:but|ma|and|this time|only|now|except)?\s*"
    ),
    re.IGNORECASE,
)
_COUNTED = re.compile(
    rf"^(?:(?:an?|the|some|one|un[oa]?|un'|another|new|nuov[ao]|few|couple of|qualche|{slots.NUMBER})\s+)*"
    rf"(?:(?:[\w-]+\s+){{0,3}}?(?:{_MEDIUM})\b\s*)+(?:\b(?:of|with|showing|where|for|in which|that "
    r"shows|about|di|del|della|dello|dei|con|in cui|che mostra|raffigurante)\b|[:,])\s*",
    re.IGNORECASE,
)
_BATCH = re.compile(
    (
        r"^(?:(?:an?|the|another|whole|un[oa]?|una?\s+intera)\s+)*(?:batch|series|set|bunch|pack|"
        r"stack|serie|lotto|gruppo|bulk generation)\s*(?:run\s+)?(?:of|di|with|con|"
        rf"[:,])?\s*(?:{slots.NUMBER}\s+)?"
    ),
    re.IGNORECASE,
)


def generate_image(request: Request) -> list[Call]:
    """prompt, character, style, count, width, height, seed, background."""
    if prompts := _each_of_several(request):
        return [Call("generate_batch", {"prompts": prompts, **_batch_look(request)})]
    args = _look(request)
    again = _repeated(request)
    prompt = again if again is not None else picture_prompt(request)
    if answer := request.answers.get("prompt"):
        prompt = answer.strip()
    if again and "character" not in args and (shown := find_characters(request, again)):
        args["character"] = shown[0]
    if not prompt and "character" in args:
        prompt = str(args["character"])
    if not prompt:
        raise Ask("prompt", "need_prompt")
    return [Call("generate_image", {"prompt": prompt, **args})]


def generate_batch(request: Request) -> list[Call]:
    """prompts or prompt with count, character, style."""
    args = _batch_look(request)
    subject = picture_prompt(request)
    subject = slots.tidy(_BATCH.sub("", subject))
    listed = _list_of_prompts(request, subject)
    if listed:
        args.pop("count", None)
        return [Call("generate_batch", {"prompts": listed, **args})]
    amount = slots.count(request.wish.blank_quotes) or slots.batch_count(request.wish.blank_quotes)
    if amount:
        args["count"] = amount
    subject = re.sub(rf"^(?:{slots.NUMBER}|different|different\s+{slots.NUMBER})\s+", "", subject, flags=re.IGNORECASE)
    subject = request.answers.get("prompt", subject).strip()
    if not subject:
        raise Ask("prompt", "need_prompts")
    return [Call("generate_batch", {"prompt": subject, **args})]


def _batch_look(request: Request) -> dict[str, object]:
    """How all of a batch shall look; sizes, seeds and backgrounds are for one picture."""
    return {name: value for name, value in _look(request).items()
            if name not in ("width", "height", "seed", "background", "count")}  # fmt: skip


_ALL_OF = re.compile(
    r"\b(?:(?:all|each|every one|both) (?:of )?(?:these|the following|them|those)|(?:of |for )?the following|"
    r"one (?:(?:picture|image|drawing) )?(?:of|for) each|these (?:two|three|four|five|six|\d+|things|subjects|prompts)|"
    r"(?:tutt[ie]|ognun[oa]) (?:di )?(?:quest[ie]|loro)|i seguenti|le seguenti)\b[^:]{0,30}$",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(?:pictures|images|drawings|photos|illustrations|paintings|sketches|pics|immagini|disegni)\b", re.I
)
_WITH_ARTICLE = re.compile(r"(?:an?|the|some|one|un[oa]?|un['’]|il|la|lo)\s*\w", re.IGNORECASE)


def _each_of_several(request: Request) -> list[str]:
    """The pictures of 'all of these: a red teapot, a blue kite', one each; [] when one picture is meant."""
    head, colon, tail = request.command.partition(":")
    if not colon or request.wish.quotes or (request.facts.tools and "generate_batch" not in request.facts.tools):
        return []
    listed = _list_of_prompts(request, f":{tail}")
    plural = _SEVERAL.search(head) and not re.search(r"\b(?:of|di)\b", head) and all(map(_WITH_ARTICLE.match, listed))
    return listed if len(listed) >= 2 and (_ALL_OF.search(head.strip()) or plural) else []


def edit_image(request: Request) -> list[Call]:
    """image, instruction."""
    image = need_file(request, "image", "which_image")
    instruction = request.answers.get("instruction") or request.command.rstrip(" .!")
    if re.fullmatch(
        (
            r"(?:edit|change|modify|retouch|fix|modifica|cambia|ritocca)\s+(?:it|this|that|the|my|last|la|"
            r"questa|quest'|l')?\s*(?:\w+)?"
        ),
        instruction,
        re.I,
    ):
        raise Ask("instruction", "need_instruction")
    return [Call("edit_image", {"image": image, "instruction": instruction})]


def remake_image(request: Request) -> list[Call]:
    """image."""
    return [Call("remake_image", {"image": need_file(request, "image", "which_image")})]


def make_control_maps(request: Request) -> list[Call]:
    """image or shot, kinds."""
    text = request.wish.blank_quotes
    kinds = lexicon().group("control_kinds").names(text)
    args: dict[str, object] = {"kinds": kinds} if kinds and not re.search(r"\ball\b|\btutt", text, re.I) else {}
    shot = re.search(
        rf"\b(?:shot|inquadratura)\s+(?:number\s+|n\.?\s*)?({slots.NUMBER})\b|\b(first|second|third)\s+shot\b",
        text,
        re.I,
    )
    if shot and not request.facts.attachments:
        word = (shot.group(1) or shot.group(2)).lower()
        index = {"first": 1, "second": 2, "third": 3}.get(word) or number(word)
        return [Call("make_control_maps", {"shot": str(index), **args})]
    return [Call("make_control_maps", {"image": need_file(request, "image", "which_image"), **args})]


def check_identity(request: Request) -> list[Call]:
    """image, character; or character and calibrate, which needs no picture."""
    calibrate = re.match(r"(?:please\s+|per favore\s+)?calibra(?:te)?\b", request.command, re.IGNORECASE) is not None
    given = {} if calibrate else {"image": need_file(request, "image", "which_image")}
    name = find_character(request) or _unknown_name(request)
    if not name:
        known = tuple(c.name for c in request.facts.characters)
        if len(known) != 1:
            raise Ask("character", "need_character", known[:6])
        name = known[0]
    return [Call("check_identity", {**given, "character": name, **({"calibrate": True} if calibrate else {})})]


def analyze_image(request: Request) -> list[Call]:
    """image."""
    return [Call("analyze_image", {"image": need_file(request, "image", "which_image")})]


def picture_prompt(request: Request) -> str:
    """What the picture shall show, without command words, numbers, sizes, seeds and style."""
    text = request.command
    for find in (slots.seed, slots.size, slots.best_of):
        if found := find(text):
            text = slots.strip_span(text, found[-1])
    if pointed := _kept_look(request, text):
        text = slots.strip_span(text, pointed[1])
    if found_style := slots.style(text, request.facts.styles):
        medium = re.match(rf"^(.*?)\b({_MEDIUM})\b", text[found_style[1][1] :], re.IGNORECASE)
        inside = found_style[1][0] < 40 and medium is not None and not medium.group(1).strip()
        if not inside:
            text = slots.strip_span(text, found_style[1])
    text = re.sub(r",?\s*\b(?:if possible|if you can|se possibile|se puoi)\b\s*,?", " ", text, flags=re.IGNORECASE)
    text = re.sub(
        r"[\s,]*\b(?:would|might|could)\s+be\s+(?:nice|great|lovely|cool|good|perfect|fun)\b[\s!.]*$",
        "",
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(r"\s*\b(?:please|per favore|thanks|grazie)\b[\s!.]*", " ", text, flags=re.IGNORECASE).strip(" ,")
    before = None
    while before != text:
        before = text
        text = _LEAD.sub("", text).strip()
        text = _COUNTED.sub("", text).strip()
        text = (
            _BATCH.sub("", text).strip()
            if re.match(r"(?:an?|the|una?)?\s*(?:whole\s+|another\s+)?(?:batch|series|set|serie|lotto)\b", text, re.I)
            else text
        )
    text = re.sub(
        r"^(?:how|what)\s+(.+?)\s+(?:would|could|will|might)\s+look\s+like\b", r"\1", text, flags=re.IGNORECASE
    )
    text = re.sub(rf",?\s*\b(?:in|as)\s+(?:an?\s+)?(?:{_MEDIUM})\s*$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\bx\s?\d{1,2}\b|\b\d{1,2}\s?x\b(?!\s*[-+*/^=])", "", text)
    if re.fullmatch(
        rf"(?:an?|the|some|one|un[oa]?|new|another|it|this|that|something|{slots.NUMBER}|\s)*(?:{_MEDIUM})?",
        text,
        re.IGNORECASE,
    ):
        return ""
    return slots.tidy(text.rstrip(" .?!"))


def _look(request: Request) -> dict[str, object]:
    """The arguments that pictures share."""
    text, args = request.wish.blank_quotes, dict[str, object]()
    characters = find_characters(request)
    if characters:
        args["character"] = find_character(request) if "character" in request.answers else characters[0]
    if style := slots.style(text, request.facts.styles):
        args["style"] = style[0]
    if pointed := _kept_look(request, text):
        args["style"] = pointed[0]
    if (amount := slots.count(text)) and amount > 1:
        args["count"] = amount
    if size := slots.size(text):
        args["width"], args["height"] = size[0], size[1]
    if seed := slots.seed(text):
        args["seed"] = seed[0]
    if takes := slots.best_of(text):
        args["best_of"] = takes[0]
        args.pop("count", None)
    if background := slots.background(text):
        args["background"] = background
    return args


_THAT_LOOK = re.compile(
    r",?\s*\b(?:in|with|using|nello?|con)\s+(?:(?:that|this|the same|the new|our new|my new|quell[oa]|quest[oa])\s*)"
    r"(?:new\s+)?(?:look|style|aesthetic|stile|aspetto)\b",
    re.IGNORECASE,
)


def _kept_look(request: Request, text: str) -> tuple[str, tuple[int, int]] | None:
    """(the style remembered last in this conversation, where 'in that look' stands); None without one."""
    kept = [call.args for call in request.recent if call.tool == "remember" and call.args.get("kind") == "style"]
    match = _THAT_LOOK.search(text) if kept else None
    return (str(kept[-1]["name"]), match.span()) if match else None


def _repeated(request: Request) -> str | None:
    """'again but at night' -> the last picture's prompt with what is new; None when it is no repetition."""
    match = _AGAIN.match(request.command)
    if not match:
        return None
    last = next((call.args.get("prompt") for call in reversed(request.recent) if call.tool == "generate_image"), None)
    text = last or next((a.text for a in request.facts.assets if a.tool == "generate_image" and a.text), "")
    if not text:
        return None
    rest = re.sub(r"^(?:again|ancora)\b[\s,]*(?:but|ma)?\s*", "", request.command[match.end() :], flags=re.IGNORECASE)
    for found in (slots.seed(rest), slots.size(rest)):
        rest = slots.strip_span(rest, found[-1]) if found else rest
    if style := slots.style(rest, request.facts.styles):
        rest = slots.strip_span(rest, style[1])
    if swapped := _swapped(request, text, rest):
        return swapped
    rest = slots.tidy(rest.rstrip(" .!"))
    return f"{text.rstrip(' .')}, {rest}" if rest else text


def _swapped(request: Request, prompt: str, change: str) -> str | None:
    """'with Boo instead', 'with a cat instead of the dog' -> the prompt with the other subject."""
    match = re.match(
        (
            r"(?:but\s+|ma\s+)?(?:(?:with|for|using|con|per)\s+)?(.+?)\s*"
            r"(?:(?:instead|in place|invece|al posto)(?:\s+(?:of|di|del|della)\s+(.+?))?)?[\s.!]*$"
        ),
        change,
        re.IGNORECASE,
    )
    if not match:
        return None
    new, old = match.group(1), match.group(2)
    known = find_characters(request, new)
    shown = find_characters(request, prompt)
    if old and re.search(rf"(?<!\w){re.escape(old)}(?!\w)", prompt, re.IGNORECASE):
        return _replaced(prompt, old, new)
    if len(shown) == 1 and not old and not known and re.search(r"\b(?:instead|invece)\b", change, re.IGNORECASE):
        return _replaced(prompt, shown[0], new)
    alone = known and re.fullmatch(rf"(?:the\s+)?{re.escape(known[0])}", new, re.IGNORECASE)
    if alone and shown and known[0] not in shown:
        return _replaced(prompt, shown[0], known[0])
    return None


def _replaced(prompt: str, old: str, new: str) -> str:
    text = re.sub(
        rf"(?<!\w)(?:(?:a|an|the)\s+)?{re.escape(re.sub(r'^(?:an?|the) ', '', old))}(?!\w)",
        lambda _: new,
        prompt,
        flags=re.I,
    )
    return text[:1].upper() + text[1:] if prompt[:1].isupper() else text


def _list_of_prompts(request: Request, subject: str) -> list[str]:
    """Several prompts: quoted, one per line, or listed after a colon or with commas and articles."""
    if len(request.wish.quotes) > 1:
        return [quote.content for quote in request.wish.quotes]
    lines = [line.strip(" -*•\t") for line in subject.splitlines() if line.strip(" -*•\t")]
    if len(lines) > 2:
        return lines[1:] if lines[0].endswith(":") else lines
    head, colon, tail = subject.partition(":")
    body = tail if colon and len(head.split()) <= 8 else subject
    if ";" in body:
        return [part.strip(" .") for part in body.split(";") if part.strip(" .")]
    parts = [
        part.strip(" .")
        for part in re.split(r"\s*,\s*(?:and\s+|e\s+)?|\s+and\s+(?=an?\s)|\s+e\s+(?=un)", body)
        if part.strip(" .")
    ]
    articles = [part for part in parts if re.match(r"(?:an?|the|un|una|uno)\s", part, re.IGNORECASE)]
    if len(parts) >= 2 and (colon or len(articles) >= 2):
        start = 0 if colon else parts.index(articles[0])
        return parts[start:]
    return []


def _unknown_name(request: Request) -> str | None:
    match = re.search(r"(?<=[\w,] )([A-Z][\w'-]+)(?:'s)?\b", re.sub(r"'s\b", "", request.wish.blank_quotes))
    return match.group(1) if match else None
