"""The files of a dialogue: the mix, a sound per scene, stems, subtitles and a timeline for editors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.voice.measures.loudness import integrated_lufs
from backends.voice.wav import read_wav, resample, write_wav
from configs.dialogue import dialogue_config
from memory.records import Asset, Score
from tools.spec import ToolContext
from tools.voice.labels import voices_tags
from tools.voice.mix import Mixed, Part, Samples, mix, moved, start_times, stems
from tools.voice.screenplay_lines import Script, ScriptLine
from tools.voice.subtitles import Names, Said, captions

LOUDNESS_TOLERANCE_LU = 1.0


@dataclass(frozen=True)
class Placed:
    """A spoken line in its place."""

    number: int
    """From 1, in story order, failed lines counted."""
    line: ScriptLine
    asset: Asset
    start: float
    samples: Samples

    @property
    def end(self) -> float:
        return self.start + float(self.asset.params["duration"])

    def row(self, scenes: Sequence[str]) -> dict[str, Any]:
        """JSON-ready: who says what when, and which sound it is."""
        own = {key: self.asset.params[key] for key in ("character", "text", "emotion", "language")}
        where = {"scene": scenes[self.line.scene]} if scenes[self.line.scene] else {}
        return {
            **own, "asset": self.asset.id, "start": round(self.start, 6), "end": round(self.end, 6), **where,
            "number": self.number,
        }  # fmt: skip


class DialogueFiles:
    """Lines that were spoken, mixed; each method saves one kind of file."""

    def __init__(self, title: str, script: Script, sounds: dict[int, Asset], pause: float, ctx: ToolContext) -> None:
        self._title, self._script, self._pause, self._ctx = title, script, pause, ctx
        order = sorted(sounds)
        self.rate = max(int(sounds[index].params["sample_rate"]) for index in order)
        lines = [script.lines[index] for index in order]
        starts = start_times([_part(line, sounds[i]) for line, i in zip(lines, order, strict=True)], pause)
        self.placed = [
            Placed(index + 1, line, sounds[index], start, self._samples(sounds[index]))
            for index, line, start in zip(order, lines, starts, strict=True)
        ]
        self.mixed = mix([(one.start, one.samples) for one in self.placed], self.rate, ctx.settings.voice.loudness_lufs)
        self.rows = [one.row(script.scenes) for one in self.placed]
        self.engine = "+".join(sorted({one.asset.engine for one in self.placed}))

    @property
    def seconds(self) -> float:
        return len(self.mixed.samples) / self.rate

    @property
    def scenes(self) -> list[tuple[int, str]]:
        """Scenes with a line that was spoken: index and heading."""
        used = sorted({one.line.scene for one in self.placed})
        return [(index, self._script.scenes[index] or f"scene {index + 1}") for index in used]

    def save_mix(self) -> Asset:
        """All lines as one sound."""
        return self._sound(self._title, self.mixed.samples, self.placed, 0.0, f"dialogue of {len(self.placed)} lines")

    def save_scenes(self, whole: Asset) -> list[Asset]:
        """A sound per scene, cut out of the mix, so that together they are it; none for a single scene."""
        if len(self.scenes) < 2:
            return []
        saved = []
        tail = float(dialogue_config()["mix"]["tail_s"])
        for index, heading in self.scenes:
            self._ctx.cancel.check()
            own = [one for one in self.placed if one.line.scene == index]
            start = own[0].start
            first, last = round(start * self.rate), round((max(one.end for one in own) + tail) * self.rate)
            name = f"{self._title} - {heading.replace('.', '')}"  # a dot would end the file's name
            said = f"scene {index + 1}, {heading}: {len(own)} lines"
            saved.append(self._sound(name, self.mixed.samples[first:last], own, start, said, (whole.id,)))
        return saved

    def save_stems(self, whole: Asset) -> list[Asset]:
        """A sound per character, each as long as the mix."""
        names = [str(one.asset.params["character"]) for one in self.placed]
        tracks = [(name, one.start, one.samples) for name, one in zip(names, self.placed, strict=True)]
        saved = []
        for name, samples in stems(tracks, self.rate, self.mixed, self._ctx.cancel.check).items():
            own = [one for one, who in zip(self.placed, names, strict=True) if who == name]
            if float(np.max(np.abs(samples), initial=0.0)) > 1.0:
                self._ctx.warn(f"{name} alone is louder than a file holds where voices overlap; the stem clips there.")
            said = f"{name} alone: {len(own)} lines, as long as the mix"
            saved.append(self._sound(f"{self._title} - {name}", samples, own, 0.0, said, (whole.id,)))
        return saved

    def save_subtitles(self, whole: Asset, names: Names = "changes") -> tuple[Asset, Asset, int]:
        """SRT and WebVTT, and how many captions they have."""
        from tools.editing.srt import write_srt, write_vtt

        shown = captions([_said(one) for one in self.placed], names)
        saved = []
        for suffix, text in ((".srt", write_srt(shown)), (".vtt", write_vtt(shown))):
            file = self._ctx.scratch(suffix)
            file.write_text(text, encoding="utf-8")
            saved.append(
                self._ctx.save(
                    file, "subtitle", f"{self._title}{suffix}", params={"lines": self.rows, "captions": len(shown)},
                    parents=(whole.id,), summary=f"{len(shown)} subtitles of {self._title}, {suffix[1:].upper()}",
                )
            )  # fmt: skip
        return saved[0], saved[1], len(shown)

    def save_timeline(self, whole: Asset, stems: Sequence[Asset]) -> Asset:
        """Every line as a clip on tracks of dialogue, scenes as markers, for the studio's editor and others.

        Clips are cut out of the stems: they begin on a frame, while what is heard in them begins where the mix has it.
        """
        from tools.editing.specs import ClipSpec, MarkerSpec, TitleSpec
        from tools.editing.timeline import build_timeline, save_timeline

        film = self._ctx.settings.film
        by_name = {str(stem.params["lines"][0]["character"]): stem for stem in stems}
        clips = []
        for one, (start, end) in zip(self.placed, self._frames(film.fps), strict=True):
            stem = by_name[str(one.asset.params["character"])]
            clips.append(
                ClipSpec(
                    stem.id, Path(stem.path), start, end - start, source_in=start, name=one.asset.name,
                    source_seconds=float(stem.params["duration"]),
                )
            )  # fmt: skip
        starts = [next(one.start for one in self.placed if one.line.scene == index) for index, _ in self.scenes]
        names = [heading if self._script.scenes[index] else self._title for index, heading in self.scenes]
        markers = [MarkerSpec(start, name) for start, name in zip(starts, names, strict=True)]
        ends = [*starts[1:], self.seconds]
        # a card per scene stands where the pictures will: without any picture no editor would play it
        cards = [TitleSpec(a, b - a, name) for a, b, name in zip(starts, ends, names, strict=True)]
        shown = captions([_said(one) for one in self.placed], "changes")
        timeline = build_timeline(
            self._title, film.fps, film.width, film.height, cards, {"dialogue": clips}, shown, markers
        )  # fmt: skip
        file = save_timeline(timeline, self._ctx.scratch(".otio"))
        parents = (*(stem.id for stem in stems), *(one.asset.id for one in self.placed))
        return self._ctx.save(
            file, "timeline", self._title, params={"seconds": round(self.seconds, 3), "audio": whole.id},
            parents=parents, summary=f"timeline of {len(clips)} lines",
        )  # fmt: skip

    def _frames(self, fps: float) -> list[tuple[float, float]]:
        """Of each line the whole frames around it, seconds; none reaches into the next of the same character."""
        first = [math.floor(one.start * fps) for one in self.placed]
        last = [min(math.ceil(one.end * fps), math.floor(self.seconds * fps)) for one in self.placed]
        names = [one.asset.params["character"] for one in self.placed]
        for index, name in enumerate(names):
            after = next((at for at in range(index + 1, len(names)) if names[at] == name), None)
            if after is not None:
                last[index] = min(last[index], first[after])
        return [(a / fps, max(a + 1, b) / fps) for a, b in zip(first, last, strict=True)]

    def _samples(self, asset: Asset) -> Samples:
        samples, own_rate = read_wav(self._ctx.path(asset))
        return resample(samples, own_rate, self.rate)

    def _sound(
        self,
        name: str,
        samples: Samples,
        lines: Sequence[Placed],
        start: float,
        summary: str,
        parents: tuple[str, ...] = (),
    ) -> Asset:
        file = self._ctx.scratch(".wav")
        write_wav(file, samples, self.rate, tags=voices_tags(self._ctx.path(one.asset) for one in lines))
        rows: list[dict[str, Any]] = []
        count = 0
        for row, one in zip(self.rows, self.placed, strict=True):
            if one in lines:
                # where lines overlap, times alone do not tell whose phonemes they are
                span = [count, count + len(one.asset.params["phonemes"])]
                moved_row = {"start": round(row["start"] - start, 6), "end": round(row["end"] - start, 6)}
                rows.append({**row, **moved_row, "phonemes": span})
                count = span[1]
        times = {
            key: [time for one in lines for time in moved(one.asset.params[key], one.start - start)]
            for key in ("phonemes", "words")
        }
        params = {
            "lines": rows, "text": "\n".join(str(row["text"]) for row in rows), **times,
            "duration": round(len(samples) / self.rate, 4), "sample_rate": self.rate, "pause": self._pause,
            "gain_db": round(self.mixed.gain_db, 3),
        }  # fmt: skip
        versions = "+".join(sorted({one.asset.engine_version for one in lines}))
        return self._ctx.save(
            file, "audio", name, engine="+".join(sorted({one.asset.engine for one in lines})),
            engine_version=versions, params=params, parents=parents or tuple(one.asset.id for one in lines),
            scores=self._scores(samples, whole=not parents), summary=summary,
        )  # fmt: skip

    def _scores(self, samples: Samples, *, whole: bool) -> tuple[Score, ...]:
        """Loudness is a gate of the whole only: a quiet scene may be quiet, and a stem is mostly silence."""
        target = self._ctx.settings.voice.loudness_lufs
        by = "ITU-R BS.1770, LUFS"
        if not whole:
            return (Score("loudness", round(integrated_lufs(samples, self.rate), 1), "measured", by, target, None),)
        ceiling = float(dialogue_config()["mix"]["true_peak_dbtp"])
        lufs, peak = self.mixed.lufs, self.mixed.true_peak_dbtp
        near = abs(lufs - target) <= LOUDNESS_TOLERANCE_LU
        return (
            Score("loudness", round(lufs, 1), "measured", by, target, near),
            Score("true_peak", round(peak, 2), "measured", "ITU-R BS.1770, dBTP", ceiling, peak <= ceiling),
        )


def _part(line: ScriptLine, asset: Asset) -> Part:
    return Part(
        str(asset.params["character"]), line.text, float(asset.params["duration"]), line.scene, line.beat,
        line.cuts_in, line.together, line.continued,
    )  # fmt: skip


def _said(one: Placed) -> Said:
    params = one.asset.params
    words = tuple((float(a) + one.start, float(b) + one.start, str(word)) for a, b, word in params["words"])
    species = str(params.get("voice", {}).get("species", "human"))
    return Said(
        one.start, one.end, str(params["text"]), words, str(params["character"]), species, str(params["language"]),
        str(params["emotion"]),
    )  # fmt: skip


__all__ = ["DialogueFiles", "Mixed", "Placed"]
