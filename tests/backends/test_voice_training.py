"""Training steps against stand-ins for GPT-SoVITS' scripts: files, counts, losses, failures, processes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from voice_training import alive, ask_for, dataset, installed

from backends.gpu.engine import EngineOutOfMemory
from backends.voice.training import checks
from backends.voice.training.progress import Progress
from backends.voice.training.runner import run_step
from backends.voice.training.steps import Recipe, Step, check_installed, checkpoints, plan_steps, save_every, with_batch
from configs.errors import Cancelled, EngineError
from configs.settings import Settings
from configs.voice_training import Version, load_voice_training
from tools.voice.dataset.manifest import unpack


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    installed(tmp_path / "warehouse")
    return _recipe(tmp_path, "v2ProPlus")


def _recipe(tmp_path: Path, version: Version) -> Recipe:
    folder = tmp_path / "training"
    folder.mkdir(exist_ok=True)
    if not (folder / "train.list").exists():
        dataset(tmp_path / "luca.zip", count=6, seconds=4.0)
        manifest = unpack(tmp_path / "luca.zip", folder / "dataset")
        (folder / "train.list").write_text(manifest.listing(folder / "dataset"))
    made = Recipe(
        "luca_test", version, folder, tmp_path / "warehouse" / "GPT-SoVITS", sovits_epochs=2, gpt_epochs=3, batch=8,
        half=True,
    )  # fmt: skip
    made.weights.mkdir(exist_ok=True)
    checkpoints(made, _table()).mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the preparation steps make, once for all tests that only train."""
    folder = tmp_path_factory.mktemp("prepared")
    installed(folder / "warehouse")
    recipe = _recipe(folder, "v2ProPlus")
    _prepare(recipe, folder)
    return recipe.experiment


def _trained(recipe: Recipe, prepared: Path) -> tuple[Step, Step]:
    """The two training steps, with everything prepared for them."""
    shutil.copytree(prepared, recipe.experiment, dirs_exist_ok=True)
    sovits, gpt = plan_steps(recipe, _table())[-2:]
    return sovits, gpt


def _table():  # type: ignore[no-untyped-def]
    return load_voice_training(Settings()).gpt_sovits


def _run(step: Step, tmp_path: Path, beat: Callable[[], None] = lambda: None, quiet_s: float = 60.0) -> list[str]:
    lines: list[str] = []
    run_dir = tmp_path / "run"
    run_step(step, run_dir, tmp_path, on_line=lines.append, beat=beat, stop_s=2.0, quiet_s=quiet_s)
    assert not list((run_dir / "engines").glob("*.json")), "the record of an ended process is removed"
    return lines


def _prepare(recipe: Recipe, tmp_path: Path) -> tuple[Step, ...]:
    steps = plan_steps(recipe, _table())
    for step in steps:
        if step.name in ("sovits", "gpt"):
            continue
        checks.clear_parts(step.name, recipe)
        _run(step, tmp_path)
        checks.merge_parts(step.name, recipe, step.parts)
    return steps


def test_the_whole_way_makes_the_files_that_the_real_scripts_make(recipe: Recipe, tmp_path: Path) -> None:
    steps = _prepare(recipe, tmp_path)
    assert [step.name for step in steps] == ["text", "hubert", "speaker", "semantic", "sovits", "gpt"]
    names = checks.names_of(recipe.listing)
    for step in steps[:4]:
        assert checks.made(step.name, recipe) == set(names)
    semantic = (recipe.experiment / "6-name2semantic.tsv").read_text()
    assert semantic.startswith("item_name\tsemantic_audio\n") and not list(recipe.experiment.glob("*-0.t*"))
    for step in steps[4:]:
        progress = Progress(step.epochs)
        for line in _run(step, tmp_path):
            progress.read(line)
        assert progress.epoch == step.epochs and progress.share == 1.0
        losses = [point.loss for point in progress.points]
        assert len(losses) >= 4 and losses[-1] < losses[0]
    assert checks.newest_sovits(recipe)[0] == 2 and checks.newest_gpt(recipe)[0] == 3  # type: ignore[index]
    assert checks.newest_sovits(recipe)[1].read_bytes()[:2] == b"06"  # type: ignore[index]
    assert alive(recipe.root) == []


@pytest.mark.parametrize(("version", "names"), [("v2", 5), ("v4", 5), ("v2Pro", 6)])
def test_other_versions(recipe: Recipe, tmp_path: Path, prepared: Path, version: Version, names: int) -> None:
    other = _recipe(tmp_path, version)
    assert len(plan_steps(other, _table())) == names
    sovits, _ = _trained(other, prepared)
    progress = Progress(2)
    for line in _run(sovits, tmp_path):
        progress.read(line)
    assert checks.newest_sovits(other)[0] == 2 and progress.loss is not None  # type: ignore[index]
    assert (checkpoints(other, _table()) / "G_233333333333.pth").is_file()


def test_lost_lines_are_found_and_explained_though_the_script_ends_well(recipe: Recipe, tmp_path: Path) -> None:
    names = checks.names_of(recipe.listing)
    ask_for(recipe.root, lose={"text": [names[1]], "hubert": [names[2]]})
    listing = recipe.listing.read_text().split("\n")
    listing[0] = listing[0].replace("|en|", "|it|")
    recipe.listing.write_text("\n".join(listing))
    steps = plan_steps(recipe, _table())
    counted = []
    for step in steps[:3]:
        lines = _run(step, tmp_path)
        checks.merge_parts(step.name, recipe, 1)
        counted.append(checks.count(step.name, recipe, lines))
    text, hubert, speaker = counted
    assert (text.expected, text.got) == (6, 4)
    assert [str(lost) for lost in text.lost] == [
        f"{names[0]} (its language is not supported)",
        f"{names[1]} (KeyError: 'text cannot read {names[1]}')",
    ]
    assert [lost.name for lost in hubert.lost] == [names[2]]
    assert speaker.lost[0].why.startswith("FileNotFoundError"), "what one step dropped, the next one misses"


def test_a_part_left_by_a_stopped_run_would_be_taken_for_the_whole(recipe: Recipe, tmp_path: Path) -> None:
    recipe.experiment.mkdir(exist_ok=True)
    (recipe.experiment / "2-name2text-0.txt").write_text("one.wav\ta\t[1]\ta\n")
    checks.clear_parts("text", recipe)
    _run(plan_steps(recipe, _table())[0], tmp_path)
    checks.merge_parts("text", recipe, 1)
    assert checks.count("text", recipe, []).lost == ()


def test_several_parts_are_merged(recipe: Recipe, tmp_path: Path) -> None:
    table = _table().model_copy(update={"parts": 3})
    for step in plan_steps(recipe, table)[:3]:
        _run(step, tmp_path)
    checks.merge_parts("text", recipe, 3)
    assert checks.count("text", recipe, []).got == 6


def test_a_crash_in_the_middle_goes_on_where_it_was(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    sovits, _ = _trained(recipe, prepared)
    (path,) = sovits.files
    content = json.loads(sovits.files[path])
    content["train"] |= {"epochs": 3, "save_every_epoch": 1}
    sovits = Step(**{**sovits.__dict__, "files": {path: json.dumps(content)}})
    ask_for(recipe.root, crash={"sovits": 3})
    with pytest.raises(EngineError, match=r"exit code 1: RuntimeError: DataLoader worker"):
        _run(sovits, tmp_path)
    assert checks.newest_sovits(recipe)[0] == 2  # type: ignore[index]
    ask_for(recipe.root)
    progress = Progress(3)
    for line in _run(sovits, tmp_path):
        progress.read(line)
    assert progress.began_at == 3 and checks.newest_sovits(recipe)[0] == 3  # type: ignore[index]


def test_too_little_gpu_memory_is_told_as_that(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    steps = _trained(recipe, prepared)
    ask_for(recipe.root, memory_for=4)
    for step in steps:
        with pytest.raises(EngineOutOfMemory, match="smaller batch"):
            _run(step, tmp_path)
        _run(with_batch(step, 4), tmp_path)


def test_weights_that_could_not_be_written_are_noticed(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    sovits, _ = _trained(recipe, prepared)
    ask_for(recipe.root, never_saves=True)
    progress = Progress(2)
    for line in _run(sovits, tmp_path):
        progress.read(line)
    assert (
        progress.save_failed == "OSError: [Errno 28] No space left on device" and checks.newest_sovits(recipe) is None
    )


def test_weights_that_were_cut_off_do_not_count(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    """GPT-SoVITS writes them in place, so a stop in the middle leaves half a file under the last name."""
    for step, newest in zip(_trained(recipe, prepared), (checks.newest_sovits, checks.newest_gpt), strict=True):
        _run(step, tmp_path)
        found = newest(recipe)
        assert found is not None
        content = found[1].read_bytes()
        found[1].write_bytes(content[: len(content) // 2])
        assert newest(recipe) is None


def test_features_that_were_cut_off_are_made_anew(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    _trained(recipe, prepared)
    for step in plan_steps(recipe, _table())[1:3]:
        whole, half = sorted((recipe.experiment / checks.FEATURES[step.name]).glob("*.pt"))[:2]
        kept = whole.stat().st_mtime_ns
        half.write_bytes(half.read_bytes()[:9])
        checks.clear_parts(step.name, recipe)
        _run(step, tmp_path)
        assert checks.is_whole(half) and whole.stat().st_mtime_ns == kept
        assert checks.count(step.name, recipe, []).lost == ()


def test_no_loss_lines_is_no_loss(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    sovits, _ = _trained(recipe, prepared)
    ask_for(recipe.root, no_loss=True)
    progress = Progress(2)
    for line in _run(sovits, tmp_path):
        progress.read(line)
    assert progress.loss is None and progress.note() == "epoch 2 of 2"


def test_stopping_ends_everything_that_was_started(recipe: Recipe, tmp_path: Path, prepared: Path) -> None:
    sovits, _ = _trained(recipe, prepared)
    ask_for(recipe.root, pause=0.05)
    seen: list[int] = []

    def beat() -> None:
        seen.extend(alive(recipe.root))
        if len(seen) >= 2:
            raise Cancelled("Stopped at your request")

    with pytest.raises(Cancelled):
        _run(sovits, tmp_path, beat)
    assert len(set(seen)) >= 2 and alive(recipe.root) == []


def test_a_script_that_says_nothing_hangs(recipe: Recipe, tmp_path: Path) -> None:
    ask_for(recipe.root, hang="text")
    with pytest.raises(EngineError, match="hangs while reading the texts"):
        _run(plan_steps(recipe, _table())[0], tmp_path, quiet_s=0.5)
    assert alive(recipe.root) == []


def test_half_saved_weights_are_swept_away(recipe: Recipe, tmp_path: Path) -> None:
    ours, theirs = recipe.root / "1790000000.1234567.pth", recipe.root / "my.pth"
    theirs.write_bytes(b"x")
    ours.write_bytes(b"x")
    _run(plan_steps(recipe, _table())[0], tmp_path)
    assert not ours.exists() and theirs.exists()


def test_configurations_follow_the_web_page(recipe: Recipe) -> None:
    *_, sovits, gpt = plan_steps(recipe, _table())
    s2 = json.loads(next(iter(sovits.files.values())))
    assert s2["train"]["save_every_epoch"] == 2 and s2["train"]["epochs"] == 2 and s2["train"]["fp16_run"] is True
    assert s2["model"]["version"] == s2["version"] == "v2ProPlus" and s2["model"]["gin_channels"] == 1024
    assert s2["data"]["exp_dir"] == s2["s2_ckpt_dir"] == str(recipe.experiment) and s2["name"] == recipe.name
    assert s2["save_weight_dir"] == str(recipe.weights)
    s1 = yaml.safe_load(next(iter(gpt.files.values())))
    assert s1["output_dir"].endswith("logs_s1_v2ProPlus") and s1["train"]["precision"] == "16-mixed"
    assert gpt.env["hz"] == "25hz" and gpt.env["version"] == "v2ProPlus"
    assert gpt.argv[1:] == ("-s", "GPT_SoVITS/s1_train.py", "--config_file", str(recipe.folder / "tmp_s1.yaml"))
    assert str(recipe.root / "GPT_SoVITS" / "BigVGAN") in gpt.env["PYTHONPATH"].split(":")


def test_without_half_floats_batches_are_halved_and_floats_whole(recipe: Recipe) -> None:
    plain = Recipe(**{**recipe.__dict__, "half": False})
    *_, sovits, gpt = plan_steps(plain, _table())
    s2, s1 = json.loads(next(iter(sovits.files.values()))), yaml.safe_load(next(iter(gpt.files.values())))
    assert s2["train"]["fp16_run"] is False and s2["train"]["batch_size"] == 4
    assert s1["train"]["precision"] == "32" and s1["train"]["batch_size"] == 4


def test_the_last_epoch_is_always_saved() -> None:
    assert [save_every(epochs, 4) for epochs in (8, 6, 7, 2, 1)] == [4, 3, 1, 2, 1]


def test_what_is_missing_is_named(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not installed"):
        check_installed(tmp_path / "nowhere", _table(), "v2")
    (recipe.root / _table().speaker_net).unlink()
    with pytest.raises(EngineError, match=r"eres2netv2.*is missing"):
        check_installed(recipe.root, _table(), "v2ProPlus")
    check_installed(recipe.root, _table(), "v2")


@pytest.mark.parametrize(
    ("lines", "epoch", "loss"),
    [
        (["INFO:luca:Train Epoch: 2 [50%]", "INFO:luca:[2.0, 1.0, 2.0, 3.0, 0.5, 0.5, 40, 9.9e-05]"], 2, 7.0),
        (["INFO:luca:Train Epoch: 1 [0%]", "INFO:luca:[0.75, 0, 0.0001]"], 1, 0.75),
        (
            ["Epoch 4/14 ---- 3/9 0:00:02 • 0:00:03 4.90it/s v_num: 0.000 total_loss_step: 512.5"],
            5,
            512.5,
        ),
        (["Epoch 0:  40%|####      | 2/5 [00:00<00:00, 4.9it/s, v_num=0, total_loss_step=nan]"], 1, None),
        (["[0, 1, 2]", "wav_data_len: 96"], 0, None),
    ],
)
def test_reading_of_losses(lines: list[str], epoch: int, loss: float | None) -> None:
    progress = Progress(8)
    for line in lines:
        progress.read(line)
    assert progress.epoch == epoch
    if loss is not None:
        assert progress.loss == pytest.approx(loss)
    else:  # a loss that is no number is not shown, and a list of numbers alone is no loss
        assert progress.note() == ("epoch 1 of 8" if epoch else "")


def test_what_the_loaders_drop_is_read() -> None:
    progress = Progress(2)
    for line in (
        "skipped_phone:  0 , skipped_dur:  0",
        "skipped_phone:  1 , skipped_dur:  2",
        "deleted 4 audios who's phoneme/sec are bigger than 25 or smaller than 3",
    ):
        progress.read(line)
    assert progress.dropped == [
        "3 clips (their phonemes or their length)",
        "4 clips (phoneme/sec are bigger than 25 or smaller than 3)",
    ]
