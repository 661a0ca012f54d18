"""The manifest of what was built: clips, rejects with reasons, totals, and whether it can be trained on."""

from __future__ import annotations

from collections.abc import Sequence

from backends.voice.texts.language import detect_language
from configs.voice_dataset import VoiceDatasetTable
from tools.voice.dataset.build import Built, Source
from tools.voice.dataset.cutting import Scene
from tools.voice.dataset.manifest import Clip, Manifest, Reject, Totals, list_text

_NO_ITALIAN = "GPT-SoVITS has no Italian: its training would pass over every line of this list"


def make_manifest(
    built: Built,
    sources: Sequence[Source],
    character: str,
    language: str,
    rights: str,
    consent: dict[str, str],
    table: VoiceDatasetTable,
) -> tuple[Manifest, dict[int, str]]:
    """The manifest, and the text of every piece by its index in `built.judged`."""
    text = {index: list_text(one.piece.text) for index, one in enumerate(built.judged)}
    spoken = " ".join(text[index] for index, one in enumerate(built.judged) if one.kept)
    language = language or (detect_language(spoken) if spoken else "")
    clips: list[Clip] = []
    rejects: list[Reject] = []
    for index, one in enumerate(built.judged):
        source, cut = sources[one.source], built.cuts.get(index)
        if one.kept and cut is not None:
            clips.append(
                Clip(
                    file=f"clips/{cut.file.name}", seconds=round(cut.seconds, 3), sample_rate=cut.sample_rate,
                    text=text[index], text_by=one.piece.text_by if text[index] else "", language=language,
                    source=source.asset, source_name=source.name, start=round(one.piece.start, 3), figures=one.figures,
                )
            )  # fmt: skip
        else:
            rejects.append(
                Reject(
                    source=source.asset, source_name=source.name, start=round(one.piece.start, 3),
                    end=round(one.piece.end, 3), reasons=tuple(reason for reason, _ in one.reasons),
                    note="; ".join(note for _, note in one.reasons), text=text[index], figures=one.figures,
                )
            )  # fmt: skip
    totals = _totals(built, clips)
    why = _not_ready(clips, totals, language, table)
    manifest = Manifest(
        character=character, language=language, clips=tuple(clips), rejects=tuple(rejects), totals=totals,
        ready=not why, not_ready=why, methods=built.methods, limits=_limits(built, table),
        chosen_by=built.chosen.by, rights=" ".join(rights.split()), consent=consent, warnings=built.warnings,
    )  # fmt: skip
    return manifest, text


def _totals(built: Built, clips: Sequence[Clip]) -> Totals:
    speech = sum(end - start for track in built.tracks for start, end in track.spans)
    scenes = [Scene(track, who, built.chosen.speaker) for track, who in zip(built.tracks, built.who, strict=True)]
    own = sum(end - start for scene in scenes for start, end in scene.mine())
    return Totals(
        source_seconds=round(sum(track.seconds for track in built.tracks), 1),
        speech_seconds=round(speech, 1),
        character_seconds=round(own, 1),
        kept_seconds=round(sum(clip.seconds for clip in clips), 1),
        speakers=len(built.who[0].centroids),
    )


def _not_ready(clips: Sequence[Clip], totals: Totals, language: str, table: VoiceDatasetTable) -> str:
    """One sentence, '' when nothing stands in the way."""
    reasons: list[str] = []
    without = sum(not clip.text for clip in clips)
    if without:
        reasons.append(
            f"{without} of {len(clips)} clips have no transcript (give subtitles, or install faster-whisper's weights)"
        )
    if totals.kept_seconds < table.clips.enough_s:
        reasons.append(
            f"{totals.kept_seconds:.0f} s are kept and {table.clips.enough_s:.0f} s are the least to train on"
        )
    if language == "it":
        reasons.append(_NO_ITALIAN)
    return f"{'; '.join(reasons)}." if reasons else ""


def _limits(built: Built, table: VoiceDatasetTable) -> dict[str, float]:
    gates = table.gates
    return {
        "shortest_s": table.clips.shortest_s, "longest_s": table.clips.longest_s, "snr_db": gates.snr_db,
        "dnsmos_overall": gates.dnsmos_overall, "clipped_share": gates.clipped_share, "overlap_s": gates.overlap_s,
        "cer": gates.cer, "similarity": round(built.limits.clip_p5, 3),
    }  # fmt: skip
