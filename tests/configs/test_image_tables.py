"""The four tables of image generation: the packaged ones, a user's own, and what is wrong with one in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.character_presets import load_presets
from configs.controlnet_config import load_controlnets
from configs.errors import UsageError
from configs.image_tables import model_path, own_file, table_file
from configs.lora_registry import load_loras
from configs.sdxl_config import load_sdxl_config
from configs.settings import CONFIG_DIR, Settings, load_settings

Load = Callable[[Settings], Any]
HASH = "3f" * 32
GOOD_LORA = f"""\
loras:
  luca_v2:
    category: character
    path: image/loras/luca_v2.safetensors
    sha256: {HASH.upper()}
    triggers: [luca boy]
    weight: 0.8
    min_weight: 0.4
    max_weight: 1.1
    words: [Luca]
    blocks: {{unet: {{down: 0.5, mid: 0.2, up: {{block_0: [0.1, 0.2, 0.3]}}}}, text_encoder: 0.4}}
"""
QUALITIES = """\
qualities:
  draft:    {steps: 14, guidance: 5.0}
  standard: {steps: 30, guidance: 6.5}
  final:    {steps: 40, guidance: 6.5}
"""


def _write(settings: Settings, table: str, text: str) -> Path:
    file = own_file(settings, table)  # type: ignore[arg-type]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_packaged_tables_are_whole(settings: Settings) -> None:
    sdxl = load_sdxl_config(settings)
    assert set(sdxl.qualities) == {"draft", "standard", "final"} and sdxl.qualities["standard"].steps == 30
    assert sdxl.few_step["dmd2"].timesteps == (999, 749, 499, 249)
    nets = load_controlnets(settings)
    assert set(nets.nets) == {"depth", "pose", "canny"} and nets.union.modes["depth"] == 1
    assert load_loras(settings).loras == {} and load_presets(settings).characters == {}


def test_the_users_own_copy_wins(settings: Settings, tmp_path: Path) -> None:
    assert table_file(settings, "lora_registry") == CONFIG_DIR / "lora_registry.yaml"
    own = _write(settings, "lora_registry", GOOD_LORA)
    assert own == settings.home / "configs" / "lora_registry.yaml"
    luca = load_loras(settings).loras["luca_v2"]
    assert luca.sha256 == HASH and luca.triggers == ("luca boy",), "a hash in capitals is the same hash"
    other = tmp_path / "tables"
    other.mkdir()
    chosen = settings.model_copy(update={"image": settings.image.model_copy(update={"tables_dir": str(other)})})
    with pytest.raises(UsageError, match=r"no lora_registry\.yaml"):
        load_loras(chosen)
    (other / "lora_registry.yaml").write_text("loras: {}\n")
    assert load_loras(chosen).loras == {}


def test_paths_are_below_the_warehouse_unless_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(home=tmp_path / "home", warehouse=tmp_path / "models")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert model_path(settings, "image/a.safetensors") == tmp_path / "models" / "image" / "a.safetensors"
    assert model_path(settings, "{warehouse}/b") == tmp_path / "models" / "b"
    assert model_path(settings, "/c/d") == Path("/c/d") and model_path(settings, "~/e") == tmp_path / "me" / "e"


def test_missing_model_files_are_no_fault_of_the_table(settings: Settings) -> None:
    _write(settings, "lora_registry", GOOD_LORA)
    spec = load_loras(settings).loras["luca_v2"]
    assert not model_path(settings, spec.path).exists()


def test_entries_that_were_all_taken_out_leave_an_empty_table(settings: Settings) -> None:
    _write(settings, "lora_registry", "loras:\n#  luca: gone\n")
    _write(settings, "character_presets", "characters:\n")
    assert load_loras(settings).loras == {} and load_presets(settings).characters == {}


def _lora(change: str, old: str = "    weight: 0.8\n") -> str:
    assert old in GOOD_LORA
    return GOOD_LORA.replace(old, change)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_lora("    wieght: 0.8\n"), ["loras.luca_v2.wieght", "no such key", "'weight'"]),
        (_lora("    trigers: [x]\n", "    triggers: [luca boy]\n"), ["no such key", "'triggers'"]),
        (GOOD_LORA.replace("loras:", "lora:"), ["is wrong at lora", "Did you mean 'loras'?"]),
        (_lora("    weight: 50\n"), ["loras.luca_v2.weight", "from -2 to 2", "got '50'"]),
        (_lora("    weight: .nan\n"), ["loras.luca_v2.weight", "from -2 to 2", "'nan'"]),
        (_lora("    weight: 1.5\n"), ["weight 1.5 is not between min_weight 0.4 and max_weight 1.1"]),
        (_lora("    min_weight: 1.2\n", "    min_weight: 0.4\n"), ["min_weight 1.2 is above max_weight 1.1"]),
        (_lora("    weight: strong\n"), ["loras.luca_v2.weight", "valid number", "'strong'"]),
        (_lora("    sha256: 3f9a\n", f"    sha256: {HASH.upper()}\n"), ["64 hex digits", "got 4 characters"]),
        (_lora("    sha256: " + "z" * 64 + "\n", f"    sha256: {HASH.upper()}\n"), ["64 hex digits"]),
        (GOOD_LORA.replace("luca_v2.safetensors", "luca_v2.ckpt"), ["no .safetensors file", "run code"]),
        (GOOD_LORA.replace("category: character", "category: charakter"), ["Did you mean 'character'?"]),
        (GOOD_LORA.replace("category: character", "category: 7"), ["'character', 'background' or 'style'", "'7'"]),
        (
            GOOD_LORA.replace("    category: character\n", ""),
            ["loras.luca_v2.category", "the key is missing", "Add it"],
        ),
        (GOOD_LORA + "    base: sd15\n", ["loras.luca_v2.base", "'sdxl'", "'sd15'"]),
        (GOOD_LORA.replace("luca_v2:", "../luca:"), ["has the name '../luca'", "letters, digits"]),
        (GOOD_LORA.replace("text_encoder: 0.4", "text_encodr: 0.4"), ["text_encodr", "did you mean 'text_encoder'?"]),
        (GOOD_LORA.replace("mid: 0.2", "middle: 0.2"), ["unet has no part 'middle'", "down, mid, up"]),
        (GOOD_LORA.replace("block_0", "first"), ["unet.up has no part 'first'", "block_0, block_1"]),
        (GOOD_LORA.replace("0.3]", "9]"), ["unet.up.block_0 must be from -2 to 2, got 9"]),
        (GOOD_LORA.replace("[luca boy]", "['']"), ["''", "is no word"]),
        (GOOD_LORA + GOOD_LORA.split("\n", 1)[1], ["'luca_v2' is there twice", "line 12"]),
        ("loras: [", ["is no YAML"]),
        ("[]", ["is empty or no table"]),
    ],
)
def test_what_is_wrong_in_the_lora_registry(settings: Settings, text: str, words: list[str]) -> None:
    _told(settings, "lora_registry", text, load_loras, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (QUALITIES.replace("standard", "standart"), ["qualities.standart", "Did you mean 'standard'?"]),
        (QUALITIES.replace("  final:    {steps: 40, guidance: 6.5}\n", ""), ["qualities has no 'final'"]),
        (QUALITIES.replace("steps: 30", "steps: 0"), ["qualities.standard.steps", "from 1 to 150", "got '0'"]),
        (QUALITIES.replace("steps: 30", "step: 30"), ["qualities.standard", "Did you mean 'steps'?"]),
        (QUALITIES.replace("6.5}", "6.5, scheduler: eulr}", 1), ["scheduler", "Did you mean 'euler'?"]),
        (
            QUALITIES.replace("6.5}", "6.5, few_step: [turbo]}", 1),
            ["standard.few_step names 'turbo'", "few_step is empty"],
        ),
        (QUALITIES + "few_step: {a: {lora: a.pt, steps: 4}}\n", ["few_step.a.lora", "no .safetensors file"]),
        (QUALITIES + "few_step: {a: {lora: a.safetensors, steps: 40}}\n", ["few_step.a.steps", "from 1 to 16"]),
        (QUALITIES + "few_step: {a: {lora: a.safetensors, steps: 4, guidance: 9}}\n", ["guidance", "from 0 to 3"]),
        (
            QUALITIES + "few_step: {a: {lora: a.safetensors, steps: 4, timesteps: [999, 1]}}\n",
            ["4 steps, but 2 timesteps"],
        ),
        (QUALITIES + "few_step: {a: {lora: a.safetensors, steps: 2, timesteps: [1, 999]}}\n", ["timesteps fall"]),
        (QUALITIES + "fuse_from: 1\n", ["fuse_from", "at least 2", "got '1'"]),
        (QUALITIES + "ip_adapter: {scale: 2}\n", ["ip_adapter.scale", "from 0 to 1.5"]),
        (QUALITIES + "ip_adapter: {encoder: x}\n", ["ip_adapter.encoder", "Did you mean 'image_encoder'?"]),
        (QUALITIES + "vea: x\n", ["is wrong at vea", "Did you mean 'vae'?"]),
    ],
)
def test_what_is_wrong_in_the_sdxl_table(settings: Settings, text: str, words: list[str]) -> None:
    _told(settings, "sdxl_config", text, load_sdxl_config, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "nets: {deph: {path: x}}",
            ["is wrong at nets.deph:", "'depth', 'pose', 'canny' or 'normal'", "mean 'depth'?"],
        ),
        ("nets: {depth: {path: x, scale: 3}}", ["nets.depth.scale", "from 0 to 2", "got '3'"]),
        ("nets: {depth: {path: x, start: 0.9, end: 0.2}}", ["start 0.9 is not below end 0.2"]),
        ("nets: {depth: {path: ''}}", ["nets.depth.path"]),
        ("nets: {depth: {scale: 1}}", ["nets.depth.path", "missing"]),
        ("union: {modes: {depth: 99}}", ["union.modes.depth", "less than or equal to 15"]),
        ("union: {modes: {openpose: 0}}", ["union.modes.openpose", "Did you mean 'pose'?"]),
        ("union: {use_form: 3}", ["union.use_form", "Did you mean 'use_from'?"]),
        ("preprocessors: {canny: {low: 300, high: 200}}", ["low 300 is above high 200"]),
        ("preprocessors: {canny: {blur: -1}}", ["preprocessors.canny.blur", "from 0 to 10"]),
        ("preprocessors: {pose: {detektor: x}}", ["Did you mean 'detector'?"]),
    ],
)
def test_what_is_wrong_in_the_controlnet_table(settings: Settings, text: str, words: list[str]) -> None:
    _told(settings, "controlnet_config", text, load_controlnets, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("characters: {Luca: {weigth: 1}}", ["characters.Luca.weigth", "Did you mean 'weight'?"]),
        ("characters: {Luca: {weight: 50}}", ["characters.Luca.weight", "from -2 to 2", "'50'"]),
        ("characters: {Luca: {identity: {encoder: clipp}}}", ["identity.encoder", "Did you mean 'clip'?"]),
        ("characters: {Luca: {identity: {treshold: 0.7}}}", ["identity.treshold", "Did you mean 'threshold'?"]),
        ("characters: {Luca: {identity: {threshold: 7}}}", ["identity.threshold", "from -1 to 1"]),
        ("characters: {Luca: boy}", ["characters.Luca"]),
        ("character: {Luca: {}}", ["Did you mean 'characters'?"]),
    ],
)
def test_what_is_wrong_in_the_table_of_characters(settings: Settings, text: str, words: list[str]) -> None:
    _told(settings, "character_presets", text, load_presets, words)


def _told(settings: Settings, table: str, text: str, load: Load, words: list[str]) -> None:
    file = _write(settings, table, text)
    with pytest.raises(UsageError) as caught:
        load(settings)
    sentence = caught.value.sentence
    assert all(word in sentence for word in words), sentence
    assert str(file) in sentence and "\n" not in sentence and len(sentence) < 700
