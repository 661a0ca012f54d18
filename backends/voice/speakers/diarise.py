"""Who speaks when: pyannote's pipeline from a local folder, else clustering of speaker vectors, which needs no weights
beyond the encoder's.

Clustering: agglomerative, average linkage of cosines, on windows that hold no pause; small clusters are dissolved,
centroids of one voice are joined, windows are given to the nearest centroid, a Viterbi path forbids flicker, and
borders move to the quietest moment between two windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backends.voice.speakers.activity import FRAME_S
from backends.voice.speakers.likeness import centroid
from backends.voice.speakers.track import VoiceTrack
from configs.voice_dataset import Clustering

MOST_WINDOWS = 1500
"""Agglomeration compares all with all: of more, evenly spaced ones are clustered, the rest goes to the nearest."""
_ENOUGH_WHOLE_S = 15.0
_MOST_STEPS = 60
_SNAP_S = 0.3
_JOIN_S = 0.5
"""Stretches of one speaker closer than this are one turn."""

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Turn:
    """One speaker without a longer pause; seconds."""

    start: float
    end: float
    speaker: int


@dataclass(frozen=True)
class Diarisation:
    """Who speaks when. Speakers are numbered by how much they say, the most talkative is 0."""

    turns: tuple[Turn, ...]
    """In order; they do not overlap."""
    overlaps: tuple[tuple[float, float], ...]
    """Where two seem to speak at once, (start, end) seconds."""
    centroids: Floats
    """(K, D) unit vectors; (0, D) when nobody speaks."""
    method: str
    notes: tuple[str, ...] = field(default=())

    def talk_s(self, speaker: int) -> float:
        """How long a speaker talks."""
        return sum(turn.end - turn.start for turn in self.turns if turn.speaker == speaker)


def cluster_speakers(track: VoiceTrack, limits: Clustering, speakers: int | None = None) -> Diarisation:
    """Turns from the track's windows.

    speakers: how many there are, when that is known; None: as many as the limits tell apart.
    """
    vectors = track.vectors
    method = "clustering of speaker vectors"
    if not len(vectors):
        return Diarisation((), (), vectors, method)
    centres = find_centroids(vectors, track.lengths, limits, speakers)
    for _ in range(3):
        labels = (vectors @ centres.T).argmax(axis=1)
        fresh = [
            centroid(_weighted(vectors, track.lengths, labels == k)) for k in range(len(centres)) if (labels == k).any()
        ]
        centres = np.stack(fresh)
    centres = centres if speakers else _joined(centres, np.ones(len(centres)), limits.same_voice)
    scores = vectors @ centres.T
    labels = _path(track, scores, limits)
    order = sorted(range(len(centres)), key=lambda k: -float(track.lengths[labels == k].sum()))
    rank = np.argsort(order)
    centres, labels, scores = centres[order], rank[labels], scores[:, order]
    notes: tuple[str, ...] = ()
    if speakers and len(centres) < speakers:
        notes = (f"only {len(centres)} of {speakers} speakers could be told apart",)
    return Diarisation(_turns(track, labels), _ambiguous(track, scores, labels, limits), centres, method, notes)


def find_centroids(vectors: Floats, lengths: Floats, limits: Clustering, speakers: int | None) -> Floats:
    """(K, D) unit vectors of the voices found in (N, D) window vectors."""
    from scipy.cluster.hierarchy import fcluster, linkage

    picked = np.arange(len(vectors))
    whole = np.flatnonzero(lengths >= lengths.max() - 0.01)
    if float(lengths[whole].sum()) >= _ENOUGH_WHOLE_S:  # short windows tell voices apart less well
        picked = whole
    if len(picked) > MOST_WINDOWS:
        picked = picked[np.linspace(0, len(picked) - 1, MOST_WINDOWS).astype(int)]
    sample, weight = vectors[picked], lengths[picked]
    if len(sample) == 1 or speakers == 1:
        return centroid(sample)[None]
    tree = linkage(sample.astype(np.float64), "average", metric="cosine")
    least = max(limits.least_s, limits.least_share * float(weight.sum()))
    steps = [1 - limits.together]
    if speakers:  # finer and finer, until enough voices are large enough
        steps = [float(height) - 1e-9 for height in tree[::-1, 2][:_MOST_STEPS]]
    best: list[Floats] = []
    for distance in steps:
        labels = fcluster(tree, distance, "distance")
        sizes = {int(k): float(weight[labels == k].sum()) for k in np.unique(labels)}
        kept = [k for k, size in sorted(sizes.items(), key=lambda item: -item[1]) if size >= least]
        kept = (kept or [max(sizes, key=lambda k: sizes[k])])[: speakers or None]
        found = [centroid(sample[labels == k]) for k in kept]
        if not best or len(found) > len(best):
            best = found
        if speakers and len(best) == speakers:
            break
    return np.stack(best)


def _weighted(vectors: Floats, lengths: Floats, chosen: NDArray[np.bool_]) -> Floats:
    return np.asarray(vectors[chosen] * lengths[chosen, None], np.float32)


def _joined(centres: Floats, weights: NDArray[np.float64], limit: float) -> Floats:
    """Centroids nearer than `limit` are one voice."""
    while len(centres) > 1:
        likeness = centres @ centres.T - 2 * np.eye(len(centres))
        a, b = np.unravel_index(int(likeness.argmax()), likeness.shape)
        if likeness[a, b] < limit:
            break
        both = centroid(np.stack([centres[a] * weights[a], centres[b] * weights[b]]))
        rest = [k for k in range(len(centres)) if k not in (a, b)]
        centres = np.concatenate([centres[rest], both[None]])
        weights = np.append(weights[rest], weights[a] + weights[b])
    return centres


def _middles(track: VoiceTrack) -> Floats:
    return np.asarray(track.starts + track.lengths / 2, np.float32)


def _path(track: VoiceTrack, scores: Floats, limits: Clustering) -> Labels:
    """The likeliest speaker of each window (Viterbi): changing without a pause costs, at a pause it is cheap."""
    middles, ends = _middles(track), track.starts + track.lengths
    count, voices = scores.shape
    total = scores[0] * limits.certainty
    back = np.zeros((count, voices), np.int64)
    for at in range(1, count):
        pause = track.starts[at] >= ends[at - 1] or middles[at] - middles[at - 1] > 2.0
        stay, change = total, float(total.max()) - (limits.change_at_pause if pause else limits.change_in_speech)
        back[at] = np.where(stay >= change, np.arange(voices), int(total.argmax()))
        total = np.maximum(stay, change) + scores[at] * limits.certainty
    labels = np.zeros(count, np.int64)
    labels[-1] = int(total.argmax())
    for at in range(count - 1, 0, -1):
        labels[at - 1] = back[at, labels[at]]
    return labels


def _turns(track: VoiceTrack, labels: Labels) -> tuple[Turn, ...]:
    """Speech spans, cut where the windows change hands; a span too short for a window goes with its neighbour."""
    middles = _middles(track)
    pieces: list[Turn] = []
    for start, end in track.spans:
        inside = np.flatnonzero((middles >= start) & (middles <= end))
        if not len(inside):
            near = int(np.abs(middles - (start + end) / 2).argmin())
            if abs(float(middles[near]) - (start + end) / 2) < 1.5:
                pieces.append(Turn(start, end, int(labels[near])))
            continue
        begin = start
        for left, right in pairwise(inside):
            if labels[left] != labels[right]:
                border = _quietest(track, float(middles[left]), float(middles[right]))
                pieces.append(Turn(begin, border, int(labels[left])))
                begin = border
        pieces.append(Turn(begin, end, int(labels[inside[-1]])))
    return tuple(_merged(pieces))


def _merged(pieces: list[Turn]) -> list[Turn]:
    made: list[Turn] = []
    for piece in pieces:
        if made and made[-1].speaker == piece.speaker and piece.start - made[-1].end < _JOIN_S:
            made[-1] = Turn(made[-1].start, piece.end, piece.speaker)
        else:
            made.append(piece)
    return made


def _quietest(track: VoiceTrack, left: float, right: float) -> float:
    """The quietest moment around the middle between two windows."""
    middle = (left + right) / 2
    first = round((middle - _SNAP_S) / FRAME_S)
    level = track.level_db[max(0, first) : round((middle + _SNAP_S) / FRAME_S) + 1]
    return (max(0, first) + int(level.argmin()) + 0.5) * FRAME_S if len(level) else middle


def _ambiguous(
    track: VoiceTrack, scores: Floats, labels: Labels, limits: Clustering
) -> tuple[tuple[float, float], ...]:
    """Windows that lie between two voices, compared with how clear these two usually are."""
    if scores.shape[1] < 2:
        return ()
    own = scores[np.arange(len(labels)), labels]
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -1.0
    rival = others.argmax(axis=1)
    margin = own - others.max(axis=1)
    unclear = np.zeros(len(labels), bool)
    for pair in {(int(a), int(b)) for a, b in zip(labels, rival, strict=True)}:
        same = (labels == pair[0]) & (rival == pair[1])
        unclear |= same & (margin < limits.ambiguous * max(float(np.median(margin[labels == pair[0]])), 0.05))
    spans: list[list[float]] = []
    for at in np.flatnonzero(unclear):
        # the middle of the window decides: its ends are judged by its neighbours
        inset = float(track.lengths[at]) / 4
        start, end = float(track.starts[at]) + inset, float(track.starts[at] + track.lengths[at]) - inset
        if spans and start <= spans[-1][1]:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([start, end])
    return tuple((start, end) for start, end in spans)
