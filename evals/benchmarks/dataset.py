"""How well voice datasets are built: dialogues stitched from real speech, of which it is known who speaks when.

    python -m evals.benchmarks.dataset FOLDER [--json FILE] [--tune]

FOLDER holds utterances named SPEAKER-CHAPTER-NUMBER (LibriSpeech). The limits in configs/voice_dataset.yaml were chosen
on the seeds of TUNING; the report uses those of REPORT, which nothing was chosen on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.errors import UsageError
from evals.footage.dialogues import RATE, Dialogue, read_speech, stitch

if TYPE_CHECKING:
    from tools.voice.dataset.build import Built

TUNING, REPORT = range(15), range(1000, 1004)
VARIANTS = ("clean", "noise", "music", "loud music", "overlap")
COLLAR_S = 0.5
"""pyannote.metrics' collar is the whole width: a quarter second on each side, NIST's usual."""
GOAL_TIMES_REAL_TIME = 3.0


def run(folder: Path | None = None, seeds: Iterable[int] = REPORT) -> dict[str, Any]:
    """Figures by variant, JSON-ready; real speech from `folder`, or below the one that STUDIO_REAL_MEDIA names.

    In each dialogue every speaker is wanted in turn, told by a clip that does not occur in it. Per variant:
    diarisation error rate and its parts (overlapped speech included, COLLAR_S), share of dialogues with the right
    number of speakers; purity (share of the speech in kept clips that is the wanted one's alone), coverage (share of
    the wanted one's speech that is kept; `coverage_before_gates`: that was given to them), clips with the wrong
    speaker, wishes refused since nobody sounded like the clip, why pieces were left out, and times real time of one
    whole build on the processor (CPU seconds, nothing cached). DNSMOS is not asked: clips pass by their SNR alone.
    """
    folder = folder or Path(os.environ.get("STUDIO_REAL_MEDIA", "")) / "speech"
    if not folder.is_dir():
        return {"real_speech": "not measured (give a folder, or set STUDIO_REAL_MEDIA)"}
    speech = read_speech(folder)
    figures: dict[str, Any] = {
        "speakers": len([name for name, heard in speech.items() if len(heard) > 1]),
        "seconds_of_speech": round(sum(len(one) for heard in speech.values() for one in heard) / RATE, 1),
        "seeds": list(seeds),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    for variant in VARIANTS:
        figures[variant] = measure(speech, variant, seeds)
    figures["passed"] = {
        "times_real_time": all(figures[v]["times_real_time"] >= GOAL_TIMES_REAL_TIME for v in VARIANTS)
    }
    return figures


def measure(speech: Mapping[str, Any], variant: str, seeds: Iterable[int]) -> dict[str, Any]:
    """One variant over all seeds, with two, three and four speakers in turn."""
    total: Counter[str] = Counter()
    for seed in seeds:
        total += _one(stitch(speech, seed, speakers=2 + seed % 3, variant=variant))
    spoken = total["spoken"]
    return {
        "dialogues": total["dialogues"],
        "minutes": round(total["seconds"] / 60, 1),
        "der": _share(total["confusion"] + total["missed"] + total["false_alarm"], spoken),
        "confusion": _share(total["confusion"], spoken),
        "missed": _share(total["missed"], spoken),
        "false_alarm": _share(total["false_alarm"], spoken),
        "right_number_of_speakers": _share(total["right_number"], total["dialogues"]),
        "overlap_found": _share(total["overlap_hit"], total["overlap"]),
        "wishes": total["wishes"],
        "refused": total["refused"],
        "wrong_voice_chosen": total["wrong_voice"],
        "purity": _share(total["pure"], total["kept"]),
        "coverage": _share(total["pure"], total["wanted"]),
        "coverage_before_gates": _share(total["given"], total["wanted"]),
        "kept_seconds": round(total["kept"], 1),
        "clips": total["clips"],
        "clips_of_another": total["wrong_clips"],
        "left_out": {key[4:]: count for key, count in total.items() if key.startswith("why ")},
        "times_real_time": round(total["seconds"] / total["cpu"], 1),
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _one(dialogue: Dialogue) -> Counter[str]:
    """Sums of one dialogue."""
    from backends.media.probe import probe
    from backends.voice.speakers.likeness import centroid, find_encoder
    from backends.voice.speakers.track import track_voices
    from backends.voice.wav import write_wav
    from configs.settings import Settings
    from configs.voice_dataset import voice_dataset_table
    from tools.voice.dataset.build import Source, Wish, build

    encoder, why = find_encoder(Settings())
    if encoder is None:
        raise SystemExit(why)
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        film, clip = Path(place) / "dialogue.wav", Path(place) / "reference.wav"
        write_wav(film, dialogue.samples, RATE)
        source = Source("dialogue", "dialogue", film, "0" * 16, probe(film))
        for wanted in sorted(dialogue.held_out):
            write_wav(clip, dialogue.held_out[wanted], RATE)
            wish = Wish("wanted", None, centroid(track_voices(clip, encoder).vectors), "a held-out clip")
            folder, cache = Path(place) / wanted, Path(place) / "cache"
            began = time.process_time()
            total["wishes"] += 1
            try:
                built = build([source], wish, encoder, voice_dataset_table(), folder, cache=cache)
            except UsageError:
                total["refused"] += 1
                continue
            if not total["dialogues"]:
                total["cpu"] += time.process_time() - began  # type: ignore[assignment]
                total += _speakers(dialogue, built)
            total += _clips(dialogue, built, wanted)
    return total


def _speakers(dialogue: Dialogue, built: Built) -> Counter[str]:
    """What is the same whoever is wanted."""
    both = _grid(dialogue, "")["both"]
    sums = {
        "dialogues": 1,
        "seconds": len(dialogue.samples) / RATE,
        "right_number": int(len(built.who[0].centroids) == len({name for *_, name in dialogue.truth})),
        "overlap": float(both.sum() * 0.01),
        "overlap_hit": sum(_seconds(both, *span) for span in built.who[0].overlaps),
        **_errors(dialogue, built.who[0].turns),
    }
    return Counter(sums)  # type: ignore[arg-type]


def _clips(dialogue: Dialogue, built: Built, wanted: str) -> Counter[str]:
    """What was kept for one speaker."""
    grid = _grid(dialogue, wanted)
    kept = [(one.piece.start, one.piece.end) for one in built.judged if one.kept]
    pure = [_seconds(grid["alone"], *span) for span in kept]
    spoken = [_seconds(grid["anybody"], *span) for span in kept]
    turns = [(turn.start, turn.end) for turn in built.who[0].turns if turn.speaker == built.chosen.speaker]
    given = sum(_seconds(grid["wanted"], *span) for span in turns)
    sums = {
        "wanted": float(grid["wanted"].sum() * 0.01),
        "given": given,
        "clips": len(kept),
        "kept": sum(spoken),
        "pure": sum(pure),
        "wrong_clips": sum(a < 0.5 * b for a, b in zip(pure, spoken, strict=True)),
        "wrong_voice": int(given < 0.5 * sum(end - start for start, end in turns)),
    }
    reasons = Counter(f"why {reason}" for one in built.judged for reason, _ in one.reasons)
    return Counter(sums) + reasons  # type: ignore[arg-type]


def _errors(dialogue: Dialogue, turns: Iterable[Any]) -> dict[str, float]:
    """Parts of the diarisation error in seconds, by pyannote.metrics."""
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    truth, told = Annotation(), Annotation()
    for index, (start, end, name) in enumerate(dialogue.truth):
        truth[Segment(start, end), index] = name
    for index, turn in enumerate(turns):
        told[Segment(turn.start, turn.end), index] = str(turn.speaker)
    whole = Timeline([Segment(0, len(dialogue.samples) / RATE)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = DiarizationErrorRate(collar=COLLAR_S, skip_overlap=False)(truth, told, uem=whole, detailed=True)
    return {
        "confusion": float(found["confusion"]), "missed": float(found["missed detection"]),
        "false_alarm": float(found["false alarm"]), "spoken": float(found["total"]),
    }  # fmt: skip


def _grid(dialogue: Dialogue, wanted: str) -> dict[str, Any]:
    """By hundredths of a second: the wanted one speaks, alone; anybody does; two do."""
    size = len(dialogue.samples) * 100 // RATE + 2
    own, others, count = np.zeros(size, bool), np.zeros(size, bool), np.zeros(size, int)
    for start, end, name in dialogue.truth:
        part = slice(round(start * 100), round(end * 100))
        count[part] += 1
        (own if name == wanted else others)[part] = True
    return {"wanted": own, "alone": own & ~others, "anybody": own | others, "both": own & others | (count > 1)}


def _seconds(mask: Any, start: float, end: float) -> float:
    return float(mask[round(start * 100) : round(end * 100)].sum() * 0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tune", action="store_true", help="on the seeds that the limits were chosen on")
    given = parser.parse_args()
    figures = run(given.folder, TUNING if given.tune else REPORT)
    text = json.dumps(figures, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
