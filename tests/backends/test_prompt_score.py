"""The prompt score with a tiny random CLIP: the cosine of its own two vectors, local only."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_clip import SIDE, build_tiny_clip

from backends.vision.identity.transformer import ClipEncoder
from backends.vision.prompt_score import PromptScorer
from configs.errors import EngineError


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_clip(tmp_path_factory.mktemp("clip"))


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.NEAREST))


def by_transformers(folder: Path, rgb: np.ndarray, text: str) -> float:
    """The same figure from the whole model, without this project's code."""
    import torch
    from transformers import CLIPModel, CLIPTokenizer

    model = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
    tokens = CLIPTokenizer.from_pretrained(folder, local_files_only=True)(text, return_tensors="pt")
    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    pixels = torch.tensor(((rgb / 255 - mean) / std).transpose(2, 0, 1)[None], dtype=torch.float32)
    with torch.inference_mode():
        out = model(**tokens, pixel_values=pixels)
    return float((out.text_embeds @ out.image_embeds.T)[0, 0])


def test_it_is_the_cosine_of_clips_two_vectors(clip: Path) -> None:
    scorer, pictures = PromptScorer(clip), ClipEncoder(clip)
    for seed, text in ((1, "a boy on the beach"), (2, "a red robot")):
        found = scorer.score(picture(seed), f"  {text}\n", pictures)
        assert found.value == pytest.approx(by_transformers(clip, picture(seed), text), abs=2e-5)
        assert found.by.startswith("clip-") and found.note == "ranks pictures, is no pass mark"


def test_pictures_and_words_change_it_and_texts_are_kept(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, pictures = PromptScorer(clip), ClipEncoder(clip)
    one = scorer.score(picture(1), "a boy", pictures).value
    assert one != scorer.score(picture(2), "a boy", pictures).value
    assert one != scorer.score(picture(1), "a girl", pictures).value
    monkeypatch.setattr(scorer, "_read", lambda text: pytest.fail("the text was read twice"))
    assert scorer.score(picture(1), "a boy", pictures).value == one


def test_a_long_text_is_cut_and_that_is_told(clip: Path) -> None:
    scorer, pictures = PromptScorer(clip), ClipEncoder(clip)
    text = "luca on the beach " * 500
    found = scorer.score(picture(1), text, pictures)
    assert found.value is not None and "first 77 tokens" in found.note
    assert found.value == scorer.score(picture(1), text[:400], pictures).value
    assert scorer.score(picture(1), "  ", pictures).value is None


def test_a_folder_without_words_is_refused_in_one_sentence(clip: Path, tmp_path: Path) -> None:
    pictures = ClipEncoder(clip)
    with pytest.raises(EngineError, match=r"CLIP's text part cannot be used.*vision\.clip"):
        PromptScorer(tmp_path).score(picture(1), "a boy", pictures)


def test_weights_of_the_image_tower_alone_are_refused(clip: Path, tmp_path: Path) -> None:
    """transformers would fill the text tower with random numbers and go on."""
    from transformers import CLIPVisionModelWithProjection

    shutil.copytree(clip, tmp_path / "clip")
    (tmp_path / "clip" / "model.safetensors").unlink()
    config = (clip / "config.json").read_bytes()
    CLIPVisionModelWithProjection.from_pretrained(clip, local_files_only=True).save_pretrained(tmp_path / "clip")
    (tmp_path / "clip" / "config.json").write_bytes(config)
    with pytest.raises(EngineError, match=r"lack .* tensors of the text part"):
        PromptScorer(tmp_path / "clip").score(picture(1), "a boy", ClipEncoder(clip))
