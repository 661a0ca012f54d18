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

    name: str = Field(description="As the user knows it: data, never a path.")
    sha256: str = Field("", description="Of the file's bytes.")
    seconds: float = Field(description="From the first frame to the end of the last.")
    frames: int = Field(description="Frames that were seen.")
    width: int = Field(description="Pixels, as shown.")
    height: int = Field(description="Pixels, as shown.")
    fps: float = Field(description="Mean frames per second.")
    vfr: bool = Field(False, description="Whether frames are unevenly spaced.")
    video_codec: str = ""
    audio_codec: str = Field("", description="'' without sound.")
    rotation: int = Field(0, description="0, 90, 180 or 270: degrees counter-clockwise that players turn the pictures.")


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
    words: tuple[Words, ...] = Field((), description="What is said or shown as text while it lasts.")
    text: str = Field("", description="What the shot shows, in words.")
    text_by: str = Field("", description="'measurements', or the vision model that wrote it.")


class Scene(Part):
    """Shots that belong together by look and sound."""

    index: int = Field(description="From 1.")
    first_shot: int = Field(description="Index of its first shot.")
    shots: int = Field(description="How many shots it has.")
    start: float = Field(description="Seconds.")
    end: float = Field(description="Seconds.")


class Curves(Part):
    """Measures along time, thinned to at most 6000 samples each."""

    seconds: tuple[float, ...] = Field((), description="When the samples were taken.")
    motion: tuple[float, ...] = Field((), description="Frame widths per second.")
    luma: tuple[float, ...] = Field((), description="0-255.")


class FilmRecord(Part):
    """What `analyze_video` knows of a film."""

    schema_version: int = Field(SCHEMA_VERSION, description="Goes up when a field changes its meaning or goes away.")
    film: FilmFile
    aspects: tuple[str, ...] = Field(description="What was asked for.")
    shots: tuple[Shot, ...] = Field(description="In order; together they cover the film.")
    scenes: tuple[Scene, ...] = Field((), description="In order; together they cover the shots.")
    transitions: tuple[Transition, ...] = Field(
        (), description="Between shots, and fades at the film's ends, in order."
    )
    sound: Sound | None = Field(None, description="The whole track; null without one or when it was not asked for.")
    curves: Curves = Curves()
    quality: dict[str, Any] = Field(default_factory=dict, description="Black, frozen, brightness, sharpness.")
    liveliest: tuple[float, float] = Field((0.0, 0.0), description="Where most happens: start and end, seconds.")
    warnings: tuple[str, ...] = Field((), description="What was odd about the file, in sentences.")
    not_measured: dict[str, str] = Field(
        default_factory=dict, description="What was asked for and could not be measured, and why."
    )
    methods: dict[str, str] = Field(default_factory=dict, description="Which test measured what.")
