"""speak_dialogue: several lines by several characters, each as its own sound, and mixed with natural pauses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from backends.voice.casting import voices_config
from backends.voice.feeling import emotion_text
from backends.voice.wav import read_wav, resample, write_wav
from configs.errors import UsageError
from memory.records import Asset
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.subtitles import srt


class DialogueLine(BaseModel):
    """One line of a dialogue."""

    model_config = ConfigDict(extra="forbid")

    character: str = Field("", description="Who says it; '' is the narrator.")
    text: str = Field(description="The words to say.")
    emotion: str = Field("neutral", description="How it is said: happy, 'happy 0.6 + afraid', 'from sad to happy', ...")
    language: str = Field("", description="Language such as en or it; '' takes the character's or the text's own.")

    @field_validator("emotion")
    @classmethod
    def _known_emotion(cls, value: str) -> str:
        return emotion_text(value)


class SpeakDialogueArgs(ToolArgs):
    lines: list[DialogueLine] = Field(description="The lines in order, each {character, text, emotion, language}.")
    pause: float = Field(1.0, ge=0, le=10, description="Factor on the natural pauses between lines; 0 is none.")

    @field_validator("lines", mode="before")
    @classmethod
    def _written_lines(cls, value: Any) -> Any:
        """A line written as 'Luca: Ciao!' is taken apart."""
        return (
            [_taken_apart(item) if isinstance(item, str) else item for item in value]
            if isinstance(value, list)
            else value
        )

    @field_validator("lines")
    @classmethod
    def _countable(cls, value: list[DialogueLine]) -> list[DialogueLine]:
        most = voices_config()["dialogue"]["max_lines"]
        if not value:
            raise UsageError("The dialogue has no lines", fix="Give at least one line with character and text")
        if len(value) > most:
            raise UsageError(
                f"The dialogue has {len(value)} lines", f"at most {most} go at once", "Split it into scenes"
            )
        return value


class SpeakDialogue(Tool):
    name = "speak_dialogue"
    description = (
        "Speak a dialogue: several lines by one or more characters. Gives each line as a sound of its own, "
        "one mix with natural pauses, and subtitles."
    )
    Args = SpeakDialogueArgs
    makes = "audio"

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        """None itself: every line leases the voice in its own sub-step."""
        return frozenset()

    def uses(self, args: Any, studio: Studio) -> frozenset[str]:
        return frozenset({studio.voice_engine()})

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        characters = sum(len(line.text) for line in args.lines)
        return Forecast(seconds=0.2 * len(args.lines) + 0.0006 * characters, disk_mib=0.2 + characters * 0.007)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        spoken: list[Asset] = []
        warnings: list[str] = []
        count = len(args.lines)
        for index, line in enumerate(args.lines):
            ctx.progress(index, count + 1, f"line {index + 1} of {count}")
            title = f"{line.character or 'Narrator'}: {line.text[:40]}"
            outcome = ctx.call("speak", line.model_dump(), key=f"line-{index + 1}", title=title)
            spoken.append(outcome.assets[0])
            warnings += [text for text in (outcome.result.warnings if outcome.result else ()) if text not in warnings]
        ctx.progress(count, count + 1, "mixing")
        mix, subtitles = self._mix(spoken, args.pause, ctx)
        seconds = float(mix.params["duration"])
        ctx.progress(count + 1, count + 1, f"{seconds:.1f} s of dialogue")
        voices = ", ".join(dict.fromkeys(str(asset.params["character"]) for asset in spoken))
        return ToolResult(
            summary=f"Dialogue of {count} lines by {voices}, {seconds:.1f} s, engine {mix.engine}",
            assets=(mix, *spoken, subtitles),
            measurements={"duration_s": round(seconds, 3), "lines": count},
            warnings=tuple(warnings),
            data={"lines": mix.params["lines"], "duration": seconds},
        )

    @staticmethod
    def _mix(spoken: list[Asset], pause: float, ctx: ToolContext) -> tuple[Asset, Asset]:
        rate = int(spoken[0].params["sample_rate"])
        chunks: list[NDArray[np.float32]] = []
        rows: list[dict[str, Any]] = []
        phonemes: list[list[Any]] = []
        words: list[list[Any]] = []
        length = 0
        for index, asset in enumerate(spoken):
            if index:
                gap = round(pause * _gap(spoken[index - 1], asset) * rate)
                chunks.append(np.zeros(gap, dtype=np.float32))
                length += gap
            samples, own_rate = read_wav(ctx.path(asset))
            samples = resample(samples, own_rate, rate)
            start = length / rate
            length += len(samples)
            chunks.append(samples)
            row = {key: asset.params[key] for key in ("character", "text", "emotion", "language")}
            rows.append({**row, "asset": asset.id, "start": round(start, 6), "end": round(length / rate, 6)})
            for moved, key in ((phonemes, "phonemes"), (words, "words")):
                moved += [[round(a + start, 4), round(b + start, 4), sign] for a, b, sign in asset.params[key]]
        file = ctx.scratch(".wav")
        write_wav(file, np.concatenate(chunks), rate)
        params = {
            "lines": rows,
            "text": "\n".join(str(row["text"]) for row in rows),
            "phonemes": phonemes,
            "words": words,
            "duration": round(length / rate, 4),
            "sample_rate": rate,
            "pause": pause,
        }
        ids = tuple(asset.id for asset in spoken)
        mix = ctx.save(
            file,
            "audio",
            "dialogue",
            engine=spoken[0].engine,
            engine_version=spoken[0].engine_version,
            params=params,
            parents=ids,
            summary=f"dialogue of {len(rows)} lines",
        )
        captions = ctx.scratch(".srt")
        captions.write_text(srt((row["start"], row["end"], row["text"]) for row in rows), encoding="utf-8")
        subtitles = ctx.save(
            captions,
            "subtitle",
            "dialogue",
            params={"lines": rows},
            parents=(mix.id,),
            summary="subtitles of the dialogue",
        )
        return mix, subtitles


def _gap(before: Asset, after: Asset) -> float:
    config = voices_config()["dialogue"]
    same = before.params["character"] == after.params["character"]
    return float(config["same_speaker_s"] if same else config["next_speaker_s"])


def _taken_apart(written: str) -> dict[str, str]:
    name, colon, text = written.partition(":")
    if colon and text.strip() and 0 < len(name.split()) <= 4:
        return {"character": name.strip(), "text": text.strip()}
    return {"text": written}
