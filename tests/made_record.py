"""A film's record with every part in it, for tests of what is made of records."""

from __future__ import annotations

from typing import Any

from backends.sound.result import ShotSound, Sound, SoundSegment, Words
from backends.vision.camera.result import CameraSegment, CameraWork
from backends.vision.coherence.result import Coherence, Fault
from backends.vision.composition.result import Colour, Composition
from backends.vision.cuts.result import Transition
from backends.vision.record import Curves, FilmFile, FilmRecord, Scene, Shot

KINDS = ("cut", "dissolve", "fade", "wipe")
DETAILS = {"fade": "through black", "wipe": "left to right", "cut": "", "dissolve": ""}
SHOT_FRAMES, MIX = 48, 12


def made_record(shots: int = 5, *, fps: float = 24.0, name: str = "A film.mp4", vfr: bool = False) -> FilmRecord:
    """Shots of 48 frames each, coming in by cut, dissolve, fade, wipe in turn; two shots make a scene."""
    made = [made_shot(at, fps) for at in range(shots)]
    seconds = shots * SHOT_FRAMES / fps
    film = FilmFile(
        name=name, sha256="ab" * 32, seconds=seconds, frames=shots * SHOT_FRAMES, width=320, height=180, fps=fps,
        vfr=vfr, video_codec="h264", audio_codec="aac",
    )  # fmt: skip
    scenes = [
        Scene(
            index=at // 2 + 1, first_shot=at + 1, shots=min(2, shots - at), start=made[at].start,
            end=made[min(at + 1, shots - 1)].end,
        )
        for at in range(0, shots, 2)
    ]  # fmt: skip
    steps = [at / 10 for at in range(round(seconds * 10))]
    return FilmRecord(
        film=film, aspects=("scenes", "shots", "camera"), shots=tuple(made), scenes=tuple(scenes),
        transitions=tuple(made_transition(at, fps) for at in range(1, shots)),
        sound=Sound(
            seconds=seconds, sample_rate=48_000, channels=2, loudness_lufs=-21.5, loudness_range_lu=6.0, peak_dbfs=-2.0,
            bpm=120.0, bpm_confidence=0.8, beats=tuple(at / 2 for at in range(int(seconds * 2))),
            segments=(
                SoundSegment(start=0, end=seconds / 2, label="speech", confidence=0.9),
                SoundSegment(start=seconds / 2, end=seconds, label="music", confidence=0.7),
            ),
            curve_dbfs=tuple(-30 + (at % 7) for at in range(len(steps))), not_measured={"words": "no recogniser"},
        ),
        curves=Curves(
            seconds=tuple(steps), motion=tuple(0.1 + (at % 5) / 20 for at in range(len(steps))),
            luma=tuple(90.0 + at % 40 for at in range(len(steps))),
        ),
        quality={"black_share": 0.02, "frozen_share": 0.0}, liveliest=(1.0, 3.0),
        warnings=("Two frames are damaged",), not_measured={"identity": "no encoder is installed"},
        methods={"cuts": "AdaptiveDetector", "camera": "optical flow"},
    )  # fmt: skip


def made_shot(at: int, fps: float = 24.0, **more: Any) -> Shot:
    start, end = at * SHOT_FRAMES / fps, (at + 1) * SHOT_FRAMES / fps
    opening = "start" if at == 0 else KINDS[(at - 1) % 4]
    half = MIX // 2 if opening not in ("start", "cut") else 0
    part = CameraSegment(start=start, end=end, move="pan", direction="left", speed=0.05, confidence=0.9)
    facts: dict[str, Any] = {
        "index": at + 1, "start": start, "end": end, "first_frame": at * SHOT_FRAMES, "frames": SHOT_FRAMES,
        "clean_first": at * SHOT_FRAMES + half, "clean_frames": SHOT_FRAMES - half, "opening": opening,
        "scene": at // 2 + 1, "keyframe": (start + end) / 2, "motion": 0.2,
        "camera": CameraWork(**part.model_dump(), shake=0.0003, motion=0.2, segments=(part,)),
        "composition": Composition(
            scale="CU" if at % 2 else "unknown", scale_reason="a face" if at % 2 else "no face was found", luma=80.0,
            contrast=40.0, saturation=0.3,
            colours=(Colour(name="navy", hex="#10204a", share=0.6), Colour(name="sand", hex="#d9bf8c", share=0.2)),
        ),
        "coherence": Coherence(
            warp_mean=2.5, warp_peak_ratio=1.3, luma_flicker=0.4, verdict="faulty" if at == 1 else "coherent",
            faults=(Fault(kind="flicker", strength=1.7, seconds=(start + 0.5, start + 0.75)),) if at == 1 else (),
        ),
        "sound": ShotSound(loudness_lufs=-20.0 - at, label="speech", speech_share=0.8, beats=2),
        "words": (Words(start=start + 0.2, end=end, text=f"Line {at + 1}, said aloud", by="subtitles"),),
        "text": f"Shot {at + 1}: navy and sand, slow pan left.", "text_by": "measurements",
    }  # fmt: skip
    return Shot(**(facts | more))


def made_transition(at: int, fps: float = 24.0) -> Transition:
    """The one into shot `at`, from 0."""
    kind = KINDS[(at - 1) % 4]
    mix = 0 if kind == "cut" else MIX
    first = at * SHOT_FRAMES - mix // 2
    return Transition(
        kind=kind, first_frame=first, frames=mix, start=first / fps, end=(first + mix) / fps, confidence=0.9,
        detail=DETAILS[kind], by="made",
    )  # fmt: skip
