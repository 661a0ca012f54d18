"""train_voice_model: GPT-SoVITS' scripts one after another, alone on the GPU, each counted, stopped and resumed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from backends.gpu.engine import EngineOutOfMemory
from backends.voice.training import checks
from backends.voice.training.progress import Point, Progress
from backends.voice.training.runner import SEAT, Finished, run_step
from backends.voice.training.steps import SHARES, Recipe, Step, StepName, checkpoints, plan_steps, with_batch
from configs.errors import EngineError
from configs.rundir import run_dir
from configs.voice_training import Version, VoiceTraining, load_voice_training
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.consent import Consent, agreed
from tools.voice.own_words import only_said
from tools.voice.train_dataset import Material, find_dataset, judged, lay_out, recordings_of, training_folder
from tools.voice.train_ready import check_room, training_forecast
from tools.voice.train_state import STATE, State

if TYPE_CHECKING:
    from memory.records import Asset


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


class Training:
    """One run of the steps that are left."""

    def __init__(self, ctx: ToolContext, table: VoiceTraining, recipe: Recipe, material: Material) -> None:
        self.ctx, self.table, self.recipe, self.material = ctx, table, recipe, material
        self.steps = plan_steps(recipe, table.gpt_sovits)
        self.state = State.read(recipe.folder / STATE)
        self.state.version, self.state.clips = recipe.version, len(material.train)
        self.state.sovits_epochs, self.state.gpt_epochs = recipe.sovits_epochs, recipe.gpt_epochs
        whole = sum(SHARES[name] for name in {step.name for step in self.steps})
        self._shares = {name: share / whole for name, share in SHARES.items()}
        self._behind = 0.0

    def prepare(self) -> None:
        """Folders, clips and the list."""
        recipe = self.recipe
        for folder in (recipe.folder, recipe.experiment, recipe.weights, recipe.logs):
            folder.mkdir(parents=True, exist_ok=True)
        checkpoints(recipe, self.table.gpt_sovits).mkdir(parents=True, exist_ok=True)
        if not recipe.listing.is_file():
            lay_out(self.ctx, self.material, recipe.folder / "dataset", recipe.listing)

    def do(self, parts: Sequence[Step]) -> None:
        """Run a step's parts, unless an earlier run finished them, and check what came out."""
        step = parts[0]
        if self._is_done(step):
            self._behind += self._shares[step.name]
            self.ctx.progress(self._behind, 1.0, f"{step.title}: done before")
            return
        if step.epochs:
            self._train(step)
        else:
            self._prepare_step(parts)
        self._behind += self._shares[step.name]
        self.state.done = [*dict.fromkeys([*self.state.done, step.name])]
        self.state.write(self.recipe.folder / STATE)

    def last_losses(self) -> str:
        """', last losses 27.1 and 512' for the summary."""
        last = [f"{points[-1][2]:.4g}" for points in self.state.losses.values() if points]
        return f", last losses {' and '.join(last)}" if last else ", losses not measured"

    def keep_log(self) -> Asset | None:
        """What the scripts said, as an asset; None when none has run."""
        logs = [step.log for step in self.steps if step.log.is_file()]
        if not logs:
            return None
        file = self.ctx.scratch(".txt")
        with file.open("w", encoding="utf-8") as out:
            for log in logs:
                out.write(f"===== {log.stem}\n{log.read_text(encoding='utf-8', errors='replace')}\n")
        name = self.material.manifest.character
        return self.ctx.save(
            file, "file", f"Training log of {name}.txt", engine=f"GPT-SoVITS {self.recipe.version}",
            parents=(self.material.asset.id,), summary=f"what GPT-SoVITS' scripts said while {name} was trained",
        )  # fmt: skip

    # -- parts ---------------------------------------------------------------------------------------------------

    def _is_done(self, step: Step) -> bool:
        if step.name == "sovits":
            return (checks.newest_sovits(self.recipe) or (0,))[0] >= step.epochs
        if step.name == "gpt":
            return (checks.newest_gpt(self.recipe) or (0,))[0] >= step.epochs
        kept = next((count for count in self.state.counts if count.step == step.name), None)
        if step.name not in self.state.done or kept is None:
            return False
        lost = {one.name for one in kept.lost}
        return set(checks.names_of(self.recipe.listing)) - lost <= checks.made(step.name, self.recipe)

    def _prepare_step(self, parts: Sequence[Step]) -> None:
        name = parts[0].name
        checks.clear_parts(name, self.recipe)
        log: list[str] = []
        for step in parts:
            log += self._run(step, lambda line: None, lambda: 0.0, lambda: "").log
        checks.merge_parts(name, self.recipe, len(parts))
        count = checks.count(name, self.recipe, log)
        self.state.counts = [*(c for c in self.state.counts if c.step != name), count]
        self._judge(parts[0], count)

    def _judge(self, step: Step, count: checks.Count) -> None:
        if not count.lost:
            return
        told = ", ".join(str(lost) for lost in count.lost[:5])
        more = f" and {len(count.lost) - 5} more" if len(count.lost) > 5 else ""
        most = self.table.dataset.lost_share * count.expected
        if len(count.lost) > most or count.got < self.table.dataset.least_clips:
            raise EngineError(
                f"GPT-SoVITS lost {len(count.lost)} of {count.expected} clips while {step.title}",
                f"its script ended as if all were well; lost were {told}{more}",
                "Mend or remove those clips in the dataset, then train again",
            )
        self.ctx.warn(f"{len(count.lost)} of {count.expected} clips were lost while {step.title}: {told}{more}.")

    def _train(self, step: Step) -> None:
        step = with_batch(step, self.state.batch) if self.state.batch else step
        had = any(checkpoints(self.recipe, self.table.gpt_sovits).glob("G_*.pth")) if step.name == "sovits" else False
        while True:
            progress = Progress(step.epochs)
            try:
                self._run(step, progress.read, lambda: progress.share, progress.note)  # noqa: B023
                break
            except EngineOutOfMemory as error:
                step = self._smaller(step, error)
            finally:
                self._keep_losses(step.name, progress.points)
        if had and progress.began_at == 1:
            self.ctx.warn(
                "The checkpoint of the stopped training could not be read, so SoVITS was trained from the start."
            )
        for text in progress.dropped:
            self.ctx.warn(
                f"GPT-SoVITS' own loader left out {text} while {step.title}; it repeats clips, and counts so."
            )
        if not progress.points:
            self.ctx.warn(f"No loss was seen while {step.title}: its curve is not measured.")
        newest = checks.newest_sovits(self.recipe) if step.name == "sovits" else checks.newest_gpt(self.recipe)
        if newest is None or newest[0] < step.epochs:
            why = (
                progress.save_failed.strip().splitlines()[-1]
                if progress.save_failed
                else "the script ended without them"
            )
            raise EngineError(
                f"There are no weights after {step.title}", why,
                "Make room on the disk; then train again with resume=false if this stays",
            )  # fmt: skip

    def _smaller(self, step: Step, error: EngineOutOfMemory) -> Step:
        now = self.state.batch or (self.recipe.batch if self.recipe.half else max(1, self.recipe.batch // 2))
        if now <= 1:
            raise error
        self.state.batch = now // 2
        self.state.write(self.recipe.folder / STATE)
        self.ctx.warn(f"The GPU was too small for {now} clips at once while {step.title}; it goes on with {now // 2}.")
        return with_batch(step, now // 2)

    def _run(self, step: Step, on_line: Any, share: Any, note: Any) -> Finished:
        def beat() -> None:
            done = self._behind + share() * self._shares[step.name]
            said = note()
            self.ctx.progress(done, 1.0, f"{step.title}: {said}" if said else step.title)

        finished = run_step(
            step, run_dir(self.ctx.settings), self.ctx.workspace.home, on_line=on_line, beat=beat,
            stop_s=self.table.gpt_sovits.stop_s, quiet_s=self.table.gpt_sovits.quiet_minutes * 60,
        )  # fmt: skip
        self.state.seconds[step.name] = round(self.state.seconds.get(step.name, 0.0) + finished.seconds, 1)
        beat()
        return finished

    def _keep_losses(self, name: StepName, points: Sequence[Point]) -> None:
        if not points:
            return
        # what is trained again after a stop takes the place of what was seen before
        before = [row for row in self.state.losses.get(name, []) if row[1] < points[0].step]
        self.state.losses[name] = [*before, *([p.epoch, p.step, p.loss] for p in points)]
        self.state.write(self.recipe.folder / STATE)


def grouped(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps with their parts together."""
    groups: list[list[Step]] = []
    for step in steps:
        if groups and groups[-1][0].name == step.name:
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


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
