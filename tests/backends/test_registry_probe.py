"""What a LoRA is: base by shapes over claims, network, form, strength, trigger words; files of many trainers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import KOHYA, PEFT, kohya, kohya_said, peft, write_model
from safetensors.numpy import save_file
from tiny_sdxl import build_tiny_sdxl

from backends.image.registry.header import read_header
from backends.image.registry.kinds import recognise_file, recognise_folder
from backends.image.registry.lora_probe import LoraProbe, probe_lora
from backends.image.registry.naming import bare_name
from backends.image.registry.propose import free_name, guess_category, is_few_step, propose
from configs.errors import EngineError

SD15 = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def _probe(tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: dict[str, str] | None = None) -> LoraProbe:
    return probe_lora(write_model(tmp_path / "lora.safetensors", shapes, said))


@pytest.mark.parametrize(
    ("shapes", "base", "problem"),
    [
        (kohya(2048), "sdxl", ""),
        (peft(2048), "sdxl", ""),
        (kohya(768, stem=SD15), "sd15", "made for Stable Diffusion 1.5, not for SDXL"),
        (peft(768), "sd15", "made for Stable Diffusion 1.5"),
        (kohya(1024, stem=SD15), "sd2", "made for Stable Diffusion 2"),
        (kohya(1280), "unknown", "the SDXL refiner"),
        (kohya(3072, stem="lora_unet_double_blocks_3_img_attn_qkv"), "flux", "made for Flux"),
        (
            {"transformer.single_transformer_blocks.7.attn.to_q.lora_A.weight": (16, 3072)},
            "flux",
            "made for Flux",
        ),
        (kohya(1536, stem="lora_unet_joint_blocks_3_context_block_attn_qkv"), "sd3", "made for Stable Diffusion 3"),
        ({"transformer.transformer_blocks.3.attn.add_q_proj.lora_A.weight": (16, 1536)}, "sd3", "Stable Diffusion 3"),
        (
            {"diffusion_model.blocks.0.self_attn.q.lora_A.weight": (16, 5120)},
            "unknown",
            "not those of SDXL (e.g. 'diff",
        ),
        (kohya(640, stem="lora_unet_output_blocks_1_1_transformer_blocks_9_attn1_to_q"), "sdxl", ""),
        (kohya(640, stem="lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"), "unknown", ""),
        (kohya(1280, stem="lora_te2_text_model_encoder_layers_0_self_attn_q_proj"), "sdxl", ""),
        (kohya(768, stem="lora_te_text_model_encoder_layers_0_self_attn_q_proj"), "sd15", "Stable Diffusion 1.5"),
    ],
)
def test_the_base_is_read_from_shapes(tmp_path: Path, shapes: Any, base: str, problem: str) -> None:
    found = _probe(tmp_path, shapes)
    assert found.base == base and problem in found.problem and bool(found.problem) == bool(problem)


def test_shapes_win_over_claims_and_the_conflict_is_told(tmp_path: Path) -> None:
    lying = _probe(tmp_path, kohya(768, stem=SD15), {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"})
    assert lying.base == "sd15" and lying.problem and lying.base_said == "stable-diffusion-xl-v1-base/lora"
    assert lying.conflict == "its header says SDXL, but its tensors are of Stable Diffusion 1.5"
    wrong = _probe(tmp_path, kohya(), {"ss_base_model_version": "sd_v1"})
    assert (wrong.base, wrong.problem) == ("sdxl", "") and "says Stable Diffusion 1.5" in wrong.conflict
    assert _probe(tmp_path, kohya(), {"ss_v2": "True"}).conflict.startswith("its header says Stable Diffusion 2")


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "sdxl"),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        ({"ss_sd_model_name": "ponyDiffusionV6XL.safetensors"}, "sdxl"),
        ({"modelspec.architecture": "flux-1-dev/lora"}, "flux"),
        ({"ss_base_model_version": "sd3-m"}, "sd3"),
        ({"modelspec.architecture": "cat-model-9"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_claims_count_where_shapes_tell_nothing(tmp_path: Path, said: dict[str, str], base: str) -> None:
    silent = kohya(640, stem="lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q")
    found = _probe(tmp_path, silent, said)
    assert found.base == base and bool(found.problem) == (base not in ("sdxl", "unknown"))


def test_a_width_of_no_real_model_is_left_to_who_loads_it(tmp_path: Path) -> None:
    found = _probe(tmp_path, kohya(64), {"ss_base_model_version": "sdxl_base_v1-0"})
    assert (found.base, found.problem, found.token_width) == ("unknown", "", 64)


def _network(kind: str) -> dict[str, tuple[int, ...]]:
    base = kohya()
    match kind:
        case "locon":
            stem = "lora_unet_input_blocks_1_0_in_layers_2"
            return base | {f"{stem}.lora_down.weight": (4, 320, 3, 3), f"{stem}.lora_up.weight": (320, 4, 1, 1)}
        case "locon-cp":
            return base | {f"{KOHYA}.lora_mid.weight": (4, 4, 3, 3)}
        case "loha":
            return {f"{KOHYA}.hada_w1_a": (640, 4), f"{KOHYA}.hada_w1_b": (4, 2048), f"{KOHYA}.alpha": ()}
        case "lokr":
            return {f"{KOHYA}.lokr_w1": (16, 32), f"{KOHYA}.lokr_w2": (40, 64), f"{KOHYA}.alpha": ()}
        case "dora":
            return base | {f"{KOHYA}.dora_scale": (1, 2048)}
        case "peft dora":
            return peft() | {f"{PEFT}.lora_magnitude_vector": (640,)}
        case "full difference":
            return {f"{KOHYA}.diff": (640, 2048)}
    return base


@pytest.mark.parametrize(
    ("kind", "network", "problem"),
    [
        ("lora", "lora", ""),
        ("locon", "locon", ""),
        ("locon-cp", "locon-cp", "kind 'locon-cp', which the studio does not support"),
        ("loha", "loha", "kind 'loha'"),
        ("lokr", "lokr", "kind 'lokr'"),
        ("dora", "dora", "magnitudes the studio does not support"),
        ("peft dora", "dora", "magnitudes the studio does not support"),
        ("full difference", "full difference", "kind 'full difference'"),
    ],
)
def test_the_network_and_whether_it_can_be_loaded(tmp_path: Path, kind: str, network: str, problem: str) -> None:
    found = _probe(tmp_path, _network(kind))
    assert found.network == network and problem in found.problem and bool(found.problem) == bool(problem)
    assert found.base == "sdxl", "LoHa's and LoKr's shapes tell the base too"


def test_what_is_no_lora(tmp_path: Path) -> None:
    found = _probe(tmp_path, {"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)})
    assert found.network == "none" and found.problem == "it is no LoRA"
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(EngineError):
        probe_lora(tmp_path / "x.safetensors")


def test_form_rank_alpha_and_encoders(tmp_path: Path) -> None:
    shapes = kohya(rank=8) | kohya(768, 8, "lora_te1_text_model_encoder_layers_0_self_attn_q_proj")
    shapes |= kohya(1280, 16, "lora_te2_text_model_encoder_layers_0_self_attn_q_proj")
    file = tmp_path / "a.safetensors"
    save_file({name: np.full(shape, 3, np.float16) for name, shape in shapes.items()}, str(file))
    found = probe_lora(file)
    assert (found.form, found.rank, found.alpha) == ("kohya", 8, 3.0)
    assert found.text_encoders == ("text_encoder", "text_encoder_2") and found.tensors == 9
    assert found.bytes == file.stat().st_size
    said = {"lora_adapter_metadata": json.dumps({"unet.r": 4, "unet.lora_alpha": 6})}
    modern = _probe(tmp_path, peft(rank=4), said)
    assert (modern.form, modern.rank, modern.alpha, modern.text_encoders) == ("peft", 4, 6.0, ())
    old = {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 2048)}
    assert (_probe(tmp_path, old).form, _probe(tmp_path, old).rank, _probe(tmp_path, old).base) == (
        "diffusers",
        4,
        "sdxl",
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"unet.lora_alpha": "x"}', '{"unet.lora_alpha": null}', "5"])
def test_a_broken_description_of_alpha_is_no_fault(tmp_path: Path, text: str) -> None:
    assert _probe(tmp_path, peft(), {"lora_adapter_metadata": text}).alpha is None


def test_what_diffusers_itself_writes_is_read(tmp_path: Path) -> None:
    from diffusers import StableDiffusionXLPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe = StableDiffusionXLPipeline.from_pretrained(build_tiny_sdxl(tmp_path / "model"))
    pipe.unet.add_adapter(LoraConfig(r=3, lora_alpha=6, target_modules=["to_k", "to_q"], init_lora_weights=False))
    layers = get_peft_model_state_dict(pipe.unet)
    pipe.save_lora_weights(tmp_path, unet_lora_layers=layers, weight_name="own.safetensors")
    found = probe_lora(tmp_path / "own.safetensors")
    assert (found.network, found.form, found.rank, found.problem) == ("lora", "peft", 3, "")
    assert found.token_width == pipe.unet.config.cross_attention_dim
    assert recognise_folder(tmp_path / "model" / "sdxl") is not None


@pytest.mark.parametrize(
    ("said", "triggers"),
    [
        ({"modelspec.trigger_phrase": "luca boy, green eyes"}, ("luca boy", "green eyes")),
        ({"modelspec.trigger_phrase": "x", "TrainedWords": '["y"]'}, ("x",)),
        ({"TrainedWords": '["luca boy", "sea, blue"]'}, ("luca boy", "sea", "blue")),
        ({"TrainedWords": "[1, null]"}, ()),
        (kohya_said({"luca boy": 20, "1boy": 20, "smile": 9, "sea": 3}, 20), ("luca boy",)),
        (kohya_said({"luca boy": 19, "sea": 3}, 20), ("luca boy",)),
        (kohya_said({"luca boy": 17, "sea": 3}, 20), ("set",)),
        (kohya_said({}, 20), ("set",)),
        ({"ss_tag_frequency": "{broken"}, ()),
        ({"ss_tag_frequency": '{"a": [1], "b": {"c": "d", "e": -1}}'}, ()),
        ({"ss_dataset_dirs": '{"10_luca_boy": {"n_repeats": 10, "img_count": 5}}'}, ("luca boy",)),
        ({"modelspec.trigger_phrase": "\x1b[2Jluca\nboy\u202e" + ", w" * 50}, ("[2Jluca boy", "w")),
        ({"modelspec.trigger_phrase": "z" * 5000}, ("z" * 79 + "…",)),
        ({}, ()),
    ],
)
def test_trigger_words(tmp_path: Path, said: dict[str, str], triggers: tuple[str, ...]) -> None:
    assert _probe(tmp_path, kohya(), said).triggers == triggers


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("luca_v2", "luca"),
        ("luca_v2-sdxl-000010", "luca"),
        ("LucaPaguro_XL_rank32_fp16", "Luca Paguro"),
        ("watercolor_style_sdxl", "watercolor style"),
        ("sdxl_lora_v1.0", ""),
        ("luca.e10", "luca"),
    ],
)
def test_names_without_version(name: str, bare: str) -> None:
    assert bare_name(name) == bare


@pytest.mark.parametrize(
    ("stem", "tags", "title", "category"),
    [
        ("luca_v2", {}, "", "character"),
        ("watercolor_xl", {}, "", "style"),
        ("portorosso_v1", {"no humans": 9, "scenery": 9, "sky": 8}, "", "background"),
        ("portorosso_v1", {"1boy": 9, "solo": 9, "sky": 8, "scenery": 7}, "", "character"),
        ("forest_bg", {}, "", "background"),
        ("abc", {}, "Cel shading style", "style"),
    ],
)
def test_the_category_is_guessed(tmp_path: Path, stem: str, tags: dict[str, int], title: str, category: str) -> None:
    said = kohya_said(tags, 9, **({"modelspec.title": title} if title else {}))
    found, why = guess_category(stem, _probe(tmp_path, kohya(), said))
    assert found == category and why


def test_an_entry_is_proposed(tmp_path: Path) -> None:
    file = write_model(
        tmp_path / "Watercolor Style v2 (XL).safetensors", kohya(), {"modelspec.trigger_phrase": "wtrclr"}
    )
    probe = probe_lora(file)
    made = propose(file, "image/w.safetensors", probe, "ab" * 32, {"watercolor_style_v2_xl"})
    assert made.name == "Watercolor_Style_v2_XL-2" and made.spec.words == ("Watercolor",)
    assert made.spec.category == "style" and made.spec.triggers == ("wtrclr",) and made.spec.sha256 == "ab" * 32
    assert free_name("漢字", {"lora"}) == "lora-2" and len(free_name("x" * 300, ())) <= 64
    assert is_few_step("sdxl_lightning_8step_lora", probe) and is_few_step("Hyper-SDXL-8steps-lora", probe)
    assert not is_few_step("hyperspace_v2", probe)


@pytest.mark.parametrize(
    ("shapes", "kind", "problem"),
    [
        (kohya(), "lora", ""),
        ({"conditioner.embedders.1.model.x": (1,), "model.diffusion_model.x": (1,)}, "checkpoint", ""),
        (
            {"cond_stage_model.transformer.x": (1,), "model.diffusion_model.x": (1,)},
            "checkpoint",
            "Stable Diffusion 1.5",
        ),
        ({"conditioner.embedders.0.model.x": (1,), "model.diffusion_model.x": (1,)}, "checkpoint", "refiner"),
        ({"double_blocks.0.img_attn.qkv.weight": (1,)}, "checkpoint", "Flux"),
        ({"decoder.conv_in.weight": (512, 4, 3, 3)}, "vae", ""),
        ({"decoder.conv_in.weight": (512, 16, 3, 3)}, "vae", "another model"),
        ({"controlnet_cond_embedding.x": (1,), "d.attn2.to_k.weight": (640, 2048)}, "controlnet", ""),
        (
            {"controlnet_cond_embedding.x": (1,), "d.attn2.to_k.weight": (320, 768)},
            "controlnet",
            "Stable Diffusion 1.5",
        ),
        (
            {"controlnet_cond_embedding.x": (1,), "d.attn2.to_k.weight": (640, 2048), "task_embedding": (6, 320)},
            "controlnet-union",
            "",
        ),
        ({"image_proj.latents": (1, 16, 1280), "ip_adapter.1.to_k_ip.weight": (640, 2048)}, "ip-adapter", ""),
        ({"image_proj.latents": (1, 16, 768), "ip_adapter.1.to_k_ip.weight": (320, 768)}, "ip-adapter", "1.5"),
        ({"vision_model.embeddings.x": (1,)}, "other", "image encoder"),
        ({"clip_l": (4, 768), "clip_g": (4, 1280)}, "other", "textual inversion"),
        ({"lora_controlnet": (1,), "a.down": (1,)}, "other", "Control-LoRA"),
        ({"blocks.0.weight": (1,)}, "other", "no model that the studio's pictures use"),
        ({}, "other", "no model that the studio's pictures use"),
    ],
)
def test_other_models_are_recognised(tmp_path: Path, shapes: Any, kind: str, problem: str) -> None:
    found = recognise_file(read_header(write_model(tmp_path / "m.safetensors", shapes)))
    assert found.kind == kind and problem in found.problem and bool(found.problem) == bool(problem)


@pytest.mark.parametrize(
    ("name", "said", "kind", "problem"),
    [
        ("config.json", {"_class_name": "ControlNetModel", "cross_attention_dim": 2048}, "controlnet", ""),
        ("config.json", {"_class_name": "ControlNetModel", "cross_attention_dim": 768}, "controlnet", "1.5"),
        ("config.json", {"_class_name": "ControlNetUnionModel", "cross_attention_dim": 2048}, "controlnet-union", ""),
        ("config.json", {"_class_name": "AutoencoderKL", "scaling_factor": 0.13025}, "vae", ""),
        (
            "config.json",
            {"_class_name": "AutoencoderKL", "scaling_factor": 0.18215},
            "vae",
            "scaling factor is 0.18215",
        ),
        ("config.json", {"_class_name": "AutoencoderKL", "latent_channels": 16}, "vae", "16 channels"),
        ("config.json", {"architectures": ["CLIPVisionModelWithProjection"]}, "image encoder", ""),
        ("config.json", {"architectures": ["DepthAnythingForDepthEstimation"]}, "depth model", ""),
        ("model_index.json", {"_class_name": "StableDiffusionPipeline"}, "checkpoint", "a StableDiffusionPipeline"),
        ("model_index.json", [1], "checkpoint", "an unknown pipeline"),
    ],
)
def test_folders_are_recognised(tmp_path: Path, name: str, said: Any, kind: str, problem: str) -> None:
    (tmp_path / name).write_text(json.dumps(said))
    bare = recognise_folder(tmp_path)
    assert bare is not None and bare.kind == kind and (problem or "no .safetensors weights") in bare.problem
    write_model(tmp_path / "model.safetensors", {"x": (1,)})
    found = recognise_folder(tmp_path)
    assert found is not None and bool(found.problem) == bool(problem)


def test_other_folders_are_no_models(tmp_path: Path) -> None:
    assert recognise_folder(tmp_path) is None
    (tmp_path / "config.json").write_text('{"_class_name": ["x"], "architectures": [5]}')
    assert recognise_folder(tmp_path) is None
    (tmp_path / "config.json").write_text("{" * 5)
    assert recognise_folder(tmp_path) is None
