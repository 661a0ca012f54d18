"""Everything that is recorded of a film: the JSON that `analyze_video` writes, with its schema."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from backends.sound.result import ShotSound, Sound, Words
from backends.vision.camera.result import CameraWork
from backends.vision.coherence.result import Coherence
from backends.vision.composition.result import Composition
from backends.vision.cuts.result import ShotSpan, Transition
from backends.vision.part import Part

SCHEMA_VERSION = 1


class FilmFile(Part):
    """The file as it is."""

    name: str
    sha256: str = ""
    seconds: float
    frames: int
    width: int
    height: int
    fps: float
    vfr: bool = False
    video_codec: str = ""
    audio_codec: str = ""
    rotation: int = 0


class Shot(ShotSpan):
    """One shot with what was measured of it; a part that was not asked for, or could not be measured, is None."""

    scene: int = Field(1, description="Index of its scene, from 1.")
    keyframe: float = Field(0.0, description="Seconds of the frame that shows the shot best.")
    motion: float | None = Field(None, description="Mean optical flow, frame widths per second.")
    luma: float | None = Field(None, description="Mean brightness, 0-255.")
    camera: CameraWork | None = None
    composition: Composition | None = None
    coherence: Coherence | None = None
    sound: ShotSound | None = None
    words: tuple[Words, ...] = ()
    text: str = Field("", description="What the shot shows, in words.")
    text_by: str = Field("", description="'measurements', or the vision model that wrote it.")


class Scene(Part):
    """Shots that belong together by look and sound."""

    index: int
    first_shot: int
    shots: int
    start: float
    end: float


class Curves(Part):
    """Measures along time, thinned to at most 6000 samples each."""

    seconds: tuple[float, ...] = ()
    motion: tuple[float, ...] = Field((), description="Frame widths per second.")
    luma: tuple[float, ...] = Field((), description="0-255.")


class FilmRecord(Part):
    """What `analyze_video` knows of a film."""

    schema_version: int = SCHEMA_VERSION
    film: FilmFile
    aspects: tuple[str, ...]
    shots: tuple[Shot, ...]
    scenes: tuple[Scene, ...] = ()
    transitions: tuple[Transition, ...] = ()
    sound: Sound | None = None
    curves: Curves = Curves()
    quality: dict[str, Any] = Field(default_factory=dict, description="Black, frozen, brightness, sharpness.")
    liveliest: tuple[float, float] = Field((0.0, 0.0), description="Seconds.")
    warnings: tuple[str, ...] = ()
    not_measured: dict[str, str] = Field(default_factory=dict, description="What, and why.")
    methods: dict[str, str] = Field(default_factory=dict, description="Which test measured what.")
