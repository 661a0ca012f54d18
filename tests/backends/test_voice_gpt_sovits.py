"""GPT-SoVITS as an engine, against a server with the real one's protocol and traps (tests/fake_gpt_sovits.py)."""

from __future__ import annotations

import dataclasses
import io
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from cloning_installs import WORDS, recording, set_faults, source, weights
from espeak_stand_in import pitch_hz
from gpt_sovits_fixtures import LINE, engine, place, say, started, yaml_folder

from backends.engines import make_engine
from backends.voice.engines.gpt_sovits_client import GptSovitsClient, Utterance
from backends.voice.engines.protocol import Reference, SpeechResult, VoiceSource
from backends.voice.wav import write_wav
from backends.voice.wav_bytes import decode_wav
from configs.errors import EngineError
from configs.settings import load_settings

__all__ = ["engine", "place", "started", "yaml_folder"]


def pitch(result: SpeechResult) -> float:
    return pitch_hz(result.samples, result.sample_rate)


# -- what the server really does ---------------------------------------------------------------------------------------


def body(voice: VoiceSource, **changes: Any) -> dict[str, Any]:
    path = voice.references["neutral"].path
    return {
        "text": LINE, "text_lang": "en", "ref_audio_path": path, "prompt_text": WORDS, "prompt_lang": "en", **changes
    }  # fmt: skip


def test_the_servers_own_refusals(engine: Any, tmp_path: Path) -> None:
    voice = source(tmp_path)
    with httpx.Client(base_url=engine.base_url, trust_env=False, timeout=20) as client:
        upper = client.post("/tts", json=body(voice, text_lang="EN"))
        assert (upper.status_code, upper.json()) == (400, {"message": "tts failed", "Exception": ""})
        italian = client.post("/tts", json=body(voice, text_lang="it"))
        assert italian.json() == {"message": "text_lang: it is not supported in version v2ProPlus"}
        assert client.post("/control", json={"command": "exit"}).status_code == 405
        quiet = client.post("/tts", json=body(voice, text="!?"))
        samples, rate = decode_wav(quiet.content)
        assert quiet.status_code == 200 and rate == len(samples) == 16000 and not samples.any()
        streamed = client.post("/tts", json=body(voice, streaming_mode=True)).content
        plain = client.post("/tts", json=body(voice)).content
    without = httpx.get(f"{engine.base_url}/tts", params={"text": LINE, "prompt_lang": "en"}, trust_env=False)
    assert without.status_code == 500
    assert streamed[40:44] == b"\0\0\0\0"  # the header says that there is no sound
    assert np.array_equal(decode_wav(streamed)[0], decode_wav(plain)[0])


def test_samples_that_are_no_numbers_are_told() -> None:
    sound = io.BytesIO()
    soundfile.write(sound, np.array([0.1, np.nan, 0.2] * 99, dtype=np.float32), 32000, format="WAV", subtype="FLOAT")
    with pytest.raises(EngineError, match="no numbers"):
        decode_wav(sound.getvalue())


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"not a sound at all", b"\0" * 100])
def test_an_answer_that_is_no_sound_is_told(content: bytes) -> None:
    with pytest.raises(EngineError, match="is no sound"):
        decode_wav(content)


# -- references --------------------------------------------------------------------------------------------------------


def test_the_voice_is_that_of_the_recording(engine: Any, tmp_path: Path) -> None:
    low, high = say(engine, source(tmp_path, hertz=100)), say(engine, source(tmp_path, hertz=220))
    assert pitch(high) > 1.7 * pitch(low)
    assert low.sample_rate == 32000 and low.engine == "gpt_sovits" and low.engine_version == "v2ProPlus"


def test_a_recording_that_changed_under_its_name_is_heard(engine: Any, tmp_path: Path) -> None:
    """The server keeps what it worked out by path."""
    path = tmp_path / "voice.wav"
    before = say(engine, VoiceSource(references={"neutral": recording(path, 100)}))
    after = say(engine, VoiceSource(references={"neutral": recording(path, 220)}))
    assert pitch(after) > 1.7 * pitch(before)


def test_the_emotions_recording_is_chosen_and_the_rest_is_prosody(engine: Any, tmp_path: Path) -> None:
    voice = source(tmp_path, hertz=120, happy=260)
    plain = say(engine, voice)
    happy = say(engine, voice, emotion="happy")
    sad = say(engine, voice, emotion="sad", intensity=1.0)
    assert happy.params["recorded_emotion"] == "happy" and pitch(happy) > 1.7 * pitch(plain)
    assert sad.params["recorded_emotion"] == "neutral" and pitch(sad) < 0.95 * pitch(plain)
    assert len(sad.samples) > 1.05 * len(plain.samples)


def test_words_of_a_recording_in_italian_are_left_out_and_that_is_said(engine: Any, tmp_path: Path) -> None:
    voice = VoiceSource(references={"neutral": recording(tmp_path / "it.wav", 120, "Buongiorno a tutti.", "it")})
    voice = dataclasses.replace(voice, references={"neutral": _longer(voice.references["neutral"])})
    assert say(engine, voice).warnings == (
        "The words of the voice's recording are in 'it', which it cannot read: GPT-SoVITS takes its sound alone.",
    )


def _longer(reference: Reference) -> Reference:
    import soundfile

    samples, rate = soundfile.read(reference.path, dtype="float32")
    write_wav(Path(reference.path), np.tile(samples, 4)[: 4 * rate], rate)
    return reference


@pytest.mark.parametrize(
    ("seconds", "level", "told"),
    [(2.9, 0.2, "2.9 s, too short"), (10.2, 0.2, "10.2 s, too long"), (5.0, 0.0, "silent"), (5.0, 1e-4, "silent")],
)
def test_a_recording_that_cannot_serve_is_told_before_the_server_is_asked(
    engine: Any, tmp_path: Path, seconds: float, level: float, told: str
) -> None:
    path = tmp_path / "bad.wav"
    write_wav(path, level * np.sin(np.arange(int(seconds * 16000)) / 20).astype(np.float32), 16000)
    with pytest.raises(EngineError, match=f"The recording bad.wav cannot serve as a voice: it .*{told}"):
        say(engine, VoiceSource(references={"neutral": Reference(str(path), "words", "en")}))


def test_a_recording_that_is_gone_or_no_sound_is_told(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 500)
    with pytest.raises(EngineError, match=r"film\.mp4 cannot serve as a voice"):
        say(engine, VoiceSource(references={"neutral": Reference(str(tmp_path / "film.mp4"))}))
    with pytest.raises(EngineError, match=r"gone\.wav of the voice is gone"):
        say(engine, VoiceSource(references={"neutral": Reference(str(tmp_path / "gone.wav"))}))


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2)])
def test_telephone_and_stereo_recordings_serve(engine: Any, tmp_path: Path, rate: int, channels: int) -> None:
    import soundfile

    tone = 0.3 * np.sign(np.sin(2 * np.pi * 200 * np.arange(4 * rate) / rate))
    soundfile.write(tmp_path / "odd.wav", np.stack([tone] * channels, axis=1), rate)
    made = say(engine, VoiceSource(references={"neutral": Reference(str(tmp_path / "odd.wav"), WORDS, "en")}))
    assert 170 < pitch(made) < 240


# -- weights -----------------------------------------------------------------------------------------------------------


def test_weights_are_switched_when_they_differ_and_the_recording_is_worked_out_anew(
    engine: Any, tmp_path: Path
) -> None:
    base = source(tmp_path)
    own = dataclasses.replace(base, weights={"sovits": str(weights(tmp_path / "luca.pth", "luca"))})
    first, other, again = say(engine, base), say(engine, own), say(engine, base)
    assert other.params["weights"] == {"gpt": "s1v3.ckpt", "sovits": "luca.pth"}
    assert first.samples.shape != other.samples.shape or not np.allclose(first.samples, other.samples, atol=0.01)
    assert np.array_equal(first.samples, again.samples)


def test_weights_of_another_engine_are_not_given_to_it(engine: Any, tmp_path: Path) -> None:
    voice = dataclasses.replace(source(tmp_path, "qwen3_tts"), weights={"sovits": "/nowhere.pth"})
    assert say(engine, voice).params["weights"]["sovits"] == "s2Gv2ProPlus.pth"


def test_missing_weights_are_told_before_the_server_writes_them_down(
    engine: Any, tmp_path: Path, yaml_folder: Path
) -> None:
    voice = dataclasses.replace(source(tmp_path), weights={"gpt": str(tmp_path / "gone.ckpt")})
    with pytest.raises(EngineError, match=r"weights of the voice are gone: there is no gpt file .*gone\.ckpt"):
        say(engine, voice)
    assert "gone.ckpt" not in (yaml_folder / "tts_infer.yaml").read_text()


def test_broken_weights_are_told_and_the_next_line_speaks_with_good_ones(engine: Any, tmp_path: Path) -> None:
    good = source(tmp_path)
    (tmp_path / "broken.ckpt").write_bytes(b"")
    first = say(engine, good)
    with pytest.raises(EngineError, match=r"could not load the weights .*central directory"):
        say(engine, dataclasses.replace(good, weights={"gpt": str(tmp_path / "broken.ckpt")}))
    assert np.array_equal(say(engine, good).samples, first.samples)


def test_weights_that_were_not_really_loaded_are_told(engine: Any, tmp_path: Path, yaml_folder: Path) -> None:
    set_faults(yaml_folder, ignore_weights=True)
    voice = dataclasses.replace(source(tmp_path), weights={"gpt": str(weights(tmp_path / "luca.ckpt", "luca"))})
    for _ in range(2):  # also when it is asked again
        with pytest.raises(EngineError, match=r"did not load the weights: it uses .*s1v3"):
            say(engine, voice)


def test_lines_of_two_voices_at_once_do_not_mix(engine: Any, tmp_path: Path) -> None:
    voices = [
        dataclasses.replace(source(tmp_path, hertz=hertz), weights={"sovits": str(weights(tmp_path / name, name))})
        for hertz, name in ((100, "low.pth"), (220, "high.pth"))
    ]
    alone = [say(engine, voice) for voice in voices]
    together: list[SpeechResult | None] = [None] * 6
    threads = [
        threading.Thread(target=lambda n=n: together.__setitem__(n, say(engine, voices[n % 2]))) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for n, made in enumerate(together):
        assert made is not None and np.array_equal(made.samples, alone[n % 2].samples)


# -- elsewhere ---------------------------------------------------------------------------------------------------------


def test_a_server_elsewhere_gets_paths_as_it_sees_them(engine: Any, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    home = tmp_path / "home"
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "tts_config.yaml").write_text(
        f"engines: {{gpt_sovits: {{shared_here: {shared}, shared_there: {tmp_path / 'there'}}}}}\n"
        "order: {default: [gpt_sovits]}\n"
    )
    shared.mkdir()
    (tmp_path / "there").symlink_to(shared)
    root = Path(engine._root)
    options = {"home": home, "voice": {"gpt_sovits_url": engine.base_url}}
    remote: Any = make_engine("gpt_sovits", load_settings(**options), home / "cache")
    with pytest.raises(EngineError, match="not loaded"):
        say(remote, source(tmp_path))
    remote.load()
    own = weights(shared / "luca.pth", "luca")
    voice = dataclasses.replace(source(tmp_path, hertz=220), weights={"sovits": str(own)})
    assert pitch(say(remote, voice)) > 180
    loaded = (root / ".." / ".." / "home" / "cache" / "engines" / "gpt_sovits" / "tts_infer.yaml").read_text()
    assert str(tmp_path / "there" / "luca.pth") in loaded
    assert len(list((shared / "references").iterdir())) == 1
    engine.unload()


def test_languages_are_lower_cased(engine: Any, tmp_path: Path) -> None:
    client = GptSovitsClient(engine.base_url, line_seconds=5, tries=1)
    samples, rate, _ = client.speak(
        Utterance(LINE, "EN", source(tmp_path).references["neutral"].path, WORDS, "En", 1)
    )  # fmt: skip
    assert rate == 32000 and len(samples) > rate
