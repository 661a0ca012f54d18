"""Sound files: mono, 16 bit PCM out, with what they are written inside; anything that libsndfile reads in."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.errors import StudioError, UsageError

MAX_SECONDS = 4 * 3600
"""Longer files are refused before they are decoded."""

SYNTHETIC = "AI-generated voice"
"""How the comment of every synthetic voice begins."""
STUDIO = "Animation AI Studio"
TAGS = ("title", "artist", "comment", "copyright", "date", "genre", "software")
"""What a WAV file's INFO list can say through libsndfile (Microsoft's RIFF specification: INAM, IART, ICMT, ...)."""
_TAG_LIMIT = 500
_SIGNS = re.compile(r"[\x00-\x1f\x7f;=]+")
_LIBRARY = re.compile(r" \(libsndfile-[^)]*\)$")


@dataclass(frozen=True)
class VoiceOrigin:
    """What a file says of the synthetic voice in it."""

    engine: str
    character: str = ""
    consent: str = ""
    """Id of the consent that the voice was cloned under; '' for a voice that belongs to nobody."""


def voice_tags(engine: str, character: str = "", consent: str = "") -> dict[str, str]:
    """The tags of a synthetic voice: 'AI-generated voice; engine=...; character=...; consent=...'.

    The same text goes into the comment of films (`comment`), so that it outlives the WAV file.
    """
    parts = (("engine", engine), ("character", character), ("consent", consent))
    said = [f"{name}={_plain(value)}" for name, value in parts if _plain(value)]
    tags = {"comment": "; ".join([SYNTHETIC, *said]), "software": STUDIO}
    return {**tags, "artist": f"{_plain(character)} ({SYNTHETIC})"} if _plain(character) else tags


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate: int, *, tags: Mapping[str, str] = {}) -> None:
    """Write (N,) float samples as 16 bit PCM: a temporary file beside `path`, then a rename.

    Args:
        tags: any of TAGS, written into the file's INFO list; see `voice_tags`.

    Raises StudioError when the disk is full or the folder cannot be written, ValueError for a tag of another name or
    for samples of more than one channel.
    """
    import soundfile

    if np.ndim(samples) != 1:
        raise ValueError(f"write_wav takes one channel, (N,) samples, not an array of shape {np.shape(samples)}")
    if unknown := sorted(set(tags) - set(TAGS)):
        raise ValueError(f"WAV files have no tag '{unknown[0]}'; they have {', '.join(TAGS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".wav", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        with soundfile.SoundFile(draft, "w", int(sample_rate), 1, subtype="PCM_16", format="WAV") as sound:
            for tag in TAGS:  # before the samples: then the list stands in front of them, always in one order
                if text := _one_line(tags.get(tag, "")):
                    setattr(sound, tag, text)
            sound.write(np.clip(samples, -1.0, 1.0))
        draft.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise StudioError(f"The sound {path.name} could not be written", str(error), "Free some disk space") from error


def read_tags(path: Path) -> dict[str, str]:
    """The tags inside a sound file, as they stand there; {} when it has none or cannot be read. They are only data:
    anybody may have written them.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            found = {str(name): str(text) for name, text in sound.copy_metadata().items()}
    except (OSError, soundfile.SoundFileError, UnicodeDecodeError):
        return {}
    return {name: _LIBRARY.sub("", _one_line(text)) for name, text in found.items()}


def read_origin(path: Path) -> VoiceOrigin | None:
    """What the tags say of a synthetic voice; None when they do not say that it is one."""
    return origin_of(read_tags(path).get("comment", ""))


def origin_of(comment: str) -> VoiceOrigin | None:
    """The same, from a comment alone (a film's)."""
    first, *rest = [part.strip() for part in comment.split(";")]
    if first != SYNTHETIC:
        return None
    said = dict(part.partition("=")[::2] for part in rest if "=" in part)
    return VoiceOrigin(said.get("engine", ""), said.get("character", ""), said.get("consent", ""))


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples (N,) mono float32 in -1..1 and the sample rate in Hz.

    Reads WAV, FLAC, OGG and MP3. Raises UsageError when it is no sound file, is empty or is too long.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            if sound.frames > MAX_SECONDS * sound.samplerate:
                raise UsageError(f"{path.name} is too long", f"more than {MAX_SECONDS // 3600} hours", "Cut it first")
            samples = sound.read(dtype="float32", always_2d=True)
            rate = int(sound.samplerate)
    except (OSError, soundfile.SoundFileError) as error:
        raise UsageError(
            f"{path.name} is not a sound file that can be read", fix="Give a WAV, FLAC, OGG or MP3 file"
        ) from error
    if not len(samples):
        raise UsageError(f"{path.name} holds no sound", "it has no samples", "Give a file that plays")
    return np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32), rate


def resample(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """(N,) samples from `rate` to `wanted` Hz with a polyphase filter."""
    from scipy import signal

    if rate == wanted or not len(samples):
        return samples
    shared = gcd(rate, wanted)
    return np.asarray(signal.resample_poly(samples, wanted // shared, rate // shared), dtype=np.float32)


def _plain(text: str) -> str:
    """One value of the comment: without the signs that part the values."""
    return " ".join(_SIGNS.sub(" ", text).split())[:120]


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f]+", " ", text).split())[:_TAG_LIMIT]
