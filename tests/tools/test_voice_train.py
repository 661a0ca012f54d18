"""train_voice through the real executor, arbiter and memory; GPT-SoVITS' scripts and server are stand-ins."""

from __future__ import annotations

import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloning_installs import install_gpt_sovits, set_faults
from voice_studio import VoiceStudio
from voice_training import alive, ask_for, dataset, installed, started, training_studio

from backends.voice.wav import read_origin, read_tags
from configs.errors import Cancelled, EngineError, QuestionOpen, UsageError
from memory.records import Asset
from tools.events import Progress
from tools.executor import Run
from tools.publish import publish
from tools.spec import CancelToken, ToolOutcome
from tools.voice.train_state import State

CONSENT = "written consent of Anna Rossi, 3 May 2026"
FAST = {"sovits_epochs": 1, "gpt_epochs": 1, "batch": 32}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[VoiceStudio]:
    installed(tmp_path / "warehouse")
    with training_studio(tmp_path) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "warehouse" / "GPT-SoVITS"


def _dataset(studio: VoiceStudio, name: str = "luca.zip", **more: Any) -> Asset:
    file = studio.studio.workspace.tmp / name
    manifest = dataset(file, **more)
    return publish(
        studio.studio.workspace, studio.studio.memory, file, "dataset", name, engine="", engine_version="",
        tool="build_voice_dataset", params={"character": manifest.character}, seed=None, parents=(), scores=(),
        thread="t", step="", summary="",
    )  # fmt: skip


def _source(studio: VoiceStudio) -> dict[str, Any]:
    entry = studio.studio.memory.resolve_character("Luca")
    assert entry is not None
    return dict(entry.data.get("voice_source", {}))


def _warned(outcome: ToolOutcome, words: str) -> bool:
    assert outcome.result is not None
    return any(words in text for text in outcome.result.warnings)


def test_a_dataset_becomes_the_characters_voice(studio: VoiceStudio, root: Path) -> None:
    install_gpt_sovits(root.parent)
    _dataset(studio, count=10, spoken=True)
    outcome, page = studio.made("train_voice", character="luca", consent=CONSENT, **FAST)
    assert outcome.result is not None
    source = _source(studio)
    assert source["engine"] == "gpt_sovits" and set(source["weights"]) == {"gpt", "sovits"}
    home = studio.studio.workspace.home
    assert all((home / path).is_file() and not Path(path).is_absolute() for path in source["weights"].values())
    assert source["consent"]["person"] == "Anna Rossi"
    assert source["report"]["epochs"] == {"sovits": 1, "gpt": 1} and source["report"]["clips"] == 9
    similarity = source["report"]["similarity"]
    assert 0.3 < similarity < 1.5 and "GE2E" in source["report"]["by"] and "held-out" in source["report"]["by"]
    line = next(asset for asset in outcome.assets if asset.kind == "audio")
    origin = read_origin(studio.file(line))
    assert origin is not None
    assert (origin.engine, origin.character, origin.consent) == ("gpt_sovits", "Luca", source["consent"]["id"])
    text = studio.file(page).read_text()
    assert "<polyline" in text and "data:audio/wav;base64" in text and "Anna Rossi" in text
    assert "http://" not in text and "https://" not in text, "the page needs no network"
    log = next(asset for asset in outcome.assets if asset.kind == "file")
    assert "===== sovits" in studio.file(log).read_text()
    reference = studio.studio.memory.get_asset(source["references"]["neutral"]["asset"])
    assert reference is not None and source["consent"]["id"] in read_tags(studio.file(reference))["comment"]
    assert "Anna Rossi" in outcome.result.summary and not alive(root)
    notes = [event.note for event in studio.events if isinstance(event, Progress)]
    assert any("epoch 1 of 1, loss" in note for note in notes)
    # the trained voice is what speaks now
    spoken, _ = studio.made("speak", text="Where are you going?", character="Luca", language="en")
    assert spoken.engine == "gpt_sovits"


def test_without_a_server_the_weights_are_kept_and_similarity_is_not_measured(studio: VoiceStudio) -> None:
    _dataset(studio)
    outcome, _ = studio.made("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert _source(studio)["report"]["similarity"] is None
    assert outcome.result is not None and outcome.result.measurements["similarity"] == "not measured"
    assert _warned(outcome, "was not tried")


def test_a_consent_that_is_taken_back_takes_the_voice_with_it(studio: VoiceStudio) -> None:
    _dataset(studio)
    studio.made("train_voice", character="Luca", consent=CONSENT, **FAST)
    source = _source(studio)
    recording = studio.studio.memory.get_asset(source["references"]["neutral"]["asset"])
    assert recording is not None
    outcome = studio.call("forget_voice", character="luca")
    assert outcome.result is not None and "Anna Rossi" in outcome.result.data["consent"]
    assert _source(studio) == {} and not studio.file(recording).exists()
    assert not any((studio.studio.workspace.home / path).exists() for path in source["weights"].values())
    assert isinstance(studio.call("forget_voice", character="Luca").error, UsageError)


def test_weights_that_give_silence_are_not_given_to_the_character(studio: VoiceStudio, root: Path) -> None:
    install_gpt_sovits(root.parent)
    folder = studio.studio.settings.home.resolve() / "cache" / "engines" / "gpt_sovits"
    folder.mkdir(parents=True)
    set_faults(folder, silent=50)
    _dataset(studio, spoken=True)
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert isinstance(outcome.error, EngineError) and "was not given to the character" in outcome.error.sentence
    assert _source(studio) == {}


def test_only_trained_weights_are_tried(studio: VoiceStudio, root: Path) -> None:
    """A text may be a pickle, which runs code when it is loaded."""
    install_gpt_sovits(root.parent)
    _, line = studio.made("speak", text="Where are you going?", character="Luca", language="en")
    text = studio.studio.workspace.assets / "fil-1.txt"
    text.write_text("cos\nsystem\n(S'true'\ntR.")
    wish = {"character": "Luca", "reference": line.id, "weights": {"gpt": f"assets/{text.name}"}}
    error = studio.call("check_voice", **wish).error
    assert isinstance(error, UsageError) and "outside of" in error.sentence


def test_consent_is_asked_for_also_by_the_part_that_trains(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    for tool in ("train_voice", "train_voice_model"):
        outcome = studio.call(tool, character="Luca", **FAST)
        assert isinstance(outcome.error, QuestionOpen), tool
        outcome = studio.call(tool, character="Luca", consent="nobody has agreed, I did not ask", **FAST)
        assert isinstance(outcome.error, UsageError) and "nobody agreed" in outcome.error.sentence
    assert started(root) == []


def test_the_studios_own_voice_is_trained_without_consent(studio: VoiceStudio) -> None:
    _, line = studio.made("speak", text="The morning train was late again.", character="Luca", language="en")
    _dataset(studio, source=line.id)
    studio.made("train_voice", character="Luca", **FAST)
    assert _source(studio)["consent"]["basis"] == "synthetic_voice"


def test_italian_is_refused_with_a_way_out(studio: VoiceStudio, root: Path) -> None:
    asset = _dataset(studio, language="it")
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT)
    assert isinstance(outcome.error, UsageError)
    said = outcome.error.sentence
    assert "Italian" in said and "without an error" in said and "export='qwen3'" in said and started(root) == []
    outcome, zipped = studio.made("train_voice", character="Luca", dataset=asset.id, export="qwen3")
    with zipfile.ZipFile(studio.file(zipped)) as archive:
        rows = [json.loads(row) for row in archive.read("train.jsonl").decode().splitlines()]
        assert len(rows) == 10 and all({"audio", "text", "ref_audio"} == set(row) for row in rows)
        assert all(row["audio"] in archive.namelist() and row["ref_audio"] in archive.namelist() for row in rows)


def test_a_dry_run_shows_everything_and_runs_nothing(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    outcome, plan = studio.made("train_voice", character="Luca", dry_run=True)
    text = studio.file(plan).read_text()
    assert outcome.result is not None and len(outcome.result.data["commands"]) == 6
    for words in ("1-get-text.py", "2-get-sv.py", "s2_train.py --config", "s1_train.py", "hz=25hz", "PYTHONPATH=",
                  '"gpu_numbers": "0"', "train_semantic_path:", "tmp_s1.yaml"):  # fmt: skip
        assert words in text, words
    assert started(root) == [] and not (studio.studio.workspace.home / "training").exists()


def test_some_lost_lines_are_told_and_many_stop_the_training(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    names = [f"luca_{n:04d}.wav" for n in range(10)]
    ask_for(root, lose={"hubert": names})
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert isinstance(outcome.error, EngineError)
    assert "lost 9 of 9 clips" in outcome.error.sentence and "KeyError" in outcome.error.sentence
    assert any(asset.name.startswith("Training log") for asset in studio.studio.memory.list_assets("file"))
    kept = (studio.studio.workspace.home / "training").glob("*/train.list")
    lost = next(kept).read_text().split("|")[0]
    ask_for(root, lose={"hubert": [lost]})
    outcome, page = studio.made("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert _warned(outcome, f"1 of 9 clips were lost while listening to the clips: {lost} (KeyError")
    assert lost in studio.file(page).read_text()


def test_a_stopped_training_goes_on_where_it_was(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    ask_for(root, pause=0.2)
    token = CancelToken()
    args = {"character": "Luca", "consent": CONSENT, "sovits_epochs": 2, "gpt_epochs": 1, "batch": 16}
    done: list[ToolOutcome] = []
    run = Run(thread="t", cancel=token, emit=studio.events.append)
    worker = threading.Thread(target=lambda: done.append(studio.executor.run("train_voice", args, run)))
    worker.start()
    until = time.monotonic() + 30
    while not any(step == "sovits" for step, _ in started(root)) and time.monotonic() < until:
        time.sleep(0.05)
    (state,) = (studio.studio.workspace.home / "training").glob("*/state.json")
    while not State.read(state).losses and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(root) and State.read(state).losses["sovits"], "a kill would leave the losses that were seen"
    began = time.monotonic()
    token.cancel()
    worker.join(20)
    assert time.monotonic() - began < 8 and not alive(root)
    assert done[0].status == "cancelled" and isinstance(done[0].error, Cancelled) and _source(studio) == {}
    ask_for(root)
    before = len(started(root))
    studio.made("train_voice", **args)
    again = [step for step, _ in started(root)[before:]]
    assert again == ["sovits", "sovits", "gpt", "gpt"], "finished steps are not repeated"
    # everything is there: nothing runs at all
    before = len(started(root))
    studio.made("train_voice", **args)
    assert started(root)[before:] == []


def test_a_crash_keeps_the_checkpoint_and_the_log(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    ask_for(root, crash={"gpt": 1})
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert isinstance(outcome.error, EngineError)
    assert "illegal memory access" in outcome.error.sentence and "training the manner" in outcome.error.sentence
    log = next(a for a in studio.studio.memory.list_assets("file") if a.name.startswith("Training log"))
    assert "===== gpt" in studio.file(log).read_text() and _source(studio) == {}
    ask_for(root)
    before = len(started(root))
    studio.made("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert {step for step, _ in started(root)[before:]} == {"gpt"}


def test_losses_that_are_no_numbers_stop_it_and_nothing_of_it_is_taken_up_again(
    studio: VoiceStudio, root: Path
) -> None:
    _dataset(studio)
    wish = {"character": "Luca", "consent": CONSENT, "sovits_epochs": 20, "gpt_epochs": 1, "batch": 8}
    ask_for(root, nan_from=3)
    outcome = studio.call("train_voice", **wish)
    assert isinstance(outcome.error, EngineError) and "no numbers any more (NaN)" in outcome.error.sentence
    assert "the last good one was in epoch 2" in outcome.error.sentence and not alive(root) and _source(studio) == {}
    folder = studio.studio.workspace.home / "training"
    assert not [*folder.glob("*/weights/*"), *folder.glob("*/experiment/logs_s2_*/*.pth")]
    ask_for(root)
    studio.made("train_voice", **wish)
    assert _source(studio)["report"]["epochs"] == {"sovits": 20, "gpt": 1}


def test_one_that_was_stopped_between_checkpoint_and_weights_trains_one_epoch_more(
    studio: VoiceStudio, root: Path
) -> None:
    _dataset(studio)
    ask_for(root, stop_before_weights=1)
    assert studio.call("train_voice", character="Luca", consent=CONSENT, **FAST).status == "failed"
    ask_for(root)
    outcome, _ = studio.made("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert _warned(outcome, "one epoch more: training the voice")
    assert _source(studio)["report"]["epochs"] == {"sovits": 2, "gpt": 1}


def test_too_small_a_gpu_gets_smaller_batches(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    ask_for(root, memory_for=8)
    outcome, _ = studio.made("train_voice", character="Luca", consent=CONSENT, **FAST)
    assert _warned(outcome, "it goes on with 8") and outcome.result is not None and outcome.result.data["batch"] == 8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"count": 1, "seconds": 1.0}, "too little to train"),
        ({"count": 10, "seconds": 0.5}, "too little to train"),
        ({"count": 10, "seconds": 53.0}, "10 clips whose words do not fit their length"),
    ],
)
def test_too_little_is_refused(studio: VoiceStudio, make: dict[str, Any], words: str) -> None:
    _dataset(studio, **make)
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT)
    assert isinstance(outcome.error, UsageError) and words in outcome.error.sentence


def test_wrong_use_is_told_in_one_sentence(studio: VoiceStudio, root: Path) -> None:
    outcome = studio.call("train_voice", character="Zorro", consent=CONSENT)
    assert isinstance(outcome.error, UsageError) and "is remembered" in outcome.error.sentence
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT)
    assert isinstance(outcome.error, UsageError) and "no voice dataset of Luca" in outcome.error.sentence
    outcome = studio.call("train_voice", character="Luca", version="v5")
    assert isinstance(outcome.error, UsageError)
    _dataset(studio)
    (root / "GPT_SoVITS" / "s1_train.py").unlink()
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT)
    assert isinstance(outcome.error, EngineError) and "s1_train.py is missing" in outcome.error.sentence


def test_what_a_dataset_says_of_itself_is_no_consent(studio: VoiceStudio) -> None:
    """Neither its own words on rights nor a source that it names without having been built here."""
    said = {"rights": "written consent of Anna Rossi", "consent": {"id": "con-1", "line": "their own voice"}}
    _dataset(studio, **said)
    assert isinstance(studio.call("train_voice", character="Luca", **FAST).error, QuestionOpen)
    _, spoken = studio.made("speak", text="This is the studio's own voice.")
    file = studio.studio.workspace.tmp / "brought.zip"
    dataset(file, source=spoken.id)
    brought = publish(
        studio.studio.workspace, studio.studio.memory, file, "dataset", "brought.zip", engine="", engine_version="",
        tool="upload", params={}, seed=None, parents=(), scores=(), thread="t", step="", summary="",
    )  # fmt: skip
    outcome = studio.call("train_voice", character="Luca", dataset=brought.id, **FAST)
    assert isinstance(outcome.error, QuestionOpen)
