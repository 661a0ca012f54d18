"""A GPT-SoVITS folder made of stand-ins, and voice datasets, for tests of training."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from cloning_installs import recording
from voice_studio import VoiceStudio, voice_studio

from backends.voice.wav import write_wav
from configs.settings import Settings, load_settings
from configs.voice_training import load_voice_training
from tools.voice.dataset.manifest import Clip, Manifest, write_dataset

STAND_INS = Path(__file__).parent / "stand_ins" / "gpt_sovits"
SENTENCES = (
    "The morning train was late again.",
    "Nobody had seen the little boat.",
    "She laughed and closed the door.",
    "We found the letter under a stone.",
    "The old clock had stopped at noon.",
    "Bring me the blue umbrella, please.",
    "There is a light behind the hill.",
    "He never liked the taste of tea.",
    "All the windows were open that night.",
    "Listen, somebody is singing outside.",
)


@contextmanager
def training_studio(folder: Path) -> Iterator[VoiceStudio]:
    """A studio whose warehouse is `folder`/warehouse, with room for a training, which knows Luca."""
    settings = load_settings(
        home=folder / "home", warehouse=folder / "warehouse", memory={"index": "numpy", "embedder": "letters"},
        gpu={"run_dir": str(folder / "run")},
    )  # fmt: skip
    with voice_studio(settings, budget_mib=16_000) as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
        yield made


def installed(warehouse: Path) -> Path:
    """A folder that looks like an installed GPT-SoVITS; its scripts are the stand-ins."""
    root = warehouse / "GPT-SoVITS"
    shutil.copytree(STAND_INS, root, ignore=shutil.ignore_patterns("__pycache__", "README.md"))
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # a link would lose the environment that python looks for beside itself
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    table = load_voice_training(Settings(warehouse=warehouse)).gpt_sovits
    for folder in (table.bert, table.hubert):
        (root / folder).mkdir(parents=True)
    files = [table.speaker_net, *(f for v in table.versions.values() for f in (v.s2G, v.s2D, v.s1) if f)]
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"weights")
    return root


def ask_for(root: Path, **wishes: Any) -> None:
    """Failures that the stand-ins shall show from now on; see their README."""
    (root / "stand_in.json").write_text(json.dumps(wishes))


def started(root: Path) -> list[tuple[str, int]]:
    """(step, process) of all that the stand-ins started."""
    file = root / "pids.txt"
    rows = file.read_text().split("\n") if file.is_file() else []
    return [(row.split()[0], int(row.split()[1])) for row in rows if row]


def alive(root: Path) -> list[int]:
    """Those of them that live."""

    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    return [pid for _, pid in started(root) if pid != os.getpid() and lives(pid)]


def dataset(
    file: Path,
    *,
    count: int = 10,
    seconds: float = 4.0,
    language: str = "en",
    source: str = "",
    spoken: bool = False,
    **more: Any,
) -> Manifest:
    """A zip as build_voice_dataset makes it; the clips are tones, or `spoken` by eSpeak."""
    folder = file.parent / f"{file.stem}-clips"
    folder.mkdir()
    clips = []
    for number in range(count):
        name = f"luca_{number:04d}.wav"
        at = np.arange(round(seconds * 16000)) / 16000
        text = f"{SENTENCES[number % len(SENTENCES)]} {SENTENCES[(number + 3) % len(SENTENCES)]}"
        if spoken:
            recording(folder / name, 120.0, text)
            seconds = soundfile.info(folder / name).duration
        else:
            write_wav(folder / name, (0.3 * np.sin(2 * np.pi * (110 + 3 * number) * at)).astype(np.float32), 16000)
        clip = Clip(
            file=f"clips/{name}", seconds=seconds, sample_rate=16000, text=text, language=language, source=source
        )
        clips.append(clip)
    manifest = Manifest(character="Luca", language=language, clips=tuple(clips), ready=True, **more)
    write_dataset(manifest, folder, file)
    return manifest
