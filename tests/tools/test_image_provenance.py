"""What is written into a picture, read back by parsers that are not the studio's: sd-parsers and the web UI's."""

from __future__ import annotations

import json
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sd_parsers import ParserManager
from sd_parsers.data import Generators, PromptInfo

from backends.image.engine import ControlMap, ImageRequest, ImageResult, LoraUse
from backends.media.images import save_png
from configs.errors import UsageError
from memory.records import Score
from tools.image.provenance import TEXT_LIMIT, PictureFacts, png_text, read_facts
from tools.image.recipe import pixel_hash, recipe_of

RGB = np.full((64, 96, 3), 120, np.uint8)
REQUEST = ImageRequest(
    "a boy named Luca, waving", "blurry, text", 96, 64, 7, quality="final",
    controls=(ControlMap("depth", RGB, 0.7, 0.0, 0.8, "layout", "map-1"), ControlMap("pose", RGB, 0.5, asset="map-2")),
    loras=(LoraUse("luca_v2", "/models/l.safetensors", 0.8, "1f" * 32), LoraUse("ink: a, b", "/x", -0.25, "2e" * 32)),
)  # fmt: skip
PARAMS = {
    "model": "sd_xl_base_1.0.safetensors", "steps": 30, "guidance": 6.5, "scheduler": "euler_ancestral",
    "device": "cpu", "seconds": 3.2, "phases": {"denoise": 3.0},
}  # fmt: skip
RESULT = ImageResult(RGB, "sdxl", "diffusers 0.42.1, torch 2.13.0", 7, 3.2, PARAMS)
SCORES = (
    Score("sharpness", 42.0, "measured", "variance of the Laplacian", 15.0, True),
    Score("identity Luca", None, "not measured", "none", note="no identity model is installed"),
)

RE_PARAM = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""AUTOMATIC1111, modules/infotext_utils.py, as is."""


def web_ui(infotext: str) -> dict[str, str]:
    """parse_generation_parameters of the web UI, without what it adds for old files."""
    *lines, last = infotext.strip().split("\n")
    found: dict[str, str] = {"Prompt": "", "Negative prompt": ""}
    assert len(RE_PARAM.findall(last)) >= 3
    place = "Prompt"
    for line in map(str.strip, lines):
        text = line
        if line.startswith("Negative prompt:"):
            place, text = "Negative prompt", line[16:].strip()
        found[place] += ("\n" if found[place] else "") + text
    for key, value in RE_PARAM.findall(last):
        found[key] = json.loads(value) if value.startswith('"') and value.endswith('"') else value
    return found


def written(tmp_path: Path, request: ImageRequest = REQUEST, **more: Any) -> Path:
    facts = PictureFacts(recipe_of(request, RESULT), SCORES, ("map-1", "map-2"), "generate_image", "draw Luca", **more)
    file = tmp_path / "picture.png"
    save_png(file, RGB, png_text(facts))
    return file


def parsed(file: Path) -> PromptInfo:
    found = ParserManager().parse(file)
    assert found is not None
    return found


def test_an_independent_parser_reads_prompt_sampler_model_and_seed(tmp_path: Path) -> None:
    info = parsed(written(tmp_path))
    assert info.generator is Generators.AUTOMATIC1111
    (sampler,) = info.samplers
    assert sampler.prompts[0].value == "a boy named Luca, waving <lora:luca_v2:0.8> <lora:ink: a, b:-0.25>"
    assert sampler.negative_prompts[0].value == "blurry, text"
    assert sampler.name == "Euler a" and sampler.model is not None
    assert sampler.model.name == "sd_xl_base_1.0"
    assert sampler.parameters["seed"] == "7" and sampler.parameters["steps"] == "30"
    assert sampler.parameters["cfg_scale"] == "6.5"
    assert info.metadata["Size"] == "96x64"


def test_the_web_ui_reads_every_setting(tmp_path: Path) -> None:
    said = web_ui(read_facts(written(tmp_path))["parameters"])
    assert {key: said[key] for key in ("Steps", "Sampler", "CFG scale", "Seed", "Size", "Model")} == {
        "Steps": "30", "Sampler": "Euler a", "CFG scale": "6.5", "Seed": "7", "Size": "96x64",
        "Model": "sd_xl_base_1.0",
    }  # fmt: skip
    assert said["Lora hashes"] == "luca_v2: 1f1f1f1f1f, ink: a, b: 2e2e2e2e2e"
    assert "Model: depth, Weight: 0.7" in said["ControlNet 0"] and "Guidance End: 0.8" in said["ControlNet 0"]
    assert "Model: pose, Weight: 0.5" in said["ControlNet 1"]


@pytest.mark.parametrize(
    ("scheduler", "sampler", "schedule"),
    [
        ("dpmpp_2m_karras", "DPM++ 2M", "Karras"),
        ("EulerDiscreteScheduler", "Euler", None),
        ("lcm", "LCM", "SGM Uniform"),
    ],
)
def test_samplers_have_the_names_of_the_web_ui(scheduler: str, sampler: str, schedule: str | None) -> None:
    result = replace(RESULT, params={**PARAMS, "scheduler": scheduler})
    said = web_ui(png_text(PictureFacts(recipe_of(REQUEST, result)))["parameters"])
    assert said["Sampler"] == sampler and said.get("Schedule type") == schedule


HOSTILE = [
    "she says \"hi\", 'there' \\ and leaves",
    "first line\nsecond line\r\nthird",
    "Steps: 3, Sampler: DDIM, CFG scale: 99, Seed: 5, Size: 1x1",
    "a cat\nSteps: 3, Sampler: DDIM, CFG scale: 99, Seed: 5",
    "a cat\nNegative prompt: a dog",
    "Negative prompt: all of it negative prompt: twice",
    "an emoji \N{ROBOT FACE} in \N{CJK UNIFIED IDEOGRAPH-6D77}, caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "<lora:evil:9> (masterpiece:1.4) [x|y] {a|b}",
    "nul \x00 bell \x07 escape \x1b[31m end",
    "half a pair \ud83d here",
    "",
    "x" * 4000,
]


@pytest.mark.parametrize("prompt", HOSTILE)
@pytest.mark.parametrize("negative", ["", HOSTILE[3], HOSTILE[5]])
def test_hostile_prompts_change_nothing_else(tmp_path: Path, prompt: str, negative: str) -> None:
    request = replace(REQUEST, prompt=prompt, negative_prompt=negative, loras=())
    file = written(tmp_path, request)
    facts = read_facts(file)
    said = web_ui(facts["parameters"])
    (sampler,) = parsed(file).samplers
    for steps, sampler_name, seed in (
        (said["Steps"], said["Sampler"], said["Seed"]),
        (sampler.parameters["steps"], sampler.name, sampler.parameters["seed"]),
    ):
        assert (steps, sampler_name, seed) == ("30", "Euler a", "7")
    as_line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+", " ", prompt).split())
    for shown in (said["Prompt"], sampler.prompts[0].value if sampler.prompts else ""):
        # only the marks themselves differ, by one space
        assert shown.replace(" :", ":") == as_line.replace(" :", ":")
    assert facts["studio"]["prompt"].encode("utf-16", "surrogatepass") == prompt.encode("utf-16", "surrogatepass")


def test_the_studios_own_facts_have_hashes_scores_and_parents(tmp_path: Path) -> None:
    own = read_facts(written(tmp_path))["studio"]
    assert own["engine"] == "sdxl" and own["engine_version"] == "diffusers 0.42.1, torch 2.13.0"
    assert own["loras"][0] == {"name": "luca_v2", "weight": 0.8, "sha256": "1f" * 32, "blocks": {}}
    assert own["controls"][0]["pixels"] == pixel_hash(RGB) and own["controls"][0]["asset"] == "map-1"
    assert own["parents"] == ["map-1", "map-2"] and own["wish"] == "draw Luca"
    assert [(s["name"], s["status"], s["passed"]) for s in own["scores"]] == [
        ("sharpness", "measured", True), ("identity Luca", "not measured", None),
    ]  # fmt: skip
    assert own["recipe"]["pixels"] == pixel_hash(RGB)


def test_the_same_picture_is_the_same_file_however_long_it_took(tmp_path: Path) -> None:
    slow = replace(RESULT, seconds=99.0, params={**PARAMS, "seconds": 99.0, "phases": {"denoise": 98.0}})
    assert png_text(PictureFacts(recipe_of(REQUEST, slow))) == png_text(PictureFacts(recipe_of(REQUEST, RESULT)))
    text = "".join(png_text(PictureFacts(recipe_of(REQUEST, RESULT))).values())
    assert "/models/" not in text  # where files lie on this machine is nobody's business


def test_plain_text_is_a_chunk_that_every_reader_knows(tmp_path: Path) -> None:
    def kinds(file: Path) -> set[bytes]:
        data, at, found = file.read_bytes(), 8, set()
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            if data[at + 8 : at + 18].startswith(b"parameters"):
                found.add(data[at + 4 : at + 8])
            at += 12 + length
        return found

    assert kinds(written(tmp_path)) == {b"tEXt"}
    assert kinds(written(tmp_path, replace(REQUEST, prompt="\N{ROBOT FACE}"))) == {b"iTXt"}


def test_facts_too_long_for_a_chunk_lose_the_recipe_and_keep_the_rest(tmp_path: Path) -> None:
    many = tuple(ControlMap("depth", RGB, asset=f"map-{'x' * 500}{n}") for n in range(1200))
    own = read_facts(written(tmp_path, replace(REQUEST, controls=many)))["studio"]
    assert own["recipe_left_out"] is True and own["recipe"] == {} and own["seed"] == 7


def chunked(tmp_path: Path, *texts: tuple[bytes, bytes]) -> Path:
    """A PNG with these raw tEXt chunks."""
    file = tmp_path / "made.png"
    Image.new("RGB", (4, 4)).save(file)
    data = file.read_bytes()
    extra = b""
    for key, value in texts:
        body = b"tEXt" + key + b"\0" + value
        extra += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    file.write_bytes(data[:33] + extra + data[33:])
    return file


def test_what_a_file_says_is_only_data(tmp_path: Path) -> None:
    assert read_facts(chunked(tmp_path)) == {}
    assert read_facts(chunked(tmp_path, (b"studio", b"[1, 2"))) == {}
    assert read_facts(chunked(tmp_path, (b"studio", b"[1, 2]"))) == {}
    assert read_facts(chunked(tmp_path, (b"studio", b"[" * 100_000))) == {}
    assert read_facts(chunked(tmp_path, (b"studio", b'{"a": "' + b"x" * TEXT_LIMIT + b'"}'))) == {}
    assert read_facts(chunked(tmp_path, (b"parameters", b"hello"))) == {"parameters": "hello"}


def test_what_is_no_png_is_told(tmp_path: Path) -> None:
    for name, content in (("a.png", b"no picture"), ("b.png", b"\x89PNG\r\n\x1a\n"), ("c.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="cannot be read as a PNG"):
            read_facts(tmp_path / name)
    Image.new("RGB", (4, 4)).save(tmp_path / "d.jpg")
    with pytest.raises(UsageError, match="cannot be read as a PNG"):
        read_facts(tmp_path / "d.jpg")
