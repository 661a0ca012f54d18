"""From films and sounds to clips of one voice: the whole way, without the studio around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from backends.sound.result import Words
from backends.voice.speakers.activity import activity_method
from backends.voice.speakers.likeness import SpeakerEncoder
from backends.voice.speakers.track import VoiceTrack, track_voices
from configs.errors import EngineError, UsageError
from configs.voice_dataset import Clustering, VoiceDatasetTable
from tools.voice.dataset.clips import Cut, cut_clips
from tools.voice.dataset.cutting import Scene, cut_pieces
from tools.voice.dataset.judging import Judged, drop_repeated, drop_strangers, judge, judge_sound
from tools.voice.dataset.manifest import plain_name
from tools.voice.dataset.speakers import Chosen, by_lines, by_reference, most_talkative, without_labels
from tools.voice.dataset.who import cluster_all, limits_for, pyannote_all

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.voice.speakers.diarise import Diarisation

_HEARD_REJECTS = 60
"""So many rejected pieces are cut too, for people to listen to."""
_CUT_SHARE = 0.1
"""Of the time, cutting takes against listening."""


@dataclass(frozen=True)
class Source:
    """One film or sound."""

    asset: str
    """Asset id."""
    name: str
    path: Path
    """What is listened to: the file, or its voices without the music."""
    digest: str
    """Of the file, for the cache."""
    info: MediaInfo
    words: tuple[Words, ...] = ()
    labelled: bool = False
    """True: every line of the words begins with a speaker's name."""
    tags: dict[str, str] = field(default_factory=dict)
    """Of clips from it: a synthetic voice stays marked as one."""


@dataclass(frozen=True)
class Wish:
    character: str
    speakers: int | None = None
    reference: np.ndarray | None = None
    """Unit vector of the wanted voice."""
    reference_by: str = ""


@dataclass(frozen=True)
class Built:
    """What was found, judged and cut; `files` lie in the folder that was given."""

    judged: tuple[Judged, ...]
    """In order of source and time; all pieces of the character."""
    cuts: dict[int, Cut]
    """By index into `judged`."""
    tracks: tuple[VoiceTrack, ...]
    who: tuple[Diarisation, ...]
    chosen: Chosen
    limits: Clustering
    methods: dict[str, str]
    warnings: tuple[str, ...]


class Progress:
    """Tells how far the work is and about how long it still takes; checks whether to stop."""

    def __init__(self, tell: Callable[[float, float, str], None], cancel: Callable[[], None], total: float) -> None:
        self._tell, self.cancel, self._total = tell, cancel, max(total, 1.0)
        self._done, self._began, self._told = 0.0, time.monotonic(), 0.0

    def at(self, seconds: float, note: str) -> None:
        """seconds: of the work before this stage's parts, counted in the total's unit."""
        now = time.monotonic()
        if now - self._told < 0.5 and seconds < self._total:
            return
        self._told, self._done = now, seconds
        spent, share = now - self._began, seconds / self._total
        left = f", about {_clock(spent * (1 - share) / share)} left" if share > 0.02 and spent > 2 else ""
        self._tell(min(seconds, self._total), self._total, note + left)


def build(
    sources: Sequence[Source],
    wish: Wish,
    encoder: SpeakerEncoder,
    table: VoiceDatasetTable,
    folder: Path,
    *,
    cache: Path | None = None,
    pyannote: Path | None = None,
    cleanliness: Callable[[Path], float | None] = lambda file: None,
    cancel: Callable[[], None] = lambda: None,
    tell: Callable[[float, float, str], None] = lambda done, total, note: None,
) -> Built:
    """Listen, tell the voices apart, cut and judge. Clips are written into `folder`.

    cache: where finished pieces of the listening are kept. cleanliness: DNSMOS OVRL of a file.
    Raises UsageError when nobody speaks or nobody sounds like the reference, Cancelled through `cancel`.
    """
    length = sum(source.info.seconds for source in sources)
    progress = Progress(tell, cancel, length * (1 + _CUT_SHARE))
    tracks = _listen(sources, encoder, cache, progress)
    if not any(len(track.starts) for track in tracks):
        raise _no_speech(sources, tracks)
    limits, measured = table.clustering(encoder.name)
    limits = limits_for(tracks, limits, measured)
    warnings = [] if measured else [f"The limits for {encoder.name} were worked out from the recording, not measured."]
    who = _who(sources, tracks, limits, wish.speakers, pyannote, cancel, warnings)
    chosen = _chosen(sources, who, wish, limits)
    judged: list[Judged] = []
    for index, (source, track, one) in enumerate(zip(sources, tracks, who, strict=True)):
        scene = Scene(track, one, chosen.speaker)
        words = without_labels(source.words, wish.character, labelled=source.labelled)
        pieces = cut_pieces(scene, table.clips, words, table.gates.overlap_s)
        judged += [judge(index, piece, scene, table, limits) for piece in pieces]
    judged, cuts = _cut(sources, judged, wish, table, folder, progress, length)
    judged = _gated(judged, cuts, table, limits, cleanliness, cancel, any(source.words for source in sources))
    activity, why = activity_method()
    methods = {
        "activity": activity,
        "speakers": who[0].method,
        "encoder": encoder.name,
        "similarity": "cosine to the mean vector of the kept clips, outliers dropped twice",
        "snr_db": "speech over the pauses inside and up to 4 s beside the clip",
    }
    warnings += [f"Speech was told by energy alone: {why}."] if why else []
    warnings += [*chosen.warnings, *(f"{note[:1].upper()}{note[1:]}." for note in who[0].notes)]
    return Built(tuple(judged), cuts, tuple(tracks), tuple(who), chosen, limits, methods, tuple(warnings))


def _listen(
    sources: Sequence[Source], encoder: SpeakerEncoder, cache: Path | None, progress: Progress
) -> list[VoiceTrack]:
    tracks: list[VoiceTrack] = []
    before = 0.0
    for source in sources:
        note = f"listening to {source.name}"
        tracks.append(
            track_voices(
                source.path,
                encoder,
                info=source.info,
                cache=cache / source.digest if cache else None,
                cancel=progress.cancel,
                on_progress=lambda at, b=before, n=note: progress.at(b + at, n),  # type: ignore[misc]
            )
        )
        before += source.info.seconds
    return tracks


def _who(
    sources: Sequence[Source],
    tracks: Sequence[VoiceTrack],
    limits: Clustering,
    speakers: int | None,
    pyannote: Path | None,
    cancel: Callable[[], None],
    warnings: list[str],
) -> list[Diarisation]:
    if pyannote is not None:
        try:
            found = pyannote_all(tracks, [source.path for source in sources], pyannote, limits, speakers, cancel)
            if len(found[0].centroids):
                return found
            warnings.append("pyannote heard nobody, so speakers were told apart by clustering.")
        except EngineError as error:
            warnings.append(f"Speakers were told apart by clustering: {error.sentence}")
    return cluster_all(tracks, limits, speakers)


def _chosen(sources: Sequence[Source], who: Sequence[Diarisation], wish: Wish, limits: Clustering) -> Chosen:
    if wish.reference is not None:
        return by_reference(who[0], wish.reference, limits, wish.reference_by)
    for source, one in zip(sources, who, strict=True):
        if source.words and (found := by_lines(one, source.words, wish.character)):
            return found
    talk = [sum(one.talk_s(speaker) for one in who) for speaker in range(len(who[0].centroids))]
    return most_talkative(talk, wish.character)


def _cut(
    sources: Sequence[Source],
    judged: list[Judged],
    wish: Wish,
    table: VoiceDatasetTable,
    folder: Path,
    progress: Progress,
    length: float,
) -> tuple[list[Judged], dict[int, Cut]]:
    """Write the pieces that may be kept, and some of the others, with what only the file itself tells."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = plain_name(wish.character)
    rejects = [index for index, one in enumerate(judged) if not one.kept and one.piece.seconds <= 20]
    wanted = {index for index, one in enumerate(judged) if one.kept} | set(rejects[:_HEARD_REJECTS])
    cuts: dict[int, Cut] = {}
    made, before = list(judged), 0.0
    for number, source in enumerate(sources):
        mine = [index for index in sorted(wanted) if judged[index].source == number]
        files = [
            folder / f"{stem}_{source.digest[:8]}_{round(1000 * judged[index].piece.start):08d}.wav" for index in mine
        ]
        spans = [(judged[index].piece.start, judged[index].piece.end) for index in mine]
        if spans:
            found = cut_clips(
                source.path,
                spans,
                files,
                table.clips.sample_rate,
                tags=source.tags,
                cancel=progress.cancel,
                on_progress=lambda at, b=before: progress.at(length + _CUT_SHARE * (b + at), "cutting"),  # type: ignore[misc]
            )
            for index, cut in zip(mine, found, strict=True):
                if cut is None:
                    made[index] = made[index].rejected("unreadable", "the sound could not be read there again")
                    continue
                cuts[index] = cut
                made[index] = made[index].measured(
                    clipped_share=round(cut.clipped_share, 5), level_dbfs=round(cut.level_dbfs, 1)
                )
        before += source.info.seconds
    return made, cuts


def _gated(
    judged: list[Judged],
    cuts: dict[int, Cut],
    table: VoiceDatasetTable,
    limits: Clustering,
    cleanliness: Callable[[Path], float | None],
    cancel: Callable[[], None],
    has_words: bool,
) -> list[Judged]:
    made: list[Judged] = []
    for index, one in enumerate(judged):
        cancel()
        found, cut = one, cuts.get(index)
        if one.kept and cut is not None:
            snr = one.figures.snr_db
            # the network takes a tenth of the clip's length: it is asked where the SNR does not settle it
            unclear = (snr is None or snr < table.gates.snr_db) and cut.clipped_share <= table.gates.clipped_share
            found = judge_sound(one, table, cleanliness(cut.file) if unclear else None)
            if found.kept and has_words and not one.piece.text:
                found = found.rejected("no transcript", "no line of the subtitles tells what is said")
        made.append(found)
    made = drop_strangers(made, limits)
    return drop_repeated(made, {index: cut.file for index, cut in cuts.items()})


def _no_speech(sources: Sequence[Source], tracks: Sequence[VoiceTrack]) -> UsageError:
    name = f"'{sources[0].name}'" if len(sources) == 1 else "these files"
    loud = max((float(track.level_db.max()) for track in tracks if len(track.level_db)), default=-100.0)
    why = "the sound is silent throughout" if loud < -60 else "no speech was heard in the sound"
    return UsageError(f"Nobody speaks in {name}", why, "Give a film or a recording in which the character talks")


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
