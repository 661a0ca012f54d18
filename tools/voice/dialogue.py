"""speak_dialogue: a script or some lines, each as its own sound, mixed with natural pauses, with subtitles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from backends.voice.emotions.feeling import emotion_text
from configs.dialogue import dialogue_config
from configs.errors import UsageError
from memory.records import Asset
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.dialogue_files import DialogueFiles
from tools.voice.dialogue_lines import Spoken, speak_all, speech_seconds
from tools.voice.scenes import foreseen, performed, planned
from tools.voice.screenplay import Form, Script, ScriptLine
from tools.voice.subtitles import Names


class DialogueLine(BaseModel):
    """One line of a dialogue."""

    model_config = ConfigDict(extra="forbid")

    character: str = Field("", description="Who says it; '' is the narrator.")
    text: str = Field(description="The words to say.")
    emotion: str = Field("neutral", description="How it is said: happy, 'happy 0.6 + afraid', 'from sad to happy', ...")
    intensity: float = Field(0.7, ge=0, le=1, description="Strength of the emotion, 0 to 1.")
    language: str = Field("", description="Language such as en or it; '' takes the character's or the text's own.")

    @field_validator("emotion")
    @classmethod
    def _known_emotion(cls, value: str) -> str:
        return emotion_text(value)


class SpeakDialogueArgs(ToolArgs):
    lines: list[DialogueLine] = Field([], description="The lines in order, each {character, text, emotion, language}.")
    script: str = Field(
        "",
        max_length=200_000,
        description="In place of lines: a script file (Fountain, CSV, SRT or VTT with 'NAME: words', or plain text "
        "with 'NAME: words') or a storyboard: asset id, attached file's name or path.",
    )
    format: Form = Field("", description="How the script is written; '' tells it by its name and content.")
    scene: str = Field("", max_length=200, description="Only this scene of the script: its number or its heading.")
    only: str = Field(
        "", max_length=200, description="Only these lines, by number: '3, 7-9', or of these characters: 'Luca'."
    )
    emotion: str = Field(
        "", description="How each scene goes, for lines that say nothing themselves: 'from sad to happy'; '' leaves it."
    )
    pause: float = Field(1.0, ge=0, le=10, description="Factor on the natural pauses between lines; 0 is none.")
    stems: bool = Field(False, description="True: also one sound per character, each as long as the mix.")
    subtitles: Names = Field(
        "changes",
        description="Whom the subtitles name: 'changes' whoever begins to speak, 'none' nobody, 'sdh' as for the deaf: "
        "every speaker in capitals and how it is said.",
    )
    timeline: bool = Field(False, description="True: also an editable timeline (.otio) with a clip per line.")

    @field_validator("lines", mode="before")
    @classmethod
    def _written_lines(cls, value: Any) -> Any:
        """A line written as 'Luca: Ciao!' is taken apart."""
        return (
            [_taken_apart(item) if isinstance(item, str) else item for item in value]
            if isinstance(value, list)
            else value
        )

    @field_validator("emotion")
    @classmethod
    def _known_emotion(cls, value: str) -> str:
        return emotion_text(value) if value.strip() else ""

    @model_validator(mode="after")
    def _speakable(self) -> Self:
        most = dialogue_config()["most_lines"]
        if not self.lines and not self.script.strip():
            raise UsageError(
                "The dialogue has no lines", fix="Give at least one line with character and text, or a script"
            )
        if self.lines and self.script.strip():
            raise UsageError("The dialogue has both lines and a script", fix="Give one of the two")
        if len(self.lines) > most and not self.only:
            raise UsageError(
                f"The dialogue has {len(self.lines)} lines", f"at most {most} go at once", "Split it into scenes"
            )
        return self


class SpeakDialogue(Tool):
    name = "speak_dialogue"
    description = (
        "Speak a dialogue: several lines by one or more characters, given here or as a script file. Gives each line as "
        "a sound of its own, one mix with natural pauses, a sound per scene, and subtitles."
    )
    Args = SpeakDialogueArgs
    makes = "audio"
    time_limit_s = 4 * 3600.0
    timed = False

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        """None itself: every line leases the voice in its own sub-step."""
        return frozenset()

    def uses(self, args: Any, studio: Studio) -> frozenset[str]:
        lines = foreseen(args, studio)
        if not lines:
            return frozenset({studio.voice_engine()})
        return frozenset(engine for engine in _speech(args, lines, studio) if engine)

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        lines = foreseen(args, studio)
        characters = sum(len(line.text) for line in lines)
        speech = sum(_speech(args, lines, studio).values())
        return Forecast(seconds=0.5 + 0.02 * len(lines) + speech, disk_mib=0.2 + characters * 0.01)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        script, title = planned(args, ctx)
        script = _performed(script, ctx)
        total = len(script.lines) + 1
        spoken = speak_all(script.lines, ctx, total)
        if not spoken.sounds:
            raise spoken.why or spoken.failed[0].why
        ctx.progress(len(script.lines), total, "mixing")
        files = DialogueFiles(title, script, spoken.sounds, args.pause, ctx)
        mix = files.save_mix()
        stems = files.save_stems(mix) if args.stems or args.timeline else []
        more = [*files.save_scenes(mix), *stems]
        timeline = [files.save_timeline(mix, stems)] if args.timeline else []
        srt, vtt, count = files.save_subtitles(mix, args.subtitles)
        ctx.progress(total, total, f"{files.seconds:.1f} s of dialogue")
        lines = [one.asset for one in files.placed]
        return ToolResult(
            summary=_summary(files, spoken),
            assets=(mix, *lines, *more, *timeline, srt, vtt),
            measurements={
                "duration_s": round(files.seconds, 3),
                "lines": len(lines),
                "failed": len(spoken.failed),
                "from_cache": spoken.cached,
                "scenes": len(files.scenes),
                "captions": count,
                "lufs": round(files.mixed.lufs, 2),
                "true_peak_dbtp": round(files.mixed.true_peak_dbtp, 2),
            },
            warnings=(*spoken.warnings, *spoken.complaints()),
            data=_data(files, more, spoken, mix),
        )


def _speech(args: Any, lines: Sequence[ScriptLine], studio: Studio) -> dict[str, float]:
    """Engine -> seconds; '' are kept lines."""
    made = (performed(line, studio.memory)[0] for line in lines)
    return speech_seconds(studio, [(line.character, line.text, line.language, line.emotion) for line in made])


def _performed(script: Script, ctx: ToolContext) -> Script:
    """Directions become sounds where the character can make them; the others are told once."""
    lines, silent = [], []
    for line in script.lines:
        made, left = performed(line, ctx.memory)
        lines.append(made)
        silent += [direction for direction in left if direction not in silent]
    if silent:
        shown = ", ".join(f"'{direction[:40]}'" for direction in silent[:6]) + (" ..." if len(silent) > 6 else "")
        ctx.warn(f"Directions that no voice can perform were left out: {shown}.")
    return replace(script, lines=tuple(lines))


def _summary(files: DialogueFiles, spoken: Spoken) -> str:
    names = list(dict.fromkeys(str(one.asset.params["character"]) for one in files.placed))
    who = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    scenes = f", {len(files.scenes)} scenes" if len(files.scenes) > 1 else ""
    count = f"{len(files.placed)} line{'s' if len(files.placed) > 1 else ''}"
    text = f"Dialogue of {count} by {who}, {files.seconds:.1f} s{scenes}, engine {files.engine}"
    if spoken.failed:
        numbers = ", ".join(str(one.number) for one in spoken.failed[:12])
        more = " ..." if len(spoken.failed) > 12 else ""
        text += (
            f". {len(spoken.failed)} failed: {numbers}{more} ({(spoken.why or spoken.failed[0].why).sentence[:160]}). "
            "Call it again as it was: finished lines come from the cache, only these are spoken anew"
        )
    return text[:SUMMARY_LIMIT]


def _data(files: DialogueFiles, more: list[Asset], spoken: Spoken, mix: Asset) -> dict[str, Any]:
    return {
        "lines": mix.params["lines"],
        "duration": files.seconds,
        "scenes": [heading for _, heading in files.scenes],
        "sounds": {asset.name: asset.id for asset in more},
        "failed": [
            {
                "number": one.number, "row": one.line.row, "why": one.why.sentence,
                "line": {
                    "character": one.line.character, "text": one.line.text, "emotion": one.line.emotion,
                    "language": one.line.language,
                },
            }
            for one in spoken.failed
        ],
    }  # fmt: skip


def _taken_apart(written: str) -> dict[str, str]:
    name, colon, text = written.partition(":")
    if colon and 0 < len(name.split()) <= 4:
        return {"character": name.strip(), "text": text.strip()}
    return {"text": written}
