"""train_voice: from a dataset to a character that speaks with trained weights, with consent, a test and a report."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from backends.voice.training.runner import SEAT
from backends.voice.training.steps import plan_steps
from backends.voice.wav import STUDIO, read_wav, write_wav
from configs.character_voices import load_character_voices
from configs.errors import EngineError, UsageError
from configs.models import load_models
from configs.voice_training import load_voice_training
from memory.records import Asset, Entry, Score
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolContext, ToolOutcome, ToolResult
from tools.voice.clone import known_character, replaced
from tools.voice.consent import Consent
from tools.voice.own_words import only_said
from tools.voice.routing import lacking
from tools.voice.train_dataset import Material, export_qwen3, find_dataset, judged, language_of
from tools.voice.train_model import TrainModelArgs, consent_for, recipe_for
from tools.voice.train_ready import check_trainable, training_forecast
from tools.voice.train_report import Trial, write_report
from tools.voice.weights import written_weights

if TYPE_CHECKING:
    from memory.store import Memory

ENGINE = "gpt_sovits"


class TrainVoiceArgs(TrainModelArgs):
    dry_run: bool = Field(False, description="Only show every command, environment and file; nothing is run.")
    export: Literal["", "qwen3"] = Field(
        "", description="'qwen3' trains nothing, but writes the dataset for Qwen3-TTS' own fine-tuning (Italian too)."
    )
    text: str = Field("", description="The line that the trained voice is tried with; '' takes one of the studio's.")


class TrainVoice(Tool):
    name = "train_voice"
    description = (
        "Train a character's voice with GPT-SoVITS on a voice dataset (build_voice_dataset makes one): English, "
        "Chinese, Japanese, Korean or Cantonese. Takes the whole GPU for a while, can be stopped and goes on later. "
        "Asks who consented. dry_run shows what would be run."
    )
    Args = TrainVoiceArgs
    makes = "report"
    time_limit_s = 48 * 3600.0
    retried = False
    timed = False  # a dry run or a resumed training tells nothing of a whole one; train_cost.py remembers the steps

    def only_said(self, args: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
        return only_said(args, told)

    def uses(self, args: Any, studio: Studio) -> frozenset[str]:
        return frozenset() if args.dry_run or args.export else frozenset({"voice_training", ENGINE})

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        if args.dry_run or args.export:
            return Forecast(seconds=2.0)
        entry = known_character(studio, args.character)
        name = entry.name if entry is not None else args.character
        args = args.model_copy(update=_epochs(studio, name, args))
        return training_forecast(args, studio, character=name, need_mib=load_models().engines[SEAT].need_mib)

    def check_possible(self, args: Any, studio: Studio, before: Sequence[str] = ()) -> None:
        if args.dry_run or args.export:
            return  # it takes a second, and says so itself
        coming = "build_voice_dataset" in before or args.dataset.startswith("$")
        entry = known_character(studio, args.character)
        if entry is None and not before:
            raise _unknown(studio.memory, args.character)
        check_trainable(args, studio, character=entry.name if entry else args.character, coming=coming)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
        entry = known_character(studio, args.character)
        if entry is None:
            raise _unknown(ctx.memory, args.character)
        args = args.model_copy(update={"character": entry.name, **_epochs(studio, entry.name, args)})
        if not args.export:
            check_trainable(args, studio, character=entry.name)
        table = load_voice_training(ctx.settings)
        asset, manifest = find_dataset(ctx, entry.name, args.dataset)
        if args.export:
            saved, count = export_qwen3(ctx, asset, manifest, entry.name)
            return ToolResult(f"{count} clips of {entry.name} were written for Qwen3-TTS' fine-tuning.", (saved,))
        material = judged(asset, manifest, table)
        for text in material.left_out:
            ctx.warn(text)
        if material.seconds < table.dataset.wanted_seconds:
            ctx.warn(f"{material.seconds:.0f} s are little: {table.dataset.wanted_seconds:g} s or more train better.")
        if args.dry_run:
            return self._shown(ctx, args, entry, material)
        consent = consent_for(ctx, material, args)
        wish = {
            **{name: getattr(args, name) for name in TrainModelArgs.model_fields if name != "dataset"},
            "dataset": asset.id,
        }
        outcome = ctx.call("train_voice_model", wish, key="model", title=f"training {entry.name}'s voice")
        return self._kept(ctx, args, entry, material, consent, outcome)

    def _shown(self, ctx: ToolContext, args: Any, entry: Entry, material: Material) -> ToolResult:
        """A dry run: what would be done, as text."""
        table = load_voice_training(ctx.settings)
        recipe = recipe_for(ctx, table, material, args)
        steps = plan_steps(recipe, table.gpt_sovits)
        lines = [
            f"Training of {entry.name}, GPT-SoVITS {recipe.version}: {len(material.train)} clips, "
            f"{material.seconds:.0f} s, {len(material.held_out)} kept out to compare with. Nothing was run.",
            f"Would be written: {recipe.listing}, {recipe.clips}, {recipe.experiment}, {recipe.weights}, {recipe.logs}",
        ]
        for step in steps:
            lines += ["", f"# {step.title}", step.shown()]
            for path, text in step.files.items():
                lines += [f"# writes {path}:", text]
        file = ctx.scratch(".txt")
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        saved = ctx.save(file, "report", f"Training plan of {entry.name}.txt", parents=(material.asset.id,))
        commands = [list(step.argv) for step in steps]
        summary = (
            f"{len(steps)} commands would train {entry.name}'s voice; they are in '{saved.name}'. Nothing was run."
        )
        return ToolResult(
            summary, (saved,), data={"commands": commands, "environments": [dict(step.env) for step in steps]}
        )

    def _kept(
        self, ctx: ToolContext, args: Any, entry: Entry, material: Material, consent: Consent, outcome: ToolOutcome
    ) -> ToolResult:
        """Try the weights, and only then give them to the character."""
        assert outcome.result is not None
        trained = outcome.result.data
        for text in outcome.result.warnings:
            ctx.warn(text)
        reference = self._reference(ctx, args.character, material, trained, consent)
        trial = self._tried(ctx, args, material, trained, reference, consent)
        references = replaced(ctx, entry, consent)
        clip, language = material.reference, language_of(material.reference, material.manifest)
        references["neutral"] = {"asset": reference.id, "text": clip.text, "language": language}
        report = {
            "trained": datetime.date.today().isoformat(),
            "version": args.version,
            "dataset": material.asset.id,
            "clips": len(material.train),
            "epochs": trained["epochs"],
            "similarity": trial.similarity,
            "by": trial.by or trial.why,
        }
        page = write_report(ctx, entry.name, material, trained, trial, consent)
        data = {
            **entry.data,
            "voice_source": {
                "engine": ENGINE,
                "weights": {
                    kind: written_weights(ctx.workspace.home, ctx.workspace.inside(path))
                    for kind, path in trained["weights"].items()
                },
                "references": references,
                "consent": consent.to_data(),
                "licence": consent.said if consent.basis == "licensed_recording" else "",
                "report": report,
            },
        }
        ctx.memory.remember("character", entry.name, entry.text, data, source="tool", thread=ctx.thread)
        said = f"similarity {trial.similarity:.2f} ({trial.by})" if trial.similarity is not None else (
            f"similarity not measured: {trial.why.rstrip('.')}"
        )  # fmt: skip
        summary = (
            f"{outcome.result.summary}. {entry.name} speaks with these weights now; {said}. Consent: {consent.line}."
        )
        spoken = (trial.asset,) if trial.asset is not None else ()
        return ToolResult(
            summary=summary.encode()[:SUMMARY_LIMIT].decode(errors="ignore"),
            assets=(page, *spoken, *outcome.assets),
            measurements={
                **outcome.result.measurements,
                "similarity": trial.similarity if trial.similarity is not None else "not measured",
                "lost_clips": sum(len(count["lost"]) for count in trained["counts"]),
            },
            data={**trained, "report": report},
        )

    def _reference(
        self, ctx: ToolContext, name: str, material: Material, trained: dict[str, Any], consent: Consent
    ) -> Asset:
        """The dataset's best clip as the recording that the trained voice speaks after."""
        clip = material.reference
        samples, rate = read_wav(ctx.workspace.home / trained["folder"] / "dataset" / clip.file)
        file = ctx.scratch(".wav")
        comment = f"Recording of a voice, for {name}; consent {consent.id}"
        write_wav(file, samples, rate, tags={"comment": comment, "software": STUDIO})
        params = {"reference": True, "character": name, "emotion": "neutral", "text": clip.text, "consent": consent.id}
        return ctx.save(
            file, "audio", f"{name}'s voice, neutral (recording)", params=params, parents=(material.asset.id,),
            scores=tuple(_scores(clip.figures.snr_db, clip.figures.similarity)),
        )  # fmt: skip

    def _tried(
        self, ctx: ToolContext, args: Any, material: Material, trained: dict[str, Any], reference: Asset,
        consent: Consent,
    ) -> Trial:  # fmt: skip
        """A test line with the new weights. Raises EngineError when the engine is here and cannot speak with them."""
        studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
        if why := lacking(ENGINE, studio):
            ctx.warn(f"The trained voice was not tried: {why}")
            return Trial(None, None, "", why)
        folder = Path(trained["folder"]) / "dataset"
        wish = {
            "character": args.character,
            "text": args.text,
            "language": language_of(material.reference, material.manifest),
            "weights": trained["weights"],
            "consent": consent.id,
            "reference": reference.id,
            "reference_text": material.reference.text,
            "held_out": [(folder / clip.file).as_posix() for clip in material.held_out],
        }
        mark = hashlib.sha256(repr(sorted(trained["weights"].items())).encode()).hexdigest()[:8]
        try:
            outcome = ctx.call("check_voice", wish, key=f"check-{mark}", title=f"test line of {args.character}")
        except EngineError as error:
            raise EngineError(
                f"The trained voice of {args.character} could not be tried, so it was not given to the character",
                error.sentence.rstrip("."),
                f"The weights are kept in {trained['folder']}/weights; train_voice goes on from there",
            ) from error
        assert outcome.result is not None
        facts = outcome.result.data
        return Trial(outcome.assets[0], facts["similarity"], facts["by"], facts["note"])


def _unknown(memory: Memory, name: str) -> UsageError:
    near = memory.nearest_characters(name, 3)
    hint = f"Did you mean {', '.join(near)}?" if near else "Remember the character first"
    return UsageError(f"No character '{name[:60]}' is remembered", fix=hint)


def _epochs(studio: Studio, name: str, args: Any) -> dict[str, int]:
    """What the recipe in configs/character_voices.yaml says where nothing was asked for."""
    found = load_character_voices(studio.settings).find(name)
    recipe = found[1].recipe if found is not None else None
    if recipe is None or recipe.version != args.version:
        return {}
    return {
        "sovits_epochs": args.sovits_epochs or recipe.sovits_epochs,
        "gpt_epochs": args.gpt_epochs or recipe.gpt_epochs,
    }


def _scores(snr_db: float | None, similarity: float | None) -> list[Score]:
    found = []
    if snr_db is not None:
        found.append(Score("snr", snr_db, "measured", "speech over pauses, dB"))
    if similarity is not None:
        found.append(Score("likeness", similarity, "measured", "cosine to the mean of the dataset"))
    return found
