"""What is said in a sound track, written down by a local model: faster-whisper, when it and its weights are here."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.sound.result import Words
from backends.vision.frame import MONO_RATE, SoundBlock
from backends.vision.identity.local_files import model_folder
from configs.errors import EngineError
from configs.settings import Settings

PACKAGE = "faster_whisper"
FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a CTranslate2 Whisper folder must hold: without tokenizer.json the package would ask the network for one."""
_CHUNK_S, _SEARCH_S, _QUIET_S = 300.0, 15.0, 0.25
"""Length of the pieces that are written down at a time; each is cut at the quietest moment of its last seconds."""


def find_recogniser(settings: Settings) -> tuple[Recogniser | None, str]:
    """The recogniser that this machine has, or None and why there is none. Nothing is loaded, nothing is downloaded."""
    folder = model_folder(settings, settings.voice.recogniser)
    if folder is None:
        return None, "no speech recogniser is set (voice.recogniser)"
    if importlib.util.find_spec(PACKAGE) is None:
        return None, "the speech recogniser faster-whisper is not installed"
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        return None, f"the speech recogniser has no weights here ({folder} lacks {', '.join(missing)})"
    return Recogniser(folder, settings.voice.recogniser_device), ""


class Recogniser:
    """A Whisper model in a local folder; loaded at the first use."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self._folder, self._device = folder, device
        self.name = f"faster-whisper {folder.name}"
        self._model: Any = None

    def write_down(
        self,
        path: Path,
        language: str = "",
        *,
        cancel: Callable[[], None] = lambda: None,
        on_progress: Callable[[float], None] = lambda seconds: None,
    ) -> tuple[Words, ...]:
        """The lines said in a sound's or a film's first sound track. Holds five minutes of it in memory at most.

        language: 'en', 'it', ...; '' lets the model tell. on_progress: called with the seconds that are done.
        Raises EngineError when the model cannot be used, UsageError when the file has no sound.
        """
        from backends.vision.watch import listen

        found: list[Words] = []
        chunks = _Chunks(lambda start, mono: found.extend(self._said(start, mono, language, cancel, on_progress)))
        listen(path, [chunks], cancel=cancel)
        chunks.finish()
        return tuple(found)

    def write_samples(self, samples: NDArray[np.float32], rate: int, language: str = "") -> str:
        """What is said in (N,) mono samples of up to a few minutes, as one text. Raises EngineError."""
        from backends.voice.wav import resample

        mono = resample(samples, rate, MONO_RATE)
        return " ".join(line.text for line in self._said(0.0, mono, language, lambda: None, lambda seconds: None))

    def _said(
        self,
        start: float,
        mono: NDArray[np.float32],
        language: str,
        cancel: Callable[[], None],
        on_progress: Callable[[float], None],
    ) -> list[Words]:
        lines: list[Words] = []
        try:
            if self._model is None:
                self._model = self._load()
            # a language once given stays: each piece must not be guessed anew
            segments, _ = self._model.transcribe(mono, language=language or None, beam_size=5, vad_filter=False)
            for one in segments:  # worked out one by one as they are asked for
                cancel()
                text = " ".join(str(one.text).split())
                # the model thinks in windows of half a minute and may hear words after the end
                begin, end = start + float(one.start), start + min(float(one.end), len(mono) / MONO_RATE)
                if text and end > begin:
                    lines.append(Words(start=round(begin, 3), end=round(end, 3), text=text, by=self.name))
                on_progress(end)
        except (RuntimeError, ValueError, OSError, ImportError) as error:
            why = " ".join(str(error).split())[:200]
            raise EngineError("The speech recogniser failed", why, "Set voice.recogniser to another folder") from error
        return lines

    def _load(self) -> Any:
        from faster_whisper import WhisperModel  # type: ignore[import-not-found, unused-ignore]

        return WhisperModel(str(self._folder), device=self._device, compute_type="default", local_files_only=True)


class _Chunks:
    """Collects the sound and hands it on in pieces that end where it is quiet."""

    def __init__(self, take: Callable[[float, NDArray[np.float32]], None]) -> None:
        self._take = take
        self._parts: list[NDArray[np.float32]] = []
        self._held, self._given = 0, 0

    def hear(self, block: SoundBlock) -> None:
        self._parts.append(block.mono)
        self._held += len(block.mono)
        if self._held >= _CHUNK_S * MONO_RATE:
            whole = np.concatenate(self._parts)
            cut = _quietest(whole)
            self._hand_on(whole[:cut])
            self._parts, self._held = [whole[cut:]], len(whole) - cut

    def finish(self) -> None:
        if self._held:
            self._hand_on(np.concatenate(self._parts))
        self._parts, self._held = [], 0

    def _hand_on(self, mono: NDArray[np.float32]) -> None:
        self._take(self._given / MONO_RATE, mono)
        self._given += len(mono)


def _quietest(mono: NDArray[np.float32]) -> int:
    """The sample in the middle of the quietest quarter second of the last part."""
    size = round(_QUIET_S * MONO_RATE)
    first = max(0, len(mono) - round(_SEARCH_S * MONO_RATE))
    whole = (len(mono) - first) // size * size
    power = (mono[first : first + whole].reshape(-1, size).astype(np.float64) ** 2).mean(axis=1)
    return int(first + (np.argmin(power) + 0.5) * size)
