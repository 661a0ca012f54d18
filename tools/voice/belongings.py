"""What the studio keeps of a person's voice for a character: recordings, trainings, datasets, and copies of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.tts_config import load_tts
from memory.entries import FORMER
from memory.names import name_key
from memory.records import Asset, AssetKind, Entry
from tools.spec import ToolContext
from tools.voice.dataset.manifest import plain_name
from tools.voice.line_cache import LineCache
from tools.voice.weights import TRAINED, kept_weights

if TYPE_CHECKING:
    from memory.store import Memory

_ALL = 1_000_000
_MAKERS = ("build_voice_dataset", "train_voice", "train_voice_model")
"""What they write beside a dataset: pages with its clips, logs with its words."""


def recordings_of(ctx: ToolContext, entry: Entry, *, undone: bool) -> list[Asset]:
    """The clips that the studio cut for the character's voice, those of former clones too.

    What else memory may name are files of the user's, which stay. undone: those of clones that were undone as well.
    """
    source = entry.data.get("voice_source")
    given = source.get("references") if isinstance(source, Mapping) else None
    ids = [str(one.get("asset", "")) for one in given.values() if isinstance(one, Mapping)] if given else []
    named = [one for one in map(ctx.memory.get_asset, ids) if one is not None]
    found = (*named, *_of(ctx.memory, "audio", entry, undone))
    return list({one.id: one for one in found if one.params.get("reference")}.values())


def trainings_of(home: Path, entry: Entry) -> list[Path]:
    """The folders of its trainings: those of its weights, and those of earlier ones.

    Weights that lie elsewhere are the user's.
    """
    base = (home / TRAINED).resolve()
    source = entry.data.get("voice_source")
    given = source.get("weights") if isinstance(source, Mapping) else None
    named = given.values() if isinstance(given, Mapping) else ()
    paths = [kept_weights(home, str(path)) for path in named if path]
    found = {base / path.relative_to(base).parts[0] for path in paths if base in path.parents}
    names = "|".join(re.escape(plain_name(name)) for name in names_of(entry))
    own = re.compile(rf"(?:{names})_[a-z0-9]+_[0-9a-f]{{8}}")
    folders = base.iterdir() if base.is_dir() else ()
    return sorted(found | {one for one in folders if own.fullmatch(one.name) and not one.is_symlink()})


def datasets_of(ctx: ToolContext, entry: Entry) -> list[Asset]:
    """The datasets that the studio made of the character's voice, with their pages and logs; an attached one stays."""
    datasets = _of(ctx.memory, "dataset", entry, undone=True)
    beside = [
        child for one in datasets for child in ctx.memory.children(one.id)
        if child.tool in _MAKERS and child.kind in ("report", "file")
    ]  # fmt: skip
    return list({one.id: one for one in (*datasets, *beside) if one.tool}.values())


def sources_of(memory: Memory, kept: Iterable[Asset]) -> list[Asset]:
    """The user's own files that these were made from, as far as they can be found."""
    taken = {up.id: up for one in kept for up in memory.lineage(one.id) if not up.tool and not up.hidden}
    return list(taken.values())


def clear_copies(ctx: ToolContext, *, for_good: bool) -> None:
    """The copies of recordings that engines read; those of other voices are made again when they speak.

    for_good: and what else is kept of voices to save work: lines, parts to compare with, who speaks when.
    """
    folders = list((ctx.workspace.cache / "engines").glob("*/references"))
    if shared := load_tts(ctx.settings).engines.gpt_sovits.shared_here:
        folders.append(Path(shared).expanduser() / "references")
    if for_good:
        LineCache.of(ctx.workspace).clear()
        folders += [ctx.workspace.cache / "voices", ctx.workspace.cache / "voice_dataset"]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def without_voice(entry: Entry) -> dict[str, Any]:
    """What is known of the character, without the voice and the stand-in that was fitted to it."""
    data = {key: value for key, value in entry.data.items() if key != "voice_source"}
    voice = data.get("voice")
    if isinstance(voice, Mapping) and voice.get("fitted_to"):
        del data["voice"]
    return data


def _of(memory: Memory, kind: AssetKind, entry: Entry, undone: bool) -> list[Asset]:
    keys = {name_key(name) for name in names_of(entry)}
    found = memory.list_assets(kind, limit=_ALL, include_hidden=undone)
    return [one for one in found if name_key(str(one.params.get("character", ""))) in keys]


def names_of(entry: Entry) -> list[str]:
    """The names under which files know a character: its own, and those that it had before."""
    return [entry.name, *map(str, entry.data.get(FORMER, []))]
