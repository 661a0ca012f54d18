"""build_voice_dataset: clips of one character's voice from films and sounds, judged, with a report to listen to."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, field_validator

from backends.media.subtitles import plain_line
from backends.voice.speakers.likeness import SpeakerEncoder, centroid, find_encoder
from configs.errors import UsageError
from configs.voice_dataset import VoiceDatasetTable, voice_dataset_table
from memory.records import Score
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.dataset.build import Built, Source, Wish, build
from tools.voice.dataset.manifest import Manifest, write_dataset
from tools.voice.dataset.words_fit import misfit

if TYPE_CHECKING:
    from memory.records import Asset, Entry

_TIMES_REAL_TIME = 20.0
_CACHES_KEPT = 24


class BuildVoiceDataset(Tool):
    name = "build_voice_dataset"
    description = (
        "Build a voice dataset of one character from films or recordings: finds who speaks when, picks the character's "
        "speech, cuts it into clips of 3 to 10 s, checks each and writes a GPT-SoVITS list and a report to listen to. "
        "Use it before train_voice."
    )
    makes = "dataset"
    time_limit_s = 6 * 3600.0
    retried = False

    class Args(ToolArgs):
        source: str | list[str] = Field(
            description="The film or sound, a list of them, or a folder of the workspace: asset ids, attached files' "
            "names or paths."
        )
        character: str = Field("", description="Whose voice is wanted; '' = the most talkative.")
        language: str = Field("", description="Language that is spoken, such as en or it; '' = the character's own.")
        speakers: int = Field(0, ge=0, le=40, description="How many people speak in it; 0 = find out.")
        reference: str = Field("", description="A clip in which only the wanted person speaks: tells them apart.")
        subtitles: str = Field(
            "",
            description="Subtitles of the source, or a .list or .csv of several sounds' words; '' = those that belong.",
        )
        rights: str = Field("", max_length=500, description="What is known of the rights to the recordings.")

        @field_validator("source")
        @classmethod
        def _some(cls, value: str | list[str]) -> str | list[str]:
            named = [value] if isinstance(value, str) else value
            if not named or not all(name.strip() for name in named):
                raise ValueError("name a film, a sound or a folder")
            return value

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        named = [args.source] if isinstance(args.source, str) else args.source
        seconds = 0.0
        for name in named:
            try:
                asset = studio.memory.find_asset(name, ("audio", "video"))
            except UsageError:
                seconds += 60.0
                continue
            known = asset.params.get("duration") or asset.params.get("seconds")
            seconds += float(known) if isinstance(known, (int, float)) else asset.bytes / 100_000
        return Forecast(seconds=1.0 + seconds / _TIMES_REAL_TIME, disk_mib=1.0 + seconds * 0.1)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        from tools.voice.dataset.report import write_report
        from tools.voice.dataset.sources import find_sources
        from tools.voice.dataset.transcripts import check_words

        table = voice_dataset_table()
        encoder, note = find_encoder(ctx.settings)
        if encoder is None:
            raise UsageError("Voices cannot be told apart", note, "Install resemblyzer, or set voice.speaker_encoder")
        if note:
            ctx.warn(f"{note[:1].upper()}{note[1:]}.")
        entry = ctx.memory.resolve_character(args.character) if args.character.strip() else None
        character = (entry.name if entry else plain_line(args.character))[:80]
        language = (args.language or _own_language(entry)).strip().lower()[:8]
        named = [args.source] if isinstance(args.source, str) else args.source
        sources, music = find_sources(named, args.subtitles, language, ctx)
        reference, told = _reference(args.reference, entry, encoder, ctx)
        clips = ctx.scratch("")
        clips.unlink(missing_ok=True)
        cleanliness, mos = _cleanliness()
        cache = ctx.workspace.cache / "voice_dataset" / _plain(encoder.name)
        built = build(
            sources,
            Wish(character, args.speakers or None, reference, told),
            encoder,
            table,
            clips,
            cache=cache,
            pyannote=_pyannote(ctx),
            cleanliness=cleanliness,
            cancel=ctx.cancel.check,
            tell=ctx.progress,
        )
        built, words_by = check_words(built, sources, language, table, ctx)
        built = replace(built, methods={**built.methods, "music": music, "text": words_by, "cleanliness": mos})
        for warning in built.warnings:
            ctx.warn(warning)
        doubts = [
            f"The subtitles of '{source.name}' do not fit its sound: {why}. Mend their times and build again"
            for source, track in zip(sources, built.tracks, strict=True)
            if not source.labelled and (why := misfit(source.words, track.spans, track.seconds))
        ]
        for doubt in doubts:
            ctx.warn(f"{doubt}.")
        manifest, text = _manifest(built, sources, character, language, args.rights, entry, table)
        if not manifest.clips:
            raise _none_kept(built, character, doubts)
        file, page = ctx.scratch(".zip"), ctx.scratch(".html")
        ctx.progress(0.99, 1, "writing the dataset and its report")
        write_dataset(manifest, clips, file)
        write_report(page, manifest, built, sources, text)
        shutil.rmtree(clips, ignore_errors=True)
        return _saved(file, page, manifest, built, sources, encoder, ctx, cache)


def _saved(
    file: Path,
    page: Path,
    manifest: Manifest,
    built: Built,
    sources: list[Source],
    encoder: SpeakerEncoder,
    ctx: ToolContext,
    cache: Path,
) -> ToolResult:
    who = manifest.character or "the most talkative voice"
    parents = tuple(source.asset for source in sources)
    summary = _summary(manifest, built, who)
    dataset = ctx.save(
        file,
        "dataset",
        f"Voice of {who}.zip",
        engine=built.who[0].method,
        params={"character": manifest.character, "language": manifest.language, "ready": manifest.ready,
                "clips": len(manifest.clips), "seconds": manifest.totals.kept_seconds, "chosen_by": manifest.chosen_by},
        parents=parents,
        scores=_scores(manifest, built, encoder),
        summary=summary,
    )  # fmt: skip
    report = ctx.save(page, "report", f"Voice dataset of {who}.html", parents=(dataset.id, *parents), summary=summary)
    _tidy(cache)
    return ToolResult(
        summary=summary,
        assets=(dataset, report),
        measurements={
            "clips": len(manifest.clips),
            "kept_seconds": manifest.totals.kept_seconds,
            "character_seconds": manifest.totals.character_seconds,
            "speakers": manifest.totals.speakers,
            "rejected": len(manifest.rejects),
        },
        warnings=(),
        data={"ready": manifest.ready, "not_ready": manifest.not_ready, "totals": manifest.totals.model_dump()},
    )


def _reference(
    named: str, entry: Entry | None, encoder: SpeakerEncoder, ctx: ToolContext
) -> tuple[np.ndarray | None, str]:
    """The vector of the reference clip, or of the character's stored references; None without either."""
    from backends.voice.speakers.track import track_voices

    if named.strip():
        asset = ctx.asset(named, "audio", "video")
        track = track_voices(ctx.path(asset), encoder, cancel=ctx.cancel.check)
        if not len(track.vectors):
            raise UsageError(f"Nobody speaks in the reference '{asset.name}'", fix="Give a clip with the voice alone")
        return centroid(np.asarray(track.vectors * track.lengths[:, None], np.float32)), f"the reference '{asset.name}'"
    vectors: list[np.ndarray] = []
    for asset in _stored(entry, ctx):
        try:
            track = track_voices(ctx.path(asset), encoder, cancel=ctx.cancel.check)
        except UsageError as error:
            ctx.warn(f"A stored reference was passed over: {error.sentence}")
            continue
        vectors += [centroid(track.vectors)] if len(track.vectors) else []
    if not vectors or entry is None:
        return None, ""
    return centroid(np.stack(vectors)), f"{entry.name}'s stored references"


def _stored(entry: Entry | None, ctx: ToolContext) -> list[Asset]:
    source = entry.data.get("voice_source") if entry is not None else None
    kept = source.get("references") if isinstance(source, dict) else None
    found = []
    for one in kept.values() if isinstance(kept, dict) else ():
        asset = ctx.memory.get_asset(str(one.get("asset", ""))) if isinstance(one, dict) else None
        found += [asset] if asset is not None and not asset.hidden else []
    return found


def _manifest(
    built: Built,
    sources: list[Source],
    character: str,
    language: str,
    rights: str,
    entry: Entry | None,
    table: VoiceDatasetTable,
) -> tuple[Manifest, dict[int, str]]:
    from tools.voice.consent import consent_line, consent_of
    from tools.voice.dataset.rows import make_manifest

    found = consent_of(entry.data) if entry is not None else None
    consent = {"id": found.id, "line": consent_line(entry.data)} if found is not None and entry is not None else {}
    return make_manifest(built, sources, character, language, rights, consent, table)


def _scores(manifest: Manifest, built: Built, encoder: SpeakerEncoder) -> tuple[Score, ...]:
    likeness = [c.figures.similarity for c in manifest.clips if c.figures.similarity is not None]
    snr = [c.figures.snr_db for c in manifest.clips if c.figures.snr_db is not None]
    cers = [c.figures.cer for c in manifest.clips if c.figures.cer is not None]
    lowest = min(likeness) if likeness else None
    return (
        Score("voice_purity", lowest, "measured" if likeness else "not measured", f"lowest cosine, {encoder.name}",
              built.limits.clip_p5, None if lowest is None else lowest >= built.limits.clip_p5),
        Score("snr_db", float(np.median(snr)) if snr else None, "measured" if snr else "not measured", "median"),
        Score("transcript_cer", float(np.median(cers)) if cers else None, "measured" if cers else "not measured",
              built.methods["text"]),
    )  # fmt: skip


def _summary(manifest: Manifest, built: Built, who: str) -> str:
    totals = manifest.totals
    reasons = Counter(reason for one in built.judged for reason, _ in one.reasons)
    left = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
    parts = [
        f"Voice dataset of {who}: {len(manifest.clips)} clips, {totals.kept_seconds:.0f} s of "
        f"{totals.character_seconds:.0f} s spoken by {who} in {totals.source_seconds:.0f} s; {totals.speakers} voices "
        f"told apart ({built.who[0].method}), {who} by {manifest.chosen_by}.",
        f"Left out: {left}." if left else "Nothing was left out.",
        "Ready to train." if manifest.ready else f"Not ready to train: {manifest.not_ready}",
    ]
    return " ".join(parts).encode()[:SUMMARY_LIMIT].decode(errors="ignore")


def _none_kept(built: Built, character: str, doubts: list[str]) -> UsageError:
    reasons = Counter(reason for one in built.judged for reason, _ in one.reasons)
    count, seconds = len(built.judged), sum(one.piece.seconds for one in built.judged)
    told = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(4)) or "there is no speech of it"
    return UsageError(
        f"No clip of {character or 'this voice'} can be used",
        f"of {count} pieces ({seconds:.1f} s) {told}",
        doubts[0] if doubts else "Give longer or cleaner recordings: clips of 3 to 10 s without other sound",
    )


def _pyannote(ctx: ToolContext) -> Path | None:
    from backends.voice.speakers.diarise_pyannote import find_pyannote

    folder, why = find_pyannote(ctx.settings)
    if folder is None:
        ctx.warn(f"Speakers are told apart by clustering of speaker vectors, since {why}.")
    return folder


def _cleanliness() -> tuple[Any, str]:
    """What measures DNSMOS OVRL of a file here, and its name."""
    from tools.voice.dataset.cleanliness import find_cleanliness

    return find_cleanliness()


def _own_language(entry: Entry | None) -> str:
    voice = entry.data.get("voice") if entry is not None else None
    return str(voice.get("language") or "") if isinstance(voice, dict) else ""


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)[:60]


def _tidy(cache: Path) -> None:
    """The oldest caches go: each is small, but films are many."""
    folders = (
        sorted((f for f in cache.iterdir() if f.is_dir()), key=lambda f: -f.stat().st_mtime) if cache.is_dir() else []
    )
    for folder in folders[_CACHES_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
