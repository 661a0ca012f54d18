"""Which LoRAs, presets and reference pictures a wish gets: what was asked for, and what its words call for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from backends.media.images import save_png
from configs.errors import UsageError
from configs.image_tables import own_file
from configs.settings import Settings, load_settings
from memory.records import Asset
from tools.image.loras import LoraChoice, LoraWish, character_lora, choose_loras
from tools.image.presets import preset_for
from tools.image.references import references_for

LORAS: dict[str, dict[str, Any]] = {
    "luca_v2": {
        "category": "character", "triggers": ["luca boy"], "weight": 0.8, "min_weight": 0.4, "max_weight": 1.1,
        "words": ["Luca"], "sha256": "3f" * 32, "blocks": {"unet": {"down": 0.5}},
    },
    "luca_old": {"category": "character", "words": ["Luca", "Luca Paguro"]},
    "alberto_v1": {"category": "character", "triggers": ["alberto"]},
    "boo": {"category": "character", "words": ["Boo"], "triggers": ["b00 robot"]},
    "wash": {"category": "style", "words": ["watercolour", "watercolor"], "triggers": ["wtrclr"], "weight": 0.6},
    "wash_soft": {"category": "style", "words": ["soft watercolour"], "weight": 0.5},
    "portorosso": {"category": "background", "words": ["portorosso", "harbour"], "weight": 0.5},
}  # fmt: skip
PRESETS: dict[str, dict[str, Any]] = {
    "Alessandro": {"lora": "alberto_v1", "weight": 0.5},
    "Ghost": {"lora": "luca_v3"},
    "Greedy": {"lora": "luca_v2", "weight": 1.5},
    "Giulia": {"references": ["giulia.png", "gone.png"], "description": "a girl with red hair"},
    "Boo": {"references": ["giulia.png"]},
    "Shy": {"references": ["giulia.png"], "use_references": False},
}
MISSING = frozenset({"boo"})


@pytest.fixture
def tables(tmp_path: Path) -> Settings:
    """Settings with a registry whose files are there, but for those in MISSING."""
    settings = load_settings(home=tmp_path / "home", warehouse=tmp_path / "warehouse", brain="offline")
    for name in LORAS.keys() - MISSING:
        file = settings.warehouse / "image" / f"{name}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"weights")
    loras = {name: {**entry, "path": f"image/{name}.safetensors"} for name, entry in LORAS.items()}
    _write(settings, "lora_registry", {"loras": loras})
    _write(settings, "character_presets", {"characters": PRESETS})
    return settings


def _write(settings: Settings, table: str, content: dict[str, Any]) -> None:
    file = own_file(settings, table)  # type: ignore[arg-type]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def _choose(
    settings: Settings, *names: str, style: str = "", background: str = "", prompt: str = "a boy", asked: Any = ()
) -> LoraChoice:
    return choose_loras(settings, names, style, background, prompt, asked)


def _weights(choice: LoraChoice) -> dict[str, float]:
    return {use.name: use.weight for use in choice.uses}


def test_characters_style_and_place_call_for_theirs(tables: Settings) -> None:
    made = _choose(tables, "Luca", style="in watercolour", background="the harbour at dawn", prompt="a boy waves")
    assert _weights(made) == {"luca_v2": 0.8, "wash": 0.6, "portorosso": 0.5}
    assert made.prompt == "luca boy, wtrclr, a boy waves"
    luca = made.uses[0]
    assert luca.path == str(tables.warehouse / "image" / "luca_v2.safetensors") and luca.sha256 == "3f" * 32
    assert luca.blocks == {"unet": {"down": 0.5}}
    assert any("several LoRAs" in note and "'luca_old'" in note for note in made.notes)
    assert any("sum up to 1.9" in note for note in made.notes)
    assert (
        _choose(tables, "Luca", style="in watercolour", background="the harbour at dawn", prompt="a boy waves") == made
    )


def test_nothing_is_called_for(tables: Settings) -> None:
    made = _choose(tables, "Nobody", style="oil on canvas", background="moon", prompt="A Boy, waving")
    assert made == LoraChoice((), "A Boy, waving", ())


@pytest.mark.parametrize(
    ("name", "lora"),
    [("luca", "luca_v2"), ("LUCA PAGURO", "luca_old"), ("Alberto", "alberto_v1"), ("Luna", ""), ("Lucas", "")],
)
def test_names_are_those_of_memory(tables: Settings, name: str, lora: str) -> None:
    assert [use.name for use in _choose(tables, name).uses] == ([lora] if lora else [])
    assert character_lora(tables, name) == lora


def test_the_preset_comes_before_the_registry(tables: Settings) -> None:
    assert _weights(_choose(tables, "alessandro")) == {"alberto_v1": 0.5}
    assert _weights(_choose(tables, "Ale")) == {"alberto_v1": 0.5}, "nicknames are resolved as in memory"
    ghost = _choose(tables, "Ghost")
    assert (
        ghost.uses == () and "'luca_v3', which is not in the LoRA registry (did you mean 'luca_v2'?)" in ghost.notes[0]
    )
    with pytest.raises(UsageError, match=r"weight 1\.5 \(Greedy in character_presets\.yaml\).*allows 0\.4 to 1\.1"):
        _choose(tables, "Greedy")


def test_the_longest_word_of_a_style_wins_and_the_rest_is_told(tables: Settings) -> None:
    made = _choose(tables, style="soft watercolour")
    assert _weights(made) == {"wash_soft": 0.5} and any("not used are 'wash'" in note for note in made.notes)
    assert _choose(tables, style="watercolours of old masters").uses == (), "a part of a word is another word"


def test_a_missing_file_is_a_note_unless_it_was_asked_for(tables: Settings) -> None:
    made = _choose(tables, "Boo", prompt="a robot")
    assert made.uses == () and made.prompt == "a robot"
    assert len(made.notes) == 1 and "'boo' (Boo) is not used: its file" in made.notes[0]
    with pytest.raises(UsageError, match=r"The LoRA 'boo' has no file: .*boo\.safetensors does not exist"):
        _choose(tables, asked=[LoraWish("boo")])


@pytest.mark.parametrize("asked", ["luca_v2", "LUCA_V2", "luca v2", "alberto"])
def test_asked_ones_are_found_in_any_spelling(tables: Settings, asked: str) -> None:
    made = _choose(tables, asked=[LoraWish(asked, 0.5)])
    assert _weights(made) == {("alberto_v1" if asked == "alberto" else "luca_v2"): 0.5}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (LoraWish("luca_v2", 50), ["cannot have the weight 50", "allows 0.4 to 1.1"]),
        (LoraWish("luca_v2", -1), ["cannot have the weight -1", "0.4 to 1.1"]),
        (LoraWish("luca_v2", float("nan")), ["cannot have the weight nan"]),
        (LoraWish("luca_v2", float("inf")), ["cannot have the weight inf"]),
        (LoraWish("lucca_v2"), ["no LoRA 'lucca_v2'", "Nearest: luca_v2"]),
        (LoraWish("Luca"), ["more than one LoRA", "'luca_v2', 'luca_old'"]),
        (LoraWish("../../etc/passwd"), ["There is no LoRA"]),
        (LoraWish(""), ["There is no LoRA"]),
    ],
)
def test_wrong_wishes_get_one_sentence(tables: Settings, wish: LoraWish, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        _choose(tables, asked=[wish])
    assert all(word in caught.value.sentence for word in words), caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_an_empty_registry_says_how_to_fill_it(settings: Settings) -> None:
    assert _choose(settings, "Luca", style="watercolour") == LoraChoice((), "a boy", ())
    with pytest.raises(UsageError, match=r"registry is empty.*scan --write"):
        _choose(settings, asked=[LoraWish("luca_v2")])


def test_what_was_asked_for_stands_in_for_its_category(tables: Settings) -> None:
    made = _choose(tables, "Luca", style="soft watercolour", asked=[LoraWish("luca_old"), LoraWish("wash")])
    assert list(_weights(made)) == ["luca_old", "wash"]


def test_the_same_character_or_lora_twice_is_told(tables: Settings) -> None:
    both = _choose(tables, asked=[LoraWish("luca_v2", 0.4), LoraWish("luca_old", 0.4)])
    assert len(both.uses) == 2 and any("are of the same character" in note for note in both.notes)
    twice = _choose(tables, asked=[LoraWish("wash", 0.3), LoraWish("WASH", 0.9)])
    assert _weights(twice) == {"wash": 0.3} and any("asked for twice" in note for note in twice.notes)
    assert len(_choose(tables, "Luca", "luca", "Luca").uses) == 1


def test_triggers_stand_in_the_prompt_once(tables: Settings) -> None:
    assert _choose(tables, "Luca", prompt="Luca boy, on a beach").prompt == "Luca boy, on a beach"
    assert _choose(tables, "Luca", prompt="a LUCA-BOY waves").prompt == "a LUCA-BOY waves"
    assert _choose(tables, "Luca", prompt="").prompt == "luca boy"
    assert _choose(tables, "Luca", prompt="luca boyish grin").prompt == "luca boy, luca boyish grin"


def test_a_wrong_trigger_is_told(tables: Settings) -> None:
    said = _choose(tables, asked=[LoraWish("luca_v2", trigger="lucaa kid")])
    assert "is called by 'luca boy', not by 'lucaa kid'" in said.notes[0] and said.prompt.startswith("luca boy, ")
    assert _choose(tables, asked=[LoraWish("luca_v2", trigger="LUCA BOY")]).notes == ()
    typed = _choose(tables, "Luca", prompt="a luca boi on a beach")
    assert any("called by 'luca boy', not by 'luca boi'" in note for note in typed.notes)
    unknown = _choose(tables, asked=[LoraWish("luca_old", trigger="lcp")], prompt="a boy")
    assert unknown.prompt == "lcp, a boy", "the registry knows no better"


def test_tags_in_a_prompt_ask_for_loras(tables: Settings) -> None:
    made = _choose(tables, prompt="a boy, <lora:luca_v2:0.5>, on a beach <lora:wash>")
    assert _weights(made) == {"luca_v2": 0.5, "wash": 0.6} and made.prompt == "luca boy, wtrclr, a boy, on a beach"
    with pytest.raises(UsageError, match="weight 'much' of <lora:wash> is no number"):
        _choose(tables, prompt="x <lora:wash:much>")
    with pytest.raises(UsageError, match="weight 50"):
        _choose(tables, prompt="x <lora:wash:50>")


def test_a_prompt_of_any_length_is_worked_on_quickly(tables: Settings) -> None:
    made = _choose(tables, "Luca", prompt="word " * 20_000)
    assert made.prompt.startswith("luca boy, word")


@pytest.mark.parametrize(("name", "found"), [("giulia", True), ("GIULIA", True), ("Giuly", False), ("Luca", False)])
def test_presets_are_found_as_in_memory(tables: Settings, name: str, found: bool) -> None:
    preset = preset_for(tables, name)
    assert (preset is not None) == found
    assert preset is None or preset.description == "a girl with red hair"


@dataclass
class _Room:
    """The part of a tool's context that reads pictures of a folder."""

    settings: Settings
    folder: Path
    warnings: list[str] = field(default_factory=list)

    def asset(self, ref: str, *kinds: str) -> Asset:
        if not (self.folder / ref).is_file():
            raise UsageError(f"There is no '{ref}'", "nothing of that name is here")
        return Asset(f"img-{ref}", "image", ref, ref, "", 0)

    def path(self, asset: Asset) -> Path:
        return self.folder / asset.path

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def room(tables: Settings, tmp_path: Path) -> Iterator[Any]:
    picture = np.full((20, 30, 3), 90, np.uint8)
    save_png(tmp_path / "giulia.png", picture)
    (tmp_path / "notes.png").write_text("no picture")
    yield _Room(tables, tmp_path)


def _install_ip_adapter(settings: Settings) -> None:
    folder = settings.warehouse / "image" / "ip-adapter"
    (folder / "image_encoder").mkdir(parents=True)
    (folder / "ip-adapter-plus_sdxl_vit-h.safetensors").write_bytes(b"weights")


def test_references_need_the_ip_adapter(room: Any) -> None:
    assert references_for(room.settings, room, ["Luca"]) == () and room.warnings == []
    assert references_for(room.settings, room, ["Giulia"]) == ()
    assert len(room.warnings) == 1 and "ip-adapter-plus_sdxl_vit-h.safetensors does not exist" in room.warnings[0]
    assert references_for(room.settings, room, [], ["giulia.png"]) == ()


def test_pictures_of_a_character_without_a_lora(room: Any) -> None:
    _install_ip_adapter(room.settings)
    made = references_for(room.settings, room, ["Giulia", "Luca"])
    assert [one.asset for one in made] == ["img-giulia.png"] and made[0].image.shape == (20, 30, 3)
    assert made[0].scale == 0.6 and made[0].mask is None
    assert room.warnings == [
        "A reference picture of Giulia is not used: There is no 'gone.png': nothing of that name is here"
    ]
    assert references_for(room.settings, room, ["Shy"]) == ()
    assert len(references_for(room.settings, room, ["Boo"])) == 1, "its LoRA's file is missing"
    (room.settings.warehouse / "image" / "boo.safetensors").write_bytes(b"weights")
    assert references_for(room.settings, room, ["Boo"]) == (), "its LoRA is there"


def test_asked_pictures_are_used_or_refused(room: Any) -> None:
    _install_ip_adapter(room.settings)
    made = references_for(room.settings, room, ["Giulia"], ["giulia.png", "giulia.png"])
    assert [one.asset for one in made] == ["img-giulia.png"], "asked ones alone, each once"
    with pytest.raises(UsageError, match=r"no 'gone\.png'"):
        references_for(room.settings, room, [], ["gone.png"])
    with pytest.raises(UsageError, match="no picture, sound or film"):
        references_for(room.settings, room, [], ["notes.png"])
    with pytest.raises(UsageError, match="9 reference pictures are too many"):
        references_for(room.settings, room, [], ["giulia.png"] * 9)
