"""speak with cloned voices: through the executor and the arbiter to servers that speak the true protocols."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloning_installs import WORDS, install_gpt_sovits, install_qwen3_tts, recording, set_faults, weights
from espeak_stand_in import pitch_hz
from voice_studio import VoiceStudio, voice_studio

from backends.voice.speakers.recogniser import FILES
from backends.voice.wav import read_origin, read_wav
from configs.errors import EngineError, StudioError, UsageError
from configs.models import load_models
from configs.settings import Settings, load_settings
from memory.records import Asset
from tools.events import ModelSwapped
from tools.publish import publish
from tools.voice.routing import route

LINE = "Where are you going, my friend?"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("engines")
    for install in (install_gpt_sovits, install_qwen3_tts):
        install(folder / "warehouse")
    home = folder / "home"
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "tts_config.yaml").write_text(
        "engines: {gpt_sovits: {line_seconds: 1.5}}\n"
        "order: {default: [gpt_sovits, qwen3_tts, espeak], it: [qwen3_tts, espeak]}\n"
    )
    memory, run = {"index": "numpy", "embedder": "letters"}, {"run_dir": str(folder / "run")}
    return load_settings(home=home, warehouse=folder / "warehouse", brain="offline", memory=memory, gpu=run)


@pytest.fixture(scope="module")
def studio(place: Settings) -> Iterator[VoiceStudio]:
    with voice_studio(place, budget_mib=16_000) as made:
        yield made


@pytest.fixture
def yaml_folder(place: Settings) -> Iterator[Path]:
    folder = place.home.resolve() / "cache" / "engines" / "gpt_sovits"
    yield folder
    set_faults(folder)


def clone(studio: VoiceStudio, name: str, hertz: float, engine: str = "", **weights_of: str) -> Asset:
    """A character with a voice as clone_voice remembers it."""
    file = studio.studio.workspace.scratch(".wav")
    recording(file, hertz)
    asset = publish(
        studio.studio.workspace, studio.studio.memory, file, "audio", f"{name}'s voice", engine="", engine_version="",
        tool="clone_voice", params={}, seed=None, parents=(), scores=(), thread="t", step="", summary="",
    )  # fmt: skip
    reference = {"asset": asset.id, "text": WORDS, "language": "en"}
    voice = {"engine": engine, "weights": weights_of, "references": {"neutral": reference}}
    studio.studio.memory.remember("character", name, f"a friend called {name}", {"voice_source": voice})
    return asset


def test_a_cloned_voice_speaks_english_through_gpt_sovits(studio: VoiceStudio) -> None:
    clone(studio, "Luca", 220)
    outcome, asset = studio.made("speak", text=LINE, character="Luca")
    samples, rate = read_wav(studio.file(asset))
    assert asset.engine == outcome.engine == "gpt_sovits" and rate == 32000
    assert pitch_hz(samples, rate) > 170
    assert outcome.result is not None and not any("speaks instead" in said for said in outcome.result.warnings)
    origin = read_origin(studio.file(asset))
    assert origin is not None and origin.engine == "gpt_sovits"


def test_italian_goes_to_qwen3_without_being_asked(studio: VoiceStudio) -> None:
    clone(studio, "Luca", 220)
    outcome, asset = studio.made("speak", text="Dove vai, amico mio?", character="Luca")
    assert asset.engine == "qwen3_tts" and asset.params["language"] == "it"
    assert outcome.result is not None and not any("speaks instead" in said for said in outcome.result.warnings)


@pytest.mark.parametrize(("name", "engine"), [("GPT-SoVITS", "qwen3_tts"), ("gpt_sovits", "qwen3_tts")])
def test_italian_asked_of_gpt_sovits_is_spoken_by_another_and_that_is_said(
    studio: VoiceStudio, name: str, engine: str
) -> None:
    clone(studio, "Luca", 220)
    outcome, asset = studio.made("speak", text="Dove vai, amico mio?", character="Luca", engine=name)
    assert asset.engine == engine
    assert outcome.result is not None
    assert outcome.result.warnings[:2] == ("gpt_sovits does not speak the language 'it'.", f"{engine} speaks instead.")


def test_a_trained_voice_of_gpt_sovits_says_when_it_cannot_speak_italian(studio: VoiceStudio) -> None:
    trained = weights(studio.studio.workspace.home / "training" / "marta.pth", "marta")
    clone(studio, "Marta", 200, "gpt_sovits", sovits=str(trained))
    outcome, asset = studio.made("speak", text="Buongiorno a tutti, amici miei.", character="Marta")
    assert asset.engine == "qwen3_tts" and outcome.result is not None
    assert outcome.result.warnings[0] == "gpt_sovits does not speak the language 'it'."


def test_cloning_asked_for_without_a_recording_is_said(studio: VoiceStudio) -> None:
    studio.studio.memory.remember("character", "Nino", "a young fisherman")
    outcome, asset = studio.made("speak", text=LINE, character="Nino", engine="qwen")
    assert asset.engine == "espeak" and outcome.result is not None
    assert outcome.result.warnings[:2] == (
        "qwen3_tts needs a recording of the voice, and there is none.", "espeak speaks instead.",
    )  # fmt: skip


def test_a_recording_that_was_removed_is_said(studio: VoiceStudio) -> None:
    asset = clone(studio, "Gone", 150)
    studio.file(asset).unlink()
    outcome, made = studio.made("speak", text=LINE, character="Gone")
    assert made.engine == "espeak" and outcome.result is not None
    assert outcome.result.warnings[:2] == ("The neutral recording of Gone is gone.", "espeak speaks instead.")


def test_trained_weights_are_loaded(studio: VoiceStudio) -> None:
    clone(studio, "Rita", 200, sovits=str(weights(studio.studio.workspace.home / "training" / "rita.pth", "rita")))
    _, asset = studio.made("speak", text=LINE, character="Rita")
    assert asset.params["engine_params"]["weights"]["sovits"] == "rita.pth"


def test_weights_that_are_gone_or_lie_anywhere_are_not_loaded_and_that_is_said(
    studio: VoiceStudio, tmp_path: Path
) -> None:
    """They are pickles: loading one runs what is in it, and memory may have been imported."""
    stranger = weights(tmp_path / "stranger.pth", "stranger")
    clone(studio, "Eve", 200, sovits=str(stranger), gpt=str(studio.studio.workspace.home / "training" / "gone.ckpt"))
    outcome, asset = studio.made("speak", text=LINE, character="Eve")
    assert asset.params["engine_params"]["weights"] == {"gpt": "s1v3.ckpt", "sovits": "s2Gv2ProPlus.pth"}
    said: Any = outcome.result.warnings if outcome.result else ()
    assert said[0].startswith(f"The sovits weights of Eve are not loaded: {stranger} is outside of")
    assert said[1].startswith("The gpt weights of Eve are gone")


@pytest.mark.parametrize("engine", ["gpt", "sovits2", "elevenlabs"])
def test_an_engine_that_nobody_knows_is_refused_with_the_known_ones(studio: VoiceStudio, engine: str) -> None:
    with pytest.raises(StudioError, match="espeak, gpt_sovits, qwen3_tts"):
        studio.made("speak", text=LINE, engine=engine)


def test_after_a_hang_the_next_line_gets_a_fresh_server(studio: VoiceStudio, yaml_folder: Path) -> None:
    clone(studio, "Luca", 220)
    studio.made("speak", text="The first line is fine.", character="Luca")
    set_faults(yaml_folder, hang=3)
    with pytest.raises(EngineError, match="does not answer"):
        studio.made("speak", text="The second one never comes.", character="Luca")
    set_faults(yaml_folder)
    _, asset = studio.made("speak", text="The third one is fine again.", character="Luca")
    assert asset.engine == "gpt_sovits"


def test_a_server_that_dies_in_mid_line_costs_no_line(studio: VoiceStudio, yaml_folder: Path) -> None:
    clone(studio, "Luca", 220)
    set_faults(yaml_folder, die=1)
    _, asset = studio.made("speak", text="Nobody hears that it died once.", character="Luca")
    assert asset.engine == "gpt_sovits"


def test_without_installed_engines_the_built_in_voice_speaks_and_says_why(place: Settings, tmp_path: Path) -> None:
    bare = place.model_copy(update={"warehouse": tmp_path / "nothing", "home": tmp_path / "home"})
    with voice_studio(bare) as studio:
        clone(studio, "Luca", 220)
        outcome, asset = studio.made("speak", text=LINE, character="Luca")
    assert asset.engine == "espeak" and outcome.result is not None
    said: Any = outcome.result.warnings
    assert said == (
        "gpt_sovits and qwen3_tts cannot be started here ('studio doctor' tells why).", "espeak speaks instead.",
    )  # fmt: skip
    details = outcome.result.data["details"]
    assert "'gpt_sovits' is not installed" in details[0] and "'qwen3_tts' is not installed" in details[1]


def test_the_packaged_characters_speak_with_their_stand_ins(place: Settings, tmp_path: Path) -> None:
    with voice_studio(place.model_copy(update={"home": tmp_path / "home"})) as studio:
        outcome, asset = studio.made("speak", text="Look at the stars!", character="giulia")
        assert asset.engine == "espeak" and asset.params["character"] == "Giulia"
        assert asset.params["voice"]["age"] == "teen" and asset.params["voice"]["pitch"] == 1.0
        assert outcome.result is not None and outcome.result.warnings == ()
        studio.studio.memory.remember("character", "Giulia", "an old fisherwoman")
        _, asset = studio.made("speak", text="Look at the stars!", character="giulia")
        assert asset.params["voice"]["age"] == "elder"  # a description of the user's wins over the packaged table
        table = studio.studio.workspace.home / "configs" / "character_voices.yaml"
        table.parent.mkdir()
        table.write_text("characters: {Giulia: {voice: {age: child, pitch: 3}}}\n")
        _, asset = studio.made("speak", text="Look at the stars!", character="giulia")
        assert asset.params["voice"]["age"] == "child" and asset.params["voice"]["pitch"] == 3.0


def test_a_wrong_table_is_told_in_one_sentence(place: Settings, tmp_path: Path) -> None:
    with voice_studio(place.model_copy(update={"home": tmp_path / "home"})) as studio:
        table = studio.studio.workspace.home / "configs" / "character_voices.yaml"
        table.parent.mkdir()
        table.write_text("characters: {Giulia: {voice: {pich: 3}}}\n")
        with pytest.raises(UsageError, match=r"characters\.Giulia\.voice\.pich.*Did you mean 'pitch'"):
            studio.made("speak", text="Look at the stars!", character="Giulia")


def test_a_kept_line_of_a_cloned_voice_loads_nothing(studio: VoiceStudio, place: Settings) -> None:
    clone(studio, "Kim", 220)
    line = {"text": "I am kept for later.", "character": "Kim"}
    first, sound = studio.made("speak", **line)
    assert first.result is not None and not first.result.measurements["from_cache"]
    with voice_studio(place, budget_mib=16_000) as later:  # as after a restart: every engine is cold
        assert later.executor.forecast("speak", line)[1] == frozenset()
        again, same = later.made("speak", **line)
        assert again.result is not None and again.result.measurements["from_cache"] and not again.swaps
        assert not [event for event in later.events if isinstance(event, ModelSwapped)]
        assert not any(row["state"] == "active" for row in later.executor.arbiter.status())
        assert (same.engine, later.file(same).read_bytes()) == ("gpt_sovits", studio.file(sound).read_bytes())
        assert later.executor.forecast("speak", {**line, "emotion": "sad"})[1] == {"gpt_sovits"}


def test_a_kept_line_that_is_damaged_is_spoken_anew(studio: VoiceStudio) -> None:
    clone(studio, "Kim", 220)
    line = {"text": "Somebody broke my file.", "character": "Kim"}
    _, sound = studio.made("speak", **line)
    newest = max((studio.studio.workspace.cache / "lines").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:2000])
    outcome, anew = studio.made("speak", **line)
    assert outcome.result is not None and not outcome.result.measurements["from_cache"]
    assert studio.file(anew).read_bytes() == studio.file(sound).read_bytes()


def test_other_weights_under_the_same_name_and_other_options_are_other_lines(studio: VoiceStudio) -> None:
    file = weights(studio.studio.workspace.home / "training" / "kim.pth", "kim")
    clone(studio, "Kim", 220, sovits=str(file))
    line = {"text": "Who speaks when I am trained again?", "character": "Kim"}
    studio.made("speak", **line)
    assert studio.executor.forecast("speak", line)[1] == frozenset()
    before = file.stat()
    weights(file, "Kim")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a copy that keeps times does
    assert studio.executor.forecast("speak", line)[1] == {"gpt_sovits"}
    weights(file, "kim")
    assert studio.executor.forecast("speak", line)[1] == frozenset()
    table = studio.studio.workspace.home / "configs" / "tts_config.yaml"
    table.write_text(table.read_text().replace("line_seconds: 1.5", "line_seconds: 1.5, sampling: {top_k: 5}"))
    assert studio.executor.forecast("speak", line)[1] == {"gpt_sovits"}
    table.write_text(table.read_text().replace(", sampling: {top_k: 5}", ""))


def test_a_character_keeps_the_engine_that_was_chosen_for_it(studio: VoiceStudio) -> None:
    clone(studio, "Pia", 220)
    told = studio.call("change_voice", character="Pia", engine="qwen")
    assert told.result is not None and "spoken by qwen3_tts" in told.result.summary
    assert studio.executor.forecast("speak", {"text": LINE, "character": "Pia"})[1] == {"qwen3_tts"}
    assert studio.executor.forecast("speak", {"text": LINE, "character": "Pia", "engine": "espeak"})[1] == {"espeak"}
    studio.call("change_voice", character="Pia", engine="auto")
    assert studio.executor.forecast("speak", {"text": LINE, "character": "Pia"})[1] == {"gpt_sovits"}
    studio.call("change_voice", character="Pia", engine="espeak")
    assert studio.executor.forecast("speak", {"text": LINE, "character": "Pia"})[1] == {"espeak"}


@pytest.mark.parametrize("wrong", [{"text": ""}, {"text": "😀"}, {"language": "klingon"}])
def test_nothing_is_loaded_for_what_cannot_be_spoken(place: Settings, wrong: dict[str, str]) -> None:
    with voice_studio(place, budget_mib=16_000) as fresh:
        clone(fresh, "Luca", 220)
        outcome = fresh.call("speak", **{"text": LINE, "character": "Luca", **wrong})
        assert isinstance(outcome.error, UsageError)
        assert not any(row["state"] == "active" for row in fresh.executor.arbiter.status())


def test_weights_of_the_table_do_not_leave_the_warehouse_by_a_link(place: Settings, tmp_path: Path) -> None:
    """A checkpoint is a pickle; an absolute path is the user's own word, a link inside the folder may be anybody's."""
    stranger = weights(tmp_path / "stranger.pth", "stranger")
    link = place.warehouse / "voice" / "link.pth"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(stranger)
    recording(place.warehouse / "voice" / "eva.wav", 200)
    home = tmp_path / "home"
    (home / "configs").mkdir(parents=True)
    for written, loaded in (("voice/link.pth", False), (f"../{tmp_path.name}/stranger.pth", False), (stranger, True)):
        (home / "configs" / "character_voices.yaml").write_text(
            "characters: {Eva: {licence: own, references: {neutral: {path: voice/eva.wav, text: hello}}, "
            f"weights: {{sovits: {written}}}}}}}\n"
        )
        with voice_studio(place.model_copy(update={"home": home})) as studio:
            found = route(studio.studio, "Eva", "en", "neutral")
        assert found.source is not None and bool(found.source.weights) is loaded, written
        assert any("leads outside" in note for note in found.notes) is not loaded
    link.unlink()


def test_a_recogniser_on_the_gpu_is_counted_in_the_forecast(studio: VoiceStudio, place: Settings) -> None:
    pytest.importorskip("faster_whisper")
    clone(studio, "Ugo", 180)
    folder = place.warehouse / "voice" / "whisper"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).write_bytes(b"x" * (10 << 20) if name == "model.bin" else b"{}")
    line = {"text": "How much room do I need?", "character": "Ugo"}
    found = {}
    for device in ("cpu", "cuda"):
        voice = place.voice.model_copy(update={"recogniser": "voice/whisper", "recogniser_device": device})
        with voice_studio(place.model_copy(update={"voice": voice}), budget_mib=16_000) as other:
            found[device] = other.executor.forecast("speak", line)[0].vram_mib
    need = load_models().engines["gpt_sovits"].need_mib
    assert found["cuda"] == need + 12 and found["cpu"] in (0, need)
