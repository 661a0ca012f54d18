"""The cache of spoken lines, with real eSpeak lines in real files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voice_studio import voice_studio

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import Reference, VoiceProfile, VoiceSource
from configs.settings import load_settings
from tools.voice.line import SpokenLine
from tools.voice.line_cache import MIB, LineCache, line_key, spoken_line

VOICE = VoiceProfile("Luca", age="child", gender="male")
HOW = {"language": "en", "emotion": "happy", "intensity": 0.7, "target_lufs": -18.0}


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    made = EspeakEngine()
    made.load()
    return made


@pytest.fixture
def kept(tmp_path: Path) -> LineCache:
    return LineCache(tmp_path / "lines")


def _spoken(kept: LineCache, engine: EspeakEngine, text: str, **other: Any) -> SpokenLine:
    return spoken_line(kept, engine, text, VOICE, **{**HOW, **other})


def test_the_second_time_is_read_and_is_the_same_line(kept: LineCache, engine: EspeakEngine) -> None:
    first = _spoken(kept, engine, "We found a shell.")
    again = _spoken(kept, engine, "We found a shell.")
    assert (kept.hits, kept.misses) == (1, 1)
    assert np.array_equal(first.samples, again.samples) and again.samples.dtype == np.float32
    assert again == replace(first, samples=again.samples, seconds=0.0)
    assert again.params() == first.params()


@pytest.mark.parametrize(
    "other",
    [{"language": "it"}, {"emotion": "sad"}, {"intensity": 0.3}, {"target_lufs": -20.0}, {"seed": 5}],
)
def test_whatever_shapes_the_sound_is_another_line(
    kept: LineCache, engine: EspeakEngine, other: dict[str, Any]
) -> None:
    _spoken(kept, engine, "No, no.")
    _spoken(kept, engine, "No, no.", **other)
    assert kept.hits == 0
    spoken_line(kept, engine, "No, no.", replace(VOICE, pitch=2.0), **HOW)
    assert kept.hits == 0


def test_weights_trained_anew_under_their_old_name_are_another_voice(tmp_path: Path, engine: EspeakEngine) -> None:
    weights, clip = tmp_path / "luca.pth", tmp_path / "luca.wav"
    weights.write_bytes(b"one")
    clip.write_bytes(b"sound")
    source = VoiceSource("gpt_sovits", {"sovits": str(weights)}, {"neutral": Reference(str(clip), "ciao", "it")})
    before = line_key(engine, "Ciao.", VOICE, {**HOW, "source": source})
    assert before == line_key(engine, "Ciao.", VOICE, {**HOW, "source": source})
    weights.write_bytes(b"another")
    assert line_key(engine, "Ciao.", VOICE, {**HOW, "source": source}) != before


def test_a_line_with_a_cloned_voice_comes_back_whole(kept: LineCache, engine: EspeakEngine) -> None:
    source = VoiceSource("qwen3_tts", {}, {"neutral": Reference("/voices/a.wav", "ciao", "it")})
    line = _spoken(kept, engine, "One.")
    line = replace(line, request=replace(line.request, source=source))
    kept.put("k", line)
    read = kept.get("k")
    assert read is not None and read.request == line.request


def test_damage_counts_as_not_there(kept: LineCache, engine: EspeakEngine) -> None:
    _spoken(kept, engine, "Here we are.")
    (file,) = kept.folder.iterdir()
    whole = file.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"no archive", whole.replace(b'"phonemes"', b'"phonomes"')):
        file.write_bytes(damage)
        assert kept.get(file.stem) is None and not file.exists()
    _spoken(kept, engine, "Here we are.")
    assert kept.misses == 2 and kept.get(file.stem) is not None


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, engine: EspeakEngine) -> None:
    line = _spoken(LineCache(tmp_path / "other"), engine, "A line of some length, to fill the folder.")
    size = line.samples.nbytes + 8192
    kept = LineCache(tmp_path / "lines", max_mib=3.5 * size / MIB)
    for number, name in enumerate("abc"):
        kept.put(name, line)
        os.utime(kept.folder / f"{name}.npz", (1000 + number, 1000 + number))
    assert kept.get("a") is not None  # used: now the youngest
    kept.put("d", line)
    assert {file.stem for file in kept.folder.iterdir()} == {"a", "c", "d"}


def test_a_folder_that_cannot_be_written_costs_no_line(tmp_path: Path, engine: EspeakEngine) -> None:
    (tmp_path / "lines").write_text("a file where the folder should be")
    assert _spoken(LineCache(tmp_path / "lines"), engine, "Still spoken.").duration > 0.4


def test_a_line_that_failed_a_gate_says_so_from_the_cache_too(kept: LineCache, engine: EspeakEngine) -> None:
    first = _spoken(kept, engine, "Quiet.", target_lufs=6.0)  # cannot be so loud without clipping
    again = _spoken(kept, engine, "Quiet.", target_lufs=6.0)
    assert kept.hits == 1 and first.warnings and again.warnings == first.warnings and again.tries == 3


def test_speak_uses_it_and_gives_the_same_file(tmp_path: Path) -> None:
    with voice_studio(load_settings(home=tmp_path, memory={"index": "numpy", "embedder": "letters"})) as studio:
        first, one = studio.made("speak", text="Once more, please.")
        again, two = studio.made("speak", text="Once more, please.")
        assert first.result is not None and again.result is not None
        assert (first.result.measurements["from_cache"], again.result.measurements["from_cache"]) == (False, True)
        assert again.result.measurements["synthesis_s"] == 0
        assert one.sha256 == two.sha256 and one.params == two.params and one.scores == two.scores
        assert list((tmp_path / "cache" / "lines").glob("*.npz"))


def test_no_damage_of_a_file_is_an_error_or_another_sound(kept: LineCache, engine: EspeakEngine) -> None:
    line = _spoken(kept, engine, "We found a shell.")
    (file,) = kept.folder.glob("*.npz")
    whole, random = file.read_bytes(), np.random.default_rng(1)
    for number in range(400):
        raw = bytearray(whole)
        place = int(random.integers(400)) if number % 2 else len(raw) - int(random.integers(1, 500))
        raw[place] = int(random.integers(256))
        file.write_bytes(raw[: int(random.integers(len(raw)))] if number % 5 == 0 else raw)
        found = kept.get(file.stem)
        assert found is None or np.array_equal(found.samples, line.samples)
