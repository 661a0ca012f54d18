"""The people of the contact sheets: looks with colours that go together."""

from __future__ import annotations

from dataclasses import replace

from backends.image.layout.scene import RGB, CharacterLook


def rgb(code: str) -> RGB:
    """A colour of '#rrggbb'."""
    value = int(code.lstrip("#"), 16)
    return (value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255


SKINS = {
    "pale": rgb("f3d3bf"), "fair": rgb("f0c4a4"), "tan": rgb("d9a277"), "olive": rgb("c8996c"),
    "brown": rgb("9a6642"), "deep": rgb("6a432e"),
}  # fmt: skip
HAIRS = {
    "black": rgb("241d1c"), "dark": rgb("3b251a"), "brown": rgb("5f3a22"), "ginger": rgb("b8562a"),
    "blond": rgb("dfb868"), "silver": rgb("c4c6c9"), "plum": rgb("6b3a5b"),
}  # fmt: skip
EYES = {
    "green": rgb("5d7d3c"), "blue": rgb("4a86c2"), "brown": rgb("6b4226"), "hazel": rgb("8a6a34"),
    "grey": rgb("6f8590"),
}  # fmt: skip


def person(
    skin: str, hair: str, style: str, eyes: str, top: tuple[str, str], bottom: tuple[str, str], shoes: str = "8a4230",
    age: str = "child", build: str = "average", height: float = 1.2, worn: tuple[str, ...] = (),
) -> CharacterLook:  # fmt: skip
    """A human look; `top` and `bottom` are (garment, '#rrggbb')."""
    return CharacterLook(
        age=age, build=build, skin=SKINS[skin], hair_style=style, hair=HAIRS[hair], eyes=EYES[eyes],
        top=top[0], top_color=rgb(top[1]), bottom=bottom[0], bottom_color=rgb(bottom[1]), shoes=rgb(shoes),
        accessories=worn, height=height,
    )  # fmt: skip


LUCA = person("fair", "dark", "curly", "hazel", ("tshirt", "f2d9a0"), ("shorts", "3e6496"), "b5452e")
GIULIA = person("pale", "ginger", "braids", "green", ("overalls", "4a7fae"), ("trousers", "e8c25a"), "e8c25a")
NIA = person("deep", "black", "afro", "brown", ("hoodie", "e2743b"), ("trousers", "2f4f6a"), "efe6d2")
KENJI = person("tan", "black", "spiky", "brown", ("sweater", "3f8f86"), ("shorts", "5a4a3e"), "d9694a", height=1.15)
MARTA = person(
    "olive", "brown", "ponytail", "hazel", ("coat", "b3475a"), ("trousers", "3a3f55"), "5a3628", "adult", height=1.7
)
OMAR = person(
    "brown", "black", "short", "brown", ("shirt", "e9e2cf"), ("trousers", "41566e"), "4a3226", "adult", "stocky", 1.8,
    ("beard",),
)  # fmt: skip
ADA = person("pale", "plum", "bob", "grey", ("dress", "6a5aa0"), ("none", "6a5aa0"), "c9a13f", "teen", "slim", 1.55)
NONNO = person(
    "tan", "silver", "short", "blue", ("sweater", "8c9a62"), ("trousers", "55493f"), "5a3a2a", "elder", "stocky", 1.62,
    ("moustache", "glasses"),
)  # fmt: skip
BIP = CharacterLook(kind="robot", body=rgb("5cc0ae"), accent=rgb("f5a23c"), height=0.85)
MICIO = CharacterLook(kind="cat", body=rgb("e39a4f"), accent=rgb("fbeedd"), eyes=rgb("6fa24a"), height=0.7)
FIDO = CharacterLook(kind="dog", body=rgb("b9793f"), accent=rgb("f6e7cf"), eyes=rgb("5a3a22"), height=0.8)
VOLPE = CharacterLook(kind="fox", body=rgb("d9742c"), accent=rgb("fbf3e4"), eyes=rgb("7a5a2c"), height=0.75)
LEPRE = CharacterLook(kind="rabbit", body=rgb("b8a894"), accent=rgb("f0c9c0"), eyes=rgb("5a3a22"), height=0.65)
ORSO = CharacterLook(kind="bear", body=rgb("7a5233"), accent=rgb("dcb98c"), eyes=rgb("3b2a20"), height=1.2)
PIO = CharacterLook(kind="bird", body=rgb("4f9bd6"), accent=rgb("f4b13e"), eyes=rgb("3a2a20"), height=0.55)
SCUTTLE = CharacterLook(kind="seagull", body=rgb("f4f2ec"), accent=rgb("f2a63a"), eyes=rgb("4a3a2a"), height=0.6)
GROK = CharacterLook(kind="monster", body=rgb("8a6bc4"), accent=rgb("f4d58a"), eyes=rgb("3f9c6a"), height=1.5)

HAIR_PEOPLE: dict[str, CharacterLook] = {
    "curly": LUCA,
    "short": replace(KENJI, hair_style="short", hair=HAIRS["brown"], skin=SKINS["fair"], eyes=EYES["blue"],
                     top="hoodie", top_color=rgb("4f86b8")),
    "long": person("pale", "ginger", "long", "green", ("dress", "3f8c6c"), ("none", "3f8c6c"), age="teen", height=1.5),
    "bob": ADA,
    "ponytail": MARTA,
    "braids": GIULIA,
    "bun": person("brown", "black", "bun", "brown", ("shirt", "f0b84e"), ("skirt", "5a4a7a"), age="adult", height=1.68),
    "spiky": KENJI,
    "afro": NIA,
    "bald": replace(OMAR, hair_style="bald", accessories=("moustache",), top="tshirt", top_color=rgb("c9503e")),
}  # fmt: skip
"""One person per hair style."""

WARDROBE: dict[str, CharacterLook] = {
    "tshirt": LUCA,
    "shirt": replace(OMAR, build="average"),
    "sweater": NONNO,
    "hoodie": NIA,
    "coat": MARTA,
    "dress": ADA,
    "overalls": GIULIA,
    "spacesuit": person("tan", "black", "bun", "brown", ("spacesuit", "eceff2"), ("none", "3f78b8"), "e0822f", "adult",
                        height=1.7),
}  # fmt: skip
"""One person per top."""

EXTRAS: dict[str, CharacterLook] = {
    "skirt, bow": person("fair", "blond", "long", "blue", ("sweater", "d96a7f"), ("skirt", "3f4f7a"), "7a3a3a",
                         worn=("bow",)),
    "cap, backpack": person("brown", "dark", "short", "brown", ("tshirt", "58a36c"), ("shorts", "3a4a60"), "e2743b",
                            worn=("cap", "backpack")),
    "hat, scarf": replace(NONNO, accessories=("hat", "scarf", "beard"), top="coat", top_color=rgb("6a5442")),
    "crown, cape": person("deep", "black", "curly", "brown", ("shirt", "f3ead2"), ("trousers", "7a2f4f"), "4a2a1a",
                          worn=("crown", "cape")),
    "glasses, freckles": person("pale", "ginger", "bob", "green", ("tshirt", "7fb0d6"), ("trousers", "5a6a3e"),
                                "d9a83f", "teen", height=1.5, worn=("glasses", "freckles")),
}  # fmt: skip
"""Accessories and bottoms that the wardrobe does not show."""

AGES: dict[str, CharacterLook] = {
    "child": replace(LUCA, hair_style="short", height=1.15),
    "teen": replace(LUCA, hair_style="short", age="teen", height=1.55, top="hoodie", top_color=rgb("d9694a"),
                    bottom="trousers"),
    "adult": replace(LUCA, hair_style="short", age="adult", height=1.78, top="shirt", top_color=rgb("86b0d0"),
                     bottom="trousers"),
    "elder": replace(LUCA, hair_style="short", age="elder", height=1.66, top="sweater", top_color=rgb("8c6a8a"),
                     bottom="trousers", bottom_color=rgb("57503f"), hair=HAIRS["silver"], accessories=("glasses",)),
}  # fmt: skip
"""One man through his life."""
KINDS: dict[str, CharacterLook] = {
    "human": LUCA, "robot": BIP, "cat": MICIO, "dog": FIDO, "fox": VOLPE, "rabbit": LEPRE, "bear": ORSO,
    "bird": PIO, "seagull": SCUTTLE, "monster": GROK,
}  # fmt: skip
