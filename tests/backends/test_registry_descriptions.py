"""Model folders whose descriptions ask for code of strangers or for another download are refused before that runs."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_clip import build_tiny_clip
from tiny_faces import build_dino
from tiny_maps import build_depth_anything
from tiny_nets import TinyNets, maps, picture, tiny_engine

from backends.image.control.depth import DepthFinder
from backends.image.engine import ImageRequest, Reference
from backends.image.registry.descriptions import check_description, check_pipeline
from backends.image.sdxl.engine import SdxlEngine
from backends.vision.identity.transformer import ClipEncoder, DinoEncoder
from backends.vision.prompt_score import PromptScorer
from configs.errors import EngineError

KERNEL = {"attn_implementation": "somebody/kernel"}
CODE = {"auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model", "AutoTokenizer": ["own.Tokens", None]}}
PLAIN = ImageRequest("a boy", width=64, height=64)


@pytest.fixture(autouse=True)
def _no_network_no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"the network was asked: {args}")

    def ask(*args: object) -> str:
        raise AssertionError("the user was asked to run code")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("builtins.input", ask)


def change(file: Path, **facts: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))


def refused(work: Callable[[], object], *words: str) -> None:
    with pytest.raises(EngineError) as caught:
        work()
    sentence = caught.value.sentence
    assert "\n" not in sentence and all(word in sentence for word in words), sentence


@pytest.mark.parametrize("part", ["text_encoder", "text_encoder_2"])
def test_sdxl_runs_no_attention_code_of_the_hub(model: Path, tmp_path: Path, part: str) -> None:
    odd = Path(shutil.copytree(model, tmp_path / "odd"))
    change(odd / part / "config.json", **KERNEL)
    refused(SdxlEngine(odd, device="cpu").load, "attention code 'somebody/kernel'", "config.json")
    refused(SdxlEngine(odd, device="cpu").check_startable, "attention code")


def test_sdxl_asks_nobody_to_run_its_tokenizers_code(model: Path, tmp_path: Path) -> None:
    odd = Path(shutil.copytree(model, tmp_path / "odd"))
    (odd / "tokenizer" / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    change(odd / "tokenizer" / "tokenizer_config.json", **CODE)
    refused(SdxlEngine(odd, device="cpu").load, "asks for code of its own", "tokenizer_config.json")
    change(odd / "tokenizer" / "tokenizer_config.json", auto_map=None)
    change(odd / "model_index.json", tokenizer=["transformers", "AutoTokenizer"])
    refused(SdxlEngine(odd, device="cpu").load, "its tokenizer is a transformers.AutoTokenizer")
    change(odd / "model_index.json", tokenizer=["own", "Tokens"])
    refused(SdxlEngine(odd, device="cpu").load, "its tokenizer is a own.Tokens")
    change(odd / "model_index.json", tokenizer=["transformers", "CLIPTokenizer"], _class_name=["own", "Pipeline"])
    refused(SdxlEngine(odd, device="cpu").load, "its pipeline is code of its own")
    (odd / "model_index.json").write_text("[]")
    refused(SdxlEngine(odd, device="cpu").load, "is no diffusers folder")
    assert not (tmp_path / "ran").exists()


def test_configs_for_a_single_file_are_looked_at_too(model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    single = tmp_path / "one.safetensors"
    save_file({"conditioner.embedders.1.model.ln_final.weight": np.zeros(1, np.float32)}, single)
    configs = Path(shutil.copytree(model, tmp_path / "configs"))
    change(configs / "text_encoder_2" / "config.json", **KERNEL)
    refused(SdxlEngine(single, device="cpu", config_dir=configs).load, "attention code 'somebody/kernel'")


def test_the_image_encoder_and_nets(model: Path, nets: TinyNets) -> None:
    engine = tiny_engine(model, nets)
    before = engine.generate(PLAIN).image
    encoder, depth = nets.image_encoder / "config.json", nets.folder / "depth" / "config.json"
    kept = encoder.read_text(), depth.read_text()
    try:
        change(encoder, **KERNEL)
        request = ImageRequest("a boy", width=64, height=64, references=(Reference(picture(2)),))
        refused(lambda: engine.generate(request), "attention code")
        change(depth, quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
        request = ImageRequest("a boy", width=64, height=64, controls=maps("depth"))
        refused(lambda: engine.generate(request), "its weights are quantised")
        assert np.array_equal(engine.generate(PLAIN).image, before)
    finally:
        encoder.write_text(kept[0])
        depth.write_text(kept[1])
    engine.unload()


def test_encoders_of_pictures(tmp_path: Path) -> None:
    clip, dino = build_tiny_clip(tmp_path / "clip"), build_dino(tmp_path / "dino")
    change(clip / "config.json", **KERNEL)
    change(dino / "config.json", _attn_implementation="flash_attention_2")
    refused(lambda: ClipEncoder(clip).encode(picture(1)), "attention code 'somebody/kernel'")
    refused(lambda: DinoEncoder(dino).encode(picture(1)), "attention code 'flash_attention_2'")
    scorer = PromptScorer(clip)
    refused(lambda: scorer._text("a boy"), "attention code 'somebody/kernel'")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (KERNEL, "attention code 'somebody/kernel'"),
        ({**CODE, "model_type": "own"}, "asks for code of its own"),
        ({"backbone_config": None, "backbone": "somebody/model", "use_pretrained_backbone": True}, "another model"),
        ({"backbone_config": None, "backbone": "resnet50", "use_timm_backbone": True}, "another model, 'resnet50'"),
        ({"backbone_config": KERNEL}, "attention code"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised"),
    ],
)
def test_depth_models(tmp_path: Path, facts: dict[str, Any], words: str) -> None:
    folder = build_depth_anything(tmp_path / "depth")
    change(folder / "config.json", **facts)
    refused(lambda: DepthFinder(folder).nearness(picture(1)), words)


def test_plain_folders_pass(model: Path, nets: TinyNets, tmp_path: Path) -> None:
    check_pipeline(model)
    for folder in (nets.union, nets.vae, nets.image_encoder, build_tiny_clip(tmp_path / "clip"), tmp_path):
        check_description(folder)
    (tmp_path / "config.json").write_text("[" * 100_000)
    check_description(tmp_path)
    (tmp_path / "config.json").write_text('{"attn_implementation": "sdpa", "backbone": null, "auto_map": {}}')
    check_description(tmp_path)
