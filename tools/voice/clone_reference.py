"""The reference of a cloned voice: cut from the recording as a mono WAV file, with its words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import MediaLimits, sniff
from backends.media.probe import MediaInfo
from backends.voice.measures.loudness import normalise
from backends.voice.speakers.recogniser import find_recogniser
from backends.voice.speakers.sample import RATE, Heard, Stretch, candidates
from backends.voice.texts.language import detect_language
from backends.voice.wav import STUDIO, read_wav, voice_tags, write_wav
from configs.errors import StudioError
from configs.voice_training import Cloning
from memory.records import Asset
from tools.spec import ToolContext
from tools.voice.consent import Consent
from tools.voice.who_speaks import who_speaks

LUFS, PEAK_DBFS = -20.0, -1.0
MOST_RATE, LEAST_RATE = 48_000, 16_000
ANOTHER_S = 1.5
"""Speech of another voice from which it counts."""
WHOLE_S = 1.0
"""A stretch that leaves out less speech than this holds all that is said."""
WITHOUT_WORDS = (
    "The words of the recording are not known, so the copy will be less exact: say what is said in it ('text')."
)


def cut(path: Path, info: MediaInfo, stretch: Stretch, file: Path, ctx: ToolContext) -> None:
    """Write the stretch as mono PCM at the file's own rate (16 to 48 kHz)."""
    rate = min(max(info.sample_rate or RATE, LEAST_RATE), MOST_RATE)
    found = sniff(path, MediaLimits.of(ctx.settings.uploads))
    source = input_args(path, found, stretch.start, stretch.seconds)
    form = [
        "-map",
        "0:a:0",
        "-vn",
        "-ac",
        "1",
        "-ar",
        str(rate),
        "-c:a",
        "pcm_s16le",
        "-f",
        "wav",
        "-map_metadata",
        "-1",
    ]
    run_ffmpeg([*source, *form, str(file)], cancel=ctx.cancel.check)


def write_reference(
    ctx: ToolContext, path: Path, info: MediaInfo, stretch: Stretch, name: str, consent: Consent
) -> Path:
    """The reference as a scratch file: brought to LUFS, with what it is written inside."""
    raw, file = ctx.scratch(".wav"), ctx.scratch(".wav")
    cut(path, info, stretch, raw, ctx)
    samples, rate = read_wav(raw)
    if consent.basis == "synthetic_voice":
        tags = voice_tags("synthetic source", name, consent.id)
    else:
        tags = {"comment": f"Recording of a real voice, for {name}; consent {consent.id}", "software": STUDIO}
    write_wav(file, normalise(samples, rate, LUFS, PEAK_DBFS), rate, tags=tags)
    return file


def held_out_stretch(
    ctx: ToolContext,
    path: Path,
    info: MediaInfo,
    heard: Heard,
    stretch: Stretch,
    rules: Cloning,
    others: Sequence[tuple[float, float]] = (),
) -> list[str]:
    """Another part of the same recording, to set a cloned line against: a path in the workspace; [] without one."""
    spans = [
        (start, end)
        for start, end in heard.spans
        if (end <= stretch.start + 0.1 or start >= stretch.end - 0.1)
        and not any(one < end and start < other for one, other in others)
    ]
    found = candidates(heard.mono, spans, rules, min(2.0, rules.shortest_s))
    if not found:
        return []
    start, end = max(found, key=lambda span: (min(span[1] - span[0], rules.wanted_s), -span[0]))
    mark = hashlib.sha256(f"{path.name}|{start:.3f}|{end:.3f}".encode()).hexdigest()[:16]
    file = ctx.workspace.cache / "voices" / f"{mark}.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    raw = ctx.scratch(".wav")
    cut(path, info, Stretch(start, end, 0.0, 0.0), raw, ctx)
    raw.replace(file)
    return [file.relative_to(ctx.workspace.home).as_posix()]


def other_voices(ctx: ToolContext, asset: Asset, info: MediaInfo, heard: Heard) -> tuple[tuple[float, float], ...]:
    """(start, end) seconds that others than the most talkative speak. The user is told: another may be meant."""
    if heard.track is None:
        return ()
    main, *rest = who_speaks(asset, ctx.path(asset), info, ctx, track=heard.track).voices or (None,)
    rest = [voice for voice in rest if voice.seconds >= ANOTHER_S]
    if main is None or not rest:
        return ()
    told = ", ".join(f"{voice.name} {voice.seconds:.0f} s from {voice.spans[0][0]:.0f} s on" for voice in rest)
    ctx.warn(
        f"More than one voice is heard in '{asset.name}': the one who speaks most ({main.seconds:.0f} s) was taken. "
        f"Left out: {told}. Was another meant, cut the recording to that voice."
    )
    return tuple(span for voice in rest for span in voice.spans)


def words_of(
    ctx: ToolContext, file: Path, given: str, language: str, heard: Heard, stretch: Stretch
) -> tuple[str, str]:
    """(what is said in the stretch, its language): as given, written down by the recogniser, or ('', language)."""
    text = " ".join(given.split())
    if text and _is_whole(heard, stretch):
        return text, language or detect_language(text, default=ctx.settings.voice.language)
    if text:
        language = language or detect_language(text, default=ctx.settings.voice.language)
        if part := _words_inside(ctx, text, language, heard, stretch):
            return part, language
    recogniser, _ = find_recogniser(ctx.settings)  # 'studio doctor' tells why there is none
    if recogniser is None:
        ctx.warn(WITHOUT_WORDS)
        return "", language
    try:
        lines = recogniser.write_down(file, language, cancel=ctx.cancel.check)
    except StudioError as error:
        ctx.warn(f"{WITHOUT_WORDS} ({error.sentence})")
        return "", language
    found = " ".join(line.text for line in lines)
    if not found:
        ctx.warn(WITHOUT_WORDS)
        return "", language
    ctx.warn(f"The recogniser wrote down: '{found[:200]}'. Say it with 'text' if that is wrong.")
    return found, language or detect_language(found, default=ctx.settings.voice.language)


def _is_whole(heard: Heard, stretch: Stretch) -> bool:
    outside = sum(
        max(0.0, min(end, stretch.start) - start) + max(0.0, end - max(start, stretch.end))
        for start, end in heard.spans
    )
    return not heard.stopped and outside < WHOLE_S


def _words_inside(ctx: ToolContext, text: str, language: str, heard: Heard, stretch: Stretch) -> str:
    """Of the words of the whole recording those that are said in the stretch; '' when that cannot be told."""
    from backends.voice.alignment.align import LETTERS_PER_SECOND, align

    try:
        found = align(heard.mono, RATE, text, language, on_progress=lambda done, total: ctx.cancel.check())
    except StudioError as error:
        ctx.warn(f"Which of the words are said in the chosen part could not be told: {error.sentence}")
        return ""
    slow, fast = LETTERS_PER_SECOND
    if not slow <= (pace := found.letters_per_second) <= fast:
        ctx.warn(f"The given words were left out: at {pace:.0f} letters a second they cannot be what is said.")
        return ""
    if not found.fits:
        ctx.warn("Whether the given words are what is said could not be made sure; they are kept as given.")
    return " ".join(word for start, end, word in found.words if stretch.start < (start + end) / 2 < stretch.end)
