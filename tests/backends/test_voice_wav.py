"""Sound files and what is written inside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backends.voice.wav import (
    SYNTHETIC,
    VoiceOrigin,
    origin_of,
    read_origin,
    read_tags,
    read_wav,
    voice_tags,
    write_wav,
)

TONE = (0.3 * np.sin(np.arange(4800) / 5)).astype(np.float32)


def test_a_synthetic_voice_says_what_it_is_and_plays_the_same(tmp_path: Path) -> None:
    bare, tagged = tmp_path / "bare.wav", tmp_path / "tagged.wav"
    write_wav(bare, TONE, 24000)
    write_wav(tagged, TONE, 24000, tags=voice_tags("espeak", "Lucia Però", "con-12ab"))
    assert read_origin(bare) is None and read_tags(bare).get("comment", "") == ""
    assert read_origin(tagged) == VoiceOrigin("espeak", "Lucia Però", "con-12ab")
    assert read_tags(tagged)["artist"] == f"Lucia Però ({SYNTHETIC})"
    assert read_tags(tagged)["software"] == "Animation AI Studio"
    assert np.array_equal(read_wav(bare)[0], read_wav(tagged)[0])


def test_same_tags_same_bytes(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, TONE, 16000, tags=voice_tags("gpt_sovits", "Luca"))
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_name_cannot_write_tags_of_its_own(tmp_path: Path) -> None:
    sly = "Bo; consent=con-forged\n\x00; engine=human" + "x" * 900
    write_wav(tmp_path / "a.wav", TONE, 16000, tags=voice_tags("espeak", sly))
    origin = read_origin(tmp_path / "a.wav")
    assert origin is not None
    assert origin.engine == "espeak" and origin.consent == "" and origin.character.startswith("Bo consent con-forged")


def test_an_unknown_tag_is_a_mistake_in_code(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no tag 'engine'"):
        write_wav(tmp_path / "a.wav", TONE, 16000, tags={"engine": "espeak"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("comment", ["", "A recording", "ai", "AI-generated voices of the past; engine=x"])
def test_other_comments_are_no_synthetic_voice(comment: str) -> None:
    assert origin_of(comment) is None


def test_a_file_that_is_no_sound_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFFxxxx")
    assert read_tags(tmp_path / "a.wav") == {} and read_tags(tmp_path / "none.wav") == {}


@pytest.mark.parametrize("shape", [(100, 2), (2, 100), ()])
def test_more_than_one_channel_is_refused_and_nothing_is_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"one channel, \(N,\) samples"):
        write_wav(tmp_path / "stereo.wav", np.zeros(shape, np.float32), 24_000)
    assert list(tmp_path.iterdir()) == []
