"""analyze_audio: how loud a sound is, what is heard when, its tempo, and what could be mended or cut."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from configs.errors import UsageError
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from pathlib import Path

    from backends.media.probe import MediaInfo
    from backends.sound.result import Sound
    from memory.records import Asset
    from tools.voice.who_speaks import Speaking

NOTHING_HEARD = "Words, speakers, language and emotion are not recognised here"


class AnalyzeAudio(Tool):
    name = "analyze_audio"
    description = (
        "Measure a sound file or a film's sound: loudness (LUFS), peaks, clipping, noise, where speech, music, "
        "other sounds and silence are, tempo and beats, pauses to cut, and who speaks when. Makes a report and a "
        "picture of the track."
    )
    effect = "create"
    makes = "report"

    class Args(ToolArgs):
        audio: str = Field(
            description="The sound, or a film with sound: an asset id, an attached file's name, or a path in the "
            "workspace."
        )
        speakers: bool = Field(False, description="True: also who speaks when, told apart by their voices.")

    def forecast(self, args: Args, studio: Studio) -> Forecast:
        seconds = _seconds(args.audio, studio)
        told_apart = 2.0 + 0.1 * seconds if args.speakers else 0.0
        return Forecast(seconds=round(0.3 + 0.01 * seconds + told_apart, 1), disk_mib=0.5)

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        from backends.media.images import save_png
        from backends.media.probe import probe
        from backends.sound.meter import SoundMeter
        from backends.vision.watch import listen
        from tools.analysis.sound_picture import draw_sound

        asset = ctx.asset(args.audio, "audio", "video")
        path = ctx.path(asset)
        info, meter = probe(path), SoundMeter()
        if not info.has_audio:
            raise UsageError(f"'{asset.name}' has no sound", "there is no sound track in it", "Name another file")
        heard = listen(
            path,
            [meter],
            info=info,
            cancel=ctx.cancel.check,
            on_progress=lambda at: ctx.progress(min(at, info.seconds), info.seconds, f"listening to {asset.name}"),
        )
        sound = meter.report()
        ctx.cancel.check()
        summary = summary_of(asset.name, sound, info)
        facts = facts_of(sound, info)
        speaking = _speaking(asset, path, info, ctx) if args.speakers else None
        if speaking is not None:
            facts["speakers"], facts["overlaps"] = speaking.to_data(), [list(span) for span in speaking.overlaps]
            facts["methods"]["speakers"] = speaking.method
            summary = _fitting([speaking.text, summary])
        report_file, picture_file = ctx.scratch(".json"), ctx.scratch(".png")
        text = json.dumps({"audio": asset.id, "name": asset.name, **facts}, ensure_ascii=False, indent=1)
        report_file.write_text(text, encoding="utf-8")
        picture = draw_sound(sound, asset.name, _figures_line(sound, info))
        save_png(picture_file, picture, {"Title": f"Sound of {asset.name}", "Source": asset.id})
        report = ctx.save(
            report_file, "report", f"Sound report on {asset.name}.json", parents=(asset.id,), summary=summary
        )
        sheet = ctx.save(
            picture_file,
            "image",
            f"Picture of the sound of {asset.name}",
            params={"sheet": True},
            parents=(asset.id,),
            summary=summary,
        )
        return ToolResult(
            summary=summary,
            assets=(report, sheet),
            measurements={**_measurements(sound), **({"speakers": len(speaking.voices)} if speaking else {})},
            warnings=(*heard.warnings, *(speaking.notes if speaking else ()), *_warnings(sound, speaking)),
            data=facts,
        )


def facts_of(sound: Sound, info: MediaInfo) -> dict[str, Any]:
    """The report's content, JSON-ready."""
    from tools.analysis.sound_words import pauses

    return {
        "codec": info.audio_codec,
        "sound": sound.model_dump(mode="json"),
        "pauses": [[part.start, part.end] for part in pauses(sound)],
        "methods": {
            "loudness_lufs": "ITU-R BS.1770-4 of the stereo mix",
            "loudness_range_lu": "EBU Tech 3342 of the stereo mix",
            "peak_dbfs": "highest sample as stored, no oversampling",
            "segments": "modulation, pitch, standing partials, onsets and pulse; a linear model fitted to made sound",
            "beats": "onset strength, comb of its autocorrelation, dynamic programming (Ellis 2007)",
        },
        "units": {"times": "seconds", "levels": "dBFS", "loudness": "LUFS, LU", "bpm": "beats per minute"},
    }


def summary_of(name: str, sound: Sound, info: MediaInfo) -> str:
    """Facts in at most 1 KB, the most asked for first."""
    from tools.analysis import sound_words as words

    parts = [f"{name}: {_figures_line(sound, info)}."]
    if sound.peak_dbfs is None:
        parts.append("It is silent throughout." if sound.seconds else "It holds no sound.")
    else:
        parts += [
            words.clean_words(sound),
            words.level_words(sound),
            words.content_words(sound),
            words.tempo_words(sound),
            words.pause_words(sound),
            words.target_words(sound),
        ]
    return _fitting([part for part in parts if part])


def _speaking(asset: Asset, path: Path, info: MediaInfo, ctx: ToolContext) -> Speaking:
    from tools.voice.who_speaks import who_speaks

    whole = max(info.seconds, 0.1)
    return who_speaks(
        asset,
        path,
        info,
        ctx,
        lambda at: ctx.progress(min(at, whole), whole, f"telling the voices of {asset.name} apart"),
    )


def _fitting(parts: list[str]) -> str:
    """As many of the sentences as fit."""
    while len(" ".join(parts).encode()) > SUMMARY_LIMIT:
        if len(parts) == 1:
            return parts[0].encode()[:SUMMARY_LIMIT].decode(errors="ignore")
        parts.pop()
    return " ".join(parts)


def _figures_line(sound: Sound, info: MediaInfo) -> str:
    from tools.analysis.sound_words import clock

    channels = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(sound.channels, f"{sound.channels} channels")
    length = f"{sound.seconds:.2f} s" if sound.seconds < 60 else clock(sound.seconds)
    return ", ".join(part for part in (length, channels, f"{sound.sample_rate:,} Hz", info.audio_codec) if part)


def _measurements(sound: Sound) -> dict[str, Any]:
    shares: dict[str, float] = {}
    for part in sound.segments:
        shares[part.label] = shares.get(part.label, 0.0) + part.end - part.start
    return {
        "seconds": sound.seconds,
        "loudness_lufs": sound.loudness_lufs,
        "loudness_range_lu": sound.loudness_range_lu,
        "peak_dbfs": sound.peak_dbfs,
        "clipped_share": sound.clipped_share,
        "noise_dbfs": sound.noise_dbfs,
        "bpm": sound.bpm,
        "bpm_confidence": sound.bpm_confidence,
        "beats": len(sound.beats),
        **{f"{label}_share": round(share / max(sound.seconds, 1e-9), 4) for label, share in shares.items()},
    }


def _warnings(sound: Sound, speaking: Speaking | None) -> tuple[str, ...]:
    out = []
    if any("speech" in part.label for part in sound.segments):
        if speaking is None:
            out.append(f"{NOTHING_HEARD}; only where somebody speaks is measured")
        elif not speaking.recorded:
            out.append("Speakers are told apart by their voices: turns of less than a second may go to the wrong one")
    if sound.channels > 2 and sound.loudness_lufs is not None:
        out.append("Loudness is that of the stereo mix, not of the surround channels")
    if sound.peak_dbfs is None and sound.seconds:
        out.append("The sound is silent throughout")
    return tuple(out)


def _seconds(audio: str, studio: Studio) -> float:
    """How long the sound is; half a minute for a file that is not known yet."""
    from backends.media.probe import probe
    from configs.errors import StudioError

    try:
        return probe(studio.workspace.inside(studio.memory.find_asset(audio, ("audio", "video")).path)).seconds
    except StudioError:
        return 30.0
