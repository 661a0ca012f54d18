"""Folders that look like installed cloning engines, with stand-ins that speak the true protocols inside."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from espeak_stand_in import speak_like

from backends.voice.engines.protocol import Reference, VoiceSource
from backends.voice.wav import write_wav
from configs.settings import Settings, load_settings

TESTS = Path(__file__).resolve().parent
PRETRAINED = "GPT_SoVITS/pretrained_models"
WORDS = "This is how I always talk, calm and clear, whatever happens."


def install_gpt_sovits(warehouse: Path) -> Path:
    """The program's folder: a Python of its own, `api_v2.py`, and base weights."""
    root = warehouse / "GPT-SoVITS"
    _python(root / ".venv" / "bin" / "python")
    (root / "api_v2.py").write_text(
        f"import sys\nsys.path[:0] = [{str(TESTS.parent)!r}, {str(TESTS)!r}]\n"
        "from fake_gpt_sovits import main\nmain()\n"
    )  # fmt: skip
    nets = ("s1v3.ckpt", "v2Pro/s2Gv2ProPlus.pth", "sv/pretrained_eres2netv2w24s4ep4.ckpt")
    for path in nets:
        weights(root / PRETRAINED / path, "base")
    for folder in ("chinese-roberta-wwm-ext-large", "chinese-hubert-base"):
        (root / PRETRAINED / folder).mkdir(parents=True, exist_ok=True)
    return root


def install_qwen3_tts(warehouse: Path) -> Path:
    """A Python whose path holds the stand-in of `qwen_tts`, and a model folder; gives the latter."""
    stand_ins = os.pathsep.join(str(p) for p in (TESTS / "stand_ins" / "qwen", TESTS.parent, TESTS))
    _python(warehouse / "qwen-tts" / ".venv" / "bin" / "python", f'PYTHONPATH="{stand_ins}" ')
    model = warehouse / "voice" / "Qwen3-TTS-12Hz-0.6B-Base"
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text("{}")
    return model


def installed(folder: Path, engine: str) -> Settings:
    """A home whose lines go to this engine first, `gpt_sovits` or `qwen3_tts`, installed beside it."""
    {"gpt_sovits": install_gpt_sovits, "qwen3_tts": install_qwen3_tts}[engine](folder / "warehouse")
    home = folder / "home"
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "tts_config.yaml").write_text(
        f"engines: {{{engine}: {{line_seconds: 1.5}}}}\norder: {{default: [{engine}, espeak]}}\n"
    )
    run = {"run_dir": str(folder / "run")}
    return load_settings(home=home, warehouse=folder / "warehouse", gpu=run)


def weights(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"weights of {name}: {path.name}".encode())
    return path


def set_faults(yaml_folder: Path, **faults: Any) -> None:
    """What the fake does wrong from now on."""
    (yaml_folder / "faults.json").write_text(json.dumps(faults))


def recording(path: Path, hertz: float = 120.0, text: str = WORDS, language: str = "en") -> Reference:
    """A clip of a voice at this pitch."""
    time = np.arange(22050) / 22050
    tone = np.sign(np.sin(2 * np.pi * hertz * time)).astype(np.float32) * 0.3
    write_wav(path, speak_like(text, language, tone, 22050, b"", 22050), 22050)
    return Reference(str(path), text, language)


def source(folder: Path, engine: str = "", hertz: float = 120.0, **emotions: float) -> VoiceSource:
    """A voice with a neutral recording, and one per emotion at its pitch."""
    references = {"neutral": recording(folder / f"neutral{hertz:.0f}.wav", hertz)}
    references |= {name: recording(folder / f"{name}.wav", pitch) for name, pitch in emotions.items()}
    return VoiceSource(engine, {}, references)


def _python(path: Path, environment: str = "") -> None:
    """A link would lose this environment's packages; a script does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{environment}exec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
