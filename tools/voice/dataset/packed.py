"""A dataset that was packed elsewhere, taken in: a zip of sounds with their words becomes one of the studio's form.

Nothing is unpacked under a name that the archive chose. Every sound is decoded and written anew, so that what is kept
is what the studio wrote; a dataset of a studio's own form is checked and kept as it is.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from backends.media.audio import read_audio
from backends.media.probe import probe
from backends.voice.texts.language import detect_language
from backends.voice.wav import STUDIO, write_wav
from configs.errors import UsageError
from configs.voice_dataset import voice_dataset_table
from tools.voice.dataset.manifest import (
    MANIFEST,
    MAX_BYTES,
    MAX_CLIP_BYTES,
    MAX_CLIPS,
    Clip,
    Manifest,
    Totals,
    list_text,
    plain_name,
    read_manifest,
    write_dataset,
)
from tools.voice.dataset.packed_words import LISTS, MOST_BYTES, Row, read_rows, stem_of

SOUNDS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff"})
MOST_MEMBERS = 3 * MAX_CLIPS
MOST_RATIO = 1500.0
"""Unpacked over packed bytes; deflate's own limit is 1032, an honest wav has 1 to 3."""
_RATES = (8_000, 48_000)
_UNREADABLE = (OSError, zipfile.BadZipFile, RuntimeError, EOFError, NotImplementedError, ValueError)
_BLOCK = 1 << 20


def take_in(path: Path, shown: str, made: Path) -> Manifest:
    """Write the dataset of a zip from outside to `made`, a zip of the studio's form.

    Args:
        path: the archive; data from outside.
        shown: its name for people, and for a character that the archive does not name.

    Raises UsageError in one sentence when it is damaged, hostile, too large, or holds no sounds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, shown)
            if MANIFEST in members:
                return _own_form(path, archive, shown, made)
            return _foreign(archive, members, shown, made)
    except _UNREADABLE as error:
        raise UsageError(
            f"'{shown}' cannot be unpacked", _why(error), "Pack it again as a plain zip without a password"
        ) from error


def _members(archive: zipfile.ZipFile, shown: str) -> dict[str, zipfile.ZipInfo]:
    """Files of the archive by name. Raises UsageError for what no honest archive holds."""
    found: dict[str, zipfile.ZipInfo] = {}
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _refused(shown, f"it holds {len(infos):,} files; {MOST_MEMBERS:,} are the most", "Pack fewer clips")
    for info in infos:
        name = info.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
            raise _refused(
                shown, f"'{name[:60]}' leads out of the archive", "Pack the sounds again, without such names"
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(shown, f"'{name[:60]}' is a link and no file", "Pack the files themselves")
        if info.flag_bits & 1:
            raise _refused(shown, "it is locked with a password", "Pack it without one")
        if not info.is_dir() and parts and parts[0] != "__MACOSX" and not parts[-1].startswith("."):
            found[name] = info
    whole, packed = (sum(getattr(i, what) for i in found.values()) for what in ("file_size", "compress_size"))
    if whole > MAX_BYTES:
        raise _refused(shown, f"unpacked it has more than {MAX_BYTES // 1024**3} GiB", "Pack fewer clips")
    if whole > 64 * 1024**2 and whole > MOST_RATIO * max(1, packed):
        raise _refused(shown, "it would grow a thousandfold, as no sounds do", "Pack the sounds again")
    return found


def _own_form(path: Path, archive: zipfile.ZipFile, shown: str, made: Path) -> Manifest:
    manifest = read_manifest(path)
    known = {info.filename: info for info in archive.infolist()}
    for clip in manifest.clips:
        if clip.file not in known:
            raise _refused(shown, f"{clip.file} is missing in it", "Build the dataset again")
        if known[clip.file].file_size > MAX_CLIP_BYTES:
            raise _refused(shown, f"{clip.file} has more than {MAX_CLIP_BYTES // 1024**2} MiB", "Cut it into clips")
    if not manifest.clips:
        raise _refused(shown, "it holds no clips", "Build the dataset again")
    shutil.copyfile(path, made)
    return manifest


def _foreign(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], shown: str, made: Path) -> Manifest:
    sounds = {name: info for name, info in members.items() if PurePosixPath(name).suffix.casefold() in SOUNDS}
    if not sounds:
        raise _refused(shown, f"no sound is among its {len(members)} files", "Pack WAV files with a .list or .csv")
    if len(sounds) > MAX_CLIPS:
        raise _refused(shown, f"it holds {len(sounds):,} sounds; {MAX_CLIPS:,} are the most", "Pack fewer clips")
    texts = {
        name: _read(archive, info, MOST_BYTES, shown)
        for name, info in members.items()
        if PurePosixPath(name).suffix.casefold() in LISTS
    }
    rows = read_rows(texts)
    with tempfile.TemporaryDirectory(dir=made.parent, prefix="dataset-") as place:
        folder = Path(place) / "clips"
        folder.mkdir()
        clips, passed_over = _clips(archive, sounds, rows, shown, folder)
        manifest = _manifest(clips, rows, shown, passed_over)
        write_dataset(manifest, folder, made)
    return manifest


def _clips(
    archive: zipfile.ZipFile, sounds: Mapping[str, zipfile.ZipInfo], rows: Mapping[str, Row], shown: str, folder: Path
) -> tuple[list[Clip], list[str]]:
    clips: list[Clip] = []
    passed_over: list[str] = []
    for name in sorted(sounds):
        raw = folder.parent / f"raw{PurePosixPath(name).suffix.casefold()}"
        raw.write_bytes(_read(archive, sounds[name], MAX_CLIP_BYTES, shown))
        try:
            info = probe(raw)
            rate = min(max(info.sample_rate, _RATES[0]), _RATES[1])
            samples = read_audio(raw, rate)
        except UsageError as error:
            passed_over.append(f"{name[:80]}: {error.problem.replace(raw.name, PurePosixPath(name).name)}")
            continue
        finally:
            raw.unlink(missing_ok=True)
        if not len(samples):
            passed_over.append(f"{name[:80]}: it holds no sound")
            continue
        row = rows.get(stem_of(name), Row(""))
        file = f"{plain_name(PurePosixPath(name).stem)}_{len(clips):05d}.wav"
        write_wav(folder / file, samples, rate, tags={"software": STUDIO})
        text = list_text(row.text)
        clips.append(
            Clip(
                file=f"clips/{file}", seconds=round(len(samples) / rate, 3), sample_rate=rate, text=text,
                text_by=shown if text else "", language=row.language[:8], source_name=name[:200],
            )
        )  # fmt: skip
    if not clips:
        raise _refused(shown, f"none of its {len(sounds)} sounds can be read ({passed_over[0]})", "Pack WAV files")
    return clips, passed_over


def _manifest(clips: list[Clip], rows: Mapping[str, Row], shown: str, passed_over: list[str]) -> Manifest:
    spoken = " ".join(clip.text for clip in clips)
    languages = Counter(clip.language for clip in clips if clip.language)
    language = languages.most_common(1)[0][0] if languages else detect_language(spoken) if spoken else ""
    speakers = Counter(row.speaker for row in rows.values() if row.speaker)
    seconds = sum(clip.seconds for clip in clips)
    silent = sum(not clip.text for clip in clips)
    warnings = [f"{len(passed_over)} sounds could not be read ({passed_over[0]})."] if passed_over else []
    if silent:
        warnings.append(f"{silent} of {len(clips)} sounds have no words in the list.")
    if len(speakers) > 1:
        warnings.append(f"The list names {len(speakers)} speakers; all of them are in it.")
    enough = voice_dataset_table().clips.enough_s
    short = f"{seconds:.0f} s, and {enough:.0f} s are the least to train on" if seconds < enough else ""
    why = "; ".join(part for part in (f"{silent} sounds have no words" if silent else "", short) if part)
    return Manifest(
        character=speakers.most_common(1)[0][0][:80] if speakers else PurePosixPath(shown).stem[:80],
        language=language[:8], clips=tuple(clips), totals=Totals(source_seconds=round(seconds, 1),
        kept_seconds=round(seconds, 1)), ready=not why, not_ready=f"{why}." if why else "",
        methods={"text": f"the list in {shown}"}, chosen_by="an attached dataset", warnings=tuple(warnings),
    )  # fmt: skip


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, shown: str) -> bytes:
    """One member, never more than `most` bytes, whatever its header says."""
    large = _refused(shown, f"'{info.filename[:60]}' has more than {most // 1024**2} MiB", "Cut it into clips")
    if info.file_size > most:
        raise large
    parts, size = [], 0
    with archive.open(info) as member:
        while part := member.read(_BLOCK):
            size += len(part)
            if size > most:
                raise _refused(
                    shown, f"'{info.filename[:60]}' has more than {most // 1024**2} MiB", "Cut it into clips"
                )
            parts.append(part)
    return b"".join(parts)


def _why(error: BaseException) -> str:
    return "it is damaged or no zip" if isinstance(error, zipfile.BadZipFile) else str(error)[:120] or "it is damaged"


def _refused(shown: str, why: str, fix: str) -> UsageError:
    return UsageError(f"'{shown}' is no dataset that can be taken in", why, fix)
