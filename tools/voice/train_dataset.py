"""The dataset of a training: found, judged, parted into what is trained on and what is kept to compare with."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import StudioError, UsageError
from configs.voice_training import VoiceTraining
from memory.records import Asset
from tools.spec import ToolContext
from tools.voice.consent import Recording
from tools.voice.dataset.manifest import Clip, Manifest, clip_bytes, plain_name, read_manifest, unpack
from tools.voice.weights import TRAINED

if TYPE_CHECKING:
    from configs.workspace import Workspace
    from memory.store import Memory

LANGUAGES = {"it": "Italian", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "ru": "Russian"}


@dataclass(frozen=True)
class Material:
    """What a training works with."""

    asset: Asset
    manifest: Manifest
    train: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    left_out: tuple[str, ...] = ()
    """Why clips are not used, one sentence each."""

    @property
    def seconds(self) -> float:
        return sum(clip.seconds for clip in self.train)

    @property
    def language(self) -> str:
        """Of most clips."""
        return Counter(language_of(clip, self.manifest) for clip in self.train).most_common(1)[0][0]

    @property
    def reference(self) -> Clip:
        """The clip that a trained voice speaks after: 3 to 10 s, most like the others, clean, near 6 s."""
        fit = [clip for clip in self.train if 3.0 <= clip.seconds <= 10.0] or list(self.train)
        return max(
            fit, key=lambda c: (c.figures.similarity or 0.0, c.figures.snr_db or 0.0, -abs(c.seconds - 6.0), c.file)
        )


def language_of(clip: Clip, manifest: Manifest) -> str:
    """Primary tag, lower case: GPT-SoVITS' scripts know 'en', 'EN' and 'En', and nothing else of it."""
    return (clip.language or manifest.language).split("-", maxsplit=1)[0].casefold()


def find_dataset(ctx: ToolContext, character: str, ref: str) -> tuple[Asset, Manifest]:
    """The dataset asked for, else the newest of this character. Raises UsageError when there is none."""
    if ref.strip():
        asset = ctx.asset(ref, "dataset", "file")
        return asset, read_manifest(ctx.path(asset))
    return newest_dataset(ctx.memory, ctx.workspace, character)


def newest_dataset(memory: Memory, workspace: Workspace, character: str) -> tuple[Asset, Manifest]:
    """The newest dataset of a character whose file is there. Raises UsageError when there is none."""
    for asset in memory.list_assets("dataset", limit=200):
        try:
            manifest = read_manifest(workspace.inside(asset.path))
        except StudioError:
            continue  # a dataset of another form, or its file is gone
        if plain_name(manifest.character) == plain_name(character):
            return asset, manifest
    raise UsageError(
        f"There is no voice dataset of {character}",
        "a voice is trained on many clips with their words",
        "Make one with build_voice_dataset from films or recordings",
    )


def training_folder(home: Path, character: str, version: str, asset: Asset) -> Path:
    """Where a training of this dataset lies; another dataset or version has another folder."""
    return home / TRAINED / f"{plain_name(character)}_{version.lower()}_{asset.sha256[:8]}"


def judged(asset: Asset, manifest: Manifest, table: VoiceTraining) -> Material:
    """The clips that GPT-SoVITS can be trained on. Raises UsageError in one sentence when they are none or too few."""
    known = set(table.gpt_sovits.languages)
    spoken = Counter(language_of(clip, manifest) or "no language" for clip in manifest.clips)
    usable = [clip for clip in manifest.clips if language_of(clip, manifest) in known]
    if not any(clip.text for clip in manifest.clips):
        raise UsageError(
            f"'{asset.name}' holds {len(manifest.clips)} clips without their words",
            "a voice is trained on what is said in each",
            "Build the dataset again with subtitles, or set voice.recogniser to a faster-whisper model",
        )
    if not usable and manifest.clips:
        raise _foreign(asset, spoken, table)
    with_words = [clip for clip in usable if clip.text]
    length = [clip for clip in with_words if 0.6 < clip.seconds < 54]
    slow, fast = table.dataset.letters_per_second
    sayable = [c for c in length if slow <= sum(map(str.isalnum, c.text)) / c.seconds <= fast]
    left_out = []
    if wrong := len(length) - len(sayable):
        left_out.append(f"{wrong} clips whose words do not fit their length were left out.")
    if foreign := len(manifest.clips) - len(usable):
        others = ", ".join(sorted(set(spoken) - known))
        left_out.append(f"{foreign} clips in {others} were left out: GPT-SoVITS knows {', '.join(sorted(known))} only.")
    if wordless := len(usable) - len(with_words):
        left_out.append(f"{wordless} clips without words were left out.")
    if odd := len(with_words) - len(length):
        left_out.append(f"{odd} clips of less than 0.6 or more than 54 s were left out.")
    rules, seconds = table.dataset, sum(clip.seconds for clip in sayable)
    if len(sayable) < rules.least_clips or seconds < rules.least_seconds:
        why = f"{len(sayable)} usable clips with {seconds:.0f} s; the least are {rules.least_clips} with "
        why += f"{rules.least_seconds:g} s"
        told = f" ({left_out[0].rstrip('.')})" if left_out else ""
        raise UsageError(
            f"'{asset.name}' is too little to train a voice", why + told,
            "Add recordings, or use clone_voice, which needs one of 3 to 10 s",
        )  # fmt: skip
    train, held_out = _parted(sayable, table)
    return Material(asset, manifest, train, held_out, tuple(left_out))


def recordings_of(ctx: ToolContext, material: Material) -> list[Recording]:
    """The files that the clips come from, else the dataset itself; for the question who agreed.

    Only a dataset that was built here is believed about where its clips come from.
    """
    if material.asset.tool != "build_voice_dataset":
        return [Recording(material.asset.sha256, material.asset.name)]
    found: dict[str, Recording] = {}
    for source in dict.fromkeys(clip.source for clip in material.manifest.clips):
        asset = ctx.memory.get_asset(source) if source else None
        if asset is None:
            return [Recording(material.asset.sha256, material.asset.name)]
        found[asset.sha256] = Recording(asset.sha256, asset.name, asset, ctx.workspace.home / asset.path)
    return list(found.values()) or [Recording(material.asset.sha256, material.asset.name)]


def lay_out(ctx: ToolContext, material: Material, folder: Path, listing: Path) -> None:
    """Unpack the dataset below `folder` and write the list that is trained on; names only, so no path can hold '|'."""
    unpack(ctx.path(material.asset), folder)
    speaker = plain_name(material.manifest.character)
    rows = [
        "|".join((Path(clip.file).name, speaker, language_of(clip, material.manifest), clip.text))
        for clip in material.train
    ]
    draft = listing.with_suffix(".part")  # a list that is there is whole: what a kill has cut short is laid out again
    draft.write_text("\n".join(rows) + "\n", encoding="utf-8")
    draft.replace(listing)


def export_qwen3(ctx: ToolContext, asset: Asset, manifest: Manifest, name: str) -> tuple[Asset, int]:
    """A zip with the clips and train.jsonl, {audio, text, ref_audio} a line, for Qwen3-TTS' own fine-tuning script."""
    clips = [clip for clip in manifest.clips if clip.text]
    if not clips:
        raise UsageError(f"'{asset.name}' has no clip with words", fix="Give subtitles, or install a recogniser")
    reference = max(clips, key=lambda clip: (3 <= clip.seconds <= 10, clip.figures.similarity or 0.0, clip.file))
    file = ctx.scratch(".zip")
    rows = [
        json.dumps({"audio": clip.file, "text": clip.text, "ref_audio": reference.file}, ensure_ascii=False)
        for clip in clips
    ]
    with zipfile.ZipFile(ctx.path(asset)) as given, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
        made.writestr(zipfile.ZipInfo("train.jsonl"), "\n".join(rows) + "\n")
        for clip in clips:
            ctx.cancel.check()
            made.writestr(zipfile.ZipInfo(clip.file), clip_bytes(ctx.path(asset), given, clip.file))
    saved = ctx.save(
        file, "dataset", f"Voice of {name} for Qwen3-TTS.zip", params={"character": name, "form": "qwen3-sft"},
        parents=(asset.id,), summary=f"{len(clips)} clips and train.jsonl for Qwen3-TTS' fine-tuning",
    )  # fmt: skip
    return saved, len(clips)


def _parted(clips: Sequence[Clip], table: VoiceTraining) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """The same clips always: by the hash of their names, spread over the whole recording."""
    rules = table.dataset
    if len(clips) < rules.held_out_from:
        return tuple(clips), ()
    most = min(rules.held_out_most, max(1, round(len(clips) * rules.held_out_share)))
    ranked = sorted((c for c in clips if c.seconds >= 1.0), key=lambda c: hashlib.sha256(c.file.encode()).digest())
    aside = {clip.file for clip in ranked[:most]}
    return tuple(c for c in clips if c.file not in aside), tuple(c for c in clips if c.file in aside)


def _foreign(asset: Asset, spoken: Counter[str], table: VoiceTraining) -> UsageError:
    tag = spoken.most_common(1)[0][0]
    name = LANGUAGES.get(tag, f"'{tag}'")
    return UsageError(
        f"GPT-SoVITS cannot be trained in {name}",
        f"its scripts know {', '.join(table.gpt_sovits.languages)} and would drop all {sum(spoken.values())} lines of "
        f"'{asset.name}' without an error",
        "Use clone_voice (Qwen3-TTS needs one clip only), or train_voice with export='qwen3' for its own fine-tuning",
    )
