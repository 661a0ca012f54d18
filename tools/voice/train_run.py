"""The steps of a training, run one after another: counted, resumed, stopped when their losses are lost, and logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from backends.gpu.engine import EngineOutOfMemory
from backends.voice.training import checks
from backends.voice.training.progress import Point, Progress
from backends.voice.training.runner import Finished, run_step
from backends.voice.training.steps import (
    SHARES,
    Recipe,
    Step,
    StepName,
    checkpoints,
    plan_steps,
    resumed_from,
    with_batch,
    with_one_more,
)
from configs.errors import EngineError
from configs.rundir import run_dir
from configs.voice_training import VoiceTraining
from tools.spec import ToolContext
from tools.voice.train_dataset import Material, lay_out
from tools.voice.train_state import STATE, State

if TYPE_CHECKING:
    from memory.records import Asset


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
        self._behind, self._epoch_kept = 0.0, 0
        self._spoiled: Callable[[], None] = lambda: None

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
        try:
            if step.epochs:
                self._train(step)
            else:
                self._prepare_step(parts)
        finally:
            self._spoiled()  # after its processes have ended, as they write until then
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
        if step.epochs:
            return self._newest(step) >= step.epochs
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
        progress, step = self._trained(step)
        if self._newest(step) < step.epochs and not progress.epoch and not progress.save_failed:
            self.ctx.warn(f"It was stopped before its last weights were saved, so one epoch more: {step.title}.")
            progress, step = self._trained(with_one_more(step))
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
        if self._newest(step) < step.epochs:
            why = (
                progress.save_failed.strip().splitlines()[-1]
                if progress.save_failed
                else "the script ended without them"
            )
            raise EngineError(
                f"There are no weights after {step.title}", why,
                "Make room on the disk; then train again with resume=false if this stays",
            )  # fmt: skip

    def _trained(self, step: Step) -> tuple[Progress, Step]:
        """Run a training script, with smaller batches where the GPU is too small; what it said, and the step it was."""
        while True:
            progress, self._epoch_kept = Progress(step.epochs), 0

            def read(line: str, progress: Progress = progress, step: Step = step) -> None:
                progress.read(line)
                if progress.is_lost:
                    raise self._lost(step, progress)

            def note(progress: Progress = progress, step: Step = step) -> str:
                if (kept := progress.points) and kept[-1].epoch > self._epoch_kept:  # a kill leaves no time for it
                    self._keep_losses(step.name, kept)
                return progress.note()

            try:
                self._run(step, read, lambda: progress.share, note)  # noqa: B023
                return progress, step
            except EngineOutOfMemory as error:
                step = self._smaller(step, error)
            finally:
                self._keep_losses(step.name, progress.points)

    def _lost(self, step: Step, progress: Progress) -> EngineError:
        """The training has gone wrong for good: what it saved would be taken up again, so it is removed."""
        good = [point.epoch for point in progress.points if math.isfinite(point.loss)]
        last = f"the last good one was in epoch {good[-1]}" if good else "not one was good"
        clear = resumed_from(step.name, self.recipe, self.table.gpt_sovits)
        self._spoiled = partial(checks.clear_training, step.name, self.recipe, clear)
        return EngineError(
            f"The losses are no numbers any more (NaN) while {step.title}",
            f"{last}; what is trained from there on is noise, so it was stopped",
            "Listen to the dataset for clips with silence or clicks and take them out, or train fewer epochs",
        )

    def _newest(self, step: Step) -> int:
        """The epoch of the newest whole weights; 0 without any."""
        found = checks.newest_sovits(self.recipe) if step.name == "sovits" else checks.newest_gpt(self.recipe)
        return found[0] if found is not None else 0

    def _smaller(self, step: Step, error: EngineOutOfMemory) -> Step:
        now = self.state.batch or (self.recipe.batch if self.recipe.half else max(1, self.recipe.batch // 2))
        if now <= 1:
            raise error
        self.state.batch = now // 2
        self.state.write(self.recipe.folder / STATE)
        told = f"{now} clips at once were too many while {step.title} ({error.cause[:120]})"
        self.ctx.warn(f"{told}; it goes on with {now // 2}.")
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
        self._epoch_kept = points[-1].epoch
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
