"""Whether a training can be done at all, told before its price is shown, anybody agrees, or a process is started."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.voice.training.steps import check_installed
from configs.errors import EngineError, StudioError, UsageError
from configs.voice_training import VoiceTraining, load_voice_training
from memory.records import Asset
from tools.spec import Forecast, Studio
from tools.voice.dataset.manifest import read_manifest
from tools.voice.train_cost import Size, done_before, expected_seconds, needed_mib, seen_before
from tools.voice.train_dataset import Material, judged, newest_dataset, training_folder
from tools.voice.train_state import STATE
from tools.voice.weights import TRAINED

USUAL_CLIPS, USUAL_SECONDS = 120, 600.0
"""Of a dataset that is not made yet: ten minutes of speech."""


def check_trainable(args: Any, studio: Studio, *, character: str, coming: bool = False) -> None:
    """Raises StudioError with every reason why this training would fail, one after another in a sentence.

    Args:
        args: of train_voice or train_voice_model.
        character: whose voice, by its full name where it is known.
        coming: the dataset is made by an earlier step of the same plan, and cannot be judged yet.
    """
    table = load_voice_training(studio.settings)
    found: list[StudioError] = []
    exported = bool(getattr(args, "export", ""))
    material: Material | None = None

    def try_to(look: Callable[[], Any]) -> Any:
        try:
            return look()
        except StudioError as error:
            found.append(error)
            return None

    if not exported:
        try_to(lambda: check_installed(table.root(studio.settings), table.gpt_sovits, args.version))
    if not coming and not exported:
        material = try_to(lambda: material_now(studio, table, character, args.dataset))
    if not exported and not getattr(args, "dry_run", False):
        try_to(lambda: check_room(studio, table, args, material))
    if found:
        raise joined(f"{character}'s voice cannot be trained yet", found)


def joined(problem: str, found: list[StudioError]) -> StudioError:
    """One error with all reasons and ways out; a single one stays as it is."""
    if len(found) == 1:
        return found[0]
    causes = [f"{e.problem} ({e.cause.rstrip('.')})" if e.cause else e.problem for e in found]
    kind = EngineError if any(isinstance(error, EngineError) for error in found) else UsageError
    return kind(problem, "; ".join(causes), ". ".join(error.fix.rstrip(".") for error in found if error.fix))


def material_now(studio: Studio, table: VoiceTraining, character: str, ref: str) -> Material | None:
    """The clips that would be trained on; None where `ref` is a file that was not taken in yet.

    Raises UsageError when there is no dataset, or none that a voice can be trained on.
    """
    if not ref.strip():
        asset, manifest = newest_dataset(studio.memory, studio.workspace, character)
        return judged(asset, manifest, table)
    if "/" in ref or (studio.workspace.home / ref).is_file():
        return None
    asset = studio.memory.find_asset(ref, ("dataset", "file"))
    return judged(asset, read_manifest(_file(studio, asset)), table)


def check_room(studio: Studio, table: VoiceTraining, args: Any, material: Material | None) -> None:
    """Raises EngineError when the disks cannot hold what a training saves."""
    size = _size(table, args, material)
    folder = training_folder(studio.workspace.home, args.character, args.version, material.asset) if material else None
    there = _mib_of(folder) if folder is not None and args.resume else 0
    rooms = [(studio.workspace.home, max(256, needed_mib(size, table.gpt_sovits) - there))]
    root = table.root(studio.settings)
    if root.is_dir() and root.stat().st_dev != studio.workspace.home.stat().st_dev:
        # its scripts save through their working directory before they move the file
        rooms.append((root, round(table.gpt_sovits.cost.optimiser_mib / 2)))
    for place, needed in rooms:
        free = shutil.disk_usage(place).free // 2**20
        if free < needed:
            raise EngineError(
                "There is too little room for a training", f"{free} MiB are free in {place}, {needed} are needed",
                "Make room on that disk",
            )  # fmt: skip


def training_forecast(args: Any, studio: Studio, *, character: str, need_mib: int) -> Forecast:
    """What the training costs: by the dataset's length and the epochs, and by what was seen here before."""
    from backends.gpu.monitor import snapshot

    table = load_voice_training(studio.settings)
    material: Material | None = None
    done: tuple[str, ...] = ()
    try:
        material = material_now(studio, table, character, args.dataset)
    except (StudioError, OSError):
        pass  # it is made by an earlier step, or check_trainable tells what is wrong with it
    home = studio.workspace.home
    if material is not None and args.resume:
        done = done_before(training_folder(home, character, args.version, material.asset) / STATE)
    size = _size(table, args, material)
    seen = tuple(seen_before(home / TRAINED, STATE, args.version, table.gpt_sovits.cost))
    seconds, measured = expected_seconds(
        size, table.gpt_sovits, has_gpu=snapshot().has_gpu, done=done, seen=seen
    )  # fmt: skip
    return Forecast(
        seconds=seconds, vram_mib=need_mib, disk_mib=float(needed_mib(size, table.gpt_sovits)),
        basis="measured" if measured and material is not None else "estimated",
    )  # fmt: skip


def _size(table: VoiceTraining, args: Any, material: Material | None) -> Size:
    return Size(
        args.version,
        len(material.train) if material else USUAL_CLIPS,
        material.seconds if material else USUAL_SECONDS,
        args.sovits_epochs or table.gpt_sovits.versions[args.version].epochs,
        args.gpt_epochs or table.gpt_sovits.gpt_epochs,
    )


def _file(studio: Studio, asset: Asset) -> Path:
    return studio.workspace.inside(asset.path)


def _mib_of(folder: Path) -> int:
    files = folder.rglob("*") if folder.is_dir() else ()
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink()) // 2**20
