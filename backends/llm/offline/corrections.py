"""Short corrections of what was just made: 'sorry, I meant the first 5', 'the moustache is white, not red', 'heavier'.

The call before is made once more with the part of its words that is put right; what it was made of stays the same.
"""

from __future__ import annotations

import re

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.repeats import retold
from backends.llm.offline.request import Call, Request
from backends.llm.offline.second_thoughts import settled

_WORDS_OF = {
    "edit_video": "instruction", "edit_image": "instruction", "generate_image": "prompt", "make_film": "story",
    "write_storyboard": "story", "remember": "text", "add_captions": "text", "add_effects": "effect",
    "remix_style": "style", "speak": "text", "make_parody": "topic",
}  # fmt: skip
"""Tool -> the argument that holds the wish's words."""
_TAKES_BACK = re.compile(
    r"\s*(?:(?:oh|ah|oops|whoops|hm+|uh|um|no|wait|hang on|hold on|well|actually|argh|ops|aspetta)\b[\s,.!…–-]*)*"
    r"(?:(?:sorry|scusa|my mistake|correction)[\s,.!…–-]+)?"
    r"(?:(?:i (?:mean|meant)|i wanted|it should (?:be|say)|make (?:it|that)|that should (?:be|say)|rather|intendevo|"
    r"volevo dire)\b[\s,:…–-]*(?:to say\s+)?)?",
    re.IGNORECASE,
)
_MAKE_IT = re.compile(r"\s*make (?:it|that)\s*", re.IGNORECASE)
_FIGURE = re.compile(r"(?:\d|an?\b|the\b)", re.IGNORECASE)
"""'Make it 10 seconds' puts a figure right; 'make it vertical' comes on top of what was made."""
_MOST_WORDS = 14
_NOT = re.compile(
    r"(?:(?:it|he|she|they|that|the [\w-]+|his [\w-]+|her [\w-]+|their [\w-]+)\s+(?:is|are|['’]s|was|should be|has|"
    r"have|wears?)\s+)?(?:an?\s+|the\s+)?(?P<new>[^,.!?]{1,40}?)[\s,]+(?:and\s+)?not\s+(?:an?\s+|the\s+|in\s+)?"
    r"(?P<old>[^,.!?]{1,40})",
    re.IGNORECASE,
)
"""'The moustache is white, not red'."""
_NOT_BUT = re.compile(
    r"(?:.*?\s)?not\s+(?:an?\s+|the\s+)?(?P<old>[^,.!?]{1,40}?)[\s,]+(?:but|he is|she is|it is|it['’]s|rather)\s+"
    r"(?:an?\s+|the\s+)?(?P<new>[^,.!?]{1,40})",
    re.IGNORECASE,
)
_STRONGER = re.compile(
    r"(?:(?:hm+|no|ok(?:ay)?|well|and|but|now|please|make|do|it|that|this|the|be|should|a|an|little|bit|much|even|far|"
    r"way|still|slightly|effect|rain|snow|grain|shake|glow|blur|can|could|you|is|was|ancora|"
    r"un po['’]?|molto)\b[\s,.!]*)*"
    r"(?:(?P<more>heavier|stronger|harder|thicker|denser|more intense|more of it|intenser|più forte|più intens\w|"
    r"not (?:strong|heavy) enough|too (?:weak|light|subtle|faint)|turn it up)|"
    r"(?P<less>lighter|softer|gentler|weaker|subtler|milder|thinner|fainter|more subtle|less (?:strong|heavy|intense)|"
    r"too (?:strong|heavy|much|intense)|tone it down|turn it down|più legger\w|più debole|meno forte))"
    r"(?:[\s,.!]*(?:please|so|then|though|per favore))*[\s.!]*",
    re.IGNORECASE,
)
DEGREE = re.compile(
    r"\b(?:very |much |a (?:little|bit|touch) (?:of )?)?(?:subtle|slight|soft|gentle|light|weak|strong|heavy|hard|big|"
    r"intense|huge)\s+",
    re.IGNORECASE,
)


def corrected(request: Request) -> list[Call]:
    """The last call with what the message puts right; [] when the message is no correction of it."""
    if not request.recent or request.facts.attachments or "?" in request.text or request.wish.quotes:
        return []
    last = request.recent[-1]
    if strength := _strength(request.command, last):
        return [strength]
    argument = _WORDS_OF.get(last.tool, "")
    words = str(last.args.get(argument, ""))
    said = request.text.strip(" .!")
    start = _TAKES_BACK.match(said)
    rest = said[start.end() :].strip(" ,.!") if start else said
    if not words or not rest or len(said.split()) > _MOST_WORDS or (last.tool == "speak" and retold(request)):
        return []
    better = _exchanged(words, rest)
    if better is None and start and start.end() and not (_MAKE_IT.fullmatch(start.group()) and not _FIGURE.match(rest)):
        doubt = settled(f"{words.rstrip(' .!')}, no wait, {rest}", tuple(c.name for c in request.facts.characters))
        better = doubt if "no wait" not in doubt and doubt != rest and _kept(words, doubt) else None
    return [Call(last.tool, {**last.args, argument: better})] if better and better != words else []


def _kept(words: str, better: str) -> bool:
    """Whether the first word stands still: the correction stood for a part of it."""
    return words.split()[:1] == better.split()[:1]


def _exchanged(words: str, rest: str) -> str | None:
    """'white, not red' -> the words with 'white' where 'red' stood."""
    for shape in (_NOT_BUT, _NOT):
        match = shape.fullmatch(rest)
        if match is None:
            continue
        old, new = match["old"].strip(), match["new"].strip()
        if found := re.search(rf"(?<!\w){re.escape(old)}(?!\w)", words, re.IGNORECASE):
            return f"{words[: found.start()]}{new}{words[found.end() :]}"
    return None


def _strength(command: str, last: Call) -> Call | None:
    """The effect once more, stronger or weaker; it is laid on the film as it was before."""
    step = _STRONGER.fullmatch(command) if last.tool == "add_effects" else None
    effect = DEGREE.sub("", str(last.args.get("effect", ""))).strip() if step else ""
    if step is None or not effect:
        return None
    return Call("add_effects", {**last.args, "effect": f"{'heavy' if step['more'] else 'light'} {effect}"})


_TONGUE = (
    r"(?:(?:and|now|also|then|can you|could you|please|the same|same|it|them|that|subtitles?|captions?|too|e|anche|ora|"
    r"i sottotitoli|do|have|make|add|put)\b[\s,]*)*in\s+(?:{names})"
    r"(?:\s+(?:too|also|as well|please|now|instead|subtitles?|captions?|anche))*[\s.!?]*"
)


def subtitles_in(request: Request) -> str:
    """What is told to 'in Italian too?' after subtitles: this brain does not translate; '' for other wishes."""
    last = request.recent[-1] if request.recent else None
    names = lexicon().group("languages").pattern
    if last is None or last.tool != "add_captions" or last.args.get("text"):
        return ""
    if not re.fullmatch(_TONGUE.format(names=names), request.command.strip(), re.IGNORECASE):
        return ""
    tongue = slots.language(request.command)
    if not tongue:
        return ""
    spellings = lexicon().words["languages"][tongue]
    name = spellings[-1] if request.language == "it" else spellings[0].title()
    return lexicon().say("no_subtitles_in", request.language, tongue=name)
