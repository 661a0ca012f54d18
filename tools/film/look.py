"""From a description in words to a `CharacterLook`; what is not described is chosen by the name, always alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from backends.image.layout.scene import RGB, CharacterLook
from tools.film.lexicon import lexicon, word_index
from tools.film.look_words import accessories_in, after_noun, before_noun, colour_in, put_on, to_rgb, word_kinds
from tools.film.people import gender_of_name, heads
from tools.film.words import find_phrase

_FIELDS = {field.name for field in fields(CharacterLook)}
_COLOUR_FIELDS = ("skin", "hair", "eyes", "top_color", "bottom_color", "shoes", "body", "accent")


def describe_look(name: str, description: str, head: str = "", gender: str = "neutral") -> CharacterLook:
    """The look of `name` from words such as 'a boy with curly brown hair'.

    `head` is a key of people.yaml ('' = found in the description, else a human child). Same name and words, same look.
    """
    text = description.lower().replace("’", "'")
    head = head or _head_in(text)
    base: dict[str, Any] = dict(heads().get(head, {}))
    if gender == "neutral":
        gender = str(base.get("gender", "neutral")) if head else gender_of_name(name)
    kind = str(base.get("kind", "human"))
    age = _age(text, str(base.get("age", "child")))
    look = _chosen_by_name(name, kind, age, gender)
    look |= _resolved(base.get("look", {}))
    look |= {"kind": kind, "age": age, "height": _height(text, base, kind, age), "build": _build(text)}
    worn = tuple(look.pop("accessories", ()))
    look |= _described(text) if kind == "human" else _described_body(text)
    if look.get("bottom") == "none" and look.get("top") not in ("dress", "overalls", "spacesuit"):
        look["bottom"] = "trousers"
    look["accessories"] = put_on(worn, accessories_in(text, kind))
    return CharacterLook(**look)


def changed_look(look: CharacterLook, words: str, *, without: bool = False) -> CharacterLook:
    """The look after 'a red shirt', 'green hair', 'glasses'; with `without`, what the words name is taken off.

    What the words do not name stays; the same look when they name nothing that a look has.
    """
    text = words.lower().replace("’", "'")
    named = accessories_in(text, look.kind)
    if without:
        off = {one.partition(":")[0] for one in named}
        kept = tuple(one for one in look.accessories if one.partition(":")[0] not in off)
        bald = look.kind == "human" and re.search(r"\b(?:hair|capelli)\b", text)
        return replace(look, accessories=kept, hair_style="bald" if bald else look.hair_style)
    found = _described(text) if look.kind == "human" else _described_body(text)
    for slot, section in (("top", "tops"), ("bottom", "bottoms")):
        # 'his shirt' is what he wears, whatever it is; 'a shirt' is a new one
        if slot in found and _is_worn(text, section) and (slot == "bottom" or look.bottom != "none"):
            del found[slot]
            if found.get("bottom") == "none":
                del found["bottom"]
    if found.get("top") in ("dress", "overalls", "spacesuit"):
        found.setdefault("bottom", "none")
    found["accessories"] = put_on(look.accessories, named)
    return replace(look, **found)


def _is_worn(text: str, section: str) -> bool:
    found = find_phrase(text, word_index("looks", section))
    owned = r"(?:\b(?:his|her|their|its|the|il|lo|la|suo|sua|del|dello|della|dell')|'s)\s*(?:\w+\s+)?$"
    return bool(found) and re.search(owned, text[: found[0][0]]) is not None


def look_from_data(data: Mapping[str, Any]) -> CharacterLook:
    """A stored look (JSON lists for colours). Unknown keys are left out; raises nothing for missing ones."""
    values: dict[str, Any] = {key: value for key, value in data.items() if key in _FIELDS}
    for key in _COLOUR_FIELDS:
        if key in values:
            values[key] = to_rgb(values[key])
    if "accessories" in values:
        values["accessories"] = tuple(str(one) for one in values["accessories"])
    return CharacterLook(**values)


def look_to_data(look: CharacterLook) -> dict[str, Any]:
    """JSON-ready fields, colours rounded to four places so that a round trip is exact."""
    data = asdict(look)
    for key in _COLOUR_FIELDS:
        data[key] = [round(float(part), 4) for part in data[key]]
    data["accessories"] = list(data["accessories"])
    return data


def describe_in_words(look: CharacterLook, gender: str = "neutral") -> str:
    """A short English phrase for a prompt: 'a boy with curly brown hair, cream t-shirt, blue shorts'."""
    if look.kind != "human":
        size = "tiny " if look.height < 0.5 else ("small " if look.height < 0.8 else "")
        return f"{size}{colour_name(look.body)} {look.kind} with {colour_name(look.accent)} details"
    nouns = {
        ("child", "male"): "boy",
        ("child", "female"): "girl",
        ("adult", "male"): "man",
        ("adult", "female"): "woman",
        ("teen", "male"): "teenage boy",
        ("teen", "female"): "teenage girl",
        ("elder", "male"): "old man",
        ("elder", "female"): "old woman",
    }
    noun = nouns.get(
        (look.age, gender), {"child": "child", "teen": "teenager", "elder": "old person"}.get(look.age, "person")
    )
    hair = "bald" if look.hair_style == "bald" else f"{look.hair_style} {hair_name(look.hair)} hair"
    clothes = [f"{colour_name(look.top_color)} {look.top}"]
    if look.bottom != "none":
        clothes.append(f"{colour_name(look.bottom_color)} {look.bottom}")
    return ", ".join([f"{noun} with {hair}", *clothes, *map(accessory_name, look.accessories)])


def accessory_name(accessory: str) -> str:
    """'hat:#2e7d32' as 'green hat'."""
    name, _, colour = accessory.partition(":")
    return f"{_hue_name(to_rgb(colour))} {name}" if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) else name


def _hue_name(colour: RGB) -> str:
    """The nearest named colour, by hue more than by light: dark green is a green, not navy."""
    colours = lexicon("looks")["colours"]

    def apart(word: str) -> float:
        named = to_rgb(colours[word])
        shares = [tuple(part / max(sum(one), 0.05) for part in one) for one in (named, colour)]
        return float(4 * sum((a - b) ** 2 for a, b in zip(*shares, strict=True)) + 0.3 * _distance(named, colour))

    return min([str(word) for word in colours][:36], key=apart)


def colour_name(colour: RGB) -> str:
    """The nearest named colour (squared distance in sRGB, English names)."""
    english = [str(word) for word in lexicon("looks")["colours"]][:36]
    return min(english, key=lambda word: _distance(to_rgb(lexicon("looks")["colours"][word]), colour))


def hex_colour(value: str) -> RGB:
    """'#aabbcc' or 'aabbcc' as sRGB 0..1."""
    return to_rgb(value)


def hair_name(colour: RGB) -> str:
    names: dict[str, str] = lexicon("looks")["hair_colours"]
    return min(names, key=lambda word: _distance(to_rgb(names[word]), colour))


def _distance(one: RGB, other: RGB) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _resolved(hints: Mapping[str, Any]) -> dict[str, Any]:
    """Lexicon hints with colour words turned into colours."""
    colours = lexicon("looks")["colours"]
    hair = lexicon("looks")["hair_colours"]
    out: dict[str, Any] = {}
    for key, value in hints.items():
        if key == "accessories":
            out[key] = tuple(value)
        elif key in _COLOUR_FIELDS:
            out[key] = to_rgb((hair if key == "hair" and value in hair else colours)[value])
        else:
            out[key] = value
    return out


def _chosen_by_name(name: str, kind: str, age: str, gender: str) -> dict[str, Any]:
    looks = lexicon("looks")
    digest = hashlib.sha256(f"{name.strip().lower()}|{kind}".encode()).digest()

    def pick(options: Any, byte: int) -> Any:
        return options[digest[byte] % len(options)]

    if kind != "human":
        body, accent = pick(looks["bodies"].get(kind, looks["bodies"]["monster"]), 0)
        return {"body": to_rgb(body), "accent": to_rgb(accent)}
    top, top_color, bottom, bottom_color, shoes = pick(looks["outfits"][age], 0)
    if gender == "female" and age in ("child", "teen") and digest[6] % 3 == 0:
        top, bottom = "dress", "none"
    return {
        "top": top,
        "top_color": to_rgb(top_color),
        "bottom": bottom,
        "bottom_color": to_rgb(bottom_color),
        "shoes": to_rgb(shoes),
        "skin": to_rgb(pick(looks["skin_palette"], 1)),
        "hair": to_rgb(pick(looks["hair_palette"][age], 2)),
        "hair_style": pick(looks["hair_by_gender"][gender], 3),
        "eyes": to_rgb(pick(looks["eye_palette"], 4)),
    }


def _head_in(text: str) -> str:
    found = [
        (at, key)
        for at, key, word in find_phrase(text, word_index("people", "heads"))
        if word not in lexicon("people")["weak_heads"]
    ]
    return found[0][1] if found else ""


def _age(text: str, default: str) -> str:
    found = find_phrase(text, word_index("people", "ages"))
    years = re.search(r"\b(\d{1,3})[- ](?:years?[- ]old|anni)", text)
    if years:
        number = int(years.group(1))
        return "child" if number < 13 else "teen" if number < 18 else "adult" if number < 62 else "elder"
    if found and found[0][1] == "child" and default == "adult":
        return "teen"
    return found[0][1] if found and found[0][1] != "child" else default


def _build(text: str) -> str:
    found = find_phrase(text, word_index("people", "builds"))
    return found[0][1] if found else "average"


def _height(text: str, base: Mapping[str, Any], kind: str, age: str) -> float:
    height = float(base.get("height", lexicon("looks")["heights"][age]))
    sizes = find_phrase(text, word_index("people", "sizes"))
    if not sizes:
        return height
    factor = float(lexicon("people")["sizes"][sizes[0][1]]["factor"])
    if kind == "human":  # a tiny boy is still a boy beside the others
        factor = 1 + (factor - 1) * 0.35
    return round(height * factor, 3)


def _described(text: str) -> dict[str, Any]:
    looks = lexicon("looks")
    out: dict[str, Any] = {}
    for position, _, phrase in find_phrase(text.replace("-", " "), {word: word for word in word_kinds()}):
        slot, value = word_kinds()[phrase]
        near = [*before_noun(text, position), phrase, *after_noun(text, position + len(phrase))]
        if slot == "hair":
            colour = colour_in(near, looks["hair_colours"]) or colour_in(near, looks["colours"])
            out |= {"hair": colour} if colour else {}
            styles = [
                word_index("looks", "hair_styles")[word] for word in near if word in word_index("looks", "hair_styles")
            ]
            out |= {"hair_style": styles[0]} if styles else {}
        elif slot == "skin":
            colour = colour_in(near, looks["skin_colours"]) or colour_in(near, looks["colours"])
            out |= {"skin": colour} if colour else {}
        elif slot in ("eyes", "shoes"):
            colour = colour_in(near, looks["colours"])
            out |= {slot: colour} if colour else {}
        else:
            out[slot] = value
            colour = colour_in(near, looks["colours"])
            out |= {f"{slot}_color": colour} if colour else {}
            if value == "dress":
                out["bottom"] = "none"
    if re.search(r"\b(?:blonde?|redhead(?:ed)?|brunette|bald|calvo|bionda)\b", text):
        word = re.findall(r"\b(?:blonde?|redhead|brunette|bald|calvo|bionda)", text)[0]
        if word in ("bald", "calvo"):
            out["hair_style"] = "bald"
        else:
            out.setdefault(
                "hair", to_rgb(looks["hair_colours"][{"redhead": "red", "bionda": "blonde"}.get(word, word)])
            )
    return out


def _described_body(text: str) -> dict[str, Any]:
    looks = lexicon("looks")
    out: dict[str, Any] = {}
    accents = [(at, len(word)) for at, _, word in find_phrase(text, {word: word for word in looks["accent_words"]})]
    for at, length in accents:
        colour = colour_in(before_noun(text, at) + after_noun(text, at + length), looks["colours"])
        if colour:
            out["accent"] = colour
    accent_words = {word for at, length in accents for word in before_noun(text, at)}
    worn = {
        word for at, _, _ in find_phrase(text, word_index("looks", "accessories")) for word in before_noun(text, at, 2)
    }
    body = [
        word for word in re.findall(r"[^\W_]+", text) if word in looks["colours"] and word not in accent_words | worn
    ]
    if body:
        out["body"] = to_rgb(looks["colours"][body[0]])
        if len(body) > 1 and "accent" not in out:
            out["accent"] = to_rgb(looks["colours"][body[1]])
    return out
