"""Which encoder a render uses, and its settings: the same for every piece, so that pieces join without loss."""

from __future__ import annotations

from fractions import Fraction

from backends.media.ffmpeg import encode_args, hardware_encoder
from tools.editing.presets import EncodePreset, editing_presets

SOFTWARE = "libx264"
QUALITY = {
    "h264_nvenc": ["-preset", "p4", "-rc", "vbr", "-cq", "{crf}", "-b:v", "0"],
    "h264_qsv": ["-preset", "faster", "-global_quality", "{crf}"],
    "h264_videotoolbox": ["-q:v", "65", "-allow_sw", "0"],
}
"""Options of each hardware encoder at about x264's quality; a constant quality, never a rate."""
THREADS = ["-threads:v", "1"]
"""Pieces are encoded side by side: threads inside of one would only hold more frames in memory."""


def chosen_encoder() -> str:
    """'libx264', or the hardware encoder that works here where `configs/editing.yaml` says 'auto'."""
    return (hardware_encoder() if editing_presets().encode.encoder == "auto" else "") or SOFTWARE


def encoder_args(name: str, profile: EncodePreset, fps: Fraction) -> list[str]:
    """Arguments that encode a piece's picture; colours tagged as BT.709, the rate exact, no sound."""
    args = encode_args(profile.crf, profile.preset, float(fps))
    if name != SOFTWARE:
        options = [option.format(crf=profile.crf) for option in QUALITY[name]]
        end = args.index("-profile:v")
        args = ["-c:v", name, *options, *args[end:]]
    return [*args, *(THREADS if name == SOFTWARE else []), "-an", *timing(fps)]


def timing(fps: Fraction) -> list[str]:
    """The exact rate (encode_args has it as a decimal), and a clock on which every frame is a whole number of ticks."""
    return ["-r", f"{fps.numerator}/{fps.denominator}", "-video_track_timescale", str(ticks(fps))]


def ticks(fps: Fraction) -> int:
    """Ticks of a second, a multiple of the rate."""
    return fps.numerator * max(1, -(-10_000 // fps.numerator))
