"""Every encoder with its real library: insightface on generated .onnx files, transformers on tiny random models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tiny_faces import FACE_COLOUR, build_clip, build_dino, build_pack

from backends.engines import make_engine
from backends.gpu.engine import Engine
from backends.vision.identity.arcface import ArcFaceEncoder
from backends.vision.identity.colour import ColourEncoder
from backends.vision.identity.encoder import ENCODERS, IdentityEncoder, region
from backends.vision.identity.engine import IdentityEngine
from backends.vision.identity.transformer import ClipEncoder, DinoEncoder, square
from configs.errors import EngineError, UsageError
from configs.settings import load_settings


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("vision")
    return {
        "arcface": build_pack(root / "pack"),
        "clip": build_clip(root / "clip"),
        "dinov2": build_dino(root / "dino"),
    }


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> IdentityEncoder:
    made: dict[str, IdentityEncoder] = {
        "arcface": ArcFaceEncoder(folders["arcface"]), "clip": ClipEncoder(folders["clip"]),
        "dinov2": DinoEncoder(folders["dinov2"]), "colour": ColourEncoder(),
    }  # fmt: skip
    return made[request.param]


def person(
    face: tuple[int, int, int] = FACE_COLOUR, shirt: tuple[int, int, int] = (40, 90, 200), x: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """A picture (160, 200, 3) of somebody with a face of 48 pixels and a shirt, and the mask."""
    rgb = np.full((160, 200, 3), (90, 140, 90), np.uint8)
    mask = np.zeros(rgb.shape[:2], bool)
    rgb[24:72, x : x + 48] = face
    rgb[72:140, x - 8 : x + 56] = shirt
    mask[24:72, x : x + 48] = mask[72:140, x - 8 : x + 56] = True
    return rgb, mask


def test_all_encoders_keep_the_protocol(encoder: IdentityEncoder) -> None:
    rgb, mask = person()
    assert isinstance(encoder, IdentityEncoder) and encoder.available() and not encoder.missing()
    assert encoder.licence and encoder.version.startswith(encoder.name)
    found = encoder.encode(rgb, mask=mask)
    assert found.detected and found.vector is not None
    assert found.vector.dtype == np.float32 and np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    again = encoder.encode(rgb, mask=mask).vector
    assert again is not None and np.array_equal(again, found.vector)
    encoder.unload()
    later = encoder.encode(rgb, mask=mask).vector
    assert later is not None and np.allclose(later, found.vector, atol=1e-6)


def test_an_empty_mask_is_undetected_not_another_character(encoder: IdentityEncoder) -> None:
    rgb, mask = person()
    nothing = encoder.encode(rgb, mask=np.zeros_like(mask))
    assert nothing.vector is None and not nothing.detected and nothing.note
    outside = encoder.encode(rgb, box=(400, 400, 50, 50))
    assert outside.vector is None and not outside.detected


def test_what_stands_beside_the_character_changes_nothing(encoder: IdentityEncoder) -> None:
    rgb, mask = person()
    crowded = rgb.copy()
    crowded[20:140, 150:200] = (250, 250, 40)
    one, two = encoder.encode(rgb, mask=mask).vector, encoder.encode(crowded, mask=mask).vector
    assert one is not None and two is not None and float(one @ two) > 0.9999


def test_encoders_work_from_many_threads(encoder: IdentityEncoder) -> None:
    rgb, mask = person()
    alone = encoder.encode(rgb, mask=mask).vector
    encoder.unload()
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: encoder.encode(rgb, mask=mask).vector, range(8)))
    assert alone is not None and all(one is not None and np.allclose(one, alone, atol=1e-5) for one in many)


def test_arcface_finds_faces_by_lower_steps_and_says_when_there_is_none(folders: dict[str, Path]) -> None:
    arcface = ArcFaceEncoder(folders["arcface"])
    sure = arcface.encode(person()[0])
    assert sure.vector is not None and sure.vector.shape == (512,) and "0.8" in sure.note
    faint = arcface.encode(person((226, 26, 226))[0])
    assert faint.vector is not None and "found with 0.3" in faint.note
    none = arcface.encode(person((230, 170, 140))[0])
    assert none.vector is None and not none.detected and "no face found" in none.note


def test_arcface_takes_the_face_of_the_character_asked_for(folders: dict[str, Path]) -> None:
    arcface = ArcFaceEncoder(folders["arcface"])
    rgb, mask = person(x=20)
    rgb[24:72, 140:188] = FACE_COLOUR
    rgb[30:40, 150:178] = (200, 0, 200)
    other = np.zeros_like(mask)
    other[24:72, 140:188] = True
    left, right = arcface.encode(rgb, mask=mask).vector, arcface.encode(rgb, mask=other).vector
    assert left is not None and right is not None and float(left @ right) < 0.999


def test_nothing_is_downloaded_and_what_is_missing_is_told(tmp_path: Path, folders: dict[str, Path]) -> None:
    for made in (ArcFaceEncoder(tmp_path / "none"), ClipEncoder(tmp_path / "none"), DinoEncoder(None)):
        assert not made.available()
        with pytest.raises(EngineError, match="cannot be used"):
            made.encode(person()[0])
    with pytest.raises(EngineError, match="no recognition model"):
        ArcFaceEncoder(build_pack(tmp_path / "half", recogniser=False)).encode(person()[0])
    with pytest.raises(EngineError, match="no key points"):
        ArcFaceEncoder(build_pack(tmp_path / "plain", points=False)).encode(person()[0])
    nested = build_pack(tmp_path / "antelopev2" / "antelopev2").parent
    assert ArcFaceEncoder(nested).encode(person()[0]).vector is not None


def test_damaged_models_are_one_sentence(tmp_path: Path, folders: dict[str, Path]) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "det.onnx").write_bytes(b"not a model")
    with pytest.raises(EngineError, match="cannot be loaded"):
        ArcFaceEncoder(pack).encode(person()[0])
    clip = tmp_path / "clip"
    clip.mkdir()
    (clip / "config.json").write_bytes((folders["clip"] / "config.json").read_bytes())
    (clip / "pytorch_model.bin").write_bytes(b"pickled")
    assert "no .safetensors" in ClipEncoder(clip).missing()
    (clip / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(EngineError, match="clip cannot be used"):
        ClipEncoder(clip).encode(person()[0])


def test_weights_of_another_model_are_refused_not_filled_with_random_numbers(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "config.json").write_bytes((folders["dinov2"] / "config.json").read_bytes())
    (mixed / "model.safetensors").write_bytes((folders["clip"] / "model.safetensors").read_bytes())
    with pytest.raises(EngineError, match="of another model"):
        DinoEncoder(mixed).encode(person()[0])


def test_the_version_follows_the_weights(tmp_path: Path) -> None:
    pack = build_pack(tmp_path / "pack")
    before = ArcFaceEncoder(pack).version
    data = bytearray((pack / "rec.onnx").read_bytes())
    data[-200] ^= 1
    (pack / "rec.onnx").write_bytes(bytes(data))
    assert ArcFaceEncoder(pack).version != before


def test_a_character_is_cut_out_on_grey_and_never_stretched() -> None:
    rgb, mask = person()
    where = region(rgb.shape, None, mask)
    assert where == (52, 24, 64, 116)
    cut = square(rgb, where, mask, 116)
    assert cut.shape == (116, 116, 3) and tuple(cut[0, 0]) == (127, 127, 127)
    assert tuple(cut[100, 58]) == (40, 90, 200) and tuple(cut[20, 30]) == (127, 127, 127)


def test_the_engine_offers_what_is_installed(tmp_path: Path, folders: dict[str, Path]) -> None:
    none = make_engine("identity", load_settings(home=tmp_path, warehouse=tmp_path), tmp_path)
    assert isinstance(none, Engine) and isinstance(none, IdentityEngine) and none.installed() == ("colour",)
    assert set(none.lacks()) == {"arcface", "clip", "dinov2"}
    vision = {name: str(folder) for name, folder in folders.items()}
    engine = IdentityEngine(load_settings(home=tmp_path, vision=vision))
    assert engine.installed() == ENCODERS and engine.need_mib() >= none.need_mib()
    with pytest.raises(EngineError, match="not loaded"):
        engine.encoder("clip")
    engine.load()
    assert engine.encoder("clip").encode(person()[0]).vector is not None
    with pytest.raises(UsageError, match="no identity encoder 'clipp'"):
        engine.encoder("clipp")
    with pytest.raises(EngineError, match="there are no"):
        none.load()
        none.encoder("arcface")
    engine.park()
    engine.restore()
    assert engine.encoder("arcface").encode(person()[0]).detected
    engine.unload()
