"""The steps of a training as GPT-SoVITS' own web page runs them: command, environment and files of each.

Source: webui.py, open1a to open1c, open1Ba and open1Bb, at RVC-Boss/GPT-SoVITS 48b1a01.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from configs.errors import EngineError
from configs.voice_training import GptSovits, Trained, Version

StepName = Literal["text", "hubert", "speaker", "semantic", "sovits", "gpt"]
TITLES: dict[StepName, str] = {
    "text": "reading the texts",
    "hubert": "listening to the clips",
    "speaker": "reading who speaks",
    "semantic": "finding the units of speech",
    "sovits": "training the voice (SoVITS)",
    "gpt": "training the manner of speaking (GPT)",
}
SHARES: dict[StepName, float] = {
    "text": 0.02, "hubert": 0.04, "speaker": 0.02, "semantic": 0.02, "sovits": 0.6, "gpt": 0.3,
}  # fmt: skip
"""Rough parts of the whole time, for the progress bar."""
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Recipe:
    """All that decides a training."""

    name: str
    """Of the experiment: letters, digits, underscores."""
    version: Version
    folder: Path
    """Where everything of this training lies, absolute."""
    root: Path
    """GPT-SoVITS' own folder, absolute: the working directory of its scripts."""
    sovits_epochs: int
    gpt_epochs: int
    batch: int
    half: bool
    """16 bit floats; only with a GPU."""
    gpu: str = "0"

    @property
    def experiment(self) -> Path:
        """GPT-SoVITS' `opt_dir` and `exp_dir`."""
        return self.folder / "experiment"

    @property
    def clips(self) -> Path:
        return self.folder / "dataset" / "clips"

    @property
    def listing(self) -> Path:
        return self.folder / "train.list"

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


@dataclass(frozen=True)
class Step:
    """One run of a script."""

    name: StepName
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    files: Mapping[Path, str]
    """Configurations to write before it, by path."""
    log: Path
    epochs: int = 0
    part: int = 0
    parts: int = 1

    @property
    def title(self) -> str:
        return TITLES[self.name]

    def shown(self) -> str:
        """For a dry run: how it could be typed in a shell."""
        import shlex

        said = " ".join(f"{name}={shlex.quote(value)}" for name, value in sorted(self.env.items()))
        return f"cd {shlex.quote(str(self.cwd))} && env {said} {shlex.join(self.argv)}"


def plan_steps(recipe: Recipe, table: GptSovits) -> tuple[Step, ...]:
    """Every run, in order. Reads GPT-SoVITS' base configurations. Raises EngineError when it is not whole."""
    check_installed(recipe.root, table, recipe.version)
    trained = table.versions[recipe.version]
    steps = [*_prepared("text", "1-get-text.py", recipe, table, {"bert_pretrained_dir": table.bert})]
    steps += _prepared("hubert", "2-get-hubert-wav32k.py", recipe, table, {"cnhubert_base_dir": table.hubert})
    if trained.speaker_net:
        steps += _prepared("speaker", "2-get-sv.py", recipe, table, {"sv_path": table.speaker_net})
    semantic = {"pretrained_s2G": trained.s2G, "s2config_path": trained.config}
    steps += _prepared("semantic", "3-get-semantic.py", recipe, table, semantic)
    return (*steps, _sovits(recipe, table, trained), _gpt(recipe, table, trained))


def with_batch(step: Step, batch: int) -> Step:
    """The same step with another batch size, for a GPU that is too small for the first."""
    ((path, text),) = step.files.items()
    content: dict[str, Any] = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    content["train"]["batch_size"] = batch
    written = json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content)
    return replace(step, files={path: written})


def with_one_more(step: Step) -> Step:
    """The same training for one epoch more, saved whatever its number is.

    For one that was stopped between its last checkpoint and its last weights: it has nothing left to do.
    """
    ((path, text),) = step.files.items()
    content: dict[str, Any] = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    content["train"] |= {"epochs": step.epochs + 1}
    content["train"]["save_every_epoch" if path.suffix == ".json" else "save_every_n_epoch"] = 1
    written = json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content)
    return replace(step, files={path: written}, epochs=step.epochs + 1)


def resumed_from(step: StepName, recipe: Recipe, table: GptSovits) -> Path:
    """The folder of what a training step goes on from."""
    return checkpoints(recipe, table) if step == "sovits" else recipe.experiment / f"logs_s1_{recipe.version}"


def check_installed(root: Path, table: GptSovits, version: Version) -> None:
    """Raises EngineError naming all that is missing for this version and how to get it."""
    if not root.is_dir():
        raise EngineError(
            "GPT-SoVITS is not installed",
            f"there is no folder {root}",
            "Install it there as docs/cloning.md says, or set gpt_sovits.root in configs/voice_training.yaml",
        )
    python = root / table.python
    if not os.access(python, os.X_OK) or not python.is_file():
        raise EngineError(
            "GPT-SoVITS has no environment of its own",
            f"{table.python} is missing in {root}, or cannot be run",
            "Make it as docs/cloning.md says, or set gpt_sovits.python in configs/voice_training.yaml",
        )
    packages = sorted(python.parent.parent.glob("lib/python3*/site-packages"))
    if packages and not any((folder / "torch").is_dir() for folder in packages):
        raise EngineError(
            "GPT-SoVITS' environment is empty",
            f"there is no torch in {packages[-1]}",
            f"Install its requirements.txt with {python}",
        )
    if gone := _missing(root, table, version):
        told = ", ".join(gone[:4]) + (f" and {len(gone) - 4} more" if len(gone) > 4 else "")
        raise EngineError(
            f"GPT-SoVITS is not whole: {told} {'is' if len(gone) == 1 else 'are'} missing",
            f"looked for in {root}",
            "Get its pretrained models as its own README says"
            if all("pretrained" in path for path in gone)
            else "Install it anew",
        )
    if not os.access(root, os.W_OK):
        raise EngineError(
            "GPT-SoVITS' folder cannot be written",
            f"its scripts save through {root}",
            "Give this user the right to write there",
        )


def _missing(root: Path, table: GptSovits, version: Version) -> list[str]:
    """Scripts, configurations and base weights of this version that are not there, or hold nothing."""
    trained = table.versions[version]
    scripts = [f"{table.prepare}/{name}" for name in ("1-get-text.py", "2-get-hubert-wav32k.py", "3-get-semantic.py")]
    if trained.speaker_net:
        scripts += [f"{table.prepare}/2-get-sv.py", table.speaker_net]
    wanted = [
        *scripts, trained.script, table.s1_script, trained.config, table.s1_config, table.bert, table.hubert,
        trained.s2G, *([trained.s2D] if trained.s2D else []), trained.s1,
    ]  # fmt: skip
    return [path for path in wanted if not _is_there(root / path)]


def _is_there(path: Path) -> bool:
    """A file of no bytes is a download that broke off; Git's pointer stands for a file that Git LFS did not get."""
    if not path.is_file():
        return path.is_dir()
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    return bool(start) and start != LFS_POINTER


def common_env(recipe: Recipe, table: GptSovits) -> dict[str, str]:
    """What every script is told; the web page does the same by a .pth file and its own environment."""
    return {
        "PYTHONPATH": os.pathsep.join(
            str(recipe.root / part) if part else str(recipe.root) for part in table.python_path
        ),
        "version": recipe.version,
        "is_half": str(recipe.half),
        "exp_name": recipe.name,
        "_CUDA_VISIBLE_DEVICES": recipe.gpu,
        "no_proxy": "localhost, 127.0.0.1, ::1",
        "language": "en_US",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "Agg",
    }


def _prepared(name: StepName, script: str, recipe: Recipe, table: GptSovits, own: Mapping[str, str]) -> list[Step]:
    made: list[Step] = []
    for part in range(table.parts):
        env = {
            **common_env(recipe, table),
            "inp_text": str(recipe.listing),
            "inp_wav_dir": str(recipe.clips),
            "opt_dir": str(recipe.experiment),
            "i_part": str(part),
            "all_parts": str(table.parts),
            **own,
        }
        argv = _argv(recipe, table, f"{table.prepare}/{script}")
        made.append(Step(name, argv, env, recipe.root, {}, _log(recipe, name, part), 0, part, table.parts))
    return made


def _sovits(recipe: Recipe, table: GptSovits, trained: Trained) -> Step:
    content = json.loads((recipe.root / trained.config).read_text(encoding="utf-8"))
    content["train"] |= {
        "batch_size": recipe.batch if recipe.half else max(1, recipe.batch // 2),
        "epochs": recipe.sovits_epochs,
        "text_low_lr_rate": table.text_low_lr_rate,
        "pretrained_s2G": trained.s2G,
        "pretrained_s2D": trained.s2D,
        "if_save_latest": True,
        "if_save_every_weights": True,
        "save_every_epoch": save_every(recipe.sovits_epochs, trained.save_every),
        "gpu_numbers": recipe.gpu,
        "grad_ckpt": table.grad_ckpt,
        "lora_rank": table.lora_rank,
        "log_interval": table.log_interval,
    }
    if not recipe.half:
        content["train"]["fp16_run"] = False
    content["model"]["version"] = recipe.version
    content["data"]["exp_dir"] = content["s2_ckpt_dir"] = str(recipe.experiment)
    content |= {"save_weight_dir": str(recipe.weights), "name": recipe.name, "version": recipe.version}
    path = recipe.folder / "tmp_s2.json"
    argv = _argv(recipe, table, trained.script, "--config", str(path))
    env = common_env(recipe, table)
    return Step(
        "sovits", argv, env, recipe.root, {path: json.dumps(content)}, _log(recipe, "sovits"), recipe.sovits_epochs
    )


def _gpt(recipe: Recipe, table: GptSovits, trained: Trained) -> Step:
    content = yaml.safe_load((recipe.root / table.s1_config).read_text(encoding="utf-8"))
    content["train"] |= {
        "batch_size": recipe.batch if recipe.half else max(1, recipe.batch // 2),
        "epochs": recipe.gpt_epochs,
        "save_every_n_epoch": save_every(recipe.gpt_epochs, table.gpt_save_every),
        "if_save_every_weights": True,
        "if_save_latest": True,
        "if_dpo": table.dpo,
        "half_weights_save_dir": str(recipe.weights),
        "exp_name": recipe.name,
    }
    if not recipe.half:
        content["train"]["precision"] = "32"
    content |= {
        "pretrained_s1": trained.s1,
        "train_semantic_path": str(recipe.experiment / "6-name2semantic.tsv"),
        "train_phoneme_path": str(recipe.experiment / "2-name2text.txt"),
        "output_dir": str(resumed_from("gpt", recipe, table)),
    }
    path = recipe.folder / "tmp_s1.yaml"
    argv = _argv(recipe, table, table.s1_script, "--config_file", str(path))
    env = {**common_env(recipe, table), "hz": "25hz"}
    return Step("gpt", argv, env, recipe.root, {path: yaml.safe_dump(content)}, _log(recipe, "gpt"), recipe.gpt_epochs)


def save_every(epochs: int, wanted: int) -> int:
    """How often weights are saved: the scripts save only at multiples of it, so it must divide the last epoch."""
    return max(n for n in range(1, min(wanted, epochs) + 1) if epochs % n == 0)


def checkpoints(recipe: Recipe, table: GptSovits) -> Path:
    """Where SoVITS keeps what it resumes from; neither script of it makes the folder that s2_train.py saves in."""
    ending = f"_lora_{table.lora_rank}" if table.versions[recipe.version].lora else ""
    return recipe.experiment / f"logs_s2_{recipe.version}{ending}"


def _argv(recipe: Recipe, table: GptSovits, script: str, *more: str) -> tuple[str, ...]:
    """`-s`: the packages of the user's home folder stay out, as on the web page."""
    python = recipe.root / table.python
    return (str(python), "-s", script, *more)


def _log(recipe: Recipe, name: StepName, part: int = 0) -> Path:
    return recipe.logs / (f"{name}-{part}.log" if part else f"{name}.log")
