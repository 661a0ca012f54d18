"""The same cut by MoviePy 2, as its documentation has it."""

from __future__ import annotations

from pathlib import Path

from backends.media.font import font_file
from evals.benchmarks.rendering.material import CLIPS, DISSOLVE, FPS, Job


def composed(folder: Path, job: Job) -> Path:
    """Clips with CrossFadeIn in a CompositeVideoClip, TextClips over it."""
    import moviepy
    from moviepy import afx, vfx

    target = folder / "moviepy.mp4"
    layers = []
    for n in range(CLIPS):
        clip = moviepy.VideoFileClip(str(folder / f"clip{n}.mp4"), audio=False).subclipped(0, job.clip_seconds)
        clip = clip.with_start(n * job.step)
        layers.append(clip.with_effects([vfx.CrossFadeIn(DISSOLVE)]) if n else clip)
    for start, end, text in job.captions():
        words = moviepy.TextClip(
            font=str(font_file("SemiBold")), text=text, font_size=round(job.height * 0.055), color="white",
            stroke_color="black", stroke_width=2,
        )  # fmt: skip
        place = ("center", round(job.height * 0.88))
        layers.append(words.with_start(start).with_duration(end - start).with_position(place))
    sound = moviepy.AudioFileClip(str(folder / "music.wav")).subclipped(0, job.seconds)
    film = moviepy.CompositeVideoClip(layers, size=(job.width, job.height)).with_duration(job.seconds)
    film = film.with_audio(sound.with_effects([afx.AudioFadeOut(1)]))
    crf, preset = job.preset
    film.write_videofile(
        str(target), fps=FPS, codec="libx264", preset=preset, audio_codec="aac", audio_bitrate="192k", logger=None,
        ffmpeg_params=["-crf", str(crf), "-pix_fmt", "yuv420p"], temp_audiofile_path=str(folder),
    )  # fmt: skip
    return target
