"""Which pieces are good enough: gates on length, noise, clipping, overlap, whose voice it is, and the words."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.voice.speakers.likeness import centroid
from backends.voice.wav import read_wav
from configs.voice_dataset import Clustering, VoiceDatasetTable
from tools.voice.dataset.cutting import Piece, Scene, overlap, snr_db
from tools.voice.dataset.manifest import Figures, Reason

_ROUNDS = 2
"""So often the centroid is taken anew and what is far from it dropped (Emilia and its kin do it once; film sound has
more strangers)."""
_LEAST_FOR_CENTROID = 3
_BESIDE_S, _EDGE_S = 0.3, 0.05
"""From a piece's border to another's turn, and by which borders of turns and pieces may differ."""


@dataclass(frozen=True)
class Judged:
    """A piece of one source with what was measured of it and why it cannot be used."""

    source: int
    """Index of the source."""
    piece: Piece
    figures: Figures
    reasons: tuple[tuple[Reason, str], ...] = ()
    """Each with the figure against its limit."""
    vector: NDArray[np.float32] | None = None
    """Unit vector of its voice."""

    @property
    def kept(self) -> bool:
        return not self.reasons

    def rejected(self, reason: Reason, note: str) -> Judged:
        return replace(self, reasons=(*self.reasons, (reason, note)))

    def measured(self, **figures: float | None) -> Judged:
        return replace(self, figures=self.figures.model_copy(update=figures))


def judge(source: int, piece: Piece, scene: Scene, table: VoiceDatasetTable, limits: Clustering) -> Judged:
    """The gates that need no more than the track: length, overlap, whose windows these are. SNR is measured only."""
    vector, margin = _voice_of(piece, scene)
    both = overlap(scene.who.overlaps, piece.start, piece.end)
    figures = Figures(
        snr_db=_rounded(snr_db(scene.track, piece), 1), margin=_rounded(margin, 3), overlap_s=round(both, 2)
    )
    judged = Judged(source, piece, figures, vector=vector)
    clips, gates = table.clips, table.gates
    if piece.seconds < clips.shortest_s:
        judged = judged.rejected("too short", f"{piece.seconds:.2f} s, {clips.shortest_s:g} s are needed")
    if piece.seconds > clips.longest_s + 0.01:
        judged = judged.rejected("too long", f"{piece.seconds:.1f} s without a pause, {clips.longest_s:g} s at most")
    if both > gates.overlap_s:
        judged = judged.rejected("overlap", f"{both:.1f} s in which two voices are heard")
    if vector is None or (margin is not None and margin < 0):
        judged = judged.rejected("other speaker", "a part of it is nearer to another voice")
    elif margin is not None and margin < limits.lead_beside and _beside(piece, scene.others()):
        judged = judged.rejected("other speaker", "somebody else speaks right beside it, and it is not clear of them")
    return judged


def _beside(piece: Piece, others: Sequence[tuple[float, float]]) -> bool:
    """Somebody else's turn ends just before the piece or begins just after it: there people fall into each other's
    words."""
    return any(piece.start - _BESIDE_S < b <= piece.start + _EDGE_S for _, b in others) or any(
        piece.end - _EDGE_S <= a < piece.end + _BESIDE_S for a, _ in others
    )


def judge_sound(judged: Judged, table: VoiceDatasetTable, cleanliness: float | None) -> Judged:
    """The gates on the sound as it came: clipping, level, and noise by SNR or DNSMOS."""
    gates, found = table.gates, judged.measured(dnsmos_overall=_rounded(cleanliness, 2))
    figures = found.figures
    if figures.clipped_share is not None and figures.clipped_share > gates.clipped_share:
        found = found.rejected("clipped", f"{figures.clipped_share:.2%} of it is at full scale")
    if figures.level_dbfs is not None and figures.level_dbfs < gates.quietest_dbfs:
        found = found.rejected("quiet", f"{figures.level_dbfs:.0f} dBFS")
    clean = (figures.snr_db is not None and figures.snr_db >= gates.snr_db) or (
        figures.dnsmos_overall is not None and figures.dnsmos_overall >= gates.dnsmos_overall
    )
    if not clean:
        snr = "no pause near to measure noise in" if figures.snr_db is None else f"SNR {figures.snr_db:.0f} dB"
        mos = "" if figures.dnsmos_overall is None else f", DNSMOS {figures.dnsmos_overall:.1f}"
        found = found.rejected("noisy", f"{snr}{mos}; {gates.snr_db:g} dB or {gates.dnsmos_overall:g} are needed")
    return found


def drop_repeated(judged: list[Judged], files: Mapping[int, Path]) -> list[Judged]:
    """Of the kept pieces that are the same sound to the sample, as two copies of a scene give them, the first stays.

    A clip that is trained on and kept out at once would be compared with itself. files: the clips, by index.
    """
    made, seen = list(judged), dict[bytes, Path]()
    for index, one in enumerate(judged):
        if not one.kept or index not in files:
            continue
        samples, rate = read_wav(files[index])
        mark = hashlib.sha256(rate.to_bytes(4, "big") + samples.tobytes()).digest()
        if mark in seen:
            made[index] = one.rejected("repeated", f"the same sound as {seen[mark].name}")
        else:
            seen[mark] = files[index]
    return made


def drop_strangers(pieces: list[Judged], limits: Clustering) -> list[Judged]:
    """Of the pieces kept so far, those far from their common centroid are rejected, twice."""
    made = list(pieces)
    for _ in range(_ROUNDS):
        kept = [one for one in made if one.kept and one.vector is not None]
        if len(kept) < _LEAST_FOR_CENTROID:
            break
        centre = centroid(np.stack([one.vector for one in kept if one.vector is not None]))
        made = [_against(one, centre, limits.clip_p5) for one in made]
    return made


def _against(one: Judged, centre: NDArray[np.float32], limit: float) -> Judged:
    if one.vector is None:
        return one
    likeness = float(one.vector @ centre)
    found = one.measured(similarity=round(likeness, 3))
    if one.kept and likeness < limit:
        found = found.rejected("unlike the others", f"cosine {likeness:.2f} to the common voice, {limit:.2f} is needed")
    return found


def _voice_of(piece: Piece, scene: Scene) -> tuple[NDArray[np.float32] | None, float | None]:
    """The mean of the windows inside the piece, and their least lead over any other speaker."""
    track, centroids = scene.track, scene.who.centroids
    inside = (track.starts >= piece.start - 0.05) & (track.starts + track.lengths <= piece.end + 0.05)
    if not inside.any():
        return None, None
    vectors, weights = track.vectors[inside], track.lengths[inside]
    vector = centroid(np.asarray(vectors * weights[:, None], np.float32))
    if len(centroids) < 2:
        return vector, None
    scores = vectors @ centroids.T
    rest = np.delete(scores, scene.speaker, axis=1).max(axis=1)
    return vector, float((scores[:, scene.speaker] - rest).min())


def cer(said: str, heard: str) -> float:
    """Character error rate: edits per letter of `said`, without case, accents, spaces and punctuation."""
    from rapidfuzz.distance import Levenshtein

    wanted, found = _letters(said), _letters(heard)
    return Levenshtein.distance(wanted, found) / max(1, len(wanted))


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if c.isalnum())


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
