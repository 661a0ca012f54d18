"""What was measured of a shot, in the words of an editor."""

from __future__ import annotations

import re

from backends.sound.result import Hearing, ShotSound
from backends.vision.camera.result import CameraSegment, CameraWork
from backends.vision.camera.words import in_words, move_in_words
from backends.vision.coherence.result import Fault
from backends.vision.composition.result import Composition

DOUBTFUL = 0.5
"""Below this confidence a move is told with a question mark."""
_ACROSS = ("pan", "tilt", "tracking")
SCALES = {
    "ECU": "extreme close-up", "CU": "close-up", "MCU": "medium close-up", "MS": "medium shot",
    "MLS": "medium long shot", "LS": "long shot", "ELS": "extreme long shot", "unknown": "unknown",
}  # fmt: skip
SOUNDS: dict[Hearing, str] = {
    "speech": "speech", "music": "music", "speech+music": "speech and music", "noise": "other sounds",
    "silence": "silence",
}  # fmt: skip
SOME_SPEECH = 0.1
"""Share of a shot from which speech is told beside what is heard most."""
_PATH = re.compile(r"(?<![\w/:.])(?:/[\w.@+~-]+){2,}/?")
FAULTS = {
    "boil": "boiling texture", "wobble": "wobbling shapes", "flicker": "flickering light", "jump": "something jumps",
    "colour_drift": "colours drift", "identity_drift": "a character changes",
}  # fmt: skip


def camera_words(work: CameraWork | None) -> str:
    """'slow pan left', 'pan right, then static camera', 'unknown'; '' when it was not measured."""
    if work is None:
        return ""
    return in_words(work) or "unknown"


def move_words(move: CameraSegment) -> str:
    """One move with how fast it is."""
    return move_in_words(move)


def camera_figures(work: CameraWork | None) -> str:
    """The speed with its unit and how sure it is."""
    if work is None:
        return ""
    if work.move == "unknown":
        return work.reason
    parts = []
    if work.move in _ACROSS:
        parts.append(f"{work.speed:.2f} {'heights' if work.move == 'tilt' else 'widths'}/s")
    elif work.move in ("zoom", "push", "zoom_or_push"):
        parts.append(f"{100 * work.speed:+.0f} %/s")
    elif work.move == "roll":
        parts.append(f"{360 * work.speed:.0f}°/s")
    parts.append(f"{100 * work.confidence:.0f} % sure" + (", doubtful" if work.confidence < DOUBTFUL else ""))
    return ", ".join(parts)


def light_words(look: Composition | None) -> str:
    """'low key, 41 of 255'."""
    return "" if look is None else f"{look.key} key, brightness {look.luma:.0f} of 255"


def fault_words(fault: Fault) -> str:
    return FAULTS.get(fault.kind, fault.kind.replace("_", " "))


def heard_words(sound: ShotSound) -> str:
    """What is heard in a shot; speech that is there beside the label is named too: 'other sounds, some speech'."""
    some = ", some speech" if sound.speech_share >= SOME_SPEECH and "speech" not in sound.label else ""
    return SOUNDS[sound.label] + some


def sound_words(sound: ShotSound | None) -> str:
    """'speech and music, -21.4 LUFS'; '' when it was not measured."""
    if sound is None:
        return ""
    heard = heard_words(sound)
    return heard if sound.loudness_lufs is None else f"{heard}, {sound.loudness_lufs:.1f} LUFS"


def without_folders(text: str) -> str:
    """A reason for an editor's eyes: of a path on this machine only the last name is left."""
    return _PATH.sub(lambda found: found[0].rstrip("/").rpartition("/")[2], text)


def scale_words(look: Composition) -> str:
    """Such as 'medium shot'; '' when it is not known."""
    return SCALES[look.scale] if look.scale != "unknown" else ""
