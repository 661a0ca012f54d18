"""Another name for a result or a character: 'call it "Slow"', 'name this one Sunny', 'rename kite.mp4 to dog.mp4'."""

from __future__ import annotations

import re
from dataclasses import replace

from backends.llm.offline.references import SUITABLE, find_character, mentioned_kind, need_file
from backends.llm.offline.request import Ask, Call, Request
from backends.llm.offline.wish import ASSET_ID, FILE_NAME, Wish

_THING = (
    r"(?:(?:the|my|our|this|that|last|newest|new|il|lo|la|l['’]|quest[oa]|ultim[oa])\s*)+"
    r"(?:(?:last|newest|new|ultim[oa]|short|finished)\s+)?(?:films?|movie|short|video|clip|cut|edit|trailer|teaser|"
    r"parody|remix|montage|picture|image|drawing|photo|portrait|sound|recording|audio|song|music|line|file|result|"
    r"timeline|storyboard|one|filmato|cortometraggio|immagine|disegno|registrazione|battuta|risultato|montaggio)"
)
_IT = r"(?:it|this(?: one)?|that(?: one)?|the last one|lo|la|quest[oa])"
_START = r"(?:(?:please|and|then|now|ok(?:ay)?|let['’]?s|let us|we(?:['’]ll| will)|you can|e|ora)\b[\s,]*)*"
_FORMS = tuple(
    re.compile(rf"{_START}{form}[\s.!]*", re.IGNORECASE)
    for form in (
        r"(?:rename|re-name|rinomina)\s+(?P<what>.+?)\s+(?:to|as|into|in|come)\s+(?P<name>.+?)",
        r"(?:change|set|cambia)\s+(?:the name of\s+|il nome (?:di|del|dell['’]|della)\s*)(?P<what>.+?)\s+"
        r"(?:to|into|in)\s+(?P<name>.+?)",
        r"(?:change|set)\s+(?:its|the|this) name\s+to\s+(?P<name>.+?)",
        rf"(?:rename|re-name|rinomina)\s+(?P<what>{_IT}|{_THING})\s+(?P<name>.+?)",
        rf"(?:call|name|entitle|chiama|intitola)\s+(?P<what>{_THING}|{_IT})\s+(?P<name>.+?)",
        r"(?:chiamal[oa]|intitolal[oa]|rinominal[oa](?:\s+in)?)\s+(?P<name>.+?)",
    )
)
_QUOTED = re.compile(r"[\"“”«»'‘’](?P<name>[^\"“”«»]+?)[\"“”«»'‘’]")
_NO_NAME = re.compile(
    r"(?:an?\s.*|un[oa]?\s.*|quits|off|done|back|out|again|something.*|.*\b(?:and|then|e poi)\b.*)", re.I
)
"""What 'call it' begins in idioms ('a day'), and names that a further wish hangs on."""
_MOST_WORDS = 8
_MOST_NAMES = 4


def renamed(request: Request) -> list[Call]:
    """The call of a message that is nothing but a new name; [] for any other, and for names of characters."""
    if request.recent and request.recent[-1].tool == "remember":
        return []
    raw = request.wish.raw_slice(request.wish.command_start).strip()
    found = _parsed(raw) or _parsed(request.command)  # 'reneme' is corrected there
    here = (*request.facts.attachments, *request.facts.assets)
    if found is None or not any(file.kind in SUITABLE["any"] for file in here):
        return []
    what, name = found
    if request.facts.tools and "rename_asset" not in request.facts.tools:
        return []
    known = [one for character in request.facts.characters for one in (character.name, *character.aliases)]
    if any(re.fullmatch(rf"(?:the\s+)?{re.escape(one)}", what, re.IGNORECASE) for one in known):
        return []
    try:
        return [Call("rename_asset", {"asset": _asset(request, what), "name": name})]
    except Ask:
        return []


_NEW = r"[\"“'‘«]?(?P<name>[^\"“”«»,.!?]{1,60}?)[\"”'’»]?"
_NOW = r"(?:\s+(?:from now on|now|instead|please|d['’]ora in poi|ora|adesso))*"
_CHARACTER_FORMS = (
    r"(?:rename|re-name|rinomina)\s+(?:(?:the|my|our|il)\s+)?(?:character\s+|personaggio\s+)?{who}\s+(?:(?:to|"
    r"into|as|in|come)"
    r"\s+)?{new}",
    r"(?:change|set|cambia)\s+{who}['’]?s?\s+name\s+(?:to|into)\s+{new}",
    r"(?:change|set|cambia)\s+(?:the name of|il nome di)\s+{who}\s+(?:to|into|in)\s+{new}",
    r"(?:from now on,?\s+|now\s+|d['’]ora in poi,?\s+)?(?:I want\s+)?{who}\s+(?:is|['’]s|should be|shall be|"
    r"will be|to be|gets|si)"
    r"\s+(?:now\s+)?(?:called|named|renamed(?: to)?|known as|chiama|the name)\s+{new}",
    r"(?:from now on,?\s+)?(?:call|name|chiama)\s+{who}\s+{new}",
    r"(?:give|dai a)\s+{who}\s+(?:the|a new|another|il)\s+(?:name|nome)[\s,:]+{new}",
)
"""How somebody is given another name; {who}: the known names, {new}: the new one."""


def renamed_character(request: Request) -> list[Call]:
    """The call that gives a known character another name; [] for any other message."""
    if request.facts.tools and "rename_character" not in request.facts.tools:
        return []
    found = _other_name(request)
    return [Call("rename_character", {"character": found[0], "name": found[1]})] if found else []


def rename_character(request: Request) -> list[Call]:
    """character, name."""
    character, name = _other_name(request) or (find_character(request) or "", "")
    if not character:
        raise Ask("character", "which_character", tuple(one.name for one in request.facts.characters)[:5])
    name = request.answers.get("fact", "").strip(" .\"'“”") or name
    if not name:
        raise Ask("fact", "need_name")
    return [Call("rename_character", {"character": character, "name": name})]


def _other_name(request: Request) -> tuple[str, str] | None:
    raw = request.wish.raw_slice(request.wish.command_start).strip(" .!")
    names = {name.casefold(): one.name for one in request.facts.characters for name in (one.name, *one.aliases)}
    if not names:
        return None
    who = rf"(?P<who>{'|'.join(re.escape(name) for name in sorted(names, key=len, reverse=True))})"
    for form in _CHARACTER_FORMS:
        match = re.fullmatch(rf"{_START}{form.format(who=who, new=_NEW)}{_NOW}[\s.!]*", raw, re.IGNORECASE)
        if match and len(match["name"].split()) <= _MOST_NAMES and not _NO_NAME.fullmatch(match["name"].strip()):
            return names[match["who"].casefold()], match["name"].strip()
    return None


def rename_asset(request: Request) -> list[Call]:
    """asset, name."""
    raw = request.wish.raw_slice(request.wish.command_start).strip()
    found = _parsed(raw) or _parsed(request.command)
    name = request.answers.get("fact", "").strip(" .\"'“”") or (found[1] if found else "")
    if not name and request.wish.quotes:
        name = request.wish.quotes[0].content.strip()
    asset = _asset(request, found[0] if found else request.wish.blank_quotes)
    if not name:
        raise Ask("fact", "need_name")
    return [Call("rename_asset", {"asset": asset, "name": name})]


def _parsed(raw: str) -> tuple[str, str] | None:
    """(what, its new name) of a message; None when it gives no name."""
    for form in _FORMS:
        if (match := form.fullmatch(raw)) is None:
            continue
        what, name = match.groupdict().get("what") or "", match["name"].strip()
        if quoted := _QUOTED.fullmatch(name):
            return what, quoted["name"].strip()
        renaming = re.match(r"(?:.*\bre-?name|.*\brinomin|.*\bname\b.*\bto\b)", match.group(), re.IGNORECASE)
        if len(name.split()) > _MOST_WORDS or _NO_NAME.fullmatch(name) or re.search(r"[\"“«?]", name):
            return None
        if not renaming and what.lower() in ("this", "that") and not name[:1].isupper():
            return None  # 'name that tune'
        return what, name.strip(" .,!")
    return None


def _asset(request: Request, what: str) -> str:
    """Which result is meant: the one named, else the newest; of what one step made, its film."""
    about = replace(request, wish=Wish(what, what))
    if FILE_NAME.search(what) or ASSET_ID.search(what) or request.answers.get("file"):
        return need_file(about, "any", "which_asset")
    kind = mentioned_kind(what)
    if kind in ("video", "image", "audio", "timeline"):
        return need_file(about, kind, "which_asset")
    newest = next(iter(request.facts.assets), None)
    if not request.made and not request.facts.attachments and newest is not None and newest.tool:
        films = [file.id for file in request.facts.assets[:6] if file.tool == newest.tool and file.kind == "video"]
        if films:
            return films[0]
    return need_file(about, "any", "which_asset")
