"""What a voice dataset says of itself: manifest.json and GPT-SoVITS' .list, read and written, in a folder or a zip.

A dataset holds manifest.json, NAME.list and clips/*.wav (mono, 16 bit). Everything in it is data from outside when it
is read: paths are checked, sizes are bounded.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from configs.errors import UsageError

MANIFEST = "manifest.json"
VERSION = 1
MAX_CLIPS = 20_000
MAX_BYTES = 8 * 1024**3
"""Of all unpacked clips together."""
MAX_MANIFEST_BYTES = 64 * 1024**2
MAX_CLIP_BYTES = 64 * 1024**2
"""Of one clip, which is read at once: some minutes at 192 kHz."""
_UNREADABLE = (OSError, KeyError, zipfile.BadZipFile, RuntimeError, EOFError, zlib.error)
"""What zipfile raises for a damaged, cut off, encrypted or oddly packed member."""
_FILE = re.compile(r"clips/[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.wav")

Reason = Literal[
    "too short",
    "too long",
    "noisy",
    "clipped",
    "quiet",
    "overlap",
    "other speaker",
    "unlike the others",
    "transcript differs",
    "no transcript",
    "unreadable",
    "repeated",
]
"""Why a piece of speech was left out."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Figures(_Row):
    """What was measured of one piece; None = not measured."""

    snr_db: float | None = None
    """Speech over what is heard in the pauses beside it."""
    dnsmos_overall: float | None = None
    """DNSMOS OVRL, 1 to 5."""
    clipped_share: float | None = None
    """Share of samples at full scale in the file as it came."""
    similarity: float | None = None
    """Cosine to the mean of the kept clips."""
    margin: float | None = None
    """Least cosine to this speaker less that to the nearest other one, over the windows of the piece."""
    overlap_s: float | None = None
    """Seconds in which somebody else seems to speak too."""
    cer: float | None = None
    """Share of letters in which a recogniser's words differ from the subtitles'."""
    level_dbfs: float | None = None
    """Root mean square."""


class Clip(_Row):
    """One kept piece of the character's speech."""

    file: str
    """'clips/NAME.wav' in the dataset; names are unique, since GPT-SoVITS tells clips apart by them alone."""
    seconds: float = Field(gt=0)
    sample_rate: int = Field(ge=8000, le=192_000)
    text: str = ""
    """What is said, on one line without '|'; '' = not known."""
    text_by: str = ""
    """subtitles, the recogniser's name, the studio's spoken lines; '' = not known."""
    language: str = ""
    source: str = ""
    """Asset id of the film or sound."""
    source_name: str = ""
    start: float = Field(0.0, ge=0)
    """Seconds in the source."""
    figures: Figures = Figures()

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        if not _FILE.fullmatch(value) or ".." in value:
            raise ValueError("a clip lies in clips/ and has a plain name")
        return value

    @field_validator("text")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return list_text(value)


class Reject(_Row):
    """One piece that was left out, and why."""

    source: str = ""
    source_name: str = ""
    start: float
    end: float
    reasons: tuple[Reason, ...]
    note: str = ""
    """The figure against its limit, in words."""
    text: str = ""
    figures: Figures = Figures()


class Totals(_Row):
    source_seconds: float = 0.0
    speech_seconds: float = 0.0
    character_seconds: float = 0.0
    """Speech given to the character before the gates."""
    kept_seconds: float = 0.0
    speakers: int = 0
    """Voices told apart."""


class Manifest(_Row):
    """A voice dataset of one character."""

    version: int = VERSION
    character: str
    language: str
    """ISO 639-1, or '' when it is not known."""
    clips: tuple[Clip, ...] = Field(max_length=MAX_CLIPS)
    rejects: tuple[Reject, ...] = ()
    totals: Totals = Totals()
    ready: bool = False
    """True: every clip has its words and there is speech enough to train on."""
    not_ready: str = ""
    """Why not, one sentence."""
    methods: dict[str, str] = Field(default_factory=dict)
    """What measured or found what, the stand-ins included: activity, speakers, encoder, music, text, cleanliness."""
    limits: dict[str, float] = Field(default_factory=dict)
    """The gates' limits."""
    chosen_by: str = ""
    """How the character was told from the other speakers."""
    rights: str = ""
    """What the user said of the rights to the recordings; '' = nothing."""
    consent: dict[str, str] = Field(default_factory=dict)
    """Who consented to what; empty = none is on record."""
    warnings: tuple[str, ...] = ()

    @property
    def list_name(self) -> str:
        """File name of the .list."""
        return f"{plain_name(self.character)}.list"

    def listing(self, folder: Path | None = None) -> str:
        """GPT-SoVITS' list, `path|speaker|language|text` a line, of the clips that have words.

        folder: where the dataset lies, for absolute paths; None: paths relative to the dataset.
        """
        speaker = plain_name(self.character)
        rows = [
            f"{(folder / clip.file) if folder else clip.file}|{speaker}|{clip.language or self.language}|{clip.text}"
            for clip in self.clips
            if clip.text
        ]
        return "\n".join(rows) + "\n" if rows else ""


def list_text(text: str) -> str:
    """`text` on one line without control characters and without '|', which the list's form forbids."""
    shown = "".join(c if c.isprintable() else " " for c in text.replace("|", ", "))
    return " ".join(shown.split()).replace(" ,", ",")


def plain_name(name: str) -> str:
    """A name of letters, digits and underscores, for files and speakers of the list."""
    from slugify import slugify

    return slugify(name, max_length=40, separator="_") or "voice"


def read_manifest(path: Path) -> Manifest:
    """The manifest of a dataset's folder or zip. Raises UsageError in one sentence when it is none."""
    try:
        if path.is_dir():
            file = path / MANIFEST
            if file.stat().st_size > MAX_MANIFEST_BYTES:
                raise _no_dataset(path, "its manifest is too large")
            content = file.read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
                    raise _no_dataset(path, "its manifest is too large")
                content = archive.read(MANIFEST)
        manifest = Manifest.model_validate_json(content)
    except _UNREADABLE as error:
        raise _no_dataset(path, f"{MANIFEST} cannot be read in it") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _no_dataset(path, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    if manifest.version > VERSION:
        raise _no_dataset(path, f"it was made by a later version ({manifest.version})")
    if len({clip.file for clip in manifest.clips}) != len(manifest.clips):
        raise _no_dataset(path, "two of its clips have the same name")
    return manifest


def unpack(path: Path, folder: Path) -> Manifest:
    """Put a dataset's clips, manifest and list (with absolute paths) into `folder`; only files the manifest names.

    Raises UsageError when a clip is missing or the whole is too large.
    """
    manifest = read_manifest(path)
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        for clip in manifest.clips:
            source = (path / clip.file).resolve()
            if path.resolve() not in source.parents or not source.is_file():
                raise _no_dataset(path, f"{clip.file} is missing")
            (folder / clip.file).write_bytes(source.read_bytes())
    else:
        _unzip(path, manifest, folder)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    (folder / manifest.list_name).write_text(manifest.listing(folder.resolve()), encoding="utf-8")
    return manifest


def _unzip(path: Path, manifest: Manifest, folder: Path) -> None:
    left = MAX_BYTES
    with zipfile.ZipFile(path) as archive:
        for clip in manifest.clips:
            content = clip_bytes(path, archive, clip.file)
            left -= len(content)
            if left < 0:
                raise _no_dataset(path, f"its clips have more than {MAX_BYTES // 1024**3} GiB")
            (folder / PurePosixPath(clip.file)).write_bytes(content)


def clip_bytes(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """One clip of a dataset's zip. Raises UsageError when it is missing, damaged or far too large."""
    try:
        if archive.getinfo(name).file_size > MAX_CLIP_BYTES:
            raise _no_dataset(path, f"{name} has more than {MAX_CLIP_BYTES // 1024**2} MiB")
        return archive.read(name)
    except _UNREADABLE as error:
        raise _no_dataset(path, f"{name} is missing or damaged") from error


def write_dataset(manifest: Manifest, clips: Path, file: Path) -> None:
    """Zip the manifest, the list and the clips (files of `clips`/NAME.wav) into `file`, the same bytes for the same."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, MANIFEST, manifest.model_dump_json(indent=1).encode())
        _add(archive, manifest.list_name, manifest.listing().encode())
        for clip in manifest.clips:
            _add(archive, clip.file, (clips / PurePosixPath(clip.file).name).read_bytes())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name)  # dated 1980: the time of making would change the bytes
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)


def _no_dataset(path: Path, why: str) -> UsageError:
    return UsageError(f"'{path.name}' is no voice dataset", why, "Make one with build_voice_dataset")
