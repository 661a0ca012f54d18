"""The doctor on image generation: tables, models that are there or not, licences."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_files import kohya, write_model

from configs.image_tables import ImageTable, own_file
from configs.settings import Settings, load_settings
from ui.commands.doctor_images import image_findings
from ui.commands.finding import Finding


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", warehouse=tmp_path / "warehouse", brain="offline")


def _write(settings: Settings, table: ImageTable, text: str) -> None:
    file = own_file(settings, table)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in image_findings(settings)}


def test_a_bare_machine_lacks_models_but_works(settings: Settings) -> None:
    found = _findings(settings)
    assert found["picture tables"].ok and found["picture tables"].found == "the packaged ones"
    absent = {name for name, finding in found.items() if not finding.ok}
    assert absent == {"LoRAs", "few-step LoRAs", "ControlNets", "map models", "IP-Adapter", "identity models"}
    assert not any(found[name].needed for name in absent)
    assert "studio models scan --write" in found["LoRAs"].fix
    assert "non-commercial" in found["identity models"].fix and found["identity models"].found.startswith("colour")
    assert "ip-adapter-plus_sdxl_vit-h.safetensors does not exist" in found["IP-Adapter"].found


def test_models_that_are_there_are_named(settings: Settings) -> None:
    image = settings.warehouse / "image"
    write_model(image / "few-step" / "dmd2_sdxl_4step_lora.safetensors", kohya())
    write_model(image / "ip-adapter" / "ip-adapter-plus_sdxl_vit-h.safetensors", {"x": (1,)})
    (image / "ip-adapter" / "image_encoder").mkdir()
    (image / "controlnet" / "controlnet-union-sdxl-1.0").mkdir(parents=True)
    write_model(image / "luca.safetensors", kohya())
    _write(settings, "lora_registry", "loras: {luca: {category: character, path: image/luca.safetensors}}")
    found = _findings(settings)
    assert found["few-step LoRAs"].ok and found["few-step LoRAs"].found.startswith("dmd2; not there: lightning (")
    assert found["ControlNets"].ok and found["ControlNets"].found.startswith("union; not there: depth (")
    assert found["IP-Adapter"].ok and found["LoRAs"].found == "1: luca"
    assert found["picture tables"].found == "your own lora_registry"


def test_registered_loras_that_cannot_be_used_are_told(settings: Settings) -> None:
    image = settings.warehouse / "image"
    write_model(image / "old.safetensors", kohya(768))
    (image / "evil.safetensors").write_bytes(b"\x80\x04pickled")
    entries = ", ".join(f"{n}: {{category: style, path: image/{n}.safetensors}}" for n in ("old", "evil", "gone"))
    _write(settings, "lora_registry", f"loras: {{{entries}}}")
    told = _findings(settings)["LoRAs"]
    assert not told.ok and not told.needed and told.found.startswith("0 of 3 can be used")
    for words in (
        "made for Stable Diffusion 1.5",
        "pickle under a .safetensors name",
        "gone.safetensors does not exist",
    ):
        assert words in told.found


def test_a_wrong_table_is_the_only_finding(settings: Settings) -> None:
    _write(settings, "sdxl_config", "qualites: {}")
    found = _findings(settings)
    assert set(found) == {"picture tables"} and not found["picture tables"].ok and found["picture tables"].needed
    assert "Did you mean 'qualities'?" in found["picture tables"].found


def test_presets_of_unregistered_loras_are_told(settings: Settings) -> None:
    _write(settings, "character_presets", "characters: {Luca: {lora: luca_v2}}")
    tables = _findings(settings)["picture tables"]
    assert not tables.ok and not tables.needed and "'luca_v2' (Luca)" in tables.found


def test_the_licence_stands_where_a_face_model_is_used(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = settings.warehouse / "vision" / "insightface" / "buffalo_l"
    pack.mkdir(parents=True)
    (pack / "det_10g.onnx").write_bytes(b"x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: object())
    found = _findings(settings)["identity models"]
    assert "arcface (insightface models: non-commercial research only" in found.found
