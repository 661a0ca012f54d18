"""train_voice_model: GPT-SoVITS' scripts one after another, alone on the GPU, each counted, stopped and resumed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import Field

from backends.voice.training import checks
from backends.voice.training.runner import SEAT
from backends.voice.training.steps import Recipe
from configs.voice_training import Version, VoiceTraining, load_voice_training
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.consent import Consent, agreed
from tools.voice.own_words import only_said
from tools.voice.train_dataset import Material, find_dataset, judged, recordings_of, training_folder
from tools.voice.train_ready import check_room, training_forecast
from tools.voice.train_run import Training, grouped


class TrainModelArgs(ToolArgs):
    character: str = Field(description="Whose voice: a character's name.")
    dataset: str = Field("", description="The voice dataset, an asset; '' takes the character's newest.")
    version: Version = Field("v2ProPlus", description="GPT-SoVITS' version: v2ProPlus, v2Pro, v2, v3 or v4.")
    sovits_epochs: int = Field(0, ge=0, le=200, description="Epochs of SoVITS; 0 takes the version's own.")
    gpt_epochs: int = Field(0, ge=0, le=200, description="Epochs of GPT; 0 takes 15.")
    batch: int = Field(0, ge=0, le=64, description="Clips trained at once; 0 takes what the GPU's memory allows.")
    resume: bool = Field(True, description="Go on with a training that was stopped; false begins anew.")
    person: str = Field("", description="Whose real voice it is: a name; '' when consent says it.")
    consent: str = Field(
        "",
        description="Who agreed, in the user's own words: 'my own voice', 'written consent of NAME', "
        "'licensed recording: LICENCE', 'a synthetic voice'. Never invent it: leave it empty, and the user is asked.",
    )


class TrainVoiceModel(Tool):
    name = "train_voice_model"
    description = (
        "One part of train_voice: run GPT-SoVITS' preparation and training on a dataset. Use train_voice instead, "
        "which tries the voice and keeps it."
    )
    Args = TrainModelArgs
    makes = "file"
    time_limit_s = 48 * 3600.0
    retried = False
    timed = False  # a training that was resumed tells nothing of a whole one; train_cost.py remembers the steps

    def only_said(self, args: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
        return only_said(args, told)

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        return frozenset({SEAT})

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        return training_forecast(args, studio, character=args.character, need_mib=0)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        table = load_voice_training(ctx.settings)
        asset, manifest = find_dataset(ctx, args.character, args.dataset)
        material = judged(asset, manifest, table)
        consent_for(ctx, material, args)
        check_room(Studio(ctx.settings, ctx.workspace, ctx.memory), table, args, material)
        recipe = recipe_for(ctx, table, material, args)
        if not args.resume:
            shutil.rmtree(recipe.folder, ignore_errors=True)
        training = Training(ctx, table, recipe, material)
        try:
            training.prepare()
            for group in grouped(training.steps):
                training.do(group)
        finally:
            log = training.keep_log()
        sovits, gpt = checks.newest_sovits(recipe), checks.newest_gpt(recipe)
        assert sovits is not None and gpt is not None, "do() has checked them"
        home = ctx.workspace.home
        data = {
            "weights": {
                "gpt": gpt[1].relative_to(home).as_posix(),
                "sovits": sovits[1].relative_to(home).as_posix(),
            },
            "version": recipe.version,
            "epochs": {"sovits": sovits[0], "gpt": gpt[0]},
            "counts": [asdict(count) for count in training.state.counts],
            "losses": training.state.losses,
            "batch": training.state.batch or recipe.batch,
            "folder": recipe.folder.relative_to(home).as_posix(),
            "seconds": training.state.seconds,
        }
        summary = (
            f"GPT-SoVITS {recipe.version} was trained on {len(material.train)} clips ({material.seconds:.0f} s): "
            f"SoVITS {sovits[0]} epochs, GPT {gpt[0]} epochs{training.last_losses()}"
        )
        return ToolResult(
            summary=summary, assets=(log,) if log is not None else (), warnings=material.left_out,
            measurements={"clips": len(material.train), "seconds": round(material.seconds, 1)}, data=data,
        )  # fmt: skip


def consent_for(ctx: ToolContext, material: Material, args: Any) -> Consent:
    """Who agreed to the training. Raises QuestionOpen when that has to be asked, UsageError when nobody did."""
    entry = ctx.memory.resolve_character(args.character)
    name = entry.name if entry is not None else args.character.strip()
    # what the dataset itself says of rights is text of a file, and no consent
    return agreed(ctx.memory, name, entry, recordings_of(ctx, material), args.consent, args.person, deed="trained")


def recipe_for(ctx: ToolContext, table: VoiceTraining, material: Material, args: Any) -> Recipe:
    """Where and how this is trained; another dataset or version has another folder."""
    trained = table.gpt_sovits.versions[args.version]
    folder = training_folder(ctx.workspace.home, args.character, args.version, material.asset)
    half, batch = _device(ctx, table, large=trained.large)
    return Recipe(
        name=folder.name,
        version=args.version,
        folder=folder,
        root=table.root(ctx.settings),
        sovits_epochs=args.sovits_epochs or trained.epochs,
        gpt_epochs=args.gpt_epochs or table.gpt_sovits.gpt_epochs,
        batch=args.batch or batch,
        half=half,
        gpu=_visible_gpu(),
    )


def _device(ctx: ToolContext, table: VoiceTraining, *, large: bool) -> tuple[bool, int]:
    """(whether half floats, clips at once), as the web page works them out."""
    from backends.gpu.monitor import snapshot

    now = snapshot()
    per_clip = table.gpt_sovits.mib_per_clip.large if large else table.gpt_sovits.mib_per_clip.plain
    if now.has_gpu:
        return True, max(1, min(now.devices[0].total_mib, ctx.settings.gpu.vram_budget_mib) // per_clip)
    ctx.warn("There is no GPU here: a training takes days.")
    return False, max(1, min(8, now.ram_total_mib // 4096))


def _visible_gpu() -> str:
    """The first GPU that this process may use, by the number that its own children must be told."""
    import os

    return os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
