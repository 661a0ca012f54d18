"""Voices without the music: demucs or audio-separator, as programs of their own, with weights from a local folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backends.media.ffmpeg import ffmpeg_path, input_args
from backends.media.guard import sniff
from backends.vision.identity.local_files import model_folder
from configs.errors import EngineError
from configs.settings import Settings

_POLL_S = 0.2
_RESULT = "voices.wav"


@dataclass(frozen=True)
class Separator:
    """A program that parts voices from music."""

    name: str
    kind: Literal["demucs", "audio_separator"]
    folder: Path
    model: str

    def voices(self, path: Path, folder: Path, *, cancel: Callable[[], None] = lambda: None) -> Path:
        """A WAV of the voices in `path`, in `folder`; one that is there already is taken.

        Raises EngineError when the program fails, and what `cancel` raises; nothing half-made stays.
        """
        made = folder / _RESULT
        if made.is_file():
            return made
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder))
        try:
            sound = work / "sound.wav"
            source = [*input_args(path, sniff(path)), "-vn", "-ac", "2", "-ar", "44100", "-c:a", "pcm_s16le"]
            _run([ffmpeg_path(), "-nostdin", "-loglevel", "error", "-y", *source, str(sound)], cancel)
            _run(self._command(sound, work / "out"), cancel)
            found = sorted((work / "out").rglob("*.wav"))
            voices = [file for file in found if "vocal" in file.name.lower() and "no_vocal" not in file.name.lower()]
            if not voices:
                raise EngineError(f"{self.name} gave no voices", "it wrote no such file", "Check voice.separator")
            voices[0].replace(made)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return made

    def _command(self, sound: Path, out: Path) -> list[str]:
        if self.kind == "demucs":
            return [
                *(sys.executable, "-m", "demucs.separate", "--two-stems", "vocals", "-n", self.model),
                *("--repo", str(self.folder), "-o", str(out), str(sound)),
            ]
        return [
            *(sys.executable, "-m", "audio_separator.utils.cli", str(sound), "--model_filename", self.model),
            *("--model_file_dir", str(self.folder), "--output_dir", str(out), "--output_format", "WAV"),
            *("--single_stem", "Vocals"),
        ]


def find_separator(settings: Settings) -> tuple[Separator | None, str]:
    """The separator of this machine, or None and why there is none."""
    folder = model_folder(settings, settings.voice.separator)
    if folder is None:
        return None, "no separator is set (voice.separator)"
    installed = [name for name in ("demucs", "audio_separator") if importlib.util.find_spec(name) is not None]
    if not installed:
        return None, "no separator is installed (demucs or audio-separator)"
    bags = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if "demucs" in installed and bags and list(folder.glob("*.th")):
        return Separator(f"demucs {bags[0].stem}", "demucs", folder, bags[0].stem), ""
    models = sorted(folder.glob("*.onnx")) if folder.is_dir() else []
    if "audio_separator" in installed and models:
        return Separator(f"audio-separator {models[0].stem}", "audio_separator", folder, models[0].name), ""
    return None, f"the separator has no weights here ({folder} needs a .yaml and .th of demucs or an .onnx)"


def _run(command: Sequence[str], cancel: Callable[[], None]) -> None:
    """Run a program in a session of its own; stopped whole when `cancel` raises."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, start_new_session=True
        )
        try:
            while child.poll() is None:
                cancel()
                time.sleep(_POLL_S)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, 15)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, 9)
                child.wait()
            raise
        if child.returncode:
            said.seek(max(0, said.tell() - 2000))
            last = said.read().decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise EngineError(
                "The music could not be taken out", f"{Path(command[0]).name}: {last[0][:200]}", "Check voice.separator"
            )
