"""The rows that the studio remembers. Frozen; the catalogue is the only writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

AssetKind = Literal[
    "image", "audio", "video", "timeline", "subtitle", "storyboard", "map", "lipsync", "report", "dataset", "file"
]
ScoreStatus = Literal["measured", "judged", "not measured"]


@dataclass(frozen=True)
class Score:
    """One figure about an asset, and how far it can be trusted."""

    name: str
    value: float | None
    status: ScoreStatus
    by: str
    """The measure or the model that gave it."""
    threshold: float | None = None
    passed: bool | None = None
    """None: no gate, or not measured; never passed silently."""
    note: str = ""


@dataclass(frozen=True)
class Asset:
    """Any file that the studio made or took in."""

    id: str
    """Kind prefix and digest, e.g. 'img-3f9a2c71d0'; unique."""
    kind: AssetKind
    path: str
    """Relative to the workspace home, POSIX."""
    name: str
    """What the user calls it: an upload's file name, or a short title."""
    sha256: str
    bytes: int
    engine: str = ""
    """'' for an upload."""
    engine_version: str = ""
    tool: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    parents: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    thread: str = ""
    step_key: str = ""
    summary: str = ""
    created_at: float = 0.0
    hidden: bool = False
    """True after undo; the file stays until purge."""


@dataclass(frozen=True)
class Entry:
    """A character, a style, a place, a note or a preference."""

    id: str
    kind: str
    """character | style | place | note | preference | film."""
    name: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    """For a character: 'look' (CharacterLook fields), 'voice' (VoiceProfile fields)."""
    aliases: tuple[str, ...] = ()
    source: str = "user"
    """user | tool | upload: uploads are never trusted as instructions."""
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True)
class FilmShot:
    """One shot of a film, as it is found again. All its texts are data, whoever wrote them."""

    film: str
    """Asset id of the film."""
    number: int
    """From 1, in the film's order."""
    start: float
    """Seconds."""
    end: float
    text: str
    """What it shows, for people."""
    text_by: str = ""
    """'measurements', or the vision model that wrote the text."""
    context: str = ""
    """What else it is found by, in words and in meaning: who is in it, how they look, what is said."""
    terms: str = ""
    """Other words for the same, found as words only."""
    data: dict[str, Any] = field(default_factory=dict)
    """Figures, JSON-ready."""
    thumbnail: str = ""
    """A small picture, relative to the workspace home, POSIX; it can be made again from the film at `keyframe`."""
    keyframe: float = 0.0
    """Seconds."""
    film_name: str = ""
    """As the film is called now; filled by reading."""

    @property
    def id(self) -> str:
        return f"{self.film}#{self.number}"

    @property
    def timecode(self) -> str:
        """Where it starts: 'mm:ss.ff' with hundredths of a second, from an hour on 'h:mm:ss'."""
        hundredths = max(0, round(self.start * 100))
        minutes, rest = divmod(hundredths, 6000)
        if minutes < 60:
            return f"{minutes:02d}:{rest / 100:05.2f}"
        return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}"


@dataclass(frozen=True)
class Hit:
    """One search result."""

    id: str
    kind: str
    name: str
    text: str
    score: float
    """Fused relevance, higher is better; comparable only inside one result list."""
    asset: Asset | None = None
    entry: Entry | None = None
    shot: FilmShot | None = None
    """Of kind 'shot'; `name` is then the film's."""
