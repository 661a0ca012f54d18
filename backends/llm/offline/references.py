"""Which file, result or character a wish means: 'this clip', 'the second picture', 'hero.png', 'the robot'."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from rapidfuzz import fuzz

from backends.llm.facts import CharacterFact, FileFact
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.request import Ask, Request
from backends.llm.offline.wish import ASSET_ID, FILE_NAME, ID_KINDS

SUITABLE = {
    "video": ("video",),
    "image": ("image", "map", "storyboard"),
    "audio": ("audio",),
    "sound": ("audio", "video"),
    "timeline": ("timeline",),
    "subtitle": ("subtitle",),
    "script": ("file", "storyboard"),
    "dataset": ("dataset",),
    "film": ("timeline", "video"),
    "any": (
        "video",
        "image",
        "audio",
        "timeline",
        "storyboard",
        "map",
        "subtitle",
        "lipsync",
        "dataset",
        "report",
        "file",
    ),
}
"""What is asked for -> kinds of assets that will do."""

ORDINALS = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4,
    "former": 0, "latter": -1,
    "prima": 0, "primo": 0, "seconda": 1, "secondo": 1, "terza": 2, "terzo": 2,
}  # fmt: skip
_AIM = re.compile(
    r"^(?:(?:it(?:'|’)?s |it is |è )?(?:for|per)|as|a|ad)\s+(?:(?:the|il|la|lo)\s+)?(?=\w)", re.IGNORECASE
)
"""What stands before the name in an answer: 'for Boo'."""
_STILL = re.compile(
    r"(?<!\ba )(?<!\bthe )(?<!\bthis )(?<!\bthat )(?<!\bfilm )\bstill\b(?!\s+(?:frame|image|from|of)\b)", re.IGNORECASE
)
"""'Is it still dark?': no picture."""
_SHORTEST_ID = 11
_FUZZY_NAME = 88.0
"""rapidfuzz ratio above which a file name with a slip is still the attached file."""


def find_file(request: Request, want: str) -> str | None:
    """The id (or name) of the file that the wish means, None when there is none of a suitable kind.

    Raises Ask when several attached files fit equally well.
    """
    named = _named(request, SUITABLE[want])
    if named:
        return named[0]
    kinds = SUITABLE[want]
    for made in reversed(request.made):
        if made.kind in kinds:
            return f"${made.step}"
    attached = [file for file in request.facts.attachments if file.kind in kinds]
    attached = _best_kind(attached, kinds)
    if picked := _by_ordinal(request.wish.blank_quotes, attached, want):
        return picked.id
    if len(attached) > 1:
        raise Ask(
            "file",
            f"which_{'asset' if want in ('any', 'sound', 'film', 'subtitle') else want}",
            tuple(f.name for f in attached),
        )
    if attached:
        return attached[0].id
    assets = _best_kind([file for file in request.facts.assets if file.kind in kinds], kinds)
    if picked := _by_ordinal(request.wish.blank_quotes, list(reversed(assets)), want):
        return picked.id
    if picked := _by_making(request.wish.blank_quotes, assets) or _by_description(request.wish.blank_quotes, assets):
        return picked.id
    return assets[0].id if assets else None


def need_file(request: Request, want: str, key: str) -> str:
    """As `find_file`, and the answer to an earlier question. Raises Ask when there is none."""
    if answer := request.answers.get("file"):
        chosen = _match_name(answer, [*request.facts.attachments, *request.facts.assets], SUITABLE[want])
        if chosen:
            return chosen
        if FILE_NAME.search(answer) or ASSET_ID.search(answer):
            return answer.strip()
    found = find_file(request, want)
    if found is None:
        raise Ask("file", key, _names(request.facts.assets, SUITABLE[want]))
    return found


def find_files(request: Request, want: str) -> list[str]:
    """All files that a wish about several means: those it names, else those attached, else the newest two."""
    kinds = SUITABLE[want]
    named = _named(request, kinds)
    if len(named) > 1:
        return named
    attached = [file.id for file in request.facts.attachments if file.kind in kinds]
    if len(attached) > 1:
        return attached
    assets = [file.id for file in request.facts.assets if file.kind in kinds]
    several = list(dict.fromkeys([*attached, *named, *assets]))
    return list(reversed(several[:2])) if len(several) >= 2 and not attached else several[:2]


def mentioned_kind(text: str) -> str | None:
    """'video' | 'image' | 'audio' | 'timeline' | 'storyboard' when the text names one, None otherwise."""
    file = FILE_NAME.search(text)
    if file:
        return kind_of_extension(file.group("ext"))
    if (asset := ASSET_ID.search(text)) and (kind := ID_KINDS.get(asset.group().partition("-")[0])):
        return kind
    return lexicon().group("reference_nouns").first(_STILL.sub(" ", text))


def kind_of_extension(extension: str) -> str | None:
    """Kind of file by its ending."""
    low = extension.lower()
    table = (
        ("video", "mp4 mov mkv webm avi m4v gif"),
        ("audio", "wav mp3 flac ogg m4a aac"),
        ("image", "png jpg jpeg webp bmp tif tiff"),
        ("timeline", "otio otioz edl fcpxml xml"),
        ("subtitle", "srt vtt"),
        ("file", "fountain csv md txt"),
    )
    return next((kind for kind, endings in table if low in endings.split()), None)


def pronoun_kind(request: Request) -> str | None:
    """Kind of what 'it' means: made in this plan, attached now, or newest."""
    if request.made:
        return request.made[-1].kind
    for files in (request.facts.attachments, request.facts.assets):
        for file in files:
            if file.kind in ("video", "image", "audio", "timeline", "storyboard", "map"):
                return "image" if file.kind == "map" else file.kind
    return None


def find_characters(request: Request, text: str | None = None) -> list[str]:
    """Names of the remembered characters in a text, in its order.

    Raises Ask when a word such as 'the robot' fits several of them.
    """
    text = request.wish.blank_quotes if text is None else text
    found: list[tuple[int, str]] = []
    everybody = {name.casefold() for one in request.facts.characters for name in (one.name, *one.aliases)}
    for character in request.facts.characters:
        for name in (character.name, *character.aliases):
            match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
            if match is None and f"{name}s".casefold() not in everybody:  # 'lucas voice', as it is typed in a hurry
                match = re.search(rf"(?<!\w){re.escape(name)}s(?=\s+\w)", text, re.IGNORECASE)
            if match:
                found.append((match.start(), character.name))
                break
    taken = {name for _, name in found}
    for word, name in short_names(request.facts.characters).items():
        if name not in taken and (match := re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)):
            found.append((match.start(), name))
            taken.add(name)
    pattern = rf"\b(?:the|our|my|that|this|little|tiny|il|lo|la|l'|al|del|dal|nostr[oa])\s?(?:\w+\s)?({_nouns()})\b"
    for match in re.finditer(pattern, text, re.IGNORECASE):
        fits = [c for c in request.facts.characters if _is_a(c, match.group(1))]
        if any(character.name in taken for character in fits):
            continue
        if len(fits) > 1:
            chosen = _chosen(request.answers.get("character", ""), [c.name for c in fits])
            if not chosen:
                raise Ask("character", "which_character", tuple(c.name for c in fits))
            fits = [c for c in fits if c.name == chosen]
        if fits:
            found.append((match.start(), fits[0].name))
            taken.add(fits[0].name)
    return list(dict.fromkeys(name for _, name in sorted(found)))


def short_names(characters: Sequence[CharacterFact]) -> dict[str, str]:
    """'Ludo' -> 'Captain Ludo': words of longer names that only one character has and that are no words of a wish."""
    return _short_names(tuple((one.name, one.aliases) for one in characters))


@lru_cache(maxsize=64)
def _short_names(people: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, str]:
    owners: dict[str, set[str]] = {}
    for person, aliases in people:
        for word in re.findall(r"[^\W\d_]{3,}", " ".join((person, *aliases))):
            owners.setdefault(word, set()).add(person)
    whole = {name.casefold() for person, aliases in people for name in (person, *aliases)}
    common = lexicon().vocabulary() | set(lexicon().words["character_nouns"])
    return {
        word: next(iter(names))
        for word, names in owners.items()
        if len(names) == 1 and word[0].isupper() and word.casefold() not in whole and word.lower() not in common
    }


_CALLED_ON = re.compile(
    r"\s*(?:(?:hey|ok(?:ay)?|now|and|please|dear|old|ehi|ora|e)\b[\s,]*)*(?P<who>[^\W\d_][\w'’ -]{1,40}?)\s*,\s+"
    r"(?:please\s+|now\s+)?(?:say|shout|whisper|yell|read|repeat|scream|sing|d[ìi]['’]?|grida|sussurra|leggi)(?!\w)",
    re.IGNORECASE,
)


def called_on(request: Request) -> str | None:
    """Who is told to speak, by name, by a part of it or by a title: 'Captain, say: ...' -> 'Captain Ludo'."""
    match = _CALLED_ON.match(request.wish.blank_quotes)
    if match is None:
        return None
    people, who = request.facts.characters, match["who"].strip()
    named = [c.name for c in people if who.casefold() in {name.casefold() for name in (c.name, *c.aliases)}]
    in_part = [c.name for c in people if re.search(rf"(?<!\w){re.escape(who)}(?!\w)", c.name, re.IGNORECASE)]
    fits = named or in_part or [c.name for c in people if _is_a(c, who)]
    return fits[0] if len(fits) == 1 else None


def find_character(request: Request, text: str | None = None) -> str | None:
    """The first remembered character in a text, or the one that the user answered with."""
    if answer := request.answers.get("character"):
        known = [c.name for c in request.facts.characters]
        return _chosen(answer, known) or _AIM.sub("", answer.strip(" .!?\"'"))
    found = find_characters(request, text)
    return found[0] if found else None


def choice(answer: str, choices: Sequence[str]) -> str | None:
    """Which of the offered choices an answer means: by number, ordinal, or words."""
    return _chosen(answer, list(choices))


def _chosen(answer: str, choices: list[str]) -> str | None:
    low = " ".join(answer.lower().split()).strip(" .!?\"'")
    if not low:
        return None
    for option in choices:
        if option.lower() == low or re.search(rf"(?<!\w){re.escape(option.lower())}(?!\w)", low):
            return option
    for word, index in ORDINALS.items():
        if re.search(rf"\b{word}\b", low) and index < len(choices):
            return choices[index]
    if low.isdigit() and 1 <= int(low) <= len(choices):
        return choices[int(low) - 1]
    if re.search(r"\b(?:last|ultim[oa])\b", low) and choices:
        return choices[-1]
    best = max(choices, key=lambda option: fuzz.ratio(option.lower(), low), default=None)
    return best if best and fuzz.ratio(best.lower(), low) >= 75 else None


def _nouns() -> str:
    return "|".join(map(re.escape, lexicon().words["character_nouns"]))


def _is_a(character: CharacterFact, noun: str) -> bool:
    described = f"{character.name} {' '.join(character.aliases)} {character.text}".lower()
    return re.search(rf"\b{re.escape(noun.lower())}\b", described) is not None


def _named(request: Request, kinds: tuple[str, ...]) -> list[str]:
    text, files = request.wish.text, [*request.facts.attachments, *request.facts.assets]
    people = {name.casefold() for one in request.facts.characters for name in (one.name, *one.aliases)}
    found: dict[str, None] = {}
    for match in ASSET_ID.finditer(text):
        told = ID_KINDS.get(match.group().partition("-")[0])
        if any(file.id == match.group() for file in files) or (told in kinds and len(match.group()) > _SHORTEST_ID):
            found[match.group()] = None
    for match in FILE_NAME.finditer(text):
        known = _match_name(match.group(), files, kinds)
        if known:
            found[known] = None
        elif kind_of_extension(match.group("ext")) in kinds:
            found[match.group()] = None
    for file in files:
        stem = re.sub(r"\.\w{2,6}$", "", file.name)
        if (
            file.kind in kinds
            and (len(stem) >= 3 or (len(stem) == 2 and stem[1].isdigit()))
            and "." in file.name
            and _has_words(text, stem, people)
        ):
            found[file.id] = None
    return list(found)


_PERSON = r"(?:for|of|on|to|let|make|have|per|di|a|su)\s+{name}(?!\w)|{name}['’]s"


def _has_words(text: str, stem: str, people: Collection[str] = ()) -> bool:
    """Whether a file is named without its ending, in the text's own words or with '-' and '_' as spaces.

    'for Mia' and "Mia's" mean the character, not mia.wav.
    """
    if stem.casefold() in people or re.search(_PERSON.format(name=re.escape(stem.capitalize())), text):
        return False
    loose = r"[\s_-]*".join(re.escape(part) for part in re.split(r"[\s_-]+", stem) if part)
    generic = lexicon().group("reference_nouns").canonical(stem.lower()) in SUITABLE
    return not generic and re.search(rf"(?<!\w){loose}(?!\w)", text, re.IGNORECASE) is not None


def _match_name(name: str, files: Iterable[FileFact], kinds: tuple[str, ...]) -> str | None:
    low = name.strip(" .!?\"'").lower()
    fitting = [file for file in files if file.kind in kinds]
    for file in fitting:
        stem = re.sub(r"\.\w{2,6}$", "", file.name.lower())
        if low in (file.id.lower(), file.name.lower(), stem) or (len(stem) > 2 and _has_words(low, stem)):
            return file.id
    scored = [(fuzz.ratio(file.name.lower(), low), file.id) for file in fitting if file.name]
    best = max(scored, default=(0.0, ""))
    return best[1] if best[0] >= _FUZZY_NAME else None


def _best_kind(files: list[FileFact], kinds: tuple[str, ...]) -> list[FileFact]:
    """Files of the first of the suitable kinds that there is, when kinds differ in rank."""
    if set(kinds) in ({"timeline", "video"}, {"image", "map", "storyboard"}):
        for kind in kinds:
            if first := [file for file in files if file.kind == kind]:
                return first
    return files


def _by_ordinal(text: str, files: list[FileFact], want: str) -> FileFact | None:
    nouns = {"any": r"\w+"}.get(want, "|".join(map(re.escape, lexicon().words["reference_nouns"].get(want, [want]))))
    text = _LASTING.sub(" ", text)
    match = re.search(rf"\b({'|'.join(ORDINALS)})\s+(?:one|{nouns})s?\b", text, re.IGNORECASE) or (
        _ALONE.search(text) if len(files) > 1 else None
    )
    if not match:
        return None
    index = ORDINALS[match.group(1).lower()]
    return files[index] if index < len(files) else None


_LASTING = re.compile(
    r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|sixty|half an?))"
    r"[\s-]*second\b",
    re.IGNORECASE,
)
"""'A 5 second trailer' is no second trailer."""
_ALONE = re.compile(
    rf"\bthe\s+({'|'.join(ORDINALS)})(?=\s*(?:[,.!?;:]|$)|\s+(?:is|was|looks?|of them|of (?:these|those)|to|by|"
    rf"and|\d))",
    re.IGNORECASE,
)
"""'Brighten the second', 'give the first 5 stars'."""
_MADE_AS = re.compile(
    r"\b(?:the|my|our|that|this|last|il|la|quel)\s+(trailer|teaser|parody|remix|montage|parodia)\b", re.IGNORECASE
)


def _by_making(text: str, files: list[FileFact]) -> FileFact | None:
    """'the trailer', 'the parody' -> the newest that was made as one."""
    if not (match := _MADE_AS.search(text)):
        return None
    word = match[1].lower().removesuffix("a").removesuffix("i")[:5]
    return next((file for file in files if word in f"{file.name} {file.text} {file.tool}".lower()), None)


def _by_description(text: str, files: list[FileFact]) -> FileFact | None:
    """'the picture of the dragon' -> the asset whose prompt or name speaks of a dragon."""
    match = re.search(
        r"\b(?:of|with|where|about|di|del|della|con)\s+(?:the\s+|a\s+|an\s+|il\s+|"
        r"la\s+)?([^,.;]+)",
        text,
        re.IGNORECASE,
    )
    if not match or len(files) < 2:
        return None
    wanted = set(re.findall(r"[^\W\d_]{3,}", match.group(1).lower()))
    scored = [
        (len(wanted & set(re.findall(r"[^\W\d_]{3,}", f"{file.name} {file.text}".lower()))), -index, file)
        for index, file in enumerate(files)
    ]
    best = max(scored, key=lambda item: item[:2])
    return best[2] if best[0] else None


def _names(files: Iterable[FileFact], kinds: tuple[str, ...], limit: int = 5) -> tuple[str, ...]:
    return tuple(file.name or file.id for file in files if file.kind in kinds)[:limit]
