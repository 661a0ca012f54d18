"""Qwen3-TTS as an engine: the real worker in a process of its own, a stand-in for the package inside of it."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cloning_installs import install_qwen3_tts, installed, set_faults, source
from espeak_stand_in import pitch_hz

from backends.engines import make_engine
from backends.gpu.engine import EngineOutOfMemory
from backends.voice.engines.protocol import Reference, SpeechRequest, SpeechResult, VoiceProfile, VoiceSource
from backends.voice.engines.qwen3_client import Qwen3Client
from backends.voice.engines.voice_server import ServerGone, ServerHangs
from configs.errors import EngineError
from configs.settings import Settings

LINE = "Buongiorno, piccolo robot."
VOICE = VoiceProfile("Giulia")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return installed(tmp_path_factory.mktemp("qwen"), "qwen3_tts")


@pytest.fixture(scope="module")
def model(place: Settings) -> Path:
    return place.warehouse / "voice" / "Qwen3-TTS-12Hz-0.6B-Base"


@pytest.fixture(scope="module")
def started(place: Settings) -> Iterator[Any]:
    engine = make_engine("qwen3_tts", place, place.home / "cache")
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def engine(started: Any, model: Path) -> Iterator[Any]:
    set_faults(model)
    if started.ailment() or not started.base_url:
        started.unload()
        started.load()
    yield started
    set_faults(model)


def say(engine: Any, voice: VoiceSource, text: str = LINE, language: str = "it", **more: Any) -> SpeechResult:
    result: SpeechResult = engine.speak(SpeechRequest(text, VOICE, language, source=voice, **more))
    return result


def test_italian_in_the_voice_of_the_recording(engine: Any, tmp_path: Path) -> None:
    low, high = say(engine, source(tmp_path, hertz=100)), say(engine, source(tmp_path, hertz=220))
    assert pitch_hz(high.samples, high.sample_rate) > 1.7 * pitch_hz(low.samples, low.sample_rate)
    assert low.sample_rate == 24000 and low.engine == "qwen3_tts"
    assert low.engine_version == "Qwen3-TTS-12Hz-0.6B-Base" and low.warnings == ()


def test_a_recording_without_its_words_gives_its_sound_alone_and_that_is_said(engine: Any, tmp_path: Path) -> None:
    spoken = source(tmp_path).references["neutral"]
    made = say(engine, VoiceSource(references={"neutral": Reference(spoken.path)}))
    assert "not written down" in made.warnings[0]


def test_a_language_that_it_does_not_speak_is_named(engine: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not speak 'fi'"):
        say(engine, source(tmp_path), "Hyvää päivää", "fi")


def test_silence_is_asked_for_again_and_then_told(engine: Any, tmp_path: Path, model: Path) -> None:
    set_faults(model, silent=2)
    assert say(engine, source(tmp_path), seed=4).params["seeds"] == [6]
    set_faults(model, silent=3)
    with pytest.raises(EngineError, match="answered with silence: 3 times"):
        say(engine, source(tmp_path))


def test_samples_that_are_no_numbers_are_asked_for_again(engine: Any, tmp_path: Path, model: Path) -> None:
    set_faults(model, nan=1)
    assert say(engine, source(tmp_path), seed=4).params["seeds"] == [5]
    set_faults(model, nan=3)
    with pytest.raises(EngineError, match="answered with silence: 3 times"):
        say(engine, source(tmp_path))


def test_a_worker_that_prints_is_not_disturbed_by_it(engine: Any, tmp_path: Path, model: Path) -> None:
    set_faults(model, chatter=True)
    assert len(say(engine, source(tmp_path)).samples) > 12000


def test_a_full_gpu_is_told_as_that(engine: Any, tmp_path: Path, model: Path) -> None:
    set_faults(model, full=True)
    with pytest.raises(EngineOutOfMemory, match=r"ran out of GPU memory .*3\.95 GiB"):
        say(engine, source(tmp_path))
    assert not engine.ailment()


def test_a_larger_models_need_comes_from_its_files(place: Settings, tmp_path: Path) -> None:
    folder = install_qwen3_tts(tmp_path)
    engine: Any = make_engine("qwen3_tts", place.model_copy(update={"warehouse": tmp_path}), tmp_path)
    assert engine.need_mib() == 3500
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(4200 << 20)  # a hole: it takes no room
    assert engine.need_mib() == engine.capabilities().memory_mib == 5200


def test_a_worker_that_drips_is_left_at_the_time_limit() -> None:
    with worker_that_says(*[b" "] * 40, pause=0.05) as port, pytest.raises(ServerHangs):
        Qwen3Client(port, "k").speak("Ciao", "Italian", "/ref.wav", "", 0, 0.5)


def test_a_worker_that_dies_in_mid_line_is_started_again_once(engine: Any, tmp_path: Path, model: Path) -> None:
    voice = source(tmp_path)
    before = say(engine, voice)
    set_faults(model, die_once=True)
    assert np.array_equal(say(engine, voice).samples, before.samples)
    set_faults(model, die=True)
    with pytest.raises(EngineError, match="broke off"):
        say(engine, voice)
    assert engine.ailment()


def test_a_worker_that_is_killed_between_lines_is_started_again(engine: Any, tmp_path: Path) -> None:
    voice = source(tmp_path)
    before = say(engine, voice)
    os.kill(engine._server.pids[0], 9)
    assert np.array_equal(say(engine, voice).samples, before.samples)


def test_a_worker_that_hangs_ends_at_the_time_limit(engine: Any, tmp_path: Path, model: Path) -> None:
    set_faults(model, hang=4)
    with pytest.raises(EngineError, match=r"worker does not answer: nothing came within 1\.5 s"):
        say(engine, source(tmp_path))
    assert "does not answer" in engine.ailment()


def test_strangers_on_this_machine_are_not_served(engine: Any) -> None:
    for key in ("", "guess"):
        assert not Qwen3Client(engine._server.port, key).answers(5)
    with socket.create_connection(("127.0.0.1", engine._server.port), timeout=5) as stranger:
        stranger.sendall(b"[[[ no json\n")
        assert json.loads(stranger.makefile().readline())["ok"] is False
    assert engine._answers("", 5)


def test_what_is_missing_is_named(place: Settings, tmp_path: Path) -> None:
    engine: Any = make_engine("qwen3_tts", place.model_copy(update={"warehouse": tmp_path}), tmp_path)
    with pytest.raises(EngineError, match=r"not installed: there is no Python at .*qwen-tts"):
        engine.check_startable()
    install_qwen3_tts(tmp_path)
    engine.check_startable()
    packages = tmp_path / "qwen-tts" / ".venv" / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    with pytest.raises(EngineError, match=r"there is no qwen_tts in .*Install the package qwen-tts with"):
        engine.check_startable()
    (packages / "qwen_tts").mkdir()
    (tmp_path / "voice" / "Qwen3-TTS-12Hz-0.6B-Base" / "config.json").unlink()
    with pytest.raises(EngineError, match=r"config\.json"):
        engine.load()
    assert not engine.base_url


# -- the protocol, byte by byte ----------------------------------------------------------------------------------------


@contextmanager
def worker_that_says(*parts: bytes, pause: float = 0.0) -> Iterator[int]:
    """A worker that answers one question with these bytes and hangs up; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (b"", ServerGone, "after 0 bytes"),
        (b'{"ok": true, "rate": 24000, "pcm": "AAAA', ServerGone, "broke off: after 40 bytes"),
        (b"Segmentation fault\n", EngineError, "cannot be read: it begins with b'Segmentation"),
        (b'{"ok": true, "rate": 24000, "pcm": "!!"}\n', EngineError, "cannot be read"),
        (b'{"ok": true, "rate": 24000}\n', EngineError, "cannot be read"),
        (b'{"ok": false, "error": "CUDA out of memory"}\n', EngineError, "could not speak the line: CUDA out of"),
        (b"[]\n", EngineError, "could not speak"),
        (b'{"ok": true, "rate": 0, "pcm": "AAA="}\n', EngineError, "0 samples per second"),
        (b'{"ok": true, "rate": Infinity, "pcm": "AAA="}\n', EngineError, "cannot be read"),
        (b"[" * 99999 + b"\n", EngineError, "cannot be read"),
    ],
)
def test_odd_answers_are_told_in_one_sentence(said: bytes, kind: type[EngineError], told: str) -> None:
    with worker_that_says(said) as port, pytest.raises(kind, match=told):
        Qwen3Client(port, "k").speak("Ciao", "Italian", "/ref.wav", "", 0, 5)


def test_an_answer_in_pieces_is_put_together() -> None:
    whole = b'{"ok": true, "rate": 24000, "pcm": "AAD/fwCA"}\n'
    with worker_that_says(whole[:10], whole[10:30], whole[30:]) as port:
        samples, rate = Qwen3Client(port, "k").speak("Ciao", "Italian", "/ref.wav", "", 0, 5)
    assert rate == 24000 and samples.dtype == np.float32 and np.allclose(samples, [0, 1, -1], atol=1e-3)


def test_a_worker_that_says_nothing_is_left_at_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ServerHangs):
        Qwen3Client(listener.getsockname()[1], "k").speak("Ciao", "Italian", "/ref.wav", "", 0, 0.2)


def test_a_voice_of_weights_for_gpt_sovits_still_clones(engine: Any, tmp_path: Path) -> None:
    voice = dataclasses.replace(source(tmp_path, "gpt_sovits"), weights={"sovits": "/nowhere.pth"})
    assert len(say(engine, voice).samples) > 12000
